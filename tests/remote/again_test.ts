/**
 * Calls whose connection breaks, before the daemon hears of them or before its answer comes: with retries each is made
 * again, and what was done the first time is done once.
 *
 * @module
 */
import assert from "node:assert/strict";
import { Kind, NO_PARENT } from "../../src/core/entry_block.ts";
import { kindOfStatus } from "../../src/core/error.ts";
import {
  BatchBuilder,
  BatchFlag,
  CopyAction,
  MarkerAction,
  Op,
  type Results,
  WorkBatch,
} from "../../src/core/work_batch.ts";
import { type ListOptions, type RunContext, Walk } from "../../src/engine/tree.ts";
import type { RemoteTree } from "../../src/rpc/remote_tree.ts";
import type { SessionKeeper } from "../../src/rpc/session_keeper.ts";
import { sh } from "../support/loop_fs.ts";
import { Proxy } from "../support/proxy.ts";
import { eventually } from "./daemon_support.ts";
import { remoteScene } from "./remote_pair.ts";

/** A tree behind a proxy that cuts. */
interface Cut {
  readonly tree: RemoteTree;
  readonly keeper: SessionKeeper;
  readonly proxy: Proxy;
  /** Folder that the tree is of. */
  readonly folder: string;
  readonly run: RunContext;
}

/** Declares a test with such a tree. */
function linkTest(name: string, test: (cut: Cut) => Promise<void>): void {
  Deno.test(name, async () => {
    const proxy = await Proxy.listen();
    const scene = await remoteScene();
    try {
      proxy.target = scene.port;
      const keeper = await scene.session({ retries: 9, retryWaitMs: 1, port: proxy.port });
      const tree = await scene.tree(keeper, "t");
      const run = tree.beginRun(0x1234n, new AbortController().signal);
      // Root and connection are warm: what is cut next is the call itself.
      await tree.stat([""]);
      await test({ tree, keeper, proxy, folder: `${scene.folder}/t`, run });
      tree.endRun(run);
    } finally {
      await scene.dispose();
      await proxy.close();
    }
  });
}

/** Runs `test` once with each kind of cut: `arm` makes the next call meet it. */
function cutTest(name: string, test: (cut: Cut, arm: () => void) => Promise<void>): void {
  const kinds = [["fromClient", "a request"], ["fromDaemon", "an answer"]] as const;
  for (const [side, lost] of kinds) {
    linkTest(`${name}, where ${lost} is lost`, async (cut) => {
      let cuts = 0;
      await test(cut, () => {
        cuts++;
        cut.proxy.cutOnce(side, 0);
      });
      assert.equal(cut.keeper.attempts, cuts, "the link must have broken each time");
    });
  }
}

async function recorded(tree: RemoteTree, op: Op, ...names: string[]): Promise<BatchBuilder> {
  const builder = new BatchBuilder(op, names.length);
  const now = await tree.stat(names);
  for (let i = 0; i < now.count; i++) builder.items.addFrom(now, i, NO_PARENT, 0);
  return builder;
}

function kinds(results: Results): string[] {
  return Array.from({ length: results.count }, (_, i) => {
    const status = results.status(i);
    return status === 0 ? "ok" : kindOfStatus(status);
  });
}

const done = (builder: BatchBuilder) => new WorkBatch(builder.finish());

cutTest("a removal is done once", async ({ tree, folder, run }, arm) => {
  for (const name of ["a", "b", "stays"]) await Deno.writeTextFile(`${folder}/${name}`, name);
  await Deno.mkdir(`${folder}/dir`);
  const batch = done(await recorded(tree, Op.remove, "a", "b", "dir"));
  arm();
  assert.deepEqual(kinds(await tree.run(batch, null, run)), ["ok", "ok", "ok"]);
  assert.deepEqual([...Deno.readDirSync(folder)].map(({ name }) => name), ["stays"]);
});

linkTest("what came under a removed name before the second try stays", async (cut) => {
  const { tree, folder, run, proxy } = cut;
  for (const name of ["a", "b"]) await Deno.writeTextFile(`${folder}/${name}`, "old");
  const batch = done(await recorded(tree, Op.remove, "a", "b"));
  // The answer is on its way, so both are gone: now somebody makes one of them anew.
  proxy.onceAfter("fromDaemon", 0, () => {
    Deno.writeTextFileSync(`${folder}/a`, "new");
    return null;
  });
  assert.deepEqual(kinds(await tree.run(batch, null, run)), ["changed", "ok"]);
  assert.equal(await Deno.readTextFile(`${folder}/a`), "new");
});

cutTest("a rename is done once", async ({ tree, folder, run }, arm) => {
  await Deno.writeTextFile(`${folder}/old`, "moved");
  const now = await tree.stat(["old"]);
  const builder = new BatchBuilder(Op.rename, 2);
  builder.flags = BatchFlag.noReplace;
  const target = new TextEncoder().encode("new");
  builder.items.addFrom(now, 0, NO_PARENT, 0, undefined, target);
  const gone = { name: "never", target: "nowhere", kind: Kind.file, inode: 1n, parent: NO_PARENT };
  builder.items.add(gone);
  arm();
  assert.deepEqual(kinds(await tree.run(done(builder), tree, run)), ["ok", "not_found"]);
  assert.equal(await Deno.readTextFile(`${folder}/new`), "moved");
});

linkTest("what came under a renamed name before the second try stays", async (cut) => {
  const { tree, folder, run, proxy } = cut;
  await Deno.writeTextFile(`${folder}/old`, "moved");
  const now = await tree.stat(["old"]);
  const builder = new BatchBuilder(Op.rename, 1);
  const target = new TextEncoder().encode("new");
  builder.items.addFrom(now, 0, NO_PARENT, 0, undefined, target);
  proxy.onceAfter("fromDaemon", 0, () => {
    Deno.writeTextFileSync(`${folder}/old`, "another");
    return null;
  });
  assert.deepEqual(kinds(await tree.run(done(builder), tree, run)), ["ok"]);
  assert.equal(await Deno.readTextFile(`${folder}/new`), "moved");
  assert.equal(await Deno.readTextFile(`${folder}/old`), "another");
});

cutTest("a hardlink is made once", async ({ tree, folder, run }, arm) => {
  await Deno.writeTextFile(`${folder}/first`, "x");
  await Deno.writeTextFile(`${folder}/taken`, "y");
  const builder = new BatchBuilder(Op.link, 2);
  const now = await tree.stat(["first"]);
  for (const name of ["second", "taken"]) {
    builder.items.add({
      name,
      target: "first",
      kind: Kind.file,
      inode: now.inode(0),
      action: CopyAction.create,
      parent: NO_PARENT,
    });
  }
  arm();
  assert.deepEqual(kinds(await tree.run(done(builder), null, run)), ["ok", "exists"]);
  assert.equal((await Deno.stat(`${folder}/first`)).nlink, 2);
});

cutTest("times are set", async ({ tree, folder, run }, arm) => {
  await Deno.mkdir(`${folder}/d`);
  const builder = new BatchBuilder(Op.meta, 1);
  const item = {
    name: "d",
    kind: Kind.directory,
    mode: 0o750,
    mtimeNs: 1_000_000_000_000_000_000n,
  };
  builder.items.add({ ...item, parent: NO_PARENT });
  arm();
  assert.deepEqual(kinds(await tree.run(done(builder), null, run)), ["ok"]);
  assert.equal((await Deno.stat(`${folder}/d`)).mtime?.getTime(), 1_000_000_000_000);
});

cutTest("directories are made", async ({ tree, folder, run }, arm) => {
  const builder = new BatchBuilder(Op.copy, 1);
  const action = CopyAction.parentCreate;
  builder.items.add({ name: "a/b", kind: Kind.directory, action, parent: NO_PARENT });
  arm();
  // The engine tries copies again itself.
  await tree.run(done(builder), null, run);
  assert.deepEqual(kinds(await tree.run(done(builder), null, run)), ["ok"]);
  assert.ok((await Deno.stat(`${folder}/a/b`)).isDirectory);
});

for (const action of ["create", "release", "leave"] as const) {
  cutTest(`a marker's ${action} is done`, async ({ tree, folder, run }, arm) => {
    const marker = async (action: bigint) => {
      const builder = new BatchBuilder(Op.marker, 1);
      const name = ".blit-0000000000001234-0";
      builder.items.add({ name, kind: Kind.file, parent: NO_PARENT });
      builder.parameter0 = action;
      // As a mirror makes it: alone.
      builder.parameter1 = action === MarkerAction.create ? 1n : 0n;
      assert.deepEqual(kinds(await tree.run(done(builder), null, run)), ["ok"]);
    };
    if (action !== "create") await marker(MarkerAction.create);
    arm();
    await marker(MarkerAction[action]);
    const left = action === "release" ? [] : [".blit-0000000000001234-0"];
    assert.deepEqual([...Deno.readDirSync(folder)].map(({ name }) => name), left);
  });
}

cutTest("hashes, flushes, metadata and attributes are asked for", async (cut, arm) => {
  const { tree, folder, run } = cut;
  await Deno.writeTextFile(`${folder}/f`, "content");
  const now = await tree.stat(["f"]);
  const hash = new BatchBuilder(Op.hash, 1);
  hash.items.addFrom(now, 0, NO_PARENT, 0);
  arm();
  assert.deepEqual(kinds(await tree.hash(done(hash), run)), ["ok"]);
  arm();
  assert.deepEqual(kinds(await tree.run(done(new BatchBuilder(Op.sync, 1)), null, run)), []);
  arm();
  assert.equal((await tree.stat(["f"])).sizeBytes(0), 7);
  arm();
  await tree.xattrs("f");
});

/** Lists a directory of two blocks over a link that breaks between them. */
async function listBroken(
  { tree, folder, proxy }: Cut,
  options: ListOptions,
  meanwhile: () => void = () => {},
) {
  sh(`cd "$0" && seq -f file-%06g 6000 | xargs touch`, folder);
  // Behind the first block, of 4,096 entries of 106 bytes.
  let isStalled = false;
  proxy.onceAfter("fromDaemon", 450_000, () => {
    isStalled = true;
    proxy.stall();
  });
  const found: string[] = [];
  let status = 0;
  let isCut = false;
  for await (const block of tree.list("", options)) {
    status ||= block.listStatus;
    for (let i = 0; i < block.count; i++) found.push(block.name(i));
    if (isCut) continue;
    isCut = true;
    assert.equal(found.length, 4096);
    await eventually(() => isStalled, 20_000);
    meanwhile();
    proxy.cut();
  }
  return { found, status };
}

const NAMES = Array.from({ length: 6000 }, (_, i) => `file-${String(i + 1).padStart(6, "0")}`);

for (const walked of [true, false]) {
  const how = walked ? "of a walk" : "of its own";
  linkTest(`a listing ${how} goes on behind its first block`, async (cut) => {
    const walk = walked ? new Walk() : undefined;
    const { found, status } = await listBroken(cut, { sorted: walked, walk });
    assert.equal(status, 0);
    assert.deepEqual(found, NAMES);
    assert.equal(cut.keeper.attempts, 1);
  });
}

linkTest("a listing of a directory that changed meanwhile fails alone", async (cut) => {
  const { status } = await listBroken(cut, { sorted: true, walk: new Walk() }, () => {
    Deno.renameSync(`${cut.folder}/file-005000`, `${cut.folder}/file-000000-moved`);
  });
  assert.equal(kindOfStatus(status), "changed");
});

linkTest("a file that is read goes on", async ({ tree, folder, run, proxy }) => {
  const content = crypto.getRandomValues(new Uint8Array(65536));
  const large = new Uint8Array(8 << 20);
  for (let at = 0; at < large.length; at += content.length) large.set(content, at);
  await Deno.writeFile(`${folder}/f`, large);
  const reader = await tree.openFile("f", run);
  let length = 0;
  for (let piece = await reader.read(); piece !== null; piece = await reader.read()) {
    assert.deepEqual(piece, large.subarray(length, length + piece.length));
    length += piece.length;
    if (length <= 1 << 20) proxy.cut();
  }
  assert.equal(length, large.length);
  assert.equal((await reader.close()).unchanged, true);
});
