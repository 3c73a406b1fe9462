import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { readlinkSync, statSync, symlinkSync } from "node:fs";
import { type EntryBlock, Kind, NO_PARENT } from "../core/entry_block.ts";
import { kindOfStatus } from "../core/error.ts";
import { BatchBuilder, BatchFlag, CopyAction, Op, WorkBatch } from "../core/work_batch.ts";
import type { Tree } from "../engine/tree.ts";
import { loadNative } from "../native/load.ts";
import { type NativePool, openPool } from "../native/pool.ts";
import { needsSymlinks } from "../../tests/support/needs.ts";
import { LocalTree } from "./local.ts";

// Never closed: a worker's thread may still be at its last instructions when the pool is closed.
const loaded = await loadNative();

/** Windows wants a right for symlinks, and wine has none. */
const LINKS = needsSymlinks() === null;

interface Scene {
  readonly pool: NativePool;
  readonly from: string;
  readonly to: string;
  readonly source: LocalTree;
  readonly destination: LocalTree;
}

/** Two trees in a temporary directory, on a pool of two workers. */
function testTrees(name: string, body: (scene: Scene) => Promise<void>): void {
  Deno.test(name, async () => {
    assert.ok(loaded.library, "these tests need the native library: deno task build");
    const pool = openPool(loaded.library, 2);
    const folder = Deno.makeTempDirSync({ prefix: "blit-local-" });
    try {
      const from = `${folder}/from`, to = `${folder}/to`;
      Deno.mkdirSync(from);
      const source = await LocalTree.open(from, { pool });
      const destination = await LocalTree.open(to, { pool, create: true });
      await body({ pool, from, to, source, destination });
      await source.close();
      await destination.close();
    } finally {
      await pool.close();
      Deno.removeSync(folder, { recursive: true });
    }
  });
}

async function entries(tree: Tree, directory: string): Promise<Map<string, [EntryBlock, number]>> {
  const found = new Map<string, [EntryBlock, number]>();
  for await (const block of tree.list(directory, { sorted: true })) {
    assert.equal(block.listStatus, 0);
    for (let i = 0; i < block.count; i++) found.set(block.name(i), [block, i]);
  }
  return found;
}

const isWindows = Deno.build.os === "windows";

/** The bits that a mode leaves where there is only write protection. */
function modeHere(mode: number): number {
  return isWindows ? 0o644 : mode;
}

function shell(script: string, cwd: string): void {
  assert.ok(new Deno.Command("sh", { args: ["-c", script], cwd }).outputSync().success);
}

/** A batch over everything in one directory of the tree. */
async function batchOver(
  tree: Tree,
  directory: string,
  op: Op,
  action: number = CopyAction.create,
): Promise<BatchBuilder> {
  const batch = new BatchBuilder(op);
  const parent = batch.items.add({
    name: directory,
    kind: Kind.directory,
    parent: NO_PARENT,
    action: directory === "" ? CopyAction.parentExists : CopyAction.parentCreate,
  });
  for (const [block, i] of (await entries(tree, directory)).values()) {
    if (block.kind(i) !== Kind.directory) batch.items.addFrom(block, i, parent, action);
  }
  return batch;
}

/** The same tree as one of another kind, which native code can't read from. */
function foreign(tree: LocalTree): Tree {
  return {
    kind: "memory",
    display: tree.display,
    traits: tree.traits,
    probe: () => tree.probe(),
    list: (directory, options) => tree.list(directory, options),
    stat: (paths) => tree.stat(paths),
    beginRun: (runId, signal) => tree.beginRun(runId, signal),
    endRun: (run) => tree.endRun(run),
    run: (batch, source, run) => tree.run(batch, source, run),
    hash: (batch, run) => tree.hash(batch, run),
    canRenameFrom: (source) => tree.canRenameFrom(source),
    openFile: (path, run) => tree.openFile(path, run),
    xattrs: (path) => tree.xattrs(path),
    close: () => tree.close(),
  };
}

const NOTHING = new Uint8Array(0);
const never = new AbortController().signal;

testTrees("a root that is missing or no directory says so", async ({ pool, from }) => {
  await assert.rejects(LocalTree.open(`${from}/none`, { pool }), {
    kind: "not_found",
    path: `${from}/none`,
  });
  Deno.writeTextFileSync(`${from}/file`, "");
  await assert.rejects(LocalTree.open(`${from}/file`, { pool }), { kind: "not_directory" });
});

testTrees("a listing is sorted by bytes and keeps every name", async ({ from, source }) => {
  // A shell, since Deno's own file API can't write a name that is not UTF-8. Windows has none that isn't UTF-16.
  if (!isWindows) shell(`ln -s somewhere "$(printf '\\377A')"`, from);
  Deno.mkdirSync(`${from}/b`);
  Deno.writeTextFileSync(`${from}/é`, "four", { mode: 0o640 });
  Deno.writeTextFileSync(`${from}/a`, "");
  const found = await entries(source, "");
  const names = ["a", "b", "\xc3\xa9", ...isWindows ? [] : ["\xffA"]];
  assert.deepEqual([...found.keys()], names);
  const [block, i] = found.get("\xc3\xa9")!;
  const stat = statSync(`${from}/é`, { bigint: true });
  assert.equal(block.kind(i), Kind.file);
  assert.equal(block.sizeBytes(i), 4);
  assert.equal(block.mode(i), modeHere(0o640));
  assert.equal(block.inode(i), stat.ino);
  // Deno's own stat cuts the time to milliseconds.
  assert.equal(block.mtimeNs(i) / 1_000_000n, stat.mtimeNs / 1_000_000n);
  if (isWindows) return;
  const [linkBlock, link] = found.get("\xffA")!;
  assert.equal(linkBlock.kind(link), Kind.symlink);
  assert.equal(linkBlock.target(link), "somewhere");
});

testTrees("a directory that can't be listed is one empty block that says why", async (scene) => {
  const blocks: EntryBlock[] = [];
  for await (const block of scene.source.list("none", { sorted: true })) blocks.push(block);
  assert.equal(blocks.length, 1);
  assert.equal(kindOfStatus(blocks[0].listStatus), "not_found");
  assert.equal(blocks[0].count, 0);
  assert.equal(blocks[0].last, true);
});

testTrees("large directories come whole, whichever consumer reads first", async (scene) => {
  const { from, source } = scene;
  // Names of 200 bytes, so that x is over a job's budget; files take Windows so long that there it is not.
  const many = isWindows ? 2_000 : 16_000;
  for (const directory of ["x", "y", "z"]) {
    Deno.mkdirSync(`${from}/${directory}`);
    const count = directory === "x" ? many : 500;
    for (let n = 0; n < count; n++) {
      Deno.writeFileSync(`${from}/${directory}/${`${n}`.padStart(200, "0")}`, NOTHING);
    }
  }
  const [x, y, z] = ["x", "y", "z"].map((path) => source.list(path, { sorted: true }));
  const count = async (list: AsyncIterable<EntryBlock>) => {
    let total = 0;
    for await (const block of list) total += block.count;
    return total;
  };
  assert.equal(await count(z), 500);
  assert.equal(await count(y), 500);
  assert.equal(await count(x), many);
  const broken = source.list("x", { sorted: true });
  for await (const _ of broken) break;
});

testTrees("stat answers each path in order", async ({ from, source }) => {
  Deno.mkdirSync(`${from}/d`);
  Deno.writeTextFileSync(`${from}/d/f`, "12345");
  const block = await source.stat(["d/f", "none", "d", ""]);
  assert.equal(block.count, 4);
  assert.equal(block.sizeBytes(0), 5);
  assert.equal(kindOfStatus(block.status(1)), "not_found");
  assert.equal(block.kind(2), Kind.directory);
  assert.equal(block.kind(3), Kind.directory);
  assert.equal((await source.stat([])).count, 0);
});

testTrees("a copy batch makes parents, content, modes, times and links", async (scene) => {
  const { from, to, source, destination } = scene;
  Deno.mkdirSync(`${from}/p`);
  Deno.writeTextFileSync(`${from}/p/f`, "content", { mode: 0o604 });
  Deno.utimeSync(`${from}/p/f`, 1_000_000, 1_000_000);
  Deno.writeFileSync(`${from}/p/large`, new Uint8Array(3_000_000).fill(5));
  if (LINKS) symlinkSync("f", `${from}/p/l`);
  const run = destination.beginRun(0xabcn, never);
  const batch = new WorkBatch((await batchOver(source, "p", Op.copy)).finish());
  const results = await destination.run(batch, source, run);
  assert.equal(results.count, LINKS ? 4 : 3);
  for (let i = 0; i < results.count; i++) assert.equal(results.status(i), 0, batch.path(i));
  assert.equal(Deno.readTextFileSync(`${to}/p/f`), "content");
  if (!isWindows) assert.equal(Deno.statSync(`${to}/p/f`).mode! & 0o7777, 0o604);
  assert.equal(Deno.statSync(`${to}/p/f`).mtime!.getTime(), 1_000_000_000);
  assert.equal(Deno.statSync(`${to}/p/large`).size, 3_000_000);
  if (LINKS) assert.equal(readlinkSync(`${to}/p/l`), "f");
  assert.equal(run.progress.bytes(), 3_000_007);
  assert.ok(run.progress.entries() >= (LINKS ? 3 : 2));
  assert.deepEqual(run.progress.current(), []);
  destination.endRun(run);
  assert.equal(run.progress.bytes(), 3_000_007);

  // The same again: something has the names now.
  const again = destination.beginRun(0xabdn, never);
  const refused = await destination.run(batch, source, again);
  assert.equal(kindOfStatus(refused.status(1)), "exists");
  destination.endRun(again);
});

testTrees("an aborted run's work ends as cancelled", async ({ from, source, destination }) => {
  Deno.writeTextFileSync(`${from}/f`, "content");
  const abort = new AbortController();
  const run = destination.beginRun(1n, abort.signal);
  const batch = new WorkBatch((await batchOver(source, "", Op.copy)).finish());
  abort.abort();
  const results = await destination.run(batch, source, run);
  assert.equal(kindOfStatus(results.status(1)), "cancelled");
  destination.endRun(run);
});

testTrees("a run begun on another tree's kind is taken as it is", async (scene) => {
  const { from, source } = scene;
  Deno.writeTextFileSync(`${from}/f`, "content");
  const batch = new WorkBatch((await batchOver(source, "", Op.hash)).finish());
  const progress = { bytes: () => 0, entries: () => 0, current: () => [] };
  const run = { runId: 3n, signal: AbortSignal.abort(), progress };
  await assert.rejects(source.hash(batch, run), { kind: "cancelled" });
  source.endRun(run);
});

testTrees("hash, link, rename and remove do what they say", async (scene) => {
  const { from, to, source, destination } = scene;
  Deno.writeTextFileSync(`${from}/f`, "");
  const run = destination.beginRun(5n, never);
  const hashed = await source.hash(
    new WorkBatch((await batchOver(source, "", Op.hash)).finish()),
    run,
  );
  assert.equal(
    Buffer.from(hashed.digest(1)).toString("hex"),
    "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262",
  );
  const rename = new BatchBuilder(Op.rename, 1);
  rename.flags = BatchFlag.noReplace;
  rename.items.add({ name: "f", kind: Kind.file, parent: NO_PARENT, target: "g" });
  assert.equal(destination.canRenameFrom(source), true);
  const renamed = await destination.run(new WorkBatch(rename.finish()), source, run);
  assert.equal(renamed.status(0), 0);
  assert.equal(Deno.readTextFileSync(`${to}/g`), "");

  const link = new BatchBuilder(Op.link, 1);
  link.items.add({
    name: "h",
    kind: Kind.file,
    parent: NO_PARENT,
    target: "g",
    action: CopyAction.create,
  });
  assert.equal((await destination.run(new WorkBatch(link.finish()), null, run)).status(0), 0);
  assert.equal(Deno.statSync(`${to}/h`).nlink, 2);

  const now = await destination.stat(["g", "h"]);
  const remove = new BatchBuilder(Op.remove, 2);
  remove.items.addFrom(now, 0, NO_PARENT, 0);
  remove.items.add({ name: "h", kind: Kind.file, parent: NO_PARENT, inode: 1n });
  const removed = await destination.run(new WorkBatch(remove.finish()), null, run);
  assert.equal(removed.status(0), 0);
  assert.equal(kindOfStatus(removed.status(1)), "changed");
  assert.deepEqual([...Deno.readDirSync(to)].map(({ name }) => name), ["h"]);
  const sync = new WorkBatch(new BatchBuilder(Op.sync, 0).finish());
  if (destination.traits.syncsWhole) {
    assert.equal((await destination.run(sync, null, run)).count, 0);
  }
  destination.endRun(run);
});

testTrees("a file is read in pieces and says whether it changed", async ({ from, source }) => {
  const content = new Uint8Array(2_500_000).map((_, i) => i % 251);
  Deno.writeFileSync(`${from}/f`, content);
  const run = source.beginRun(6n, never);
  const pieces: Uint8Array[] = [];
  const steady = await source.openFile("f", run);
  for (let piece; (piece = await steady.read());) pieces.push(piece);
  assert.deepEqual(await steady.close(), { unchanged: true });
  assert.ok(Buffer.concat(pieces).equals(content));
  const changing = await source.openFile("f", run);
  await changing.read();
  Deno.writeTextFileSync(`${from}/f`, "more", { append: true });
  assert.deepEqual(await changing.close(), { unchanged: false });
  await assert.rejects(source.openFile("none", run), { kind: "not_found" });
  await assert.rejects(source.openFile("", run), { kind: "unsupported" });
  source.endRun(run);
});

testTrees("what another kind of tree reads is written the same", async (scene) => {
  const { from, to, source, destination } = scene;
  Deno.mkdirSync(`${from}/p/q`, { recursive: true });
  Deno.writeTextFileSync(`${from}/p/q/small`, "content", { mode: 0o604 });
  Deno.utimeSync(`${from}/p/q/small`, 1_000_000, 1_000_000);
  Deno.writeTextFileSync(`${from}/p/q/empty`, "");
  Deno.writeFileSync(`${from}/p/q/large`, new Uint8Array(3_000_000).map((_, i) => i % 253));
  if (LINKS) symlinkSync("small", `${from}/p/q/link`);
  const run = destination.beginRun(7n, never);
  const batch = new WorkBatch((await batchOver(source, "p/q", Op.copy)).finish());
  const results = await destination.run(batch, foreign(source), run);
  for (let i = 0; i < results.count; i++) {
    assert.equal(
      results.status(i),
      0,
      `${batch.path(i)}: ${kindOfStatus(results.status(i))}`,
    );
  }
  const large = Deno.readFileSync(`${to}/p/q/large`);
  assert.ok(Buffer.from(large).equals(Deno.readFileSync(`${from}/p/q/large`)));
  assert.equal(Deno.readTextFileSync(`${to}/p/q/small`), "content");
  if (!isWindows) assert.equal(Deno.statSync(`${to}/p/q/small`).mode! & 0o7777, 0o604);
  assert.equal(Deno.statSync(`${to}/p/q/small`).mtime!.getTime(), 1_000_000_000);
  assert.equal(Deno.statSync(`${to}/p/q/empty`).size, 0);
  if (LINKS) assert.equal(readlinkSync(`${to}/p/q/link`), "small");
  assert.deepEqual(
    [...Deno.readDirSync(`${to}/p/q`)].map(({ name }) => name).sort(),
    ["empty", "large", ...LINKS ? ["link"] : [], "small"],
  );
  const rename = new WorkBatch(new BatchBuilder(Op.rename, 0).finish());
  await assert.rejects(destination.run(rename, foreign(source), run), { kind: "cross_device" });
  destination.endRun(run);
});

testTrees("facts of the file system are plausible", async ({ to, destination }) => {
  const facts = await destination.probe();
  const stat = statSync(to, { bigint: true });
  assert.equal(facts.device, (await destination.stat([""])).device(0));
  assert.equal(facts.rootInode, stat.ino);
  assert.ok(facts.totalBytes >= facts.freeBytes && facts.freeBytes > 0);
  assert.equal(facts.readOnly, false);
  assert.equal(facts.isFsRoot, false);
  assert.equal(destination.traits.owners, !isWindows && Deno.uid() === 0);
});

testTrees("directories alone are made without asking their source", async ({ to, destination }) => {
  const run = destination.beginRun(8n, new AbortController().signal);
  const batch = new BatchBuilder(Op.copy);
  const action = CopyAction.parentCreate;
  batch.items.add({ name: "a/b", kind: Kind.directory, parent: NO_PARENT, action });
  const silent = new Proxy({}, {
    get: (_, name) => assert.fail(`the source was asked: ${String(name)}`),
  }) as Tree;
  const results = await destination.run(new WorkBatch(batch.finish()), silent, run);
  assert.equal(results.status(0), 0);
  assert.ok(Deno.statSync(`${to}/a/b`).isDirectory);
  destination.endRun(run);
});
