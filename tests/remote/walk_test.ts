/**
 * Listings that are read ahead show what a fresh one shows, in whatever order they are asked for.
 *
 * @module
 */
import assert from "node:assert/strict";
import { type EntryBlock, Kind } from "../../src/core/entry_block.ts";
import { joinRel, type RelPath } from "../../src/core/rel_path.ts";
import { type Tree, Walk } from "../../src/engine/tree.ts";
import { BlitError } from "../../src/core/error.ts";
import { RemoteWalk } from "../../src/rpc/remote_walk.ts";
import { remoteScene } from "./remote_pair.ts";

/** Directories by path, each with the names in it. */
type Expected = Map<RelPath, string[]>;

/** Makes a tree that is deep, wide, and has one directory of several blocks. */
async function makeTree(folder: string): Promise<Expected> {
  const expected: Expected = new Map();
  const make = async (path: RelPath, depth: number, seed: number) => {
    const names: string[] = [];
    await Deno.mkdir(`${folder}/${path}`, { recursive: true });
    for (let i = 0; i < seed % 7; i++) {
      await Deno.writeTextFile(`${folder}/${path}/f${i}`, "");
      names.push(`f${i}`);
    }
    for (let i = 0; depth > 0 && i < 5; i++) {
      const name = `d${i}`;
      names.push(name);
      await make(joinRel(path, name), depth - 1, seed * 31 + i);
    }
    expected.set(path, names.sort());
  };
  await make("", 3, 5);
  const wide = Array.from({ length: 9000 }, (_, i) => `w${String(i).padStart(5, "0")}`);
  await Deno.mkdir(`${folder}/wide`);
  for (const name of wide) Deno.writeTextFileSync(`${folder}/wide/${name}`, "");
  expected.set("wide", wide);
  expected.get("")!.push("wide");
  return expected;
}

async function namesIn(blocks: AsyncIterable<EntryBlock>): Promise<string[]> {
  const names: string[] = [];
  for await (const block of blocks) {
    assert.equal(block.listStatus, 0);
    for (let i = 0; i < block.count; i++) names.push(block.name(i));
  }
  return names;
}

type List = (path: RelPath) => AsyncIterable<EntryBlock>;

/** Walks everything, so many directories at a time, the newest first. */
async function walkAll(list: List, abreast: number): Promise<Expected> {
  const found: Expected = new Map();
  const waiting: RelPath[] = [""];
  const visit = async (path: RelPath) => {
    const names: string[] = [];
    for await (const block of list(path)) {
      assert.equal(block.listStatus, 0, path);
      for (let i = 0; i < block.count; i++) {
        names.push(block.name(i));
        if (block.kind(i) === Kind.directory) waiting.push(joinRel(path, block.name(i)));
      }
    }
    assert.ok(!found.has(path), `${path} came twice`);
    found.set(path, names);
  };
  const running = new Set<Promise<void>>();
  while (waiting.length > 0 || running.size > 0) {
    while (waiting.length > 0 && running.size < abreast) {
      const task: Promise<void> = visit(waiting.pop()!).finally(() => running.delete(task));
      running.add(task);
    }
    await Promise.race(running);
  }
  return found;
}

function listOf(tree: Tree): List {
  const walk = new Walk();
  return (path) => tree.list(path, { sorted: true, walk });
}

function sortedEntries(map: Expected): [RelPath, string[]][] {
  return [...map].sort(([a], [b]) => a < b ? -1 : 1);
}

Deno.test("what a walk reads ahead is what is there, however many directories go abreast", async () => {
  const scene = await remoteScene();
  try {
    const expected = sortedEntries(await makeTree(scene.folder));
    const keeper = await scene.session();
    const tree = await scene.tree(keeper, "");
    for (const abreast of [1, 4, 32]) {
      const found = await walkAll(listOf(tree), abreast);
      assert.deepEqual(sortedEntries(found), expected, `${abreast} abreast`);
    }
    await tree.close();
  } finally {
    await scene.dispose();
  }
});

Deno.test("a window that is too small for what nobody asks for stops nothing", async () => {
  const scene = await remoteScene();
  try {
    const expected = await makeTree(scene.folder);
    const keeper = await scene.session();
    const tree = await scene.tree(keeper, "");
    const { session } = keeper;
    for (const abreast of [1, 8]) {
      const walk = new RemoteWalk(session, await tree.root(session), 4096);
      const found = await walkAll((path) => walk.list(path, false), abreast);
      assert.deepEqual(sortedEntries(found), sortedEntries(expected));
      walk.close(new BlitError("cancelled", "done"));
    }
    // Only every other directory is wanted: the rest fills the window.
    const walk = new RemoteWalk(session, await tree.root(session), 4096);
    for (const [path, names] of [...expected].reverse().filter((_, i) => i % 2 === 0)) {
      assert.deepEqual(await namesIn(walk.list(path, false)), names, path);
    }
    walk.close(new BlitError("cancelled", "done"));
    await tree.close();
  } finally {
    await scene.dispose();
  }
});

Deno.test("directories may be asked for in any order, left early, and asked for again", async () => {
  const scene = await remoteScene();
  try {
    const expected = await makeTree(scene.folder);
    const keeper = await scene.session();
    const tree = await scene.tree(keeper, "");
    const walk = new Walk();
    const paths = [...expected.keys()];
    let state = 42;
    const random = (below: number) => (state = (state * 1103515245 + 12345) & 0x7fffffff) % below;
    for (let round = 0; round < 400; round++) {
      const path = paths[random(paths.length)];
      if (random(4) === 0) {
        for await (const block of tree.list(path, { sorted: false, walk })) {
          assert.equal(block.listStatus, 0);
          break;
        }
      } else {
        const names = await namesIn(tree.list(path, { sorted: true, walk }));
        assert.deepEqual(names, expected.get(path), path);
      }
    }
    await tree.close();
  } finally {
    await scene.dispose();
  }
});

Deno.test("a listing that belongs to no walk is fresh; so is the next walk's", async () => {
  const scene = await remoteScene();
  try {
    await Deno.mkdir(`${scene.folder}/d`);
    const keeper = await scene.session();
    const tree = await scene.tree(keeper, "");
    const walk = new Walk();
    assert.deepEqual(await namesIn(tree.list("", { sorted: true, walk })), ["d"]);
    // By now `d` was read ahead, empty.
    await new Promise((resolve) => setTimeout(resolve, 200));
    await Deno.writeTextFile(`${scene.folder}/d/new`, "");
    assert.deepEqual(await namesIn(tree.list("d", { sorted: true })), ["new"]);
    const next = new Walk();
    assert.deepEqual(await namesIn(tree.list("", { sorted: true, walk: next })), ["d"]);
    assert.deepEqual(await namesIn(tree.list("d", { sorted: true, walk: next })), ["new"]);
    await tree.close();
  } finally {
    await scene.dispose();
  }
});
