import assert from "node:assert/strict";
import { ENTRY_STAGED, EntryBlock, EntryBlockWriter, Kind } from "../core/entry_block.ts";
import { STATUS } from "../core/error.ts";
import { Cursor } from "./cursor.ts";

function block(names: readonly string[], header: { status?: number; stagedSkipped?: number } = {}) {
  const writer = new EntryBlockWriter(names.length);
  for (const name of names) {
    writer.add({ name, kind: Kind.file, flags: name.startsWith(".blit") ? ENTRY_STAGED : 0 });
  }
  return new EntryBlock(writer.finish(header));
}

async function* blocks(...given: EntryBlock[]): AsyncGenerator<EntryBlock> {
  yield* given;
}

async function read(cursor: Cursor): Promise<string[]> {
  const names = [];
  await cursor.fetch();
  while (cursor.name !== null) {
    names.push(cursor.name);
    if (!cursor.step()) await cursor.fetch();
  }
  return names;
}

Deno.test("a cursor goes through every block, empty ones too", async () => {
  const cursor = new Cursor(blocks(block(["a", "b"]), block([]), block(["c"]), block([])));
  assert.deepEqual(await read(cursor), ["a", "b", "c"]);
  assert.equal(cursor.status, 0);
});

Deno.test("staged entries are handed aside and left out, wherever they stand", async () => {
  const staged: string[] = [];
  const listing = blocks(block([".blit1", "a", ".blit2"]), block([".blit3"]), block(["b"]));
  const cursor = new Cursor(listing, (from, i) => staged.push(from.name(i)));
  assert.deepEqual(await read(cursor), ["a", "b"]);
  assert.deepEqual(staged, [".blit1", ".blit2", ".blit3"]);
});

Deno.test("a failure midway is told after what came before it", async () => {
  const cursor = new Cursor(blocks(block(["a"]), block([], { status: STATUS.io })));
  assert.deepEqual(await read(cursor), ["a"]);
  assert.equal(cursor.status, STATUS.io);
});

Deno.test("skipped staged entries are summed up", async () => {
  const cursor = new Cursor(
    blocks(block(["a"], { stagedSkipped: 2 }), block([], { stagedSkipped: 3 })),
  );
  await read(cursor);
  assert.equal(cursor.stagedSkipped, 5);
});

Deno.test("closing early ends the listing", async () => {
  let ended = false;
  const cursor = new Cursor((async function* () {
    try {
      yield* blocks(block(["a"]), block(["b"]));
    } finally {
      ended = true;
    }
  })());
  await cursor.fetch();
  await cursor.close();
  assert.ok(ended);
});
