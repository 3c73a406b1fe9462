import assert from "node:assert/strict";
import { Kind } from "../core/entry_block.ts";
import { BlitError, STATUS } from "../core/error.ts";
import { type RelPath, textToName } from "../core/rel_path.ts";
import { MemoryTree } from "./memory.ts";

async function onlyBlock(tree: MemoryTree, directory: RelPath) {
  const blocks = [];
  for await (const block of tree.list(directory, { sorted: true })) blocks.push(block);
  assert.equal(blocks.length, 1);
  return blocks[0];
}

Deno.test("a spec makes files, directories, links, hardlinks and specials", () => {
  const tree = MemoryTree.of({
    "a/b.txt": "text",
    "empty/": null,
    l: { link: "a" },
    again: { hardlink: "a/b.txt" },
    pipe: { special: Kind.fifo },
  });
  assert.deepEqual(tree.snapshot(), {
    "a/": null,
    "a/b.txt": "text",
    again: "text",
    "empty/": null,
    l: "-> a",
    pipe: String(Kind.fifo),
  });
  assert.equal(tree.fields("again").inode, tree.fields("a/b.txt").inode);
  assert.equal(tree.fields("again").linkCount, 2);
});

Deno.test("a write in place keeps the inode; every change moves ctime forward", () => {
  const tree = MemoryTree.of({ f: "one" });
  const before = tree.fields("f");
  tree.put("f", { content: "two", mtimeNs: before.mtimeNs });
  const after = tree.fields("f");
  assert.equal(after.inode, before.inode);
  assert.equal(after.mtimeNs, before.mtimeNs);
  assert.ok(after.ctimeNs! > before.ctimeNs!);
  tree.drop("f");
  tree.put("f", "two");
  assert.notEqual(tree.fields("f").inode, before.inode);
});

Deno.test("a hook makes one directory's listing fail", async () => {
  const tree = MemoryTree.of({ "secret/f": "", "open/f": "" });
  const denied = new BlitError("permission", "Cannot list: injected.", { operation: "list" });
  tree.onAccess = (operation, path) => {
    if (operation === "list" && path === "secret") return denied;
  };
  assert.equal((await onlyBlock(tree, "secret")).listStatus, STATUS.permission);
  assert.equal((await onlyBlock(tree, "open")).listStatus, 0);
});

Deno.test("a directory moved away during its listing is an error, not an empty directory", async () => {
  const tree = MemoryTree.of({ "d/f": "", "d/g": "" });
  tree.onAccess = (operation, path) => {
    if (operation === "read metadata of" && path === "d/f") tree.move("d", "elsewhere");
  };
  assert.equal((await onlyBlock(tree, "d")).listStatus, STATUS.not_found);
});

Deno.test("an entry that vanishes during a listing is left out", async () => {
  const tree = MemoryTree.of({ "d/f": "", "d/g": "" });
  tree.onAccess = (operation, path) => {
    if (operation === "read metadata of" && path === "d/f" && tree.has(path)) tree.drop("d/f");
  };
  const block = await onlyBlock(tree, "d");
  assert.equal(block.listStatus, 0);
  assert.deepEqual([block.count, block.name(0)], [1, "g"]);
});

Deno.test("without superuser rights permission bits are honoured", async () => {
  const tree = MemoryTree.of({ d: { directory: true, mode: 0o300 } }, { isSuperuser: false });
  assert.equal((await onlyBlock(tree, "d")).listStatus, STATUS.permission);
  assert.equal(tree.traits.owners, false);
});

Deno.test("a folding tree finds a name by its other case and its other Unicode form", async () => {
  const composed = textToName("caf\u00e9");
  const decomposed = textToName("cafe\u0301");
  const tree = MemoryTree.of({ "Read.me": "x", [composed]: "y" }, {
    foldsCase: true,
    normalisesUnicode: true,
  });
  const block = await tree.stat(["read.ME", decomposed]);
  assert.deepEqual([block.status(0), block.status(1)], [0, 0]);
  assert.ok((await tree.probe()).foldsCase);
});

Deno.test("two trees of one file system can rename between each other, others can't", () => {
  const volume = MemoryTree.of({ "a/": null, "b/": null });
  assert.ok(volume.at("a").canRenameFrom(volume.at("b")));
  assert.ok(!volume.canRenameFrom(MemoryTree.of()));
});
