/**
 * A large file in parts, so that several streams share what one would take long over: a far link gives each of them only
 * so much at a time. The parts are in docs/protocol.md, "A stream: records".
 *
 * @module
 */
import { Kind } from "../core/entry_block.ts";
import {
  BatchFlag,
  CopyAction,
  Op,
  REQUEST_BYTES,
  RESULT_BYTES,
  Results,
  WorkBatch,
} from "../core/work_batch.ts";

/** A smaller file is over before sharing it would pay. */
export const SHARED_BYTES = 128 << 20;
/** Content of one part: several for each stream, so that a slow one isn't waited for. */
const PARTS_PER_STREAM = 4, LEAST_PART_MIB = 16;

const MIB = 2 ** 20;
const OPEN = 1n, RANGES = 2n, FINISH = 3n;
/** Where parameter 1 has a range's first MiB, and the one that it ends before. */
const FIRST_SHIFT = 8n, END_SHIFT = 36n;
/** Where the request's header has parameter 1. */
const PARAMETER_1_AT = 40;

/** Carries out a batch over one stream. */
export type Carry = (batch: WorkBatch) => Promise<Results>;

/** Whether a batch is one large file that several streams can share. */
export function canShare({ op, flags, items }: WorkBatch): boolean {
  const file = items.count - 1;
  // A file of which something is to be kept if the run is killed must grow from its start on.
  if (op !== Op.copy || (flags & (BatchFlag.discard | BatchFlag.keepPartial)) !== 0) return false;
  if (file < 0 || items.kind(file) !== Kind.file || items.sizeBytes(file) < SHARED_BYTES) {
    return false;
  }
  const action = items.action(file);
  if (action !== CopyAction.create && action !== CopyAction.replace) return false;
  for (let i = 0; i < file; i++) if (items.kind(i) !== Kind.directory) return false;
  return true;
}

/**
 * Carries out a batch for which {@link canShare} holds.
 *
 * @param streams how many parts are under way at a time
 * @returns one result per item, as if the batch had been carried out whole
 */
export async function inParts(batch: WorkBatch, streams: number, carry: Carry): Promise<Results> {
  const file = batch.items.count - 1;
  const opened = await carry(part(batch, OPEN));
  if (opened.status(file) !== 0) return opened;
  const wholeMib = Math.ceil(batch.items.sizeBytes(file) / MIB);
  const stepMib = Math.max(LEAST_PART_MIB, Math.ceil(wholeMib / (streams * PARTS_PER_STREAM)));
  let nextMib = 0, bytes = 0;
  let failed: Results | null = null;
  const work = async () => {
    while (nextMib < wholeMib && failed === null) {
      const first = BigInt(nextMib);
      nextMib = Math.min(wholeMib, nextMib + stepMib);
      const range = RANGES | first << FIRST_SHIFT | BigInt(nextMib) << END_SHIFT;
      const results = await carry(part(batch, range));
      if (results.status(file) !== 0) failed ??= results;
      else bytes += results.bytesMoved(file);
    }
  };
  // What one of them throws is thrown when no part is under way any more.
  const ended = await Promise.allSettled(Array.from({ length: streams }, work));
  for (const one of ended) if (one.status === "rejected") throw one.reason;
  if (failed !== null) return failed;
  return joined(opened, await carry(part(batch, FINISH)), bytes);
}

function part(batch: WorkBatch, parameter1: bigint): WorkBatch {
  const bytes = batch.bytes.slice();
  new DataView(bytes.buffer, 0, REQUEST_BYTES).setBigUint64(PARAMETER_1_AT, parameter1, true);
  return new WorkBatch(bytes);
}

/** The directories as the first part made them, the file as the last one finished it. */
function joined(opened: Results, finished: Results, bytesMoved: number): Results {
  const at = (opened.count - 1) * RESULT_BYTES;
  const bytes = opened.bytes.slice();
  bytes.set(finished.bytes.subarray(at), at);
  const view = new DataView(bytes.buffer);
  if (finished.status(opened.count - 1) === 0) {
    view.setBigUint64(at + 8, BigInt(bytesMoved), true);
  }
  return new Results(bytes);
}
