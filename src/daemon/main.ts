/**
 * The command `blit-daemon`: from a command line to a running daemon, and to its end.
 *
 * @module
 */
import { hostname } from "node:os";
import { dirname, resolve } from "node:path";
import { VERSION } from "../app/version.ts";
import { BlitError, EXIT_CODE } from "../core/error.ts";
import { type DaemonConfig, DEFAULTS, isExposed, isLoopback } from "./config.ts";
import { moduleOf, parseConfig } from "./config_parse.ts";
import { type Daemon, startDaemon } from "./daemon.ts";
import { isDirectory, readText, stateDirectory } from "./files.ts";
import { type DaemonCommand, helpText, parseFlags, type ServeFlags } from "./flags.ts";
import { daemonLog, endLog, startLog } from "./log.ts";
import type { ServedMetrics } from "./metrics.ts";
import { giveUpUnneeded, type Needs, needsOf, withinNeeds } from "./permissions.ts";
import { TokenStore } from "./tokens.ts";

/**
 * Runs a command line; a daemon runs until a signal ends it.
 *
 * @param args as typed, without the program's name
 * @returns the exit status
 */
export async function main(args: readonly string[]): Promise<number> {
  try {
    return await runCommand(parseFlags(args));
  } catch (error) {
    const known = error instanceof BlitError;
    const message = known ? error.message : `Internal error: ${error}. This is a bug in blit.`;
    console.error(`blit-daemon: ${message}`);
    return known ? EXIT_CODE[error.kind] : 1;
  }
}

async function runCommand(command: DaemonCommand): Promise<number> {
  if (command.kind === "serve") return await serve(command.flags);
  if (command.kind === "help") out(helpText().trimEnd());
  else if (command.kind === "version") out(`blit-daemon ${VERSION}`);
  else if (command.kind === "add") addToken(command);
  else if (command.kind === "remove") {
    new TokenStore(stateDirectory()).remove(command.name);
    out(`Removed the token for "${command.name}". It opens nothing any more.`);
  } else if (command.kind === "list") listTokens(command.json);
  else if (command.kind === "import") await printImported(command.file);
  return 0;
}

function addToken(command: Extract<DaemonCommand, { kind: "add" }>): void {
  const { name, modules, access, json } = command;
  const token = new TokenStore(stateDirectory()).add(name, modules, access);
  if (json) out(JSON.stringify({ name, modules, access, token }));
  else {
    console.error(`Token for "${name}". It isn't shown again: keep it, or give it to blit login.`);
    out(token);
  }
}

function listTokens(json: boolean): void {
  const tokens = new TokenStore(stateDirectory()).all();
  if (json) {
    for (const { name, modules, access, created } of tokens) {
      out(JSON.stringify({ name, modules, access, created }));
    }
    return;
  }
  const rows = tokens.map(({ name, modules, access, created }) =>
    [name, access, modules.join(","), created] as const
  );
  const widths = [0, 1, 2].map((i) => Math.max(0, ...rows.map((row) => row[i].length)));
  for (const row of rows) {
    out(row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join("  "));
  }
}

async function printImported(file: string): Promise<void> {
  const path = resolve(file);
  const toml = readText(path);
  if (toml === null) throw new BlitError("not_found", `Cannot read "${file}": No such file.`);
  const { importV1 } = await import("./import_v1.ts");
  const { jsonc, notes } = importV1(toml, file, dirname(path));
  for (const note of notes) console.error(`note: ${note}`);
  out(jsonc.trimEnd());
}

async function serve(flags: ServeFlags): Promise<number> {
  const config = configured(flags);
  await startLog(config.logLevel, flags.json);
  try {
    const stateFolder = stateDirectory();
    const daemon = await startDaemon(config, { stateFolder });
    const metrics = config.metrics === null ? null : await servedMetrics(config.metrics, daemon);
    const needs = needsOf(config);
    // Before it says that it is ready: who hears that may end it at once.
    const signals = heedSignals(flags, daemon, needs);
    welcome(config, daemon, flags.json);
    const withdraw = config.discovery && !isLoopback(config.bind) ? await announced(daemon) : null;
    const left = giveUpUnneeded(needs);
    daemonLog().debug("permissions from now on: {left}", { left: left.join(", ") });
    try {
      await signals.ended;
    } finally {
      signals.ignore();
      await withdraw?.();
      await metrics?.close();
    }
    return 0;
  } finally {
    await endLog();
  }
}

/** The configuration that file and flags make together; flags win. */
function configured(flags: ServeFlags): DaemonConfig {
  const file = flags.config === null ? DEFAULTS : readConfig(flags.config);
  let modules = [...file.modules];
  if (flags.root !== null) {
    const path = resolve(flags.root);
    if (!isDirectory(path)) {
      throw new BlitError(
        "usage",
        `--root "${flags.root}": there is no such folder. Make it first.`,
      );
    }
    if (modules.some(({ name }) => name === "")) {
      throw new BlitError("usage", '--root: the configuration has a "root" already. Keep one.');
    }
    const names = flags.config === null ? ["", "default"] : [""];
    modules = [...names.map((name) => moduleOf({ name, path })), ...modules];
  }
  if (modules.length === 0) {
    throw new BlitError(
      "usage",
      "There is nothing to serve. Give --root DIR, or a configuration with modules.",
    );
  }
  return {
    ...file,
    bind: flags.bind ?? file.bind,
    port: flags.port ?? file.port,
    dataPort: flags.dataPort ?? file.dataPort,
    modules: flags.readOnly ? modules.map((module) => ({ ...module, readOnly: true })) : modules,
    insecure: flags.insecure || file.insecure,
    discovery: flags.mdns && file.discovery,
    metrics: flags.metrics ?? file.metrics,
  };
}

function readConfig(path: string): DaemonConfig {
  const absolute = resolve(path);
  const text = readText(absolute);
  if (text === null) {
    throw new BlitError("not_found", `Cannot read "${path}": No such file. Check --config.`);
  }
  return parseConfig(text, path, dirname(absolute), isDirectory);
}

/** What a daemon says at its start: the ready line on stdout, all else in the log or on stderr. */
function welcome(config: DaemonConfig, daemon: Daemon, json: boolean): void {
  const log = daemonLog();
  const { certificate, port, dataPort } = daemon;
  if (isExposed(config)) {
    log.warn(
      "INSECURE: {bind} is open to everybody who reaches it, without encryption and without tokens",
      { bind: config.bind },
    );
  }
  if (certificate !== null && !json) {
    const host = port === DEFAULTS.port ? hostname() : `${hostname()}:${port}`;
    const lines = [
      `On each client, once: blit login ${host} --fingerprint ${certificate.fingerprint}`,
    ];
    if (daemon.tokens.all().length === 0) {
      lines.push(
        "Nobody has a token yet. Make one: blit-daemon token add NAME --module M --access write",
      );
    }
    if (certificate.fresh) lines.unshift(`Made a certificate: ${certificate.fingerprint}`);
    for (const line of lines) console.error(line);
  }
  if (json) {
    const ready = {
      event: "ready",
      bind: config.bind,
      port,
      data_port: dataPort,
      tls: certificate !== null,
      fingerprint: certificate?.fingerprint,
      version: VERSION,
      pid: Deno.pid,
    };
    out(JSON.stringify(ready));
  } else {
    const bind = config.bind.includes(":") ? `[${config.bind}]` : config.bind;
    const how = certificate === null ? "plain" : "TLS";
    out(
      `blit-daemon ${VERSION} ready on ${bind}: control port ${port}, data port ${dataPort}, ${how}`,
    );
  }
}

/** Serves metrics; what makes them is loaded for that alone. */
async function servedMetrics(address: string, daemon: Daemon): Promise<ServedMetrics> {
  const { serveMetrics } = await import("./metrics.ts");
  return serveMetrics(address, daemon);
}

/** Announces the daemon; the network may refuse, and then it is reached by its name all the same. */
async function announced({ port, certificate }: Daemon): Promise<() => Promise<void>> {
  const { announce } = await import("../net/discovery.ts");
  return announce({ name: hostname(), port, fingerprint: certificate?.fingerprint }, (error) => {
    daemonLog().warn("not announced: {message}", { message: error.message });
  });
}

/** The signals that a daemon heeds. */
interface HeededSignals {
  /** Fulfilled once a signal has ended the daemon. */
  readonly ended: Promise<void>;
  /** Leaves them to the system again. */
  ignore(): void;
}

/** Drains the daemon at the signal that ends it, and reads the configuration again at SIGHUP. */
function heedSignals(flags: ServeFlags, daemon: Daemon, needs: Needs): HeededSignals {
  const log = daemonLog();
  const ended = Promise.withResolvers<void>();
  let draining = false;
  const end = () => {
    if (draining) {
      log.info("stopping at once");
      void daemon.stop();
      return;
    }
    draining = true;
    log.info("stopping: no new sessions, running ones may finish");
    daemon.drain().then(ended.resolve, ended.reject);
  };
  const again = () => {
    try {
      const { config, left } = withinNeeds(configured(flags), needs);
      const unchanged = [...daemon.reconfigure(config), ...left];
      log.info("configuration read again");
      if (unchanged.length > 0) {
        log.warn("changed only at the next start: {names}", { names: unchanged.join(", ") });
      }
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      log.error("configuration kept as it was: {message}", { message });
    }
  };
  const signals: [Deno.Signal, () => void][] = Deno.build.os === "windows"
    ? [["SIGINT", end], ["SIGBREAK", end]]
    : [["SIGINT", end], ["SIGTERM", end], ["SIGHUP", again]];
  for (const [signal, listener] of signals) Deno.addSignalListener(signal, listener);
  return {
    ended: ended.promise,
    ignore: () => {
      for (const [signal, listener] of signals) Deno.removeSignalListener(signal, listener);
    },
  };
}

function out(line: string): void {
  console.log(line);
}
