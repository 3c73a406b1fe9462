/**
 * Opens the files that options name: `--files-from` as a stream of paths, `--filter-from` as rules.
 *
 * @module
 */
import { resolve } from "node:path";
import type { FilterRule } from "../core/options.ts";
import type { RelPath } from "../core/rel_path.ts";
import { readFilesFrom } from "../engine/files_from.ts";
import { parseFilterFile } from "../engine/filter_file.ts";
import { cannotOpen } from "./named_file.ts";

/**
 * Opens a `--files-from` list.
 *
 * @param file its path, or `-` for standard input
 * @param cwd folder that a relative path starts from
 * @returns the paths in it, read as they are asked for
 * @throws {BlitError} what opening says; while reading, `usage` with the line
 */
export async function openFileList(file: string, cwd: string): Promise<AsyncGenerator<RelPath>> {
  if (file === "-") return readFilesFrom(Deno.stdin.readable, "standard input");
  try {
    return readFilesFrom((await Deno.open(resolve(cwd, file))).readable, file);
  } catch (error) {
    throw cannotOpen(error, file);
  }
}

/**
 * Reads the rules of a `--filter-from` file.
 *
 * @throws {BlitError} what reading says; `usage` with file, line and column
 */
export function readFilterFile(file: string, cwd: string): FilterRule[] {
  let content: Uint8Array;
  try {
    content = Deno.readFileSync(resolve(cwd, file));
  } catch (error) {
    throw cannotOpen(error, file);
  }
  return parseFilterFile(content, file);
}
