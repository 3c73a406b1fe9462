/**
 * The native worker pool: submits packed requests and hands their frames to who asked.
 *
 * One nonblocking `blit_pool_collect` serves the whole process. It is pending only while a job is in
 * flight, so an idle pool doesn't keep the process alive.
 *
 * @module
 */
import { BlitError, STATUS } from "../core/error.ts";
import { Op, REQUEST_BYTES, Results, WorkBatch } from "../core/work_batch.ts";
import { ControlBlock } from "./control.ts";
import { checkCode, errorOfFailedFrame } from "./errors.ts";
import { FRAME_HEADER_BYTES, FRAME_LAST, FrameType, OUT_LEN_TOO_SMALL } from "./layout.ts";
import type { NativeLibrary } from "./load.ts";
import type { NativeSymbols } from "./symbols.ts";

/** Smallest and largest number of workers. */
const WORKER_LIMITS = [1, 64] as const;
/** Room for two full blocks of a scan, or for some thousand results, per call of 34 µs. */
const COLLECT_BYTES = 1024 * 1024;
/** A wait this long ends and is begun again, so that a lost wake-up can't hang a run for ever. */
const COLLECT_TIMEOUT_MS = 1000;
const TWO32 = 0x1_0000_0000;

/** Takes what a job answers. Methods are called in order and must not throw. */
export interface JobHandler {
  /** A frame's payload, 8-byte aligned and the handler's to keep. */
  frame(type: FrameType, payload: Uint8Array<ArrayBuffer>): void;
  /** The job is over; with an error where it failed as a whole. Called once, last. */
  end(error: BlitError | null): void;
}

/** What a job with one answer said. */
export interface JobAnswer {
  readonly results: Results;
  /** Payload of its block or bytes frame. */
  readonly payload: Uint8Array<ArrayBuffer> | null;
}

/** Which handles and run a request is for. */
export interface SubmitTarget {
  /** Source root handle; 0 for none. */
  readonly source?: number;
  /** Destination root handle; 0 for none. */
  readonly destination?: number;
  readonly runId?: bigint;
  /** Run slot in the control block. */
  readonly slot: number;
}

interface Job {
  /** What was asked for; null for a job whose frames come by themselves. */
  readonly batch: WorkBatch | null;
  readonly slot: number;
  readonly handler: JobHandler;
}

// Memory of every pool so far: a worker that the kernel holds is abandoned at close and may still
// write to its slot when the disk answers.
const controlBlocks: ControlBlock[] = [];
let poolIsOpen = false;

/**
 * Starts the process's worker pool.
 *
 * @param library the loaded library
 * @param threads number of native workers, 1 to 64
 * @throws {BlitError} `usage` where one is open already; whatever native code answers
 */
export function openPool(library: NativeLibrary, threads: number): NativePool {
  if (poolIsOpen) {
    throw new BlitError("usage", "Cannot start the worker pool: it is running already.");
  }
  const control = new ControlBlock();
  checkCode(
    library.symbols.blit_pool_open(threads, control.bytes, BigInt(control.bytes.length)),
    "start the worker pool",
  );
  controlBlocks.push(control);
  poolIsOpen = true;
  return new NativePool(library, control, threads);
}

/** The process's worker pool; made by {@link openPool}. */
export class NativePool {
  readonly symbols: NativeSymbols;
  readonly control: ControlBlock;
  readonly #library: NativeLibrary;
  readonly #jobs = new Map<number, Job>();
  #buffer = new Uint8Array(new ArrayBuffer(COLLECT_BYTES));
  #threads: number;
  #nextJob = 1;
  #collecting: Promise<void> | null = null;
  #collectCalls = 0;
  #submitCalls = 0;
  #closed = false;

  constructor(library: NativeLibrary, control: ControlBlock, threads: number) {
    this.#library = library;
    this.symbols = library.symbols;
    this.control = control;
    this.#threads = threads;
  }

  /** Number of native workers. */
  get threads(): number {
    return this.#threads;
  }
  /** Jobs in flight. */
  get jobsInFlight(): number {
    return this.#jobs.size;
  }
  /** Requests that wait for a worker, and workers that are at one. */
  load(): { readonly waiting: number; readonly working: number } {
    let requests = 0;
    // Dialling has threads of its own, as have the jobs without a request.
    for (const { batch } of this.#jobs.values()) if (batch && batch.op !== Op.dial) requests++;
    const working = this.control.workers().length;
    return { waiting: Math.max(0, requests - working), working };
  }
  /** How many times the waiting call was made; what crossing the border costs is 34 µs each. */
  get collectCalls(): number {
    return this.#collectCalls;
  }
  /** How many calls crossed the border for work: submissions and collections. */
  get workCalls(): number {
    return this.#submitCalls + this.#collectCalls;
  }

  /** Sets the number of workers, kept within 1 to 64. */
  resize(threads: number): void {
    const [least, most] = WORKER_LIMITS;
    const wanted = Math.min(most, Math.max(least, Math.floor(threads)));
    if (wanted === this.#threads) return;
    checkCode(this.symbols.blit_pool_resize(wanted), "change the number of workers");
    this.#threads = wanted;
  }

  /**
   * Queues a request. Job id, handles, run id and slot are written into its header; native code
   * copies it before this returns.
   *
   * @param request a packed request, header and items
   * @param target the roots and run it is for
   * @param handler takes its frames
   * @throws {BlitError} `usage` where native code finds it malformed or the pool is closed
   */
  submit(request: Uint8Array, target: SubmitTarget, handler: JobHandler): void {
    if (this.#closed) throw new BlitError("usage", "Cannot submit work: the pool is closed.");
    const id = this.#nextJob++;
    const view = new DataView(request.buffer, request.byteOffset, REQUEST_BYTES);
    view.setBigUint64(8, BigInt(id), true);
    view.setUint32(16, target.source ?? 0, true);
    view.setUint32(20, target.destination ?? 0, true);
    view.setBigUint64(24, target.runId ?? 0n, true);
    view.setUint32(48, target.slot, true);
    this.#submitCalls++;
    checkCode(
      this.symbols.blit_pool_submit(request as Uint8Array<ArrayBuffer>, BigInt(request.length)),
      "submit work",
    );
    this.#add(id, { batch: new WorkBatch(request), slot: target.slot, handler });
  }

  /**
   * Begins a job whose frames come without a request: of a listener, a served stream, a tunnel. As long
   * as it lasts the waiting call is pending, and keeps the process alive.
   *
   * @param start hands the job's number to native code, and returns what that answered
   * @param slot run slot that the job uses
   * @param handler takes its frames
   * @returns what native code answered: 0, or minus a status and then there is no job
   * @throws {BlitError} `usage` where the pool is closed
   */
  begin(start: (job: bigint) => number, slot: number, handler: JobHandler): number {
    if (this.#closed) throw new BlitError("usage", "Cannot begin work: the pool is closed.");
    const id = this.#nextJob++;
    this.#submitCalls++;
    const code = start(BigInt(id));
    if (code === 0) this.#add(id, { batch: null, slot, handler });
    return code;
  }

  /**
   * Queues a request that is answered at once: by results, and at most one block or piece of content.
   *
   * @throws {BlitError} where the job failed as a whole; failed items are in the results
   */
  call(request: Uint8Array, target: SubmitTarget): Promise<JobAnswer> {
    return new Promise((resolve, reject) => {
      let results: Results | null = null;
      let payload: Uint8Array<ArrayBuffer> | null = null;
      this.submit(request, target, {
        frame(type, bytes) {
          if (type === FrameType.results) results = new Results(bytes);
          else payload = bytes;
        },
        end(error) {
          if (error) reject(error);
          else if (results) resolve({ results, payload });
          else reject(new BlitError("bug", "Cannot finish a job: it ended without results."));
        },
      });
    });
  }

  /** What the workers are at for the run of this slot: the item's path, and its step's number. */
  atWork(slot: number): { path: string; step: number }[] {
    const found = [];
    for (const worker of this.control.workers()) {
      const job = this.#jobs.get(worker.job);
      if (job?.slot !== slot || !job.batch || worker.item >= job.batch.items.count) continue;
      found.push({ path: job.batch.path(worker.item), step: worker.step });
    }
    return found;
  }

  /**
   * Cancels what is queued, ends the workers, and waits for the pending call; later calls do nothing.
   * A worker that the kernel holds is abandoned after a second.
   */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    const code = this.symbols.blit_pool_close();
    await this.#collecting;
    poolIsOpen = false;
    this.#failAll(new BlitError("cancelled", "Cannot finish a job: the worker pool was closed."));
    if (-code === STATUS.busy) this.#library.keep();
    else checkCode(code, "close the worker pool");
  }

  async #collect(): Promise<void> {
    let bytes = this.#buffer;
    const outLength = new Uint32Array(new ArrayBuffer(8));
    try {
      while (this.#jobs.size > 0) {
        outLength.fill(0);
        this.#collectCalls++;
        const code = await this.symbols.blit_pool_collect(
          bytes,
          BigInt(bytes.length),
          COLLECT_TIMEOUT_MS,
          outLength,
        );
        if (this.#closed) return;
        checkCode(code, "collect results");
        const [low, high] = outLength;
        if ((high & OUT_LEN_TOO_SMALL) !== 0) {
          const needed = low + (high & ~OUT_LEN_TOO_SMALL) * TWO32;
          this.#buffer = bytes = new Uint8Array(
            new ArrayBuffer(Math.max(needed, bytes.length * 2)),
          );
        } else {
          this.#dispatch(bytes, low);
        }
      }
    } catch (error) {
      this.#failAll(
        error instanceof BlitError
          ? error
          : new BlitError("bug", `Cannot collect results: ${error}.`, { cause: error }),
      );
    } finally {
      this.#collecting = null;
    }
  }

  #dispatch(bytes: Uint8Array<ArrayBuffer>, length: number): void {
    const words = new Uint32Array(bytes.buffer);
    for (let at = 0; at < length;) {
      const w = at / 4;
      const frameLength = words[w + 2];
      const payloadLength = words[w + 4];
      if (
        frameLength % 8 !== 0 || FRAME_HEADER_BYTES + payloadLength > frameLength ||
        at + frameLength > length
      ) {
        throw new BlitError("mismatch", "Cannot read what the native library answered.");
      }
      const start = at + FRAME_HEADER_BYTES;
      this.#hand(
        words[w] + words[w + 1] * TWO32,
        bytes[at + 12] as FrameType,
        (bytes[at + 13] & FRAME_LAST) !== 0,
        // A copy, since the next call overwrites the buffer while a consumer still reads its block.
        bytes.slice(start, start + payloadLength),
      );
      at += frameLength;
    }
  }

  #hand(id: number, type: FrameType, last: boolean, payload: Uint8Array<ArrayBuffer>): void {
    const job = this.#jobs.get(id);
    // Nobody waits for it: its handler threw at an earlier frame.
    if (!job) return;
    let error: BlitError | null = null;
    try {
      if (type === FrameType.failed) error = errorOfFailedFrame(payload, firstPath(job.batch));
      else job.handler.frame(type, payload);
    } catch (thrown) {
      error = thrown instanceof BlitError
        ? thrown
        : new BlitError("bug", `Cannot read an answer: ${thrown}.`, { cause: thrown });
    }
    if (last || error) this.#end(id, job, error);
  }

  #add(id: number, job: Job): void {
    this.#jobs.set(id, job);
    this.control.jobStarted(job.slot);
    this.#collecting ??= this.#collect();
  }

  #end(id: number, job: Job, error: BlitError | null): void {
    this.#jobs.delete(id);
    this.control.jobEnded(job.slot);
    job.handler.end(error);
  }

  #failAll(error: BlitError): void {
    for (const [id, job] of [...this.#jobs]) this.#end(id, job, error);
  }
}

function firstPath(batch: WorkBatch | null): string {
  return batch && batch.items.count > 0 ? batch.path(0) : "";
}
