import assert from "node:assert/strict";
import { GroupState, LinkTable } from "./link_table.ts";

Deno.test("groups are found by device and inode", () => {
  const table = new LinkTable(16);
  const slot = table.add(1n, 7n, "a/b", 3);
  assert.equal(table.find(1n, 7n), slot);
  assert.equal(table.find(2n, 7n), -1);
  assert.equal(table.find(1n, 8n), -1);
  assert.deepEqual([table.path(slot), table.state(slot)], ["a/b", GroupState.pending]);
  assert.equal(table.destinationInode(slot), 0n);
});

Deno.test("inodes that hash alike stay apart, and stay findable when one of them goes", () => {
  const table = new LinkTable(16);
  const slots = Array.from({ length: 8 }, (_, i) => table.add(1n, BigInt(i) << 40n, `p${i}`, 2));
  assert.equal(new Set(slots).size, 8);
  table.drop(slots[3]);
  assert.equal(table.find(1n, 3n << 40n), -1);
  for (const i of [0, 1, 2, 4, 5, 6, 7]) assert.equal(table.find(1n, BigInt(i) << 40n), slots[i]);
});

Deno.test("the last name is told from those before", () => {
  const table = new LinkTable(16);
  const slot = table.add(1n, 1n, "a", 3);
  assert.deepEqual([table.seen(slot), table.seen(slot)], [false, true]);
  assert.equal(table.seen(slot), true, "more names than the count said");
});

Deno.test("a table is full at its capacity, and has room again when groups go", () => {
  const table = new LinkTable(16);
  const slots: number[] = [];
  while (!table.full) slots.push(table.add(1n, BigInt(slots.length + 1), "x", 2));
  assert.equal(slots.length, table.capacity);
  slots.forEach((slot) => table.drop(slot));
  assert.ok(!table.full);
});

Deno.test("a table that groups come to and go from keeps finding them", () => {
  const table = new LinkTable(64);
  const live = new Map<bigint, number>();
  for (let inode = 1n; inode < 5000n; inode++) {
    if (table.full) {
      for (const slot of live.values()) table.drop(slot);
      live.clear();
    }
    live.set(inode, table.add(inode % 3n, inode, `${inode}`, 2));
    for (const [known, slot] of live) assert.equal(table.find(known % 3n, known), slot);
  }
});

Deno.test("state, inode and path of a group can change", () => {
  const table = new LinkTable(16);
  const slot = table.add(1n, 1n, "a", 2);
  table.setState(slot, GroupState.ready, 99n);
  table.setPath(slot, "b\xff");
  assert.deepEqual([table.state(slot), table.destinationInode(slot), table.path(slot)], [
    GroupState.ready,
    99n,
    "b\xff",
  ]);
});
