import assert from "node:assert/strict";
import { Kind, NO_PARENT } from "../../core/entry_block.ts";
import { BatchBuilder, Op, ResultsWriter, withTrailing, WorkBatch } from "../../core/work_batch.ts";
import { packedXattrs } from "../../tree/local_xattrs.ts";
import { distrustAttributes, markDropped } from "./attribute_rules.ts";

const text = (words: string) => new TextEncoder().encode(words);

function metaBatch(...lists: (Record<string, string> | null)[]): WorkBatch {
  const batch = new BatchBuilder(Op.meta, lists.length);
  lists.forEach((_, i) => batch.items.add({ name: `f${i}`, kind: Kind.file, parent: NO_PARENT }));
  const packed = lists.map((list) =>
    list && new Map(Object.entries(list).map(([name, value]) => [name, text(value)]))
  );
  return new WorkBatch(withTrailing(batch.finish(), packedXattrs(packed)));
}

const present = () =>
  Promise.resolve(new Map([["user.own", text("own")], ["security.capability", text("cap")]]));

Deno.test("protected attributes are neither taken nor taken away", async () => {
  const batch = metaBatch(
    { "user.a": "1", "security.capability": "evil", "trusted.x": "2" },
    null,
    {
      "user.b": "3",
    },
  );
  const { batch: clean, dropped } = await distrustAttributes(batch, present);
  assert.deepEqual([...dropped], [0]);
  const expected = metaBatch({ "user.a": "1", "security.capability": "cap" }, null, {
    "user.b": "3",
    "security.capability": "cap",
  });
  assert.deepEqual(clean.bytes, expected.bytes);
  const results = new ResultsWriter(3).finish();
  markDropped(results, dropped);
  assert.deepEqual([results.flags(0), results.flags(1)], [1, 0]);
});

Deno.test("batches that carry none are left as they are", async () => {
  const batch = new WorkBatch(new BatchBuilder(Op.meta, 0).finish());
  assert.equal((await distrustAttributes(batch, present)).batch, batch);
});

Deno.test("attributes whose lengths lie are refused", async () => {
  const whole = metaBatch({ "user.a": "1" }, { "user.b": "2" }).bytes;
  for (const cut of [1, 5, 12]) {
    const batch = new WorkBatch(whole.slice(0, whole.length - cut));
    await assert.rejects(distrustAttributes(batch, present), { kind: "mismatch" });
  }
  const lying = whole.slice();
  new DataView(lying.buffer).setUint32(whole.length - 4 - 6 - 6 - 1, 0xfffffff0, true);
  await assert.rejects(distrustAttributes(new WorkBatch(lying), present), { kind: "mismatch" });
});
