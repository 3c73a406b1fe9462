/**
 * What a run that is killed must have left: trees to kill it over, and the judgement.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { sh } from "./loop_fs.ts";
import { contents, randomFile, smallFiles } from "./trees.ts";

/**
 * Makes `src` and `dst` in a folder: a source that differs from its destination in every way.
 *
 * @param perFolder small files in each of 25 folders, a multiple of 10
 */
export function differing(dir: string, perFolder = 200): void {
  smallFiles(join(dir, "src"), 25 * perFolder, perFolder);
  sh(
    `set -e; cd "$0"; cp -a src dst; cd src
    for d in d0000[0-4]; do for f in $d/*0 $d/*1; do echo new content > $f; done; done
    rm -r d0000[5-7]; mkdir gone; echo x > gone/x; mv gone new
    ln d00000/f3 new/linked; ln -s ../x new/symlink; mkfifo new/fifo
    cd ../dst; mkdir -p new d00001/f2x; ln d00002/f$1 new/extra; rm d00003/f$2? d0001[0-3]/*; mkdir d00009/sub; echo x > d00009/sub/old
    for d in d0001[5-9] d0002?; do echo x > $d/extra; done
    chmod 0555 d00008; rm d00014/*; rmdir d00014; echo file > d00014`,
    dir,
    `${2 * perFolder + 1}`,
    `${3 * perFolder / 10}`,
  );
  for (const [name, size] of [["large", 24], ["new/large", 16]] as const) {
    randomFile(join(dir, "src", name), size);
  }
  randomFile(join(dir, "dst/large"), 20);
}

/** Fails where a path of the destination holds anything but what it held before or what the source holds. */
export async function assertOldOrNew(
  destination: string,
  before: ReadonlyMap<string, string>,
  source: ReadonlyMap<string, string>,
): Promise<void> {
  const now = (await contents(destination))!;
  for (const [path, digest] of now) {
    if (/(^|\/)\.blit-/.test(path)) continue;
    if (digest === before.get(path) || digest === source.get(path)) continue;
    // A new file of at most 1 MiB may be cut short in place: it never replaced anything.
    const isNewAndSmall = !before.has(path) && !path.endsWith("large");
    assert.ok(isNewAndSmall, `${path} is neither old nor new`);
  }
  // Nothing that the source has, too, is ever missing.
  for (const path of before.keys()) {
    if (source.has(path)) assert.ok(now.has(path), `${path} is gone`);
  }
}
