/**
 * What a daemon was last started with, beside its tokens: so `token add` knows which modules there are.
 *
 * It is written anew at each start, and one in a form that isn't known counts as none.
 *
 * @module
 */
import { join } from "node:path";
import * as v from "valibot";
import { readConfig, readText, writeSecret } from "./files.ts";
import { DEFAULT_ROOT } from "./tokens.ts";

/** Name of the file in the state folder. */
const STARTED_FILE = "started.json";
/** Module that `--root` makes where there is no configuration, beside the default root. */
export const LONE_MODULE = "default";

const FILE = v.object({
  version: v.literal(1),
  /** Absolute path of the configuration. */
  config: v.nullable(v.string()),
  /** Whether `--root` was given. */
  root: v.boolean(),
});

/** What a daemon was started with. */
export type Started = Omit<v.InferOutput<typeof FILE>, "version">;

/** Keeps it in the state folder. @throws {BlitError} `permission`, `no_space` and the like */
export function keepStarted(folder: string, { config, root }: Started): void {
  const text = `${JSON.stringify({ version: 1, config, root })}\n`;
  const path = join(folder, STARTED_FILE);
  if (readText(path) !== text) writeSecret(path, text);
}

/** What the daemon of this state folder was last started with; null where none was. */
export function readStarted(folder: string): Started | null {
  try {
    const read = v.safeParse(FILE, JSON.parse(readText(join(folder, STARTED_FILE)) ?? "null"));
    return read.success ? read.output : null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

/**
 * Modules of a daemon, as `--module` names them, from its configuration as the file is now.
 *
 * @throws {BlitError} where the configuration can't be read, or has a mistake
 */
export function modulesOf({ config, root }: Started): readonly string[] {
  const names = config === null ? [] : readConfig(config, () => null).modules
    .map(({ name }) => name === "" ? DEFAULT_ROOT : name);
  if (root) names.unshift(DEFAULT_ROOT, ...config === null ? [LONE_MODULE] : []);
  return names;
}
