/** Listing and stat. @module */
import assert from "node:assert/strict";
import { ENTRY_STAGED, Kind } from "../../src/core/entry_block.ts";
import type { Cases } from "./suite.ts";
import { listing, names, statusWord } from "./workbench.ts";

const STAGED = ".blit-00000000000000aa-3";

/** See the module's comment. */
export const listCases: Cases = {
  "lists a directory sorted by name bytes": async (bench) => {
    await bench.seed(bench.source, { c: "", "a-b": "", "a/x": "", B: "", "a.b": "" });
    assert.deepEqual(await names(bench.source, ""), ["B", "a", "a-b", "a.b", "c"]);
    const blocks = await listing(bench.source, "");
    assert.ok(blocks.every((block) => block.sorted));
    assert.ok(blocks.at(-1)?.last);
    assert.equal(blocks.at(-1)?.listStatus, 0);
  },

  "lists a directory unsorted, with the same entries": async (bench) => {
    await bench.seed(bench.source, { b: "", c: "", a: "" });
    assert.deepEqual((await names(bench.source, "", { sorted: false })).sort(), ["a", "b", "c"]);
  },

  "lists an empty directory as one empty last block": async (bench) => {
    await bench.seed(bench.source, { "empty/": null });
    const blocks = await listing(bench.source, "empty");
    assert.equal(blocks.length, 1);
    assert.equal(blocks[0].count, 0);
    assert.equal(blocks[0].listStatus, 0);
    assert.ok(blocks[0].last);
  },

  "lists kinds, sizes, modes, link targets and times": async (bench) => {
    const mtimeNs = 1_500_000_000_123_000_000n;
    await bench.seed(bench.source, {
      f: { content: "four", mode: 0o640, mtimeNs },
      d: { directory: true, mode: 0o750, mtimeNs },
      l: { link: "nowhere/at all" },
    });
    const [block] = await listing(bench.source, "");
    assert.deepEqual([0, 1, 2].map((i) => block.kind(i)), [
      Kind.directory,
      Kind.file,
      Kind.symlink,
    ]);
    assert.equal(block.sizeBytes(1), 4);
    assert.equal(block.mode(1), 0o640);
    assert.equal(block.mode(0), 0o750);
    assert.equal(block.mtimeNs(0), mtimeNs);
    assert.equal(block.mtimeNs(1), mtimeNs);
    assert.equal(block.target(2), "nowhere/at all");
  },

  "a directory that is not there, is a file, or lies behind a link can't be listed": async (
    bench,
  ) => {
    await bench.seed(bench.source, { f: "", "d/x": "", l: { link: "d" } });
    for (
      const [path, status] of [["none", "not_found"], ["f", "not_directory"], ["l", "escaped"]]
    ) {
      const blocks = await listing(bench.source, path);
      assert.equal(blocks.length, 1, path);
      assert.equal(statusWord(blocks[0].listStatus), status, path);
      assert.equal(blocks[0].count, 0);
      assert.ok(blocks[0].last);
    }
  },

  "a directory of more than one block keeps its order and ends once": async (bench) => {
    const spec = Object.fromEntries(Array.from({ length: 4200 }, (_, i) => [`f${i}`, ""]));
    await bench.seed(bench.source, spec);
    const blocks = await listing(bench.source, "");
    assert.deepEqual(await names(bench.source, ""), Object.keys(spec).sort());
    assert.ok(blocks.length > 1);
    assert.ok(blocks.every((block) => block.count <= 4096));
    assert.deepEqual(blocks.map(({ last }) => last), blocks.map((_, i) => i === blocks.length - 1));
  },

  "staged entries are left out and counted, or listed and flagged": async (bench) => {
    await bench.seed(bench.source, { a: "", [STAGED]: "", ".blit-notes": "" });
    const plain = await listing(bench.source, "");
    assert.deepEqual(await names(bench.source, ""), [".blit-notes", "a"]);
    assert.equal(plain.reduce((sum, block) => sum + block.stagedSkipped, 0), 1);
    const [all] = await listing(bench.source, "", { staged: true });
    assert.deepEqual([0, 1, 2].map((i) => [all.name(i), all.flags(i)]), [
      [STAGED, ENTRY_STAGED],
      [".blit-notes", 0],
      ["a", 0],
    ]);
    assert.equal(all.stagedSkipped, 0);
  },

  "stat answers in order, with a status for what is missing": async (bench) => {
    await bench.seed(bench.source, { "d/f": "abc", l: { link: "d" } });
    const block = await bench.source.stat(["d/none", "d/f", "", "l/f", "d/f/x"]);
    assert.deepEqual([0, 1, 2, 3, 4].map((i) => statusWord(block.status(i))), [
      "not_found",
      "ok",
      "ok",
      "escaped",
      "not_directory",
    ]);
    assert.equal(block.name(1), "d/f");
    assert.equal(block.sizeBytes(1), 3);
    assert.equal(block.kind(2), Kind.directory);
  },

  "names of one file have one inode, and say how many they are": async (bench) => {
    if (!bench.source.traits.hardlinks) return { skipped: "no hardlinks" };
    await bench.seed(bench.source, { a: "x", b: { hardlink: "a" }, c: "x" });
    const [block] = await listing(bench.source, "");
    assert.ok(block.sameInode(0, block, 1));
    assert.ok(!block.sameInode(0, block, 2));
    assert.deepEqual([0, 1, 2].map((i) => block.linkCount(i)), [2, 2, 1]);
  },
};
