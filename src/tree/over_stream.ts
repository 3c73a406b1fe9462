/**
 * Copy batches whose content goes over a native stream.
 *
 * @module
 */
import { Kind } from "../core/entry_block.ts";
import { kindOfStatus } from "../core/error.ts";
import { type Op, REQUEST_BYTES, type Results, WorkBatch } from "../core/work_batch.ts";

/** A stream with an item of such an error is not used again: where the next batch begins isn't known. */
const BREAKING: ReadonlySet<string> = new Set(["disconnected", "mismatch", "cancelled"]);

/**
 * The same batch as `send` or `receive`, over a stream.
 *
 * @param bits what else the operation's parameter 0 says, in its upper half
 */
export function overStream(batch: WorkBatch, op: Op, stream: number, bits = 0): WorkBatch {
  const bytes = batch.bytes.slice();
  const view = new DataView(bytes.buffer, 0, REQUEST_BYTES);
  view.setUint8(1, op);
  view.setUint32(32, stream, true);
  view.setUint32(36, bits, true);
  return new WorkBatch(bytes);
}

/** Whether some item of a copy batch is no directory. */
export function movesContent(batch: WorkBatch): boolean {
  const { items } = batch;
  for (let i = 0; i < items.count; i++) if (items.kind(i) !== Kind.directory) return true;
  return false;
}

/** Whether the results of a batch say that its stream can't be used again. */
export function hasBroken(results: Results): boolean {
  for (let i = 0; i < results.count; i++) {
    if (results.status(i) !== 0 && BREAKING.has(kindOfStatus(results.status(i)))) return true;
  }
  return false;
}
