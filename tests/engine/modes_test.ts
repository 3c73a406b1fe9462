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

Deno.test("what is new gets the bits that are usual at the destination, where the source has none", async () => {
  const source = treeOf({
    "folder/": { directory: true, mode: 0o755 },
    "folder/file": { content: "x", mode: 0o644 },
    "folder/protected": { content: "x", mode: 0o444 },
    "other kind": { content: "x", mode: 0o644 },
  }, BARE);
  // The owner's own bits are nobody's to take: a file would seem protected.
  for (const [umask, ...expected] of [[0o027, "750", "640", "440"], [0o377, "700", "600", "400"]]) {
    const destination = treeOf({ "other kind": { link: "elsewhere" } }, {
      traits: { umask: Number(umask) },
    });
    expectDone(await copy(source, destination));
    const there = await destination.stat(["folder", "folder/file", "folder/protected"]);
    assert.deepEqual([0, 1, 2].map((i) => there.mode(i).toString(8)), expected);
    assert.equal((await destination.stat(["other kind"])).mode(0).toString(8), expected[1]);
    expectNoWork(await copy(source, destination));
  }
});

Deno.test("one new file gets the bits that are usual at the destination", async () => {
  const source = treeOf({ "file": { content: "x", mode: 0o644 } }, BARE);
  const destination = treeOf({}, { traits: { umask: 0o077 } });
  const single = { source: "file", destination: "renamed" };
  expectDone(await copy(source, destination, { request: { single } }));
  assert.equal((await destination.stat(["renamed"])).mode(0).toString(8), "600");
});

Deno.test("what has modes brings them, whatever is usual at the destination", async () => {
  const source = treeOf({ "file": { content: "x", mode: 0o664 } });
  const destination = treeOf({}, { traits: { umask: 0o077 } });
  expectDone(await copy(source, destination));
  assert.equal((await destination.stat(["file"])).mode(0).toString(8), "664");
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
