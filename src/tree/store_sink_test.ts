import assert from "node:assert/strict";
import { NO_PARENT } from "../core/entry_block.ts";
import { BatchBuilder, CopyAction, Op, ResultFlag, WorkBatch } from "../core/work_batch.ts";
import { MemoryTree } from "./memory.ts";

Deno.test("a directory that can't be written is widened, and the result says so", async () => {
  const tree = MemoryTree.of({ d: { directory: true, mode: 0o555 } }, { isSuperuser: false });
  const source = MemoryTree.of({ "d/f": "x" });
  const run = tree.beginRun(7n, new AbortController().signal);
  const batch = new BatchBuilder(Op.copy);
  const seen = await source.stat(["d", "d/f"]);
  const parent = batch.items.addFrom(seen, 0, NO_PARENT, CopyAction.parentExists);
  batch.items.addFrom(seen, 1, parent, CopyAction.create, new TextEncoder().encode("f"));
  const results = await tree.run(new WorkBatch(batch.finish()), source, run);
  assert.deepEqual([results.status(0), results.status(1)], [0, 0]);
  assert.equal(results.flags(0), ResultFlag.directoryWidened);
  assert.equal(tree.fields("d").mode, 0o755);
});
