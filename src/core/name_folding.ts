/**
 * Names that a file system takes for one: `A` and `a`, or the two Unicode forms of `é`.
 *
 * @module
 */
import { hasRawBytes, nameToPath, type RelPath } from "./rel_path.ts";

/** What a file system doesn't tell apart in names. */
export interface Folds {
  readonly foldsCase: boolean;
  readonly normalisesUnicode: boolean;
}

/** All that any file system folds. */
const EVERYTHING: Folds = { foldsCase: true, normalisesUnicode: true };
const UNICODE: Folds = { foldsCase: false, normalisesUnicode: true };

/**
 * The form that all names of one entry have. A name that isn't UTF-8 is left as it is, and has no other name's form.
 *
 * @param folds left out: as if by the file system that folds most
 */
export function foldName(name: RelPath, folds: Folds = EVERYTHING): string {
  if (!folds.foldsCase && !folds.normalisesUnicode) return name;
  const text = nameToPath(name);
  if (hasRawBytes(text)) return text;
  const formed = folds.normalisesUnicode ? text.normalize("NFC") : text;
  return folds.foldsCase ? formed.toLowerCase() : formed;
}

/** Whether two names of one entry differ in case, and not in their Unicode form alone, which is the file system's choice. */
export function changesCase(from: RelPath, to: RelPath, folds: Folds = EVERYTHING): boolean {
  return foldName(from, UNICODE) !== foldName(to, UNICODE) &&
    foldName(from, folds) === foldName(to, folds);
}
