/**
 * A move that only spells a name in another case, where the file system takes both spellings for one name: the entry is
 * renamed, a folder too, though a folder otherwise goes *into* what SRC's new name leads to.
 *
 * @module
 */
import { changesCase } from "../core/name_folding.ts";
import { isSameEntry, lookAt } from "./local_place.ts";
import { type Located, readArgument } from "./locate.ts";
import { locationAbove, locationText, nameOf } from "./location.ts";

/**
 * Where such a move goes.
 *
 * @param located what SRC and DST were found to be
 * @param destination DST as typed
 * @param cwd folder that relative paths start from; absolute
 * @returns one entry and its name in two spellings; null where the move is another one
 */
export async function locateCaseChange(
  located: Located,
  destination: string,
  cwd: string,
): Promise<Located | null> {
  const from = located.sourcePath;
  const to = readArgument(destination, cwd).location;
  if (from.kind !== "local" || to.kind !== "local") return null;
  const [name, wanted] = [nameOf(from), nameOf(to)];
  if (!changesCase(name, wanted)) return null;
  if (!await isSameEntry(from.path, to.path)) return null;
  const info = await lookAt(from.path, false);
  // Elsewhere two names of a hardlink may be spelled like that.
  if (!info?.isDirectory && info?.nlink !== 1 && Deno.build.os !== "windows") return null;
  const [sourceRoot, destinationRoot] = [locationAbove(from), locationAbove(to)];
  if (sourceRoot === null || destinationRoot === null) return null;
  return {
    ...located,
    sourceRoot,
    destinationRoot,
    single: { source: name, destination: wanted },
    destinationPath: to,
    contents: false,
    destinationDisplay: locationText(to),
  };
}
