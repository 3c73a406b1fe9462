import assert from "node:assert/strict";
import { EntryBlock, EntryBlockWriter, Kind } from "../core/entry_block.ts";
import { entryJson } from "./entry_json.ts";

Deno.test("whole seconds of a time are those of its nanoseconds, before 1970 too", () => {
  for (
    const [mtimeNs, seconds] of [[-500_000_000n, -1], [1_999_999_999n, 1], [-1_000_000_000n, -1]]
  ) {
    const writer = new EntryBlockWriter(1);
    writer.add({ name: "a", kind: Kind.file, mtimeNs: BigInt(mtimeNs) });
    const fields = entryJson("a", new EntryBlock(writer.finish()), 0, "path");
    assert.deepEqual([fields.mtime_seconds, fields.mtime_ns], [seconds, String(mtimeNs)]);
  }
});
