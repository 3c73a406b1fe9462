import assert from "node:assert/strict";

import { Room } from "./room.ts";
import { Tally } from "./tally.ts";
import type { FsFacts } from "./tree.ts";

const FACTS: FsFacts = {
  device: 1n,
  rootInode: 1n,
  type: "ext4",
  freeBytes: 1 << 30,
  totalBytes: 1 << 30,
  freeInodes: 1000,
  readOnly: false,
  foldsCase: false,
  normalisesUnicode: false,
  dropsFinalDots: false,
  isFsRoot: false,
  timeGrainNs: 1,
};

/** The warnings that entries of these sizes bring, with what each replaces. */
function warnings(
  facts: Partial<FsFacts>,
  entries: readonly (readonly [bytes: number, replaced: number | null])[],
  source: Partial<FsFacts> = { device: 99n },
): readonly string[] {
  const tally = new Tally(undefined, false);
  const room = new Room(tally, { ...FACTS, ...source }, { ...FACTS, ...facts }, "/mnt/full");
  for (const [bytes, replaced] of entries) room.take(bytes, replaced);
  return tally.warnings;
}

Deno.test("a run warns once, where what it copies needs more than is free", () => {
  const said = warnings({ freeBytes: 2 << 20 }, [[1 << 20, null], [2 << 20, null], [
    9 << 20,
    null,
  ]]);
  assert.deepEqual(said, [
    'Not everything will fit: "/mnt/full" has 2.00 MiB free, and what is to be copied needs more. ' +
    "Make room there, or the run fails once it is full.",
  ]);
  assert.deepEqual(warnings({ freeBytes: 2 << 20 }, [[1 << 20, null], [1 << 20, null]]), []);
});

Deno.test("a replaced file makes room for the next ones, but not for the one in its place", () => {
  const facts = { freeBytes: 10 };
  assert.deepEqual(warnings(facts, Array.from({ length: 50 }, () => [10, 10] as const)), []);
  assert.equal(warnings(facts, [[11, 11]]).length, 1);
});

Deno.test("new entries need inodes, where the file system counts them", () => {
  const entries = [[0, null], [0, 0], [0, null]] as const;
  assert.match(warnings({ freeInodes: 1 }, entries)[0], /has free inodes for 1 entries, and more/);
  assert.deepEqual(warnings({ freeInodes: 2 }, entries), []);
  assert.deepEqual(warnings({ freeInodes: 0 }, entries), []);
});

Deno.test("a file system that doesn't say its size isn't taken for full", () => {
  const facts = { totalBytes: 0, freeBytes: 0, freeInodes: 0 };
  assert.deepEqual(warnings(facts, [[100, null]]), []);
});

Deno.test("copies within a file system that shares extents need no room", () => {
  const facts = { device: 5n, type: "btrfs", freeBytes: 1 };
  assert.deepEqual(warnings(facts, [[100, null]], { device: 5n }), []);
  assert.equal(warnings(facts, [[100, null]], { device: 6n }).length, 1);
});
