/**
 * A run as a local tree sees it: one slot of the native control block.
 *
 * @module
 */
import type { RelPath } from "../core/rel_path.ts";
import { STEPS } from "../core/work_batch.ts";
import type { RunContext, RunProgress } from "../engine/tree.ts";
import type { NativePool } from "../native/pool.ts";
import type { WorkObserver } from "./store_run.ts";

/** A {@link RunContext} whose counters and cancellation native workers share. */
export class LocalRun implements RunContext, RunProgress, WorkObserver {
  readonly runId: bigint;
  readonly signal: AbortSignal;
  /** The run's slot in the control block. */
  readonly slot: number;
  readonly #pool: NativePool;
  readonly #cancel: () => void;
  /** What TypeScript itself worked on, beside the native workers. */
  readonly #own = { bytes: 0, entries: 0, current: new Set<{ path: RelPath; doing: string }>() };
  #last: { bytes: number; entries: number } | null = null;

  /**
   * @param runId names the run's staged entries
   * @param signal its abort is passed to the workers at once
   * @throws {BlitError} `busy` when the process has no free slot
   */
  constructor(pool: NativePool, runId: bigint, signal: AbortSignal) {
    this.runId = runId;
    this.signal = signal;
    this.#pool = pool;
    const slot = this.slot = pool.control.takeRun();
    this.#cancel = () => pool.control.cancelRun(slot);
    if (signal.aborted) this.#cancel();
    else signal.addEventListener("abort", this.#cancel, { once: true });
  }

  get progress(): RunProgress {
    return this;
  }
  bytes(): number {
    return this.#last?.bytes ?? this.#own.bytes + this.#pool.control.bytesMoved(this.slot);
  }
  entries(): number {
    return this.#last?.entries ?? this.#own.entries + this.#pool.control.entriesDone(this.slot);
  }
  current(): { path: RelPath; doing: string }[] {
    if (this.#last) return [];
    const native = this.#pool.atWork(this.slot)
      .map(({ path, step }) => ({ path, doing: STEPS[step] ?? STEPS[0] }));
    return [...native, ...this.#own.current];
  }

  moved(bytes: number): void {
    this.#own.bytes += bytes;
  }
  done(): void {
    this.#own.entries++;
  }
  at(path: RelPath, doing: string): () => void {
    const entry = { path, doing };
    this.#own.current.add(entry);
    return () => void this.#own.current.delete(entry);
  }

  /** Ends the run: the counters keep their last values; later calls do nothing. */
  end(): void {
    if (this.#last) return;
    // The slot's next run starts from zero, while this one's summary is still to be written.
    this.#last = { bytes: this.bytes(), entries: this.entries() };
    this.signal.removeEventListener("abort", this.#cancel);
    this.#pool.control.releaseRun(this.slot);
  }
}
