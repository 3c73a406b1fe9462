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
import { moduleOf } from "./config_parse.ts";
import { type Daemon, startDaemon } from "./daemon.ts";
import { folderFault, readConfig, readText, stateDirectory } from "./files.ts";
import { type DaemonCommand, helpText, parseFlags, type ServeFlags } from "./flags.ts";
import { daemonLog, endLog, startLog } from "./log.ts";
import type { ServedMetrics } from "./metrics.ts";
import { giveUpUnneeded, type Needs, needsOf, withinNeeds } from "./permissions.ts";
import { keepStarted, LONE_MODULE } from "./started.ts";
import { runToken } from "./token_command.ts";

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
  else if (command.kind === "import") await printImported(command.file);
  else runToken(command, { out, note: (line) => console.error(line) });
  return 0;
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
  if (flags.check) return sayChecked(config);
  await startLog(config.logLevel, flags.json);
  try {
    const stateFolder = stateDirectory(flags.state);
    const daemon = await startDaemon(config, { stateFolder });
    if (daemon.needsToken) rememberStart(flags, stateFolder);
    const metrics = config.metrics === null ? null : await servedMetrics(config.metrics, daemon);
    const needs = needsOf(config);
    // Before it says that it is ready: who hears that may end it at once.
    const signals = heedSignals(flags, daemon, needs);
    welcome(config, daemon, flags);
    daemon.tellReady();
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

/** Tells `token add`, which is another process, what is served. */
function rememberStart({ config, root }: ServeFlags, stateFolder: string): void {
  try {
    keepStarted(stateFolder, {
      config: config === null ? null : resolve(config),
      root: root !== null,
    });
  } catch (error) {
    // A daemon with a certificate of its own may have a folder that it can only read: names go unchecked then.
    daemonLog().debug("what it was started with isn't kept: {error}", { error: String(error) });
  }
}

function sayChecked({ modules }: DaemonConfig): number {
  out(`The configuration is in order: ${modules.length} module${modules.length === 1 ? "" : "s"}.`);
  return 0;
}

/** The configuration that file and flags make together; flags win. */
function configured(flags: ServeFlags): DaemonConfig {
  const file = flags.config === null ? DEFAULTS : readConfig(flags.config);
  let modules = [...file.modules];
  if (flags.root !== null) {
    const path = resolve(flags.root);
    const fault = folderFault(path);
    if (fault !== null) throw new BlitError("usage", `--root "${flags.root}" ${fault}.`);
    if (modules.some(({ name }) => name === "")) {
      throw new BlitError("usage", '--root: the configuration has a "root" already. Keep one.');
    }
    const names = flags.config === null ? ["", LONE_MODULE] : [""];
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

/** What a daemon says at its start: the ready line on stdout, all else in the log or on stderr. */
function welcome(config: DaemonConfig, daemon: Daemon, { json, state }: ServeFlags): void {
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
      // Whoever types it has another environment, and may be another user.
      const named = state !== null || Deno.env.has("STATE_DIRECTORY");
      const where = named ? ` --state ${dirname(daemon.tokens.path)}` : "";
      lines.push(
        `Nobody has a token yet. Make one: blit-daemon token add NAME --module M --access write${where}`,
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
