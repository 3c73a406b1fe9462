/** Copying what stays as it is. @module */
import assert from "node:assert/strict";
import { Kind, NO_PARENT } from "../../src/core/entry_block.ts";
import {
  BatchBuilder,
  BatchFlag,
  CopyAction,
  Op,
  ResultFlag,
  WorkBatch,
} from "../../src/core/work_batch.ts";
import type { Cases } from "./suite.ts";
import { contents, itemResults, shownMode, statuses, text } from "./workbench.ts";

const LARGE = "0123456789abcdef".repeat(200_000);

/** See the module's comment. */
export const copyCases: Cases = {
  "copies small, large and empty files with mode and mtime": async (bench) => {
    const mtimeNs = 1_400_000_000_987_000_000n;
    await bench.seed(bench.source, {
      "d/small": { content: "hello", mode: 0o755, mtimeNs },
      "d/large": { content: LARGE, mode: 0o444, mtimeNs },
      "d/empty": { content: "", mode: 0o600, mtimeNs },
    });
    const paths = ["d/small", "d/large", "d/empty"];
    const results = await bench.copy(paths);
    assert.deepEqual(statuses(results), ["ok", "ok", "ok"]);
    assert.deepEqual(results.map(({ bytesMoved }) => bytesMoved), [5, LARGE.length, 0]);
    assert.equal(await text(bench.destination, bench.run, "d/large"), LARGE);
    const block = await bench.destination.stat(paths);
    const modes = [0o755, 0o444, 0o600].map((mode) =>
      shownMode(bench.destination, shownMode(bench.source, mode))
    );
    assert.deepEqual([0, 1, 2].map((i) => block.mode(i)), modes);
    for (let i = 0; i < 3; i++) {
      assert.equal(block.mtimeNs(i), mtimeNs);
      assert.equal(results[i].mtimeNs, mtimeNs);
      assert.equal(results[i].inode, block.inode(i));
    }
    assert.ok(bench.run.progress.entries() >= 3);
    assert.ok(bench.run.progress.bytes() >= LARGE.length);
    assert.equal(await stagedLeft(bench), 0);
  },

  "copies symlinks as they are, dangling or not": async (bench) => {
    await bench.seed(bench.source, { l: { link: "../out of here" }, m: { link: "l" } });
    assert.deepEqual(statuses(await bench.copy(["l", "m"])), ["ok", "ok"]);
    assert.deepEqual(await contents(bench.destination, bench.run), {
      l: "-> ../out of here",
      m: "-> l",
    });
  },

  "says which parents it made": async (bench) => {
    await bench.seed(bench.source, { "a/b/f": "x" });
    const batch = new BatchBuilder(Op.copy);
    const parent = batch.items.add({
      name: "a/b",
      kind: Kind.directory,
      parent: NO_PARENT,
      action: CopyAction.parentCreate,
    });
    const seen = await bench.source.stat(["a/b/f"]);
    batch.items.addFrom(seen, 0, parent, CopyAction.create, new TextEncoder().encode("f"));
    const work = new WorkBatch(batch.finish());
    const [made] = itemResults(await bench.destination.run(work, bench.source, bench.run));
    assert.equal(made.status, "ok");
    assert.equal(made.flags & ResultFlag.created, ResultFlag.created);
    const { destination } = bench;
    const mode = shownMode(destination, 0o700, Kind.directory);
    assert.equal((await destination.stat(["a"])).mode(0), mode);
  },

  "a missing parent fails its entries, and only those": async (bench) => {
    await bench.seed(bench.source, { "a/f": "x", g: "y" });
    const batch = new BatchBuilder(Op.copy);
    const parent = batch.items.add({
      name: "a",
      kind: Kind.directory,
      parent: NO_PARENT,
      action: CopyAction.parentExists,
    });
    const seen = await bench.source.stat(["a/f", "g"]);
    batch.items.addFrom(seen, 0, parent, CopyAction.create, new TextEncoder().encode("f"));
    batch.items.addFrom(seen, 1, NO_PARENT, CopyAction.create);
    const work = new WorkBatch(batch.finish());
    const results = itemResults(await bench.destination.run(work, bench.source, bench.run));
    assert.deepEqual(statuses(results), ["not_found", "not_found", "ok"]);
  },

  "create fails with `exists` and leaves what is there": async (bench) => {
    await bench.seed(bench.source, { small: "new", large: LARGE, link: { link: "new" } });
    await bench.seed(bench.destination, { small: "old", large: "old", link: { link: "old" } });
    const results = await bench.copy(["small", "large", "link"]);
    assert.deepEqual(statuses(results), ["exists", "exists", "exists"]);
    assert.deepEqual(await contents(bench.destination, bench.run), {
      small: "old",
      large: "old",
      link: "-> old",
    });
  },

  "create never writes through a link": async (bench) => {
    await bench.seed(bench.source, { f: "new" });
    await bench.seed(bench.destination, { f: { link: "victim" } });
    assert.deepEqual(statuses(await bench.copy(["f"])), ["exists"]);
    assert.deepEqual(await contents(bench.destination, bench.run), { f: "-> victim" });
  },

  "replaces files and links, over each other too": async (bench) => {
    await bench.seed(bench.source, {
      f: "new",
      l: { link: "new" },
      x: "was a link",
      y: { link: "f" },
    });
    await bench.seed(bench.destination, {
      f: "old",
      l: { link: "old" },
      x: { link: "f" },
      y: "was a file",
    });
    const results = await bench.copy(["f", "l", "x", "y"], { action: CopyAction.replace });
    assert.deepEqual(statuses(results), ["ok", "ok", "ok", "ok"]);
    assert.deepEqual(await contents(bench.destination, bench.run), {
      f: "new",
      l: "-> new",
      x: "was a link",
      y: "-> f",
    });
  },

  "replace breaks hardlinks instead of writing through them": async (bench) => {
    if (!bench.destination.traits.hardlinks) return { skipped: "no hardlinks" };
    await bench.seed(bench.source, { a: "new" });
    await bench.seed(bench.destination, { a: "old", b: { hardlink: "a" } });
    assert.deepEqual(statuses(await bench.copy(["a"], { action: CopyAction.replace })), ["ok"]);
    assert.deepEqual(await contents(bench.destination, bench.run), { a: "new", b: "old" });
  },

  "a file never replaces a directory": async (bench) => {
    await bench.seed(bench.source, { d: "file" });
    await bench.seed(bench.destination, { "d/kept": "" });
    assert.deepEqual(statuses(await bench.copy(["d"], { action: CopyAction.replace })), [
      "is_directory",
    ]);
    assert.deepEqual(await contents(bench.destination, bench.run), { "d/": null, "d/kept": "" });
  },

  "a planted link on the way is not followed": async (bench) => {
    await bench.seed(bench.source, { "d/f": "x" });
    await bench.seed(bench.destination, { "other/": null, d: { link: "other" } });
    assert.deepEqual(statuses(await bench.copy(["d/f"])), ["escaped"]);
    assert.deepEqual(await contents(bench.destination, bench.run), {
      "other/": null,
      d: "-> other",
    });
  },

  "a path with `..` is refused": async (bench) => {
    await bench.seed(bench.source, { f: "x" });
    const seen = await bench.source.stat(["f"]);
    const items = [{ path: "f", target: "../g", action: CopyAction.create }];
    const results = await bench.submit(Op.copy, seen, { items, source: bench.source });
    assert.deepEqual(statuses(results), ["escaped"]);
  },

  "a file gets another name where the item says so": async (bench) => {
    await bench.seed(bench.source, { f: "x" });
    const seen = await bench.source.stat(["f"]);
    const items = [{ path: "f", target: "g", action: CopyAction.create }];
    const results = await bench.submit(Op.copy, seen, { items, source: bench.source });
    assert.deepEqual(statuses(results), ["ok"]);
    assert.deepEqual(await contents(bench.destination, bench.run), { g: "x" });
  },

  "an entry that is not what the scan saw is `changed`": async (bench) => {
    await bench.seed(bench.source, { f: "x", g: "y" });
    const seen = await bench.source.stat(["f", "g"]);
    const items = ["g", "f"].map((path) => ({ path, action: CopyAction.create }));
    const results = await bench.submit(Op.copy, seen, { items, source: bench.source });
    assert.deepEqual(statuses(results), ["changed", "changed"]);
    assert.deepEqual(await contents(bench.destination, bench.run), {});
  },

  "an entry that vanished fails alone": async (bench) => {
    await bench.seed(bench.source, { f: "x", g: "y" });
    const seen = await bench.source.stat(["f", "g"]);
    const items = ["gone", "g"].map((path) => ({ path, action: CopyAction.create }));
    const results = await bench.submit(Op.copy, seen, { items, source: bench.source });
    assert.deepEqual(statuses(results), ["not_found", "ok"]);
  },

  "discard reads everything and writes nothing": async (bench) => {
    await bench.seed(bench.source, { "d/f": LARGE });
    const results = await bench.copy(["d/f"], { flags: BatchFlag.discard });
    assert.deepEqual(statuses(results), ["ok"]);
    assert.equal(results[0].bytesMoved, LARGE.length);
    assert.deepEqual(await contents(bench.destination, bench.run), {});
  },

  "with fsync the same is made": async (bench) => {
    await bench.seed(bench.source, { "d/f": "x", l: { link: "d" } });
    const results = await bench.copy(["d/f", "l"], { flags: BatchFlag.fsync });
    assert.deepEqual(statuses(results), ["ok", "ok"]);
    assert.equal(await text(bench.destination, bench.run, "d/f"), "x");
  },

  "set-id bits stay only where the owner is set": async (bench) => {
    await bench.seed(bench.source, { f: "x" });
    const seen = await bench.source.stat(["f"]);
    const meta = new BatchBuilder(Op.meta);
    meta.items.add({
      name: "f",
      kind: Kind.file,
      parent: NO_PARENT,
      mode: 0o6755,
      mtimeNs: seen.mtimeNs(0),
      uid: seen.uid(0),
      gid: seen.gid(0),
    });
    const work = new WorkBatch(meta.finish());
    const [plain] = itemResults(await bench.source.run(work, null, bench.run));
    assert.equal(plain.status, "ok");
    assert.equal((await bench.source.stat(["f"])).mode(0), shownMode(bench.source, 0o755));
  },
};

/** How many staged entries are in the destination's root. */
async function stagedLeft(bench: Parameters<Cases[string]>[0]): Promise<number> {
  let count = 0;
  for await (const block of bench.destination.list("", { sorted: false })) {
    count += block.stagedSkipped;
  }
  return count;
}
