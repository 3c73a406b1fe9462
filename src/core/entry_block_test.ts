import assert from "node:assert/strict";
import { EntryBlock, EntryBlockWriter, Kind } from "./entry_block.ts";

Deno.test("a name that is too long to be packed leaves the block as it was", () => {
  const writer = new EntryBlockWriter(1);
  writer.add({ name: "a", kind: Kind.file });
  const long = "x".repeat(0x1_0000);
  for (const fields of [{ name: long }, { name: "b", target: long }]) {
    assert.throws(() => writer.add({ kind: Kind.symlink, ...fields }), { kind: "name_too_long" });
  }
  writer.add({ name: "c", kind: Kind.file });
  const block = new EntryBlock(writer.finish());
  assert.deepEqual([block.count, block.name(0), block.name(1)], [2, "a", "c"]);
});
