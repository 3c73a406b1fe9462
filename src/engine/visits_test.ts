import assert from "node:assert/strict";
import { EntryBlock, EntryBlockWriter, Kind } from "../core/entry_block.ts";
import { joinRel } from "../core/rel_path.ts";
import { DirNode } from "./node.ts";
import { Children, VisitBit, Visits } from "./visits.ts";

function block(names: readonly string[]): EntryBlock {
  const writer = new EntryBlockWriter(names.length);
  for (const name of names) writer.add({ name, kind: Kind.directory });
  return new EntryBlock(writer.finish());
}

/** Visits a tree of the given width and depth; returns the paths in order. */
function walk(width: number, depth: number): string[] {
  const visits = new Visits();
  const order: string[] = [];
  const enter = (node: DirNode) => {
    order.push(node.path);
    if (node.path.split("/").length >= depth && node.path !== "") return;
    const names = Array.from({ length: width }, (_, i) => `d${i}`);
    const entries = block(names);
    const children = new Children(node, visits);
    names.forEach((_, i) => children.add(entries, i, VisitBit.source));
    children.flush();
  };
  enter(new DirNode(null, "", null, () => {}));
  for (let visit = visits.next(); visit !== undefined; visit = visits.next()) {
    const path = joinRel(visit.node.path, visit.block.name(visit.i));
    enter(new DirNode(visit.node, path, null, () => {}));
  }
  visits.close();
  return order;
}

Deno.test("every directory is visited once, and all below it before its next sibling", () => {
  const order = walk(4, 4);
  assert.equal(order.length, 1 + 4 + 16 + 64 + 256);
  assert.equal(new Set(order).size, order.length);
  const done = new Set<string>();
  for (let i = 1; i < order.length; i++) {
    // Whatever is left is left for good: depth first.
    const above = order[i].split("/").slice(0, -1).join("/");
    assert.ok(!done.has(above), `${order[i]} comes after ${above} was left`);
    for (let left = order[i - 1]; left !== above; left = left.split("/").slice(0, -1).join("/")) {
      done.add(left);
      if (left === "") break;
    }
  }
});

Deno.test("a directory wider than a chunk is visited whole", () => {
  const order = walk(2000, 1);
  assert.equal(new Set(order).size, 2001);
});

Deno.test("bits and targets come along, and the node waits for each child", () => {
  const visits = new Visits();
  const node = new DirNode(null, "up", null, () => {});
  const children = new Children(node, visits);
  children.add(block(["a"]), 0, VisitBit.source | VisitBit.boundary, new TextEncoder().encode("t"));
  assert.equal(visits.next(), undefined, "not before it is flushed");
  children.flush();
  const visit = visits.next()!;
  assert.equal(visit.bits, VisitBit.source | VisitBit.boundary);
  assert.deepEqual([visit.block.target(visit.i), node.pending], ["t", 2]);
  visits.close();
});
