/**
 * Batches that were sent again, since the connection broke before their answer came: the first time may have done what the
 * second finds done.
 *
 * Native code checks each item against what was recorded (docs/native.md), so that nothing new is touched the second time; here
 * what then fails is told apart from what was done before.
 *
 * @module
 */
import { EntryBlock, EntryBlockWriter } from "../core/entry_block.ts";
import { kindOfStatus } from "../core/error.ts";
import type { RelPath } from "../core/rel_path.ts";
import {
  Op,
  type ResultFields,
  type Results,
  ResultsWriter,
  type WorkBatch,
} from "../core/work_batch.ts";

/**
 * Results of a batch that was sent again, with what the first time did counted as done.
 *
 * @param stat looks at paths of the destination root
 */
export async function settleAgain(
  batch: WorkBatch,
  results: Results,
  stat: (paths: readonly RelPath[]) => Promise<EntryBlock>,
): Promise<Results> {
  const suspects: number[] = [];
  for (let i = 0; i < results.count; i++) {
    if (results.status(i) !== 0 && mayBeDone(batch, results, i)) suspects.push(i);
  }
  if (suspects.length === 0) return results;
  const now = batch.op === Op.remove
    ? new EntryBlock(new EntryBlockWriter(1).finish())
    : await stat(suspects.map((i) => namedAt(batch, i)));
  const writer = new ResultsWriter(results.count);
  for (let i = 0; i < results.count; i++) writer.set(i, results.fields(i));
  for (const [k, i] of suspects.entries()) {
    const done = batch.op === Op.remove ? {} : doneAs(batch, i, now, k);
    if (done !== null) writer.set(i, done);
  }
  return writer.finish();
}

/** Whether an item fails as it would if it had been done before. */
function mayBeDone(batch: WorkBatch, results: Results, i: number): boolean {
  const kind = kindOfStatus(results.status(i));
  if (batch.op === Op.remove) return kind === "not_found";
  if (batch.op === Op.link) return kind === "exists";
  // Something else may have the old name by now.
  return batch.op === Op.rename && (kind === "not_found" || kind === "changed");
}

/** The path that an item was to give a name to. */
function namedAt(batch: WorkBatch, i: number): RelPath {
  return batch.op === Op.rename ? batch.items.target(i) : batch.path(i);
}

/** The result of an item whose entry has its new name already; null where it hasn't. */
function doneAs(batch: WorkBatch, i: number, now: EntryBlock, k: number): ResultFields | null {
  const inode = batch.items.inode(i);
  if (now.status(k) !== 0 || inode === 0n || now.inode(k) !== inode) return null;
  return { inode, ctimeNs: now.ctimeNs(k), mtimeNs: now.mtimeNs(k) };
}
