/**
 * Copies the photos that are worth it: a filter in the program's own words, which no pattern could say.
 *
 * usage: deno run -A examples/custom_filter.ts SRC DST
 *
 * @module
 */
import { copy, type FilterEntry } from "../mod.ts";

/** A picture of at least 1 KiB, taken on a weekend; whatever is below a folder that ends in ".private" isn't looked at. */
function isWorthIt({ path, isDirectory, isFile, sizeBytes, mtimeSeconds }: FilterEntry): boolean {
  // False for a folder leaves out all that is in it.
  if (isDirectory) return !path.endsWith(".private");
  if (!isFile || !/\.(jpe?g|png|heic)$/i.test(path) || sizeBytes < 1024) return false;
  const day = new Date(mtimeSeconds * 1000).getUTCDay();
  return day === 0 || day === 6;
}

const [source, destination] = Deno.args;
const { summary } = await copy(source, destination, { filter: { keep: isWorthIt } });
console.log(`${summary.filesTransferred} copied, ${summary.filesSkipped} left out`);
Deno.exit(summary.outcome === "done" ? 0 : 1);
