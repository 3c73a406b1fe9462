/**
 * Names that a file system takes for one: `A` and `a`, the two Unicode forms of `é`, or `R.E.M.` and `R.E.M`.
 *
 * @module
 */
import { hasRawBytes, nameToPath, type RelPath } from "./rel_path.ts";

/** What a file system doesn't tell apart in names. */
export interface Folds {
  readonly foldsCase: boolean;
  readonly normalisesUnicode: boolean;
  /** Dots at a name's end are left out. */
  readonly dropsFinalDots: boolean;
}

/** All that most file systems of some system fold. */
const EVERYTHING: Folds = { foldsCase: true, normalisesUnicode: true, dropsFinalDots: false };
/** All that is no matter of case. */
const SPELLING: Folds = { foldsCase: false, normalisesUnicode: true, dropsFinalDots: true };

/**
 * Whether file systems of this type leave out dots at a name's end, as Linux does on those of DOS; on exFAT unless mounted
 * with `keep_last_dots`. To take one for such that isn't fails the second of two such names; the other way round would
 * delete files.
 */
export function dropsFinalDots(type: string): boolean {
  return type === "vfat" || type === "exfat";
}

/** Whether some names are one entry. */
export function foldsNames(folds: Folds): boolean {
  return folds.foldsCase || folds.normalisesUnicode || folds.dropsFinalDots;
}

/**
 * The form that all names of one entry have. A name that isn't UTF-8 is left as it is, and has no other name's form.
 *
 * @param folds left out: case and Unicode
 */
export function foldName(name: RelPath, folds: Folds = EVERYTHING): string {
  if (!foldsNames(folds)) return name;
  const text = nameToPath(folds.dropsFinalDots ? name.replace(/\.+$/, "") : name);
  if (hasRawBytes(text)) return text;
  const formed = folds.normalisesUnicode ? text.normalize("NFC") : text;
  return folds.foldsCase ? formed.toLowerCase() : formed;
}

/**
 * Whether two names of one entry differ in case, and not in their Unicode form or final dots alone, which are the file
 * system's choice.
 */
export function changesCase(from: RelPath, to: RelPath, folds: Folds = EVERYTHING): boolean {
  return foldName(from, SPELLING) !== foldName(to, SPELLING) &&
    foldName(from, folds) === foldName(to, folds);
}
