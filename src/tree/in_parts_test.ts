import assert from "node:assert/strict";
import { Kind, NO_PARENT } from "../core/entry_block.ts";
import { STATUS } from "../core/error.ts";
import {
  BatchBuilder,
  BatchFlag,
  CopyAction,
  Op,
  type Results,
  ResultsWriter,
  WorkBatch,
} from "../core/work_batch.ts";
import { canShare, inParts, SHARED_BYTES } from "./in_parts.ts";

const MIB = 2 ** 20;

interface Shape {
  readonly sizeBytes?: number;
  readonly action?: number;
  readonly flags?: number;
  readonly files?: number;
}

function batchOf(
  { sizeBytes = SHARED_BYTES, action = CopyAction.create, flags = 0, files = 1 }: Shape,
): WorkBatch {
  const builder = new BatchBuilder(Op.copy, 2);
  builder.flags = flags;
  const parent = builder.items.add({
    name: "d",
    kind: Kind.directory,
    action: CopyAction.parentCreate,
    parent: NO_PARENT,
  });
  for (let i = 0; i < files; i++) {
    builder.items.add({ name: `f${i}`, kind: Kind.file, action, parent, sizeBytes });
  }
  return new WorkBatch(builder.finish());
}

/** A far side that notes what is asked of it, and for how much it was asked at a time. */
class Far {
  readonly parts: { readonly kind: number; readonly first: number; readonly end: number }[] = [];
  most = 0;
  #busy = 0;

  constructor(readonly fails: (kind: number, first: number) => number = () => 0) {}

  readonly carry = async ({ parameter1, items }: WorkBatch): Promise<Results> => {
    const kind = Number(parameter1 & 0xffn);
    const first = Number(parameter1 >> 8n & 0xfffffffn), end = Number(parameter1 >> 36n);
    this.parts.push({ kind, first, end });
    this.most = Math.max(this.most, ++this.#busy);
    await new Promise((resolve) => setTimeout(resolve, 1));
    this.#busy--;
    const results = new ResultsWriter(items.count);
    results.set(0, { flags: kind === 1 ? 32 : 0 });
    const status = this.fails(kind, first);
    if (status !== 0) results.set(1, { status });
    else if (kind === 2) results.set(1, { bytesMoved: (end - first) * MIB, method: 10 });
    else results.set(1, { method: 10, inode: 7n });
    return results.finish();
  };
}

Deno.test("only one large file that is to come as a whole can be shared", () => {
  assert.ok(canShare(batchOf({})));
  assert.ok(canShare(batchOf({ action: CopyAction.replace })));
  assert.ok(!canShare(batchOf({ sizeBytes: SHARED_BYTES - 1 })));
  assert.ok(!canShare(batchOf({ files: 2 })));
  assert.ok(!canShare(batchOf({ action: CopyAction.resume })));
  assert.ok(!canShare(batchOf({ flags: BatchFlag.keepPartial })));
  assert.ok(!canShare(batchOf({ flags: BatchFlag.discard })));
  assert.ok(!canShare(new WorkBatch(new BatchBuilder(Op.copy, 1).finish())));
});

Deno.test("the parts cover the file once, no more at a time than there are streams, between open and finish", async () => {
  const far = new Far();
  const results = await inParts(batchOf({ sizeBytes: 1000 * MIB + 1 }), 3, far.carry);
  const kinds = far.parts.map(({ kind }) => kind);
  assert.equal(kinds[0], 1);
  assert.equal(kinds.at(-1), 3);
  assert.ok(kinds.slice(1, -1).every((kind) => kind === 2));
  let at = 0;
  for (const { first, end } of far.parts.slice(1, -1)) {
    assert.equal(first, at);
    at = end;
  }
  assert.equal(at, 1001);
  assert.equal(far.most, 3);
  assert.equal(results.flags(0), 32);
  assert.equal(results.inode(1), 7n);
  assert.equal(results.bytesMoved(1), 1001 * MIB);
});

Deno.test("a file that can't be opened is asked for no further", async () => {
  const far = new Far((kind) => kind === 1 ? STATUS.permission : 0);
  const results = await inParts(batchOf({}), 4, far.carry);
  assert.equal(results.status(1), STATUS.permission);
  assert.equal(far.parts.length, 1);
});

Deno.test("a part that fails is the file's failure, and nothing is finished", async () => {
  const far = new Far((kind, first) => kind === 2 && first > 0 ? STATUS.changed : 0);
  const results = await inParts(batchOf({ sizeBytes: 1024 * MIB }), 2, far.carry);
  assert.equal(results.status(1), STATUS.changed);
  assert.ok(far.parts.every(({ kind }) => kind !== 3));
  assert.ok(far.parts.length < 6, "no more parts are begun");
});

Deno.test("what one part throws is thrown when the others have ended", async () => {
  let under = 0;
  const carry = async (batch: WorkBatch): Promise<Results> => {
    const kind = Number(batch.parameter1 & 0xffn), first = Number(batch.parameter1 >> 8n);
    if (kind === 2 && (first & 0xfffffff) === 0) throw new Error("broken");
    under++;
    await new Promise((resolve) => setTimeout(resolve, 5));
    under--;
    return new ResultsWriter(batch.items.count).finish();
  };
  await assert.rejects(inParts(batchOf({ sizeBytes: 1024 * MIB }), 2, carry), /broken/);
  assert.equal(under, 0);
});
