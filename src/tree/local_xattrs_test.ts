import assert from "node:assert/strict";
import { NO_PARENT } from "../core/entry_block.ts";
import { BlitError, STATUS } from "../core/error.ts";
import {
  BatchBuilder,
  BatchFlag,
  Op,
  REQUEST_MOST_BYTES,
  type Results,
  ResultsWriter,
  WorkBatch,
} from "../core/work_batch.ts";
import { metaWithXattrs } from "./local_xattrs.ts";
import { MemoryTree } from "./memory.ts";

Deno.test("attributes too many for one request go in several, and each item has its own result", async () => {
  const value = "x".repeat(60_000);
  const names = Array.from({ length: 200 }, (_, i) => `f${i}`);
  const source = MemoryTree.of(Object.fromEntries(
    names.map((name) => [name, { content: "", xattrs: { "user.v": value } }]),
  ));
  source.onAccess = (_, path) => {
    if (path === "f77") return new BlitError("io", "Broken.", { operation: "read metadata of" });
  };
  const batch = new BatchBuilder(Op.meta);
  batch.flags = BatchFlag.xattrs;
  const whole = MemoryTree.of(Object.fromEntries(names.map((name) => [name, ""])));
  const seen = await whole.stat(names);
  names.forEach((_, i) => batch.items.addFrom(seen, i, NO_PARENT, 0));
  const run: string[] = [];
  const results: Results = await metaWithXattrs(
    new WorkBatch(batch.finish()),
    source,
    8,
    (part) => {
      assert.ok(part.bytes.length <= REQUEST_MOST_BYTES, `${part.bytes.length} bytes`);
      assert.equal(part.flags, BatchFlag.xattrs);
      const writer = new ResultsWriter(part.items.count);
      for (let i = 0; i < part.items.count; i++) {
        run.push(part.path(i));
        writer.set(i, part.path(i) === "f99" ? { status: STATUS.changed } : { inode: BigInt(i) });
      }
      return Promise.resolve(writer.finish());
    },
  );
  assert.deepEqual(run, names.filter((name) => name !== "f77"));
  assert.equal(results.count, names.length);
  for (let i = 0; i < names.length; i++) {
    const expected = i === 77 ? STATUS.io : i === 99 ? STATUS.changed : 0;
    assert.equal(results.status(i), expected, names[i]);
  }
});

Deno.test("an entry whose attributes can't be read gets no time either: the next run would take it for finished", async () => {
  const source = MemoryTree.of({ a: "", b: "" });
  const seen = await source.stat(["a", "b"]);
  source.onAccess = () => new BlitError("io", "Broken.", { operation: "read metadata of" });
  const batch = new BatchBuilder(Op.meta);
  batch.flags = BatchFlag.xattrs;
  for (const i of [0, 1]) batch.items.addFrom(seen, i, NO_PARENT, 0);
  const results = await metaWithXattrs(
    new WorkBatch(batch.finish()),
    source,
    8,
    () => assert.fail("nothing goes to the destination"),
  );
  assert.deepEqual([0, 1].map((i) => results.status(i)), [STATUS.io, STATUS.io]);
});
