/**
 * The daemon's command line, as a table: parsing, help and docs come from it.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { BlitError } from "../core/error.ts";
import { didYouMean } from "../core/nearest.ts";
import { DEFAULT_DATA_PORT, DEFAULT_PORT } from "../core/ports.ts";
import { ACCESS, type Access } from "../rpc/service/rights.ts";
import { isAddress } from "./config.ts";

/** One flag. */
export interface FlagSpec {
  /** Name of its value in help; left out: it takes none. */
  readonly value?: string;
  /** One sentence without a full stop. */
  readonly help: string;
  readonly repeat?: boolean;
}

/** Flags of a running daemon. */
export const SERVE_FLAGS = {
  config: { value: "FILE", help: "Read the configuration from this file (JSON with comments)" },
  root: { value: "DIR", help: "Serve this folder, as host:// and as module default" },
  bind: { value: "ADDR", help: "Listen on this address [127.0.0.1]" },
  port: { value: "N", help: `Port of the control plane, 0 for any free one [${DEFAULT_PORT}]` },
  "data-port": {
    value: "N",
    help: `Port of the data plane, 0 for any free one [${DEFAULT_DATA_PORT}]`,
  },
  "read-only": { help: "Take nothing from clients, in any module" },
  state: { value: "DIR", help: "Keep certificate and tokens in this folder" },
  insecure: { help: "No TLS and no tokens, though others reach the address" },
  "no-mdns": { help: "Don't announce the daemon in the local network" },
  metrics: { value: "HOST:PORT", help: "Serve /metrics for Prometheus, and /health, there" },
  json: { help: "Ready line and log as JSON objects" },
  check: { help: "Check the configuration and the flags, and end" },
  help: { help: "Show this help" },
  version: { help: "Show the version" },
} as const satisfies Record<string, FlagSpec>;

/** Flags of 0.1 that are gone, and what to do instead. */
const GONE: Readonly<Record<string, string>> = {
  "force-grpc-data": "Clients ask for that: blit --force-grpc-data.",
  "mdns-name": "The daemon is announced by the machine's name.",
  "no-server-checksums": "Leave it out: whatever the network carries is verified.",
};

/** Flags of `token`. */
export const TOKEN_FLAGS = {
  module: {
    value: "M",
    help: "Module that it is for, / for the default root, * for all; may be repeated",
    repeat: true,
  },
  access: { value: "LEVEL", help: `What it allows: ${ACCESS.join(", ")}, each with all before it` },
  state: { value: "DIR", help: "The daemon's state folder; what root writes there is its owner's" },
  config: {
    value: "FILE",
    help: "Configuration that has the modules [the one that the daemon was started with]",
  },
  json: { help: "Answer with a JSON object" },
  help: { help: "Show this help" },
} as const satisfies Record<string, FlagSpec>;

/** Flags of `import`. */
export const IMPORT_FLAGS = {
  help: { help: "Show this help" },
} as const satisfies Record<string, FlagSpec>;

/** What a command line asks for. */
export type DaemonCommand =
  | { readonly kind: "help" }
  | { readonly kind: "version" }
  | { readonly kind: "serve"; readonly flags: ServeFlags }
  | TokenCommand
  /** Turn a configuration of 0.1 into this version's. */
  | { readonly kind: "import"; readonly file: string };

/** A command line that is about tokens; `state` and `config` are null where nothing is said. */
export type TokenCommand =
  & { readonly state: string | null }
  & (
    | {
      readonly kind: "add";
      readonly name: string;
      readonly modules: readonly string[];
      readonly access: Access;
      readonly config: string | null;
      readonly json: boolean;
    }
    | { readonly kind: "list"; readonly json: boolean }
    | { readonly kind: "remove"; readonly name: string }
  );

/** What the flags of a running daemon say; null: nothing. */
export interface ServeFlags {
  readonly config: string | null;
  readonly state: string | null;
  readonly root: string | null;
  readonly bind: string | null;
  readonly port: number | null;
  readonly dataPort: number | null;
  readonly readOnly: boolean;
  readonly insecure: boolean;
  readonly mdns: boolean;
  readonly metrics: string | null;
  readonly json: boolean;
  /** Nothing is served: only whether it could be. */
  readonly check: boolean;
}

/**
 * Reads a command line.
 *
 * @param args as typed, without the program's name
 * @throws {BlitError} `usage`, with a message of one line
 */
export function parseFlags(args: readonly string[]): DaemonCommand {
  if (args[0] === "token") return parseToken(args.slice(1));
  if (args[0] === "import") return parseImport(args.slice(1));
  const { values, words } = read(args, SERVE_FLAGS, "blit-daemon");
  if (values.help) return { kind: "help" };
  if (values.version) return { kind: "version" };
  if (words.length > 0) {
    const near = didYouMean(words[0], ["token", "import"], "blit-daemon ");
    throw usage(
      `blit-daemon takes no argument "${words[0]}".${
        near || " blit-daemon --help lists its flags."
      }`,
    );
  }
  return {
    kind: "serve",
    flags: {
      config: one(values.config),
      state: one(values.state),
      root: one(values.root),
      bind: one(values.bind),
      port: portOf(one(values.port), "--port"),
      dataPort: portOf(one(values["data-port"]), "--data-port"),
      readOnly: values["read-only"] === true,
      insecure: values.insecure === true,
      mdns: values["no-mdns"] !== true,
      metrics: addressOf(one(values.metrics), "--metrics"),
      json: values.json === true,
      check: values.check === true,
    },
  };
}

function parseToken(args: readonly string[]): DaemonCommand {
  const { values, words } = read(args, TOKEN_FLAGS, "blit-daemon token");
  const [verb, name, ...more] = words;
  if (values.help) return { kind: "help" };
  const json = values.json === true, state = one(values.state);
  const only = (verb: string, flags: readonly string[]) => {
    const other = Object.keys(values).find((flag) => !flags.includes(flag));
    if (other) throw usage(`--${other} means nothing to blit-daemon token ${verb}.`);
  };
  if (verb === "list" && name === undefined) {
    only(verb, ["json", "state"]);
    return { kind: "list", json, state };
  }
  if (verb === "remove" && name !== undefined && more.length === 0) {
    only(verb, ["state"]);
    return { kind: "remove", name, state };
  }
  if (verb !== "add" || name === undefined || more.length > 0) {
    throw usage("Use: blit-daemon token add NAME --module M --access LEVEL | list | remove NAME");
  }
  if (!/^[\w.@+-]{1,64}$/.test(name)) {
    throw usage(`"${name}": expected a name of letters, digits and . @ + - _, at most 64.`);
  }
  const modules = (values.module ?? []) as string[];
  if (modules.length === 0) throw usage("--module is missing: a module's name, / or *.");
  const access = one(values.access);
  if (access === null || !(ACCESS as readonly string[]).includes(access)) {
    throw usage(`--access ${access ?? "is missing"}: expected one of: ${ACCESS.join(", ")}.`);
  }
  const config = one(values.config);
  return { kind: "add", name, modules, access: access as Access, config, json, state };
}

function parseImport(args: readonly string[]): DaemonCommand {
  const { values, words } = read(args, IMPORT_FLAGS, "blit-daemon import");
  if (values.help) return { kind: "help" };
  if (words.length !== 1) throw usage("Use: blit-daemon import v1.toml > blit-daemon.jsonc");
  return { kind: "import", file: words[0] };
}

/** Help on every flag. */
export function helpText(): string {
  const table = (flags: Readonly<Record<string, FlagSpec>>) =>
    Object.entries(flags).map(([name, { value, help }]) =>
      `  ${`--${name}${value ? ` ${value}` : ""}`.padEnd(22)} ${help}`
    ).join("\n");
  return `Usage: blit-daemon [--config FILE | --root DIR] [FLAGS]
       blit-daemon token add NAME --module M --access LEVEL
       blit-daemon token list | token remove NAME    [--state DIR]
       blit-daemon import FILE.toml

Serves folders to blit on other machines.

${table(SERVE_FLAGS)}

token:
${table(TOKEN_FLAGS)}

import prints the configuration of blit-daemon 0.1 in this version's form.
`;
}

function read(args: readonly string[], flags: Readonly<Record<string, FlagSpec>>, command: string) {
  const options = Object.fromEntries(
    Object.entries(flags).map(([name, { value, repeat }]) => [
      name,
      { type: value ? "string" as const : "boolean" as const, multiple: repeat ?? false },
    ]),
  );
  const { tokens } = parseArgs({
    args: [...args],
    options,
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const values: Record<string, string | boolean | string[] | undefined> = {};
  const words: string[] = [];
  for (const token of tokens) {
    if (token.kind === "positional") words.push(token.value);
    if (token.kind !== "option") continue;
    const spec = Object.hasOwn(flags, token.name) ? flags[token.name] : undefined;
    if (!spec) {
      if (flags === SERVE_FLAGS && Object.hasOwn(GONE, token.name)) {
        throw usage(`${token.rawName} is gone since 0.1. ${GONE[token.name]}`);
      }
      const near = didYouMean(token.name, Object.keys(flags), "--");
      throw usage(`Unknown flag ${token.rawName}.${near || ` ${command} --help lists them.`}`);
    }
    if (spec.value === undefined) {
      if (token.value !== undefined) throw usage(`${token.rawName} takes no value.`);
      values[token.name] = true;
    } else if (token.value === undefined || token.value === "") {
      throw usage(`${token.rawName} needs a value: ${token.rawName} ${spec.value}.`);
    } else if (spec.repeat) {
      values[token.name] = [...(values[token.name] as string[] | undefined) ?? [], token.value];
    } else values[token.name] = token.value;
  }
  return { values, words };
}

function one(value: string | boolean | string[] | undefined): string | null {
  return typeof value === "string" ? value : null;
}

function portOf(text: string | null, flag: string): number | null {
  if (text === null) return null;
  const port = Number(text);
  if (/^\d{1,5}$/.test(text) && port <= 65535) return port;
  throw usage(`${flag} "${text}": expected a port, 0 to 65535.`);
}

function addressOf(text: string | null, flag: string): string | null {
  if (text === null || isAddress(text)) return text;
  throw usage(`${flag} "${text}": expected host:port.`);
}

function usage(message: string): BlitError {
  return new BlitError("usage", message, { operation: "start" });
}
