/**
 * Results of whole batches: what all of their items have in common.
 *
 * @module
 */
import { type ErrorKind, STATUS } from "../core/error.ts";
import { type Results, ResultsWriter, type WorkBatch } from "../core/work_batch.ts";
import { isBroken } from "./session_keeper.ts";

/** Every item failed with the connection, where that is what is wrong. */
export function brokenResults(error: unknown, batch: WorkBatch): Results {
  if (!isBroken(error)) throw error;
  return allFailed(batch, "disconnected");
}

/** Content bytes that a batch moved. */
export function totalOf(results: Results): number {
  let bytes = 0;
  for (let i = 0; i < results.count; i++) bytes += results.bytesMoved(i);
  return bytes;
}

/** Every item failed in one way. */
export function allFailed(batch: WorkBatch, kind: ErrorKind): Results {
  const writer = new ResultsWriter(batch.items.count);
  for (let i = 0; i < batch.items.count; i++) writer.set(i, { status: STATUS[kind] });
  return writer.finish();
}
