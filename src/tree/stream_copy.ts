/**
 * Copy batches between trees of different kind: content and metadata are read through the source's
 * Tree interface and handed to a {@link ContentSink} of the destination.
 *
 * @module
 */
import { BatchFlag, type Results } from "../core/work_batch.ts";
import { isBatchSource } from "./batch_source.ts";
import type { ContentSink } from "./content_sink.ts";
import { CopyResults } from "./copy_results.ts";
import { copyEntry, type EntryCopy } from "./entry_copy.ts";
import { forEachItem } from "./item_pool.ts";
import { resultOfError } from "./step_failure.ts";

/** What goes with a copy batch. */
export interface StreamCopy extends EntryCopy {
  /** Not used, and may be null, where the batch says `discard`. */
  readonly sink: ContentSink | null;
  /** Most entries copied at a time. */
  readonly parallel: number;
}

/**
 * Runs a copy batch.
 *
 * @returns one result per item; an item's failure, or its parent's, fails that item alone
 */
export async function streamCopy(copy: StreamCopy): Promise<Results> {
  const { batch, source, run, observer } = copy;
  if (isBatchSource(source)) return await source.sendBatch(copy);
  const results = new CopyResults(batch);
  const sink = (batch.flags & BatchFlag.discard) !== 0 ? null : copy.sink;
  await results.announceParents(sink, run.signal);
  await forEachItem(results.entries(), copy.parallel, async (i) => {
    const leave = observer.at(batch.path(i), "copy");
    try {
      const failed = results.parentFailure(i);
      results.settle(i, failed ?? await copyEntry({ ...copy, sink }, i));
    } catch (error) {
      results.settle(i, resultOfError(error));
    } finally {
      leave();
      observer.done();
    }
  });
  if (sink) await results.finishSink(sink);
  return results.pack();
}
