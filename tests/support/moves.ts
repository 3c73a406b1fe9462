/**
 * What a move must never do, and what it must have done at its end.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { sh } from "./loop_fs.ts";
import { contents, randomFile, smallFiles } from "./trees.ts";

/** Makes `src` and `dst` in a folder, which can be merged: names that both have are of the same kind. */
export function movable(dir: string): void {
  smallFiles(join(dir, "src"), 200, 20);
  sh(
    `set -e; cd "$0"; cp -a src dst; cd src; for f in d0000[0-3]/*[27]; do echo new content > $f; done
    rm -r d00004 d0000[5-9]/*0; ln d00001/f21 linked; ln -s d00001/f21 symlink; mkfifo fifo; mkdir -p empty/deeper
    cd ../dst; rm -r d0000[6-8]; echo x > extra; echo x > d00002/extra`,
    dir,
  );
  for (const name of ["src/large", "src/d00003/large", "dst/large"]) {
    randomFile(join(dir, name), 3);
  }
}

/** Fails where a file that was to be moved is whole neither where it was nor where it goes. */
export async function assertNothingLost(
  moved: ReadonlyMap<string, string>,
  source: string,
  destination: string,
): Promise<void> {
  const [here, there] = [await contents(source), await contents(destination)];
  for (const [path, digest] of moved) {
    const isWhole = here?.get(path) === digest || there?.get(path) === digest;
    assert.ok(isWhole, `${path} is whole on neither side`);
  }
}

/**
 * Fails where a move that is done left anything behind, or the destination lacks any of it or of what it had.
 *
 * @param first the source as it was, on this machine
 * @param before digests of the destination's files before
 */
export async function assertMoved(
  first: string,
  source: string,
  destination: string,
  before: ReadonlyMap<string, string>,
): Promise<void> {
  const left = sh(`test ! -e "$0" || find "$0" -mindepth 1`, source);
  assert.equal(left, "", "the source still has this");
  const changes = sh(
    `rsync --dry-run --checksum --itemize-changes --archive --omit-dir-times --hard-links --devices --specials "$0/" "$1/"`,
    first,
    destination,
  );
  assert.equal(changes, "", "rsync would change this");
  const wanted = new Map([...before, ...(await contents(first))!]);
  const found = (await contents(destination))!;
  const paths = (all: ReadonlyMap<string, string>) => [...all.keys()].sort();
  assert.deepEqual(paths(found), paths(wanted), "the destination has other files");
  for (const [path, digest] of before) {
    if (wanted.get(path) === digest) assert.equal(found.get(path), digest, `${path} has changed`);
  }
}
