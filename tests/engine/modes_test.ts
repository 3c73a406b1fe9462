/**
 * Trees that keep no permission bits (Windows), on either side.
 *
 * @module
 */
import assert from "node:assert/strict";
import { copy, expectDone, expectNoWork, treeOf } from "./support.ts";

const BARE = { traits: { modes: false } };
const T = 1_500_000_000_000_000_000n;

Deno.test("what has no modes leaves those of folders and of files that are the same, but for write protection", async () => {
  const source = treeOf({
    "private/": { directory: true, mode: 0o755, mtimeNs: T },
    "private/key": { content: "x", mode: 0o644, mtimeNs: T },
    "private/done": { content: "x", mode: 0o444, mtimeNs: T },
    "private/new": { content: "x", mode: 0o644, mtimeNs: T },
  }, BARE);
  const destination = treeOf({
    "private/": { directory: true, mode: 0o700, mtimeNs: 1n },
    "private/key": { content: "x", mode: 0o600, mtimeNs: T },
    "private/done": { content: "x", mode: 0o750, mtimeNs: T },
  });
  expectDone(await copy(source, destination));
  const paths = ["private", "private/done", "private/key", "private/new"];
  const there = await destination.stat(paths);
  const modes = paths.map((path, i) => `${path} ${there.mode(i).toString(8)}`);
  assert.deepEqual(modes, [
    "private 700",
    "private/done 550",
    "private/key 600",
    "private/new 644",
  ]);
  expectNoWork(await copy(source, destination));
});

Deno.test("what replaces a file takes its mode where the source has none, but for write protection", async () => {
  const source = treeOf({
    "key": { content: "new", mode: 0o644, mtimeNs: T },
    "done": { content: "new", mode: 0o444, mtimeNs: T },
    "script": { content: "new", mode: 0o644, mtimeNs: T },
  }, BARE);
  const destination = treeOf({
    "key": { content: "old!", mode: 0o600, mtimeNs: 1n },
    "done": { content: "old!", mode: 0o640, mtimeNs: 1n },
    "script": { content: "old!", mode: 0o555, mtimeNs: 1n },
  });
  expectDone(await copy(source, destination));
  const paths = ["done", "key", "script"];
  const there = await destination.stat(paths);
  const modes = paths.map((path, i) => `${destination.text(path)} ${there.mode(i).toString(8)}`);
  assert.deepEqual(modes, ["new 440", "new 600", "new 755"]);
  expectNoWork(await copy(source, destination));
});

Deno.test("what keeps no modes isn't told them again and again", async () => {
  const source = treeOf({
    "d/": { directory: true, mode: 0o700 },
    "d/f": { content: "x", mode: 0o640 },
  });
  const destination = treeOf({}, BARE);
  expectDone(await copy(source, destination));
  expectNoWork(await copy(source, destination));
});
