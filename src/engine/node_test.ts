import assert from "node:assert/strict";
import { DirNode } from "./node.ts";

Deno.test("a directory is settled once, when its listing and all its children are done", () => {
  const settled: string[] = [];
  const settle = (node: DirNode) => void settled.push(node.path);
  const root = new DirNode(null, "", null, settle);
  root.expect();
  const child = new DirNode(root, "a", null, settle);
  child.expect();
  root.done();
  child.done();
  assert.deepEqual(settled, []);
  child.done();
  assert.deepEqual(settled, ["a", ""], "children first");
});

Deno.test("what is kept keeps every directory above it, and no other", () => {
  const node = (parent: DirNode | null, path: string) => new DirNode(parent, path, null, () => {});
  const root = node(null, "");
  const [a, b] = [node(root, "a"), node(root, "b")];
  const deep = node(node(a, "a/x"), "a/x/y");
  deep.keep();
  assert.deepEqual([root.kept, a.kept, deep.parent!.kept, b.kept], [true, true, true, false]);
});
