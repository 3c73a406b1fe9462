/**
 * The results of a copy batch in the making, and what its sink does for the batch as a whole.
 *
 * @module
 */
import { Kind, NO_PARENT } from "../core/entry_block.ts";
import {
  CopyAction,
  type ResultFields,
  ResultFlag,
  type Results,
  ResultsWriter,
  STEPS,
  type WorkBatch,
} from "../core/work_batch.ts";
import type { ContentSink } from "./content_sink.ts";
import { checkCancelled, resultOfError } from "./step_failure.ts";

const CREATE = STEPS.indexOf("create");

/** Results by item; what was not settled is zero. */
export class CopyResults {
  readonly #batch: WorkBatch;
  readonly #results: ResultFields[];
  readonly #settled: boolean[];

  constructor(batch: WorkBatch) {
    this.#batch = batch;
    this.#results = Array.from({ length: batch.items.count }, () => ({}));
    this.#settled = this.#results.map(() => false);
  }

  /** Number of items. */
  get count(): number {
    return this.#results.length;
  }

  /** Items that are not directories, in order. */
  entries(): number[] {
    const { items } = this.#batch;
    return [...this.#results.keys()].filter((i) => items.kind(i) !== Kind.directory);
  }

  /**
   * Has the sink check or make every directory of the batch; a failure fails what lies in it.
   *
   * @param sink null: nothing is written, so that no directory is needed
   */
  async announceParents(sink: ContentSink | null, signal: AbortSignal): Promise<void> {
    const { items } = this.#batch;
    for (let i = 0; i < items.count; i++) {
      if (items.kind(i) !== Kind.directory) continue;
      const path = this.#batch.path(i);
      try {
        checkCancelled(signal, "open parent of", path);
        const make = items.action(i) === CopyAction.parentCreate;
        this.settle(i, sink ? { flags: await sink.parent(path, make) } : {});
      } catch (error) {
        this.settle(i, resultOfError(error));
      }
    }
  }

  /** Why an item can't be made at all: what its directory failed with, or null. */
  parentFailure(i: number): ResultFields | null {
    const parent = this.#batch.items.parent(i);
    if (parent === NO_PARENT || !this.#results[parent].status) return null;
    // The directory's own result says what became of that; this is about what was to be in it.
    return { ...this.#results[parent], step: CREATE };
  }

  /** Whether an item has its result. */
  isSettled(i: number): boolean {
    return this.#settled[i];
  }

  /** Says what became of an item. */
  settle(i: number, result: ResultFields): void {
    const parent = this.#batch.items.parent(i);
    const widened = (result.flags ?? 0) & ResultFlag.directoryWidened;
    // Which directory was widened is the directory's result to say, where it has one.
    if (widened && parent !== NO_PARENT && this.#batch.items.kind(i) !== Kind.directory) {
      const above = this.#results[parent];
      this.#results[parent] = { ...above, flags: (above.flags ?? 0) | widened };
      result = { ...result, flags: (result.flags ?? 0) & ~widened };
    }
    this.#results[i] = result;
    this.#settled[i] = true;
  }

  /** Fails whatever has no result. */
  failRest(error: unknown): void {
    const failed = resultOfError(error);
    for (const i of this.#results.keys()) if (!this.#settled[i]) this.settle(i, failed);
  }

  /** Ends the sink's work. */
  async finishSink(sink: ContentSink): Promise<void> {
    try {
      await sink.finish();
    } catch (error) {
      // The names aren't durable, and no single one can be told apart: none may pass for done.
      const failed = resultOfError(error);
      this.#results.forEach((result, i) => {
        if (!result.status) this.#results[i] = { ...result, ...failed };
      });
    }
  }

  /** Packs the results. */
  pack(): Results {
    const writer = new ResultsWriter(this.#results.length);
    this.#results.forEach((result, i) => writer.set(i, result));
    return writer.finish();
  }
}
