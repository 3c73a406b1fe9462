import assert from "node:assert/strict";
import { NO_PARENT } from "../core/entry_block.ts";
import { BlitError, STATUS } from "../core/error.ts";
import { textToName } from "../core/rel_path.ts";
import { BatchBuilder, CopyAction, Op, WorkBatch } from "../core/work_batch.ts";
import { fromDenoError } from "./deno_errors.ts";
import { MemoryTree } from "./memory.ts";
import { PortableTree } from "./portable.ts";

const isUnix = Deno.build.os !== "windows";
const REPLACED = textToName("caf\ufffd");

async function withRoot(check: (tree: PortableTree, root: string) => Promise<void>) {
  const root = await Deno.makeTempDir({ prefix: "blit-portable-" });
  const tree = await PortableTree.open(root);
  try {
    await check(tree, root);
  } finally {
    await tree.close();
    await Deno.remove(root, { recursive: true });
  }
}

/** Deno's own file API can't make such names. */
async function shell(root: string, script: string) {
  const { success } = await new Deno.Command("bash", { args: ["-c", script], cwd: root }).output();
  assert.ok(success, script);
}

async function listed(tree: PortableTree) {
  const found: Record<string, number> = {};
  for await (const block of tree.list("", { sorted: true })) {
    for (let i = 0; i < block.count; i++) found[block.name(i)] = block.status(i);
  }
  return found;
}

async function copyOne(tree: PortableTree, source: MemoryTree, path: string) {
  const run = tree.beginRun(5n, new AbortController().signal);
  const batch = new BatchBuilder(Op.copy);
  batch.items.addFrom(await source.stat([path]), 0, NO_PARENT, CopyAction.create);
  return await tree.run(new WorkBatch(batch.finish()), source, run);
}

Deno.test({
  name: "a name that is not UTF-8 is listed as unsupported, so that it protects its directory",
  ignore: !isUnix,
  fn: () =>
    withRoot(async (tree, root) => {
      await shell(root, String.raw`touch fine $'caf\xe9'`);
      assert.deepEqual(await listed(tree), { [REPLACED]: STATUS.unsupported, fine: 0 });
    }),
});

Deno.test({
  name: "U+FFFD in a name is reached by it, unless a name that is not UTF-8 looks the same",
  ignore: !isUnix,
  fn: () =>
    withRoot(async (tree, root) => {
      await Deno.writeTextFile(`${root}/caf\ufffd`, "its own");
      assert.deepEqual(await listed(tree), { [REPLACED]: 0 });
      await shell(root, String.raw`touch $'caf\xe9'`);
      assert.deepEqual(await listed(tree), { [REPLACED]: STATUS.unsupported });
    }),
});

Deno.test({
  name: "a link whose target is not UTF-8 is listed as unsupported",
  ignore: !isUnix,
  fn: () =>
    withRoot(async (tree, root) => {
      await shell(root, String.raw`ln -s $'to\xff' link`);
      assert.deepEqual(await listed(tree), { link: STATUS.unsupported });
    }),
});

Deno.test({
  name: "a FIFO or a link where a file is expected fails at once and is not followed",
  ignore: !isUnix,
  fn: () =>
    withRoot(async (tree, root) => {
      await shell(root, "mkfifo pipe; echo secret > target; ln -s target link");
      const run = tree.beginRun(6n, new AbortController().signal);
      for (const path of ["pipe", "link"]) {
        await assert.rejects(
          tree.openFile(path, run),
          (error) => error instanceof BlitError && error.kind === "changed",
        );
      }
    }),
});

Deno.test({
  name: "copies with permission to read and write and nothing else",
  permissions: { read: true, write: true },
  fn: () =>
    withRoot(async (tree, root) => {
      const results = await copyOne(tree, MemoryTree.of({ f: "x" }), "f");
      assert.equal(results.status(0), 0);
      assert.equal(await Deno.readTextFile(`${root}/f`), "x");
      assert.equal(tree.traits.owners, false);
      assert.ok((await tree.probe()).freeBytes > 0);
    }),
});

Deno.test({
  name: "locks are flock's, the ones that native code takes",
  ignore: Deno.build.os !== "linux",
  fn: () =>
    withRoot(async (tree, root) => {
      const run = tree.beginRun(0xabcn, new AbortController().signal);
      const batch = new BatchBuilder(Op.marker);
      batch.parameter0 = 1n;
      await tree.run(new WorkBatch(batch.finish()), null, run);
      const args = ["-n", `${root}/.blit-0000000000000abc-0`, "true"];
      assert.equal((await new Deno.Command("flock", { args }).output()).success, false);
      await tree.close();
      assert.equal((await new Deno.Command("flock", { args }).output()).success, true);
    }),
});

Deno.test("a root that is missing, or is a file, is named in the error", async () => {
  const file = await Deno.makeTempFile();
  try {
    for (const [path, kind] of [[file, "not_directory"], [`${file}.none`, "not_found"]]) {
      await assert.rejects(
        PortableTree.open(path),
        (error) => error instanceof BlitError && error.kind === kind && error.path === path,
      );
    }
  } finally {
    await Deno.remove(file);
  }
});

Deno.test("errors of Deno and of node:fs keep their kind and number", () => {
  const node = Object.assign(new Error("ENOSPC: no space"), { code: "ENOSPC", errno: -28 });
  const fromNode = fromDenoError(node, "write", "a");
  assert.deepEqual([fromNode.kind, fromNode.os?.errno], ["no_space", 28]);
  const deno = new Deno.errors.NotFound("No such file or directory (os error 2): lstat 'a'");
  const fromDeno = fromDenoError(deno, "open", "a");
  assert.deepEqual([fromDeno.kind, fromDeno.os?.errno], ["not_found", 2]);
  assert.equal(fromDenoError(new Error("? (os error 99)"), "open", "a").kind, "io");
  assert.equal(fromDenoError(new TypeError("?"), "open", "a").kind, "bug");
});
