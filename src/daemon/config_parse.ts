/**
 * Reads the daemon's configuration file: JSON with comments, checked whole.
 *
 * @module
 */
import { isAbsolute, join, normalize } from "node:path";
import * as v from "valibot";
import { readJsonc } from "../app/jsonc.ts";
import { parseHostName } from "../rpc/service/delegation.ts";
import type { ModuleSpec } from "../rpc/service/host.ts";
import { type DaemonConfig, DEFAULTS, isAddress, LOG_LEVELS } from "./config.ts";

const boolean = v.optional(v.boolean("expected true or false"));
const text = (what: string) => v.pipe(v.string(what), v.check((t) => !t.includes("\0"), what));
const path = v.pipe(text("expected a path in quotes"), v.nonEmpty("expected a path, not nothing"));
const port = v.optional(whole(0, 65535, "a port"));
const MODULE_NAME = "expected a name without a slash or control characters";

const LIMITS = v.strictObject({
  sessions: v.optional(whole(1, 60, "a number of sessions")),
  sessionsPerUser: v.optional(whole(1, 60, "a number of sessions")),
  connections: v.optional(whole(1, 65_536, "a number of connections")),
  connectionsPerAddress: v.optional(whole(1, 65_536, "a number of connections")),
  streams: v.optional(whole(1, 64, "a number of streams")),
  idleSeconds: v.optional(whole(5, 3600, "seconds")),
  drainSeconds: v.optional(whole(0, 3600, "seconds")),
}, "expected an object: { ... }");

const MODULE = v.strictObject({
  name: v.pipe(
    text(MODULE_NAME),
    v.nonEmpty(MODULE_NAME),
    v.maxLength(255, "expected at most 255 characters"),
    v.check(
      (name) => !/[\/\\\p{Cc}]/u.test(name) && name !== "." && name !== "..",
      MODULE_NAME,
    ),
  ),
  path,
  comment: v.optional(text("expected text in quotes")),
  readOnly: boolean,
  trustMetadata: boolean,
  delegation: v.optional(
    v.array(
      v.pipe(
        text("expected a host in quotes"),
        v.check((host) => parseHostName(host) !== null, "expected a host: host or host:port"),
      ),
      "expected a list of hosts: host or host:port",
    ),
  ),
}, "expected a module: { name, path }");

const SCHEMA = v.strictObject({
  bind: v.optional(v.pipe(text("expected an address"), v.nonEmpty("expected an address"))),
  port,
  dataPort: port,
  advertisedDataPort: v.optional(whole(1, 65535, "a port")),
  root: v.optional(path),
  rootReadOnly: boolean,
  modules: v.optional(v.array(MODULE, "expected a list of modules")),
  motd: v.optional(
    v.pipe(text("expected text"), v.maxLength(4096, "expected at most 4,096 characters")),
  ),
  limits: v.optional(LIMITS),
  tls: v.optional(
    v.strictObject({ cert: path, key: path }, "expected { cert, key }, two files in PEM"),
  ),
  insecure: boolean,
  discovery: boolean,
  metrics: v.optional(
    v.pipe(text("expected host:port"), v.check(isAddress, "expected host:port")),
  ),
  log: v.optional(v.picklist(LOG_LEVELS, `expected one of: ${LOG_LEVELS.join(", ")}`)),
});

/** Names of the entries that the parser takes, by where they stand. */
export function configEntries(): Readonly<Record<"config" | "module" | "limits", string[]>> {
  return {
    config: Object.keys(SCHEMA.entries),
    module: Object.keys(MODULE.entries),
    limits: Object.keys(LIMITS.entries),
  };
}

/** What keeps a path from being served, in words that follow it and end without a full stop; null where nothing does. */
export type FolderFault = (path: string) => string | null;

/**
 * Reads a configuration.
 *
 * @param text content of the file; comments and trailing commas are fine
 * @param file its path, for messages
 * @param folder absolute path that relative ones in it start from
 * @param folderFault asked of each folder that is to be served
 * @throws {BlitError} `usage` with file, line and column of the first mistake
 */
export function parseConfig(
  text: string,
  file: string,
  folder: string,
  folderFault: FolderFault,
): DaemonConfig {
  const source = { text, file, entry: "entry", operation: "read the configuration" };
  const { value, errorAt } = readJsonc(source, SCHEMA);
  const absolute = (path: string) => normalize(isAbsolute(path) ? path : join(folder, path));
  const modules: ModuleSpec[] = [];
  if (value.root !== undefined) {
    const root = absolute(value.root);
    const fault = folderFault(root);
    if (fault !== null) throw errorAt(["root"], `"${root}" ${fault}`);
    modules.push(moduleOf({ name: "", path: root, readOnly: value.rootReadOnly }));
  }
  for (const [i, module] of (value.modules ?? []).entries()) {
    if (modules.some(({ name }) => name === module.name)) {
      throw errorAt(["modules", i, "name"], `there is another module "${module.name}"`);
    }
    const path = absolute(module.path);
    const fault = folderFault(path);
    if (fault !== null) throw errorAt(["modules", i, "path"], `"${path}" ${fault}`);
    modules.push(moduleOf({ ...module, path }));
  }
  return {
    bind: value.bind ?? DEFAULTS.bind,
    port: value.port ?? DEFAULTS.port,
    dataPort: value.dataPort ?? DEFAULTS.dataPort,
    advertisedDataPort: value.advertisedDataPort ?? null,
    modules,
    motd: value.motd ?? DEFAULTS.motd,
    limits: { ...DEFAULTS.limits, ...value.limits },
    tls: value.tls ? { cert: absolute(value.tls.cert), key: absolute(value.tls.key) } : null,
    insecure: value.insecure ?? DEFAULTS.insecure,
    discovery: value.discovery ?? DEFAULTS.discovery,
    metrics: value.metrics ?? null,
    logLevel: value.log ?? DEFAULTS.logLevel,
  };
}

/** A module with what holds where nothing is said. */
export function moduleOf(
  given: Pick<ModuleSpec, "name" | "path"> & Partial<ModuleSpec>,
): ModuleSpec {
  return {
    name: given.name,
    path: given.path,
    comment: given.comment ?? "",
    readOnly: given.readOnly ?? false,
    trustMetadata: given.trustMetadata ?? false,
    delegation: given.delegation ?? [],
  };
}

function whole(least: number, most: number, what: string) {
  const expected = `expected ${what}, ${least} to ${most}`;
  return v.pipe(
    v.number(expected),
    v.integer(expected),
    v.minValue(least, expected),
    v.maxValue(most, expected),
  );
}
