/** Operations on what is there: hardlinks, metadata, removal, renames, hashes, markers. @module */
import assert from "node:assert/strict";
import { EntryBlock, EntryBlockWriter, type EntryFields } from "../../src/core/entry_block.ts";
import { BatchFlag, CopyAction, Op } from "../../src/core/work_batch.ts";
import { blake3 } from "../../src/tree/blake3.ts";
import type { Cases } from "./suite.ts";
import { contents, hex, listing, shownMode, statuses } from "./workbench.ts";

const LARGE = "fedcba9876543210".repeat(150_000);

/** One record as it was seen, with fields changed. */
function altered(seen: EntryBlock, fields: Partial<EntryFields>): EntryBlock {
  const writer = new EntryBlockWriter(1);
  writer.add({
    name: seen.name(0),
    kind: seen.kind(0),
    sizeBytes: seen.sizeBytes(0),
    mtimeNs: seen.mtimeNs(0),
    ctimeNs: seen.ctimeNs(0),
    inode: seen.inode(0),
    device: seen.device(0),
    mode: seen.mode(0),
    uid: seen.uid(0),
    gid: seen.gid(0),
    ...fields,
  });
  return new EntryBlock(writer.finish());
}

/** See the module's comment. */
export const changeCases: Cases = {
  "links a further name, new or in place of an old one": async (bench) => {
    if (!bench.destination.traits.hardlinks) return { skipped: "no hardlinks" };
    await bench.seed(bench.destination, { a: "one", c: "other", "d/": null });
    const seen = await bench.destination.stat(["a"]);
    for (
      const item of [
        { path: "d/b", target: "a", action: CopyAction.create },
        { path: "c", target: "a", action: CopyAction.replace },
        // Already a name of the same file: nothing changes, and nothing staged stays.
        { path: "d/b", target: "a", action: CopyAction.replace },
      ]
    ) {
      assert.deepEqual(statuses(await bench.submit(Op.link, seen, { items: [item] })), ["ok"]);
    }
    const now = await bench.destination.stat(["a", "d/b", "c"]);
    assert.ok(now.sameInode(0, now, 1) && now.sameInode(0, now, 2));
    assert.deepEqual(await contents(bench.destination, bench.run), {
      a: "one",
      c: "one",
      "d/": null,
      "d/b": "one",
    });
  },

  "refuses a link over something new, to something else, or to nothing": async (bench) => {
    if (!bench.destination.traits.hardlinks) return { skipped: "no hardlinks" };
    await bench.seed(bench.destination, { a: "one", b: "two", c: "three" });
    const seen = await bench.destination.stat(["a", "a", "a"]);
    const items = [
      { path: "b", target: "a", action: CopyAction.create },
      { path: "n", target: "c", action: CopyAction.create },
      { path: "n", target: "none", action: CopyAction.create },
    ];
    const results = await bench.submit(Op.link, seen, { items });
    assert.deepEqual(statuses(results), ["exists", "changed", "not_found"]);
    assert.deepEqual(await contents(bench.destination, bench.run), {
      a: "one",
      b: "two",
      c: "three",
    });
  },

  "meta sets mode and mtime of files and directories": async (bench) => {
    await bench.seed(bench.destination, { f: "x", "d/": null });
    const mtimeNs = 1_300_000_000_456_000_000n;
    for (const path of ["f", "d"]) {
      const seen = altered(await bench.destination.stat([path]), { mode: 0o511, mtimeNs });
      assert.deepEqual(statuses(await bench.submit(Op.meta, seen)), ["ok"]);
    }
    const now = await bench.destination.stat(["f", "d"]);
    for (const i of [0, 1]) {
      assert.equal(now.mode(i), shownMode(bench.destination, 0o511, now.kind(i)));
      assert.equal(now.mtimeNs(i), mtimeNs);
    }
  },

  "meta keeps times before 1970": async (bench) => {
    await bench.seed(bench.destination, { f: "x" });
    const seen = altered(await bench.destination.stat(["f"]), { mtimeNs: -1_001_000_000n });
    assert.deepEqual(statuses(await bench.submit(Op.meta, seen)), ["ok"]);
    assert.equal((await bench.destination.stat(["f"])).mtimeNs(0), -1_001_000_000n);
  },

  "meta of what is missing or of another kind fails": async (bench) => {
    await bench.seed(bench.destination, { f: "x", l: { link: "f" } });
    const seen = await bench.destination.stat(["f", "f"]);
    const results = await bench.submit(Op.meta, seen, { items: [{ path: "none" }, { path: "l" }] });
    assert.deepEqual(statuses(results), ["not_found", "changed"]);
  },

  "removes what is as recorded: children before their directory": async (bench) => {
    await bench.seed(bench.destination, { "d/f": "", "d/l": { link: "../keep" }, keep: "" });
    const seen = await bench.destination.stat(["d/f", "d/l", "d"]);
    assert.deepEqual(statuses(await bench.submit(Op.remove, seen)), ["ok", "ok", "ok"]);
    assert.deepEqual(await contents(bench.destination, bench.run), { keep: "" });
  },

  "refuses to remove what changed, was replaced, or is in use": async (bench) => {
    await bench.seed(bench.destination, { f: "x", g: "y", k: "z", "d/new": "" });
    const seen = await bench.destination.stat(["f", "g", "k", "d"]);
    const touched = altered(await bench.destination.stat(["f"]), { mtimeNs: 1_000_000_000n });
    assert.deepEqual(statuses(await bench.submit(Op.meta, touched)), ["ok"]);
    await bench.seed(bench.source, { g: "replaced" });
    await bench.copy(["g"], { action: CopyAction.replace });
    const items = [{ path: "f" }, { path: "g" }, { path: "d" }, { path: "d" }];
    assert.deepEqual(statuses(await bench.submit(Op.remove, seen, { items })), [
      "changed",
      "changed",
      "changed",
      "not_empty",
    ]);
    assert.deepEqual(await contents(bench.destination, bench.run), {
      "d/": null,
      "d/new": "",
      f: "x",
      g: "replaced",
      k: "z",
    });
  },

  "refuses to remove another inode, be it a file or an empty directory": async (bench) => {
    await bench.seed(bench.destination, { f: "x", "d/": null });
    for (const path of ["f", "d"]) {
      const seen = await bench.destination.stat([path]);
      const other = altered(seen, { inode: seen.inode(0) + 1n });
      assert.deepEqual(statuses(await bench.submit(Op.remove, other)), ["changed"]);
    }
    assert.deepEqual(await contents(bench.destination, bench.run), { f: "x", "d/": null });
  },

  "removes stale staged entries, and nothing that is not staged": async (bench) => {
    const staged = ".blit-00000000000000ab";
    await bench.seed(bench.destination, {
      f: "",
      [`${staged}-1`]: "left over",
      [`${staged}-2/sub/f`]: "",
      [`${staged}-3`]: { link: "f" },
    });
    const seen = await bench.destination.stat([
      "f",
      `${staged}-1`,
      `${staged}-2`,
      `${staged}-3`,
    ]);
    const results = await bench.submit(Op.remove, seen, { flags: BatchFlag.stale });
    assert.notEqual(results[0].status, "ok");
    assert.deepEqual(statuses(results.slice(1)), ["ok", "ok", "ok"]);
    assert.deepEqual(await contents(bench.destination, bench.run), { f: "" });
  },

  "renames between two roots of one file system": async (bench) => {
    if (!bench.destination.canRenameFrom(bench.source)) return { skipped: "not one file system" };
    await bench.seed(bench.source, { f: "x", "d/g": "y", h: "z" });
    await bench.seed(bench.destination, { "to/": null, h: "old" });
    const seen = await bench.source.stat(["f", "d", "h"]);
    const items = [
      { path: "f", target: "to/f" },
      { path: "d", target: "to/e" },
      { path: "h", target: "h" },
    ];
    const results = await bench.submit(Op.rename, seen, { items, source: bench.source });
    assert.deepEqual(statuses(results), ["ok", "ok", "ok"]);
    assert.deepEqual(await contents(bench.source, bench.run), {});
    assert.deepEqual(await contents(bench.destination, bench.run), {
      h: "z",
      "to/": null,
      "to/e/": null,
      "to/e/g": "y",
      "to/f": "x",
    });
  },

  "with noReplace a rename replaces nothing, empty directories neither": async (bench) => {
    if (!bench.destination.canRenameFrom(bench.source)) return { skipped: "not one file system" };
    await bench.seed(bench.source, { f: "x", "d/": null, free: "y" });
    await bench.seed(bench.destination, { f: "old", "d/": null });
    const seen = await bench.source.stat(["f", "d", "free"]);
    const items = ["f", "d", "free"].map((path) => ({ path, target: path }));
    const options = { items, source: bench.source, flags: BatchFlag.noReplace };
    const results = await bench.submit(Op.rename, seen, options);
    assert.deepEqual(statuses(results), ["exists", "exists", "ok"]);
    assert.deepEqual(await contents(bench.source, bench.run), { f: "x", "d/": null });
    assert.deepEqual(await contents(bench.destination, bench.run), {
      f: "old",
      "d/": null,
      free: "y",
    });
  },

  "hashes content as every backend does": async (bench) => {
    const spec = { empty: "", small: "abc", large: LARGE };
    await bench.seed(bench.source, spec);
    await bench.seed(bench.destination, spec);
    for (const tree of [bench.source, bench.destination]) {
      const run = tree.beginRun(77n, new AbortController().signal);
      const seen = await tree.stat(Object.keys(spec));
      const results = await bench.submit(Op.hash, seen, { tree, run });
      tree.endRun(run);
      for (const [i, content] of Object.values(spec).entries()) {
        const hasher = await blake3();
        hasher.update(new TextEncoder().encode(content));
        assert.equal(results[i].status, "ok");
        assert.equal(results[i].digest, hex(hasher.digest()));
      }
    }
  },

  "a file that is gone can't be hashed; the others can": async (bench) => {
    await bench.seed(bench.destination, { f: "x" });
    const seen = await bench.destination.stat(["f", "f"]);
    const results = await bench.submit(Op.hash, seen, { items: [{ path: "none" }, { path: "f" }] });
    assert.deepEqual(statuses(results), ["not_found", "ok"]);
  },

  "makes directories durable": async (bench) => {
    await bench.seed(bench.destination, { "d/": null });
    const seen = await bench.destination.stat(["", "d"]);
    assert.deepEqual(statuses(await bench.submit(Op.sync, seen)), ["ok", "ok"]);
  },

  "a live run's marker makes another run busy, until it is released": async (bench) => {
    const other = bench.otherRun();
    assert.equal(await bench.marker(bench.run, 1n, 1n), "ok");
    assert.equal(await bench.marker(other, 1n, 1n), "busy");
    assert.deepEqual((await listing(bench.destination, ""))[0].stagedSkipped, 1);
    assert.equal(await bench.marker(bench.run, 0n), "ok");
    assert.deepEqual((await listing(bench.destination, ""))[0].stagedSkipped, 0);
    assert.equal(await bench.marker(other, 1n, 1n), "ok");
    assert.equal(await bench.marker(other, 0n), "ok");
  },

  "a marker that was left behind blocks nobody and stays to be seen": async (bench) => {
    assert.equal(await bench.marker(bench.run, 1n, 1n), "ok");
    assert.equal(await bench.marker(bench.run, 2n), "ok");
    const other = bench.otherRun();
    assert.equal(await bench.marker(other, 1n, 1n), "ok");
    assert.equal((await listing(bench.destination, ""))[0].stagedSkipped, 2);
    assert.equal(await bench.marker(other, 0n), "ok");
  },
};
