import assert from "node:assert/strict";
import { BlitError } from "../core/error.ts";
import { MemoryTree } from "../tree/memory.ts";
import { entriesOf, usageOf } from "./manage.ts";
import { removeEntry } from "./remove.ts";

/** A tree in which one operation on one path is denied. */
function denying(operation: string, path: string): MemoryTree {
  const tree = MemoryTree.of({ "d/x": "1", e: "2" });
  tree.onAccess = (now, at) =>
    now === operation && at === path
      ? new BlitError("permission", "denied", { operation })
      : undefined;
  return tree;
}

Deno.test("what can't be listed is named from the path that was typed on", async () => {
  const tree = denying("list", "d");
  const block = await tree.stat([""]);
  for (const [display, shown] of [["photos", "photos/d"], [undefined, "d"]]) {
    const opened = { tree, block, index: 0, located: { entry: "", isDirectory: true, display } };
    const found = await Array.fromAsync(entriesOf(opened, { recursive: true }));
    const used = await Array.fromAsync(usageOf(opened, { oneFileSystem: false }));
    const errors = [...found, ...used].flatMap((one) => "error" in one ? [one.error.path] : []);
    assert.deepEqual(errors, [shown, shown]);
  }
});

Deno.test("what can't be deleted is named with the tree that it is in", async () => {
  const messages: string[] = [];
  const terms = {
    dryRun: false,
    signal: new AbortController().signal,
    root: "/srv",
    onFailure: (_: string, error: BlitError) => messages.push(error.message),
  };
  const tree = denying("remove", "d/x");
  const result = await removeEntry(tree, "d", "d", terms);
  assert.deepEqual([result.entriesDeleted, result.entriesFailed], [0, 1]);
  assert.match(messages[0], /^Cannot remove "\/srv\/d\/x": /);
});
