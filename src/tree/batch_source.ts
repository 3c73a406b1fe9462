/**
 * Trees that are asked for whole batches, since asking for each entry would cost a round trip.
 *
 * @module
 */
import type { Results, WorkBatch } from "../core/work_batch.ts";
import type { RunContext, Tree } from "../engine/tree.ts";
import type { ContentSink } from "./content_sink.ts";
import type { WorkObserver } from "./store_run.ts";

/** What a batch of another tree is copied into. */
export interface BatchReceiver {
  readonly batch: WorkBatch;
  /** Not used, and may be null, where the batch says `discard`. */
  readonly sink: ContentSink | null;
  readonly run: RunContext;
  readonly observer: WorkObserver;
  /** Most entries that are made at a time. */
  readonly parallel: number;
}

/** A source that sends a batch's content by itself; such a tree implements this beside {@link Tree}. */
export interface BatchSource {
  /** Runs a copy batch of which this tree is the source; one result per item. */
  sendBatch(receiver: BatchReceiver): Promise<Results>;
}

/** Whether a tree is a {@link BatchSource}. */
export function isBatchSource(tree: Tree): tree is Tree & BatchSource {
  return "sendBatch" in tree;
}
