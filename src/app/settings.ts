/**
 * `settings.jsonc`: defaults of a few options. A mistake in it is reported with file, line and column, and nothing
 * runs.
 *
 * @module
 */
import { isAbsolute, join, resolve } from "node:path";
import { displayName, textToName } from "../core/rel_path.ts";
import { homeDirectory } from "./home.ts";
import { ownFileError } from "./named_file.ts";

/** What the file may say; every entry may be missing. */
export interface Settings {
  /** Show progress on a terminal. */
  readonly progress?: boolean;
  /** Colours: on a terminal, always or never. */
  readonly color?: "auto" | "always" | "never";
  /** Globs that copy, mirror and check leave out, after the rules of the command line. */
  readonly exclude?: readonly string[];
  /** As `--gitignore`. */
  readonly gitignore?: boolean;
  /** As `--fsync`. */
  readonly fsync?: boolean;
}

/** Name of the file in the configuration folder. */
export const SETTINGS_FILE = "settings.jsonc";

/**
 * The configuration folder.
 *
 * @param given `--config-dir`, which wins
 * @param cwd folder that a relative one starts from
 * @returns an absolute path; `.blit` below `cwd` where the user has no home
 */
export function configDirectory(given: string | undefined, cwd: string): string {
  if (given !== undefined) return resolve(cwd, given);
  const xdg = Deno.env.get("XDG_CONFIG_HOME");
  // The specification says that a relative one is to be ignored.
  if (xdg && isAbsolute(xdg)) return join(xdg, "blit");
  const roaming = Deno.build.os === "windows" ? Deno.env.get("APPDATA") : undefined;
  if (roaming) return join(roaming, "blit");
  const home = homeDirectory();
  return home !== null ? join(home, ".config", "blit") : join(cwd, ".blit");
}

/**
 * Reads the settings.
 *
 * @param directory the configuration folder
 * @returns what the file says; nothing where there is none
 * @throws {BlitError} `usage` with file, line and column; `permission` and the like where it can't be read
 */
export async function loadSettings(directory: string): Promise<Settings> {
  const path = join(directory, SETTINGS_FILE);
  let text: string;
  try {
    text = Deno.readTextFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
      return {};
    }
    throw ownFileError(error, "read", path);
  }
  // Parser and validator cost 20 ms to load, so only where there is something to read.
  const { parseSettings } = await import("./settings_parse.ts");
  return parseSettings(text, displayName(textToName(path)));
}
