/**
 * Files that somebody named on the command line: rules, lists, tokens, certificates.
 *
 * @module
 */
import { BlitError } from "../core/error.ts";
import { displayName, textToName } from "../core/rel_path.ts";
import { fromDenoError } from "../tree/deno_errors.ts";

/** Why a named file can't be opened: one that isn't there was misspelt, unlike one that a listing had shown. */
export function cannotOpen(error: unknown, file: string): BlitError {
  const name = textToName(file);
  const told = fromDenoError(error, "open", name);
  if (told.kind !== "not_found") return told;
  const shown = displayName(name);
  const advice = "Check the path.";
  return new BlitError(
    "not_found",
    `Cannot open "${shown}": No such file or directory (ENOENT). ${advice}`,
    { operation: "open", path: shown, advice, cause: error },
  );
}
