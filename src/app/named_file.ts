/**
 * Files that are no part of a tree: those that somebody named on the command line (rules, lists, tokens, certificates),
 * and blit's own in its configuration folder. No `--exclude` leaves them out.
 *
 * @module
 */
import type { BlitError } from "../core/error.ts";
import { textToName } from "../core/rel_path.ts";
import { fromDenoError } from "../tree/deno_errors.ts";
import type { StepWord } from "../tree/step_failure.ts";

/** Why a named file can't be opened: one that isn't there was misspelt, unlike one that a listing had shown. */
export function cannotOpen(error: unknown, file: string): BlitError {
  return fromDenoError(error, "open", textToName(file), {
    not_found: "Check the path.",
    permission: "Run as a user who may read it.",
  });
}

/** Why a file in the configuration folder can't be read, written or removed. */
export function ownFileError(error: unknown, operation: StepWord, path: string): BlitError {
  return fromDenoError(error, operation, textToName(path), {
    permission: "Run as its owner, or name a folder of your own with --config-dir.",
    read_only: "Name a folder that can be written to with --config-dir.",
  });
}
