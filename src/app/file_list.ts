/**
 * Opens the files that options name: `--files-from` as a stream of paths, `--filter-from` as rules.
 *
 * @module
 */
import { resolve } from "node:path";
import type { FilterRule } from "../core/options.ts";
import { type RelPath, textToName } from "../core/rel_path.ts";
import { readFilesFrom } from "../engine/files_from.ts";
import { parseFilterFile } from "../engine/filter_file.ts";
import { fromDenoError } from "../tree/deno_errors.ts";
import { cannotOpen } from "./named_file.ts";

/** An open `--files-from` list. */
export interface FileList {
  /** The paths in it, read as they are asked for; rejects with what reading says, or `usage` with the line. */
  readonly paths: AsyncIterable<RelPath>;
  /** Closes it, read or not. */
  close(): Promise<void>;
}

/**
 * Opens a `--files-from` list.
 *
 * @param file its path, or `-` for standard input
 * @param cwd folder that a relative path starts from
 * @throws {BlitError} what opening says
 */
export async function openFileList(file: string, cwd: string): Promise<FileList> {
  // What is in /dev Deno keeps to itself.
  const isInput = file === "-" || file === "/dev/stdin";
  const label = isInput ? "standard input" : file;
  const reader = (isInput ? Deno.stdin.readable : await open(file, cwd)).getReader();
  return {
    paths: readFilesFrom(pieces(reader, label), label),
    // Standard input is the process' own.
    close: isInput ? () => Promise.resolve() : () => reader.cancel().catch(() => {}),
  };
}

async function open(file: string, cwd: string): Promise<ReadableStream<Uint8Array>> {
  try {
    return (await Deno.open(resolve(cwd, file))).readable;
  } catch (error) {
    throw cannotOpen(error, file);
  }
}

async function* pieces(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  label: string,
): AsyncGenerator<Uint8Array> {
  try {
    for (let step = await reader.read(); !step.done; step = await reader.read()) yield step.value;
  } catch (error) {
    throw fromDenoError(error, "read", textToName(label), { is_directory: "Name a file." });
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
