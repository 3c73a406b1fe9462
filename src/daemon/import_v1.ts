/**
 * `blit-daemon import`: turns the configuration of blit-daemon 0.1, in TOML, into this one's.
 *
 * @module
 */
import { isAbsolute, join, normalize } from "node:path";
import { parse, TomlError } from "smol-toml";
import * as v from "valibot";
import { BlitError } from "../core/error.ts";
import { parseHostName } from "../rpc/service/delegation.ts";
import { isLoopback } from "./config.ts";
import { parseConfig } from "./config_parse.ts";

const text = v.optional(v.string("expected text"));
const flag = v.optional(v.boolean("expected true or false"));
const path = v.pipe(v.string("expected a path"), v.nonEmpty("expected a path"));

/** What 0.1 reads; it passes over other entries, and so does this, with a note. */
const DAEMON = {
  bind: text,
  port: v.optional(v.pipe(v.number("expected a port"), v.integer("expected a port"))),
  motd: text,
  no_mdns: flag,
  mdns_name: text,
  root: v.optional(path),
  root_read_only: flag,
  no_server_checksums: flag,
};
const MODULE = {
  name: v.string("expected a name"),
  path,
  comment: text,
  read_only: flag,
  delegation_allowed: flag,
};
const DELEGATION = {
  allow_delegated_pull: flag,
  allowed_source_hosts: v.optional(v.array(v.string("expected hosts"), "expected a list of hosts")),
};
const SECTIONS = {
  daemon: v.optional(v.looseObject(DAEMON, "expected a table")),
  module: v.optional(v.array(v.looseObject(MODULE, "expected a table"), "expected [[module]]")),
  delegation: v.optional(v.looseObject(DELEGATION, "expected a table")),
};
const SCHEMA = v.looseObject(SECTIONS);
type V1Config = v.InferOutput<typeof SCHEMA>;

/** A configuration that was turned into the other form. */
export interface Imported {
  /** The configuration file. */
  readonly jsonc: string;
  /** Sentences on what is different now, for the user; the file has them as comments too. */
  readonly notes: readonly string[];
}

/**
 * Turns a configuration of 0.1 into one of this version.
 *
 * @param toml its text
 * @param file its path, for messages
 * @param folder absolute path that relative ones in it start from
 * @throws {BlitError} `usage` with what is wrong, where 0.1 wouldn't have taken it or where this version can't
 */
export function importV1(toml: string, file: string, folder: string): Imported {
  const config = readV1(toml, file);
  const notes = [...unknownEntries(config)];
  const { daemon = {}, module: modules = [] } = config;
  const absolute = (given: string) => {
    if (!isAbsolute(given)) {
      notes.push(
        `"${given}" was taken from the folder of ${file}; 0.1 took it from where it was started.`,
      );
    }
    return normalize(isAbsolute(given) ? given : join(folder, given));
  };
  // 0.1 listened everywhere unless told otherwise.
  const bind = daemon.bind ?? "0.0.0.0";
  if (!isLoopback(bind)) {
    notes.push(
      "Clients now need a token each, and log in once: blit-daemon token add NAME --module M --access write.",
    );
  }
  const root = daemon.root === undefined ? undefined : absolute(daemon.root);
  const readOnlyRoot = daemon.root_read_only ? true : undefined;
  const hosts = sourceHosts(config, notes);
  const served = modules.map(({ name, path, comment, read_only, delegation_allowed }) => ({
    name,
    path: absolute(path),
    comment,
    readOnly: read_only ? true : undefined,
    delegation: hosts.length > 0 && delegation_allowed !== false ? hosts : undefined,
  }));
  // 0.1 served the root under this name, too, where there were no modules.
  if (served.length === 0 && root !== undefined) {
    served.push({
      name: "default",
      path: root,
      comment: undefined,
      readOnly: readOnlyRoot,
      delegation: hosts.length > 0 ? hosts : undefined,
    });
  }
  if (served.length === 0) {
    notes.push("0.1 served the folder that it was started in. Name it as root.");
  }
  if (daemon.mdns_name !== undefined) {
    notes.push("mdns_name is gone: the daemon is announced by the machine's name.");
  }
  if (daemon.no_server_checksums) {
    notes.push("no_server_checksums is gone: whatever the network carries is verified.");
  }
  const body = JSON.stringify(
    {
      bind,
      port: daemon.port,
      motd: daemon.motd,
      discovery: daemon.no_mdns ? false : undefined,
      root,
      rootReadOnly: root === undefined ? undefined : readOnlyRoot,
      modules: served.length > 0 ? served : undefined,
    },
    null,
    2,
  );
  const comments = [`Made from ${file} by blit-daemon import.`, ...notes]
    .map((line) => `// ${line.replaceAll(/[\p{Cc}\u2028\u2029]/gu, " ")}\n`).join("");
  const jsonc = `${comments}${body}\n`;
  checkMade(jsonc, file, folder);
  return { jsonc, notes };
}

/** Says what this version doesn't take, without the place: that would be one in a file that the user never sees. */
function checkMade(jsonc: string, file: string, folder: string): void {
  try {
    // Whether folders are there is for the start to say: they may be another machine's.
    parseConfig(jsonc, file, folder, () => null);
  } catch (error) {
    if (!(error instanceof BlitError)) throw error;
    const words = error.message.slice(file.length).replace(/^:\d+:\d+/, "");
    throw usage(
      `${file}${words} This version doesn't take that: change it there, and import again.`,
    );
  }
}

function readV1(toml: string, file: string): V1Config {
  let table: unknown;
  try {
    table = parse(toml);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const words = error.message.split("\n")[0].replace(/^Invalid TOML document: /, "");
    throw usage(`${file}:${error.line}:${error.column}: ${words}. Correct it.`);
  }
  const checked = v.safeParse(SCHEMA, table);
  if (checked.success) return checked.output;
  const [issue] = checked.issues;
  const entry = issue.path?.map(({ key }) => key).join(".") ?? "";
  throw usage(`${file}: "${entry}": ${issue.message}. blit-daemon 0.1 wouldn't take it either.`);
}

/** Hosts that modules may be filled from. */
function sourceHosts({ delegation }: V1Config, notes: string[]): readonly string[] {
  if (!delegation?.allow_delegated_pull) return [];
  const given = delegation.allowed_source_hosts ?? [];
  if (given.length === 0) {
    notes.push("allow_delegated_pull named no hosts. Name them in each module's delegation.");
  }
  const hosts = given.filter((host) => parseHostName(host) !== null && !host.includes("*"));
  for (const host of given.filter((host) => !hosts.includes(host))) {
    notes.push(`allowed_source_hosts: "${host}" is no host. Name each in the modules' delegation.`);
  }
  return hosts;
}

function* unknownEntries(config: V1Config): Generator<string> {
  const beyond = (table: object, known: object) =>
    Object.keys(table).filter((name) => !Object.hasOwn(known, name));
  const { daemon = {}, module = [], delegation = {} } = config;
  const unknown = [
    ...beyond(config, SECTIONS),
    ...beyond(daemon, DAEMON).map((name) => `daemon.${name}`),
    ...new Set(module.flatMap((table) => beyond(table, MODULE)).map((name) => `module.${name}`)),
    ...beyond(delegation, DELEGATION).map((name) => `delegation.${name}`),
  ];
  for (const name of unknown) yield `"${name}" was left out: 0.1 has no such entry.`;
}

function usage(message: string): BlitError {
  return new BlitError("usage", message, { operation: "import" });
}
