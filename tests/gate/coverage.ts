/**
 * Shows what tests reached.
 *
 * @module
 */
import { ROOT } from "./command.ts";
import type { FileCoverage } from "./reports.ts";

/** Prints the coverage, worst files first, and says whether it is enough: `least` per cent. */
export function isCovered(
  folder: string,
  files: readonly FileCoverage[],
  least: number,
): boolean {
  const percent = ({ hit, lines }: { hit: number; lines: number }) =>
    lines ? 100 * hit / lines : 100;
  const all = files.reduce(
    (sum, file) => ({ hit: sum.hit + file.hit, lines: sum.lines + file.lines }),
    { hit: 0, lines: 0 },
  );
  console.log(
    `\nLine coverage of ${folder}, files under 85 % (lines of code, reached by any test):`,
  );
  const low = files.filter((file) => percent(file) < 85);
  for (const file of low.sort((a, b) => percent(a) - percent(b))) {
    const path = file.path.slice(decodeURIComponent(ROOT.pathname).length);
    console.log(
      `  ${percent(file).toFixed(1).padStart(5)} %  ${path} (${file.hit} of ${file.lines})`,
    );
  }
  console.log(`  ${percent(all).toFixed(1).padStart(5)} %  all (${all.hit} of ${all.lines})`);
  if (percent(all) >= least) return true;
  console.log(`Line coverage is under ${least} %.`);
  return false;
}

/** Text of sources by absolute path. */
export function sourcesOf(
  folder: string,
  isSource: (path: string) => boolean,
  found = new Map<string, string>(),
): Map<string, string> {
  for (const entry of Deno.readDirSync(new URL(folder, ROOT))) {
    const path = folder + entry.name;
    if (entry.isDirectory) sourcesOf(`${path}/`, isSource, found);
    else if (entry.isFile && isSource(path)) {
      const file = new URL(path, ROOT);
      found.set(decodeURIComponent(file.pathname), Deno.readTextFileSync(file));
    }
  }
  return found;
}
