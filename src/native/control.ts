/**
 * The control block: memory that native workers and TypeScript read and write at the same time.
 *
 * Run slots carry progress out and cancellation in; worker slots say what each worker is at. All
 * accesses are atomic; the layout is in docs/native.md.
 *
 * @module
 */
import { BlitError } from "../core/error.ts";
import { CONTROL_BYTES, CONTROL_SLOT_BYTES, RUN_SLOTS, WORKER_SLOTS } from "./layout.ts";

const LONGS = CONTROL_SLOT_BYTES / 8;
const WORDS = CONTROL_SLOT_BYTES / 4;

/** Slot of work that belongs to no run: never cancelled, its counters never read. */
export const NO_RUN_SLOT = 0;

/** What one worker is at. */
export interface WorkerState {
  readonly job: number;
  /** Index of the item in the job's request. */
  readonly item: number;
  /** Index into `STEPS`. */
  readonly step: number;
}

/** The control block of one pool. */
export class ControlBlock {
  /** The memory itself; native code holds a pointer to it while the pool is open. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly #longs: BigUint64Array;
  readonly #words: Uint32Array;
  readonly #taken: boolean[] = [true];
  readonly #jobs = new Uint32Array(RUN_SLOTS);
  readonly #ended = new Set<number>();

  constructor() {
    // An ArrayBuffer's memory stays where it is; a small typed array's may be moved by the collector.
    const buffer = new ArrayBuffer(CONTROL_BYTES);
    this.bytes = new Uint8Array(buffer);
    this.#longs = new BigUint64Array(buffer);
    this.#words = new Uint32Array(buffer);
  }

  /**
   * Takes a free run slot and sets it to zero.
   *
   * @throws {BlitError} `busy` when all are taken
   */
  takeRun(): number {
    for (let slot = NO_RUN_SLOT + 1; slot < RUN_SLOTS; slot++) {
      if (this.#taken[slot]) continue;
      this.#taken[slot] = true;
      Atomics.store(this.#longs, slot * LONGS, 0n);
      Atomics.store(this.#longs, slot * LONGS + 1, 0n);
      Atomics.store(this.#words, slot * WORDS + 4, 0);
      return slot;
    }
    throw new BlitError(
      "busy",
      `Cannot start: ${
        RUN_SLOTS - 1
      } runs are under way in this process. Wait until one has ended.`,
    );
  }
  /** Gives a run slot back, once no job uses it any more. */
  releaseRun(slot: number): void {
    // A worker still at one of its jobs would count into, or be cancelled by, the next run.
    if (this.#jobs[slot] === 0) this.#taken[slot] = false;
    else this.#ended.add(slot);
  }
  /** Counts a job that uses the slot. */
  jobStarted(slot: number): void {
    this.#jobs[slot]++;
  }
  /** Counts a job off. */
  jobEnded(slot: number): void {
    if (--this.#jobs[slot] === 0 && this.#ended.delete(slot)) this.#taken[slot] = false;
  }
  /** Tells the workers to end this run's jobs at their next look. */
  cancelRun(slot: number): void {
    Atomics.store(this.#words, slot * WORDS + 4, 1);
  }
  /** Content bytes moved by the run so far. */
  bytesMoved(slot: number): number {
    return Number(Atomics.load(this.#longs, slot * LONGS));
  }
  /** Entries done by the run so far. */
  entriesDone(slot: number): number {
    return Number(Atomics.load(this.#longs, slot * LONGS + 1));
  }

  /** What the workers that are not idle are at. */
  workers(): WorkerState[] {
    const busy: WorkerState[] = [];
    for (let worker = 0; worker < WORKER_SLOTS; worker++) {
      const long = (RUN_SLOTS + worker) * LONGS;
      const word = (RUN_SLOTS + worker) * WORDS;
      const sequence = Atomics.load(this.#longs, long + 2);
      const job = Number(Atomics.load(this.#longs, long));
      if (job === 0) continue;
      const item = Atomics.load(this.#words, word + 2);
      const step = Atomics.load(this.#words, word + 3);
      // The worker went on between the loads: job, item and step may not belong together.
      if (Atomics.load(this.#longs, long + 2) !== sequence) continue;
      busy.push({ job, item, step });
    }
    return busy;
  }
}
