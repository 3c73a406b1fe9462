/**
 * Tuning: measures a long run that copies on this machine, and gives it the worker count that the tuner wants.
 *
 * @module
 */
import type { EngineContext } from "./context.ts";
import { PRIOR_FILE_MS, PRIOR_MIB_MS } from "./predict.ts";
import { Tuner } from "./tuner.ts";

/** How long each count is measured; a run that is shorter than three of these keeps what it began with. */
export const TUNE_MS = 5000;

/** The tuning of one run. */
export class Tuning {
  readonly #tuner: Tuner;
  #last: { readonly work: number; readonly atMs: number } | null = null;

  /**
   * @param workers what the run begins with
   * @param most the most that may be used
   */
  constructor(workers: number, most: number) {
    this.#tuner = new Tuner(workers, most);
  }

  /** The count that the run has settled on. */
  get workers(): number {
    return this.#tuner.workers;
  }

  /** Ends one stretch of time and begins the next; to be called every {@link TUNE_MS}. */
  tick(context: EngineContext, atMs: number): void {
    const { destination, destinationRun: { progress }, executor, tally } = context;
    // Files and bytes in one measure: a tree may have its small files first and its large ones last.
    const work = progress.entries() * PRIOR_FILE_MS + progress.bytes() / 2 ** 20 * PRIOR_MIB_MS;
    const last = this.#last;
    // While workers wait for the planner, or for the first work, more of them say nothing.
    this.#last = executor.starved || work === 0 ? null : { work, atMs };
    if (last === null || this.#last === null || this.#tuner.done) return;
    const wanted = this.#tuner.next((work - last.work) / (atMs - last.atMs));
    if (wanted === null) return;
    executor.resize(wanted.workers);
    destination.setWorkers?.(wanted.workers);
    tally.emit({ type: "workers", ...wanted });
  }
}
