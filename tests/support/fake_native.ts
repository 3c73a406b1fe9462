/**
 * A stand-in for the native library, for tests of what TypeScript makes of its answers.
 *
 * @module
 */
import { BLOCK_LAST, EntryBlockWriter, Kind } from "../../src/core/entry_block.ts";
import { Op, REQUEST_BYTES, RESULT_BYTES, WorkBatch } from "../../src/core/work_batch.ts";
import {
  FRAME_HEADER_BYTES,
  FRAME_LAST,
  FrameType,
  OUT_LEN_TOO_SMALL,
} from "../../src/native/layout.ts";
import type { NativeLibrary } from "../../src/native/load.ts";
import type { NativeSymbols } from "../../src/native/symbols.ts";

/** A request as it was submitted. */
export interface FakeRequest {
  readonly job: number;
  readonly batch: WorkBatch;
  readonly view: DataView;
}

/** Answers requests with {@link FakeNative.frame}s; extend it for other operations. */
export class FakeNative {
  /** Directory to number of entries, for scans. */
  readonly directories = new Map<string, number>();
  readonly requests: FakeRequest[] = [];
  /** Continuations that are parked: what is left to list. */
  readonly parked = new Map<bigint, { lists: [index: number, path: string, from: number][] }>();
  collectCalls = 0;
  /** What closing the pool answers: 0, or minus a status. */
  closeCode = 0;
  /** Whether the library must stay loaded. */
  kept = false;
  /** Entries a scan job lists before it parks. */
  budgetEntries = 8192;
  /** Entries a block has at most. */
  blockEntries = 4096;
  #frames: Uint8Array[] = [];
  #wake: (() => void) | null = null;
  #closed = false;
  #nextContinuation = 1n;

  /** The library that a pool is opened with. */
  get library(): NativeLibrary {
    return { path: "fake", symbols: this.symbols, close() {}, keep: () => void (this.kept = true) };
  }

  readonly symbols = {
    blit_abi_describe: () => 0,
    blit_pool_open: () => {
      this.#closed = false;
      return 0;
    },
    blit_pool_resize: () => 0,
    blit_pool_submit: (request: Uint8Array) => {
      const bytes = request.slice();
      const view = new DataView(bytes.buffer);
      const job = Number(view.getBigUint64(8, true));
      const made = { job, batch: new WorkBatch(bytes), view };
      this.requests.push(made);
      this.answer(made);
      return 0;
    },
    blit_pool_collect: async (
      out: Uint8Array,
      _capacity: bigint,
      timeoutMs: number,
      outLength: Uint32Array,
    ) => {
      this.collectCalls++;
      if (this.#frames.length === 0 && !this.#closed) {
        const { promise, resolve } = Promise.withResolvers<void>();
        const timer = setTimeout(resolve, timeoutMs);
        this.#wake = resolve;
        await promise;
        clearTimeout(timer);
        this.#wake = null;
      } else {
        await Promise.resolve();
      }
      let length = 0;
      while (this.#frames.length > 0 && length + this.#frames[0].length <= out.length) {
        const frame = this.#frames.shift()!;
        out.set(frame, length);
        length += frame.length;
      }
      outLength[0] = length;
      if (length === 0 && this.#frames.length > 0) {
        outLength[0] = this.#frames[0].length;
        outLength[1] = OUT_LEN_TOO_SMALL;
      }
      return 0;
    },
    blit_pool_close: () => {
      this.#closed = true;
      this.#wake?.();
      return this.closeCode;
    },
    blit_root_open: () => Promise.resolve(0),
    blit_root_close: () => 0,
    blit_root_probe: () => Promise.resolve(0),
  } as unknown as NativeSymbols;

  /** Queues a frame. */
  frame(job: number, type: number, payload: Uint8Array, last = false): void {
    const padded = Math.ceil(payload.length / 8) * 8;
    const bytes = new Uint8Array(FRAME_HEADER_BYTES + padded);
    const view = new DataView(bytes.buffer);
    view.setBigUint64(0, BigInt(job), true);
    view.setUint32(8, bytes.length, true);
    view.setUint8(12, type);
    view.setUint8(13, last ? FRAME_LAST : 0);
    view.setUint32(16, payload.length, true);
    bytes.set(payload, FRAME_HEADER_BYTES);
    this.#frames.push(bytes);
    this.#wake?.();
  }

  /** Answers a request: scans from `directories`, anything else with a zero result per item. */
  answer({ job, batch }: FakeRequest): void {
    if (batch.op === Op.scan) {
      const { items } = batch;
      this.#scan(
        job,
        Array.from({ length: items.count }, (_, i) => [i, items.name(i), 0]),
      );
    } else if (batch.op === Op.scanMore) {
      const parked = this.parked.get(batch.parameter0);
      this.parked.delete(batch.parameter0);
      this.#scan(job, batch.parameter1 === 1n ? [] : parked!.lists);
    } else {
      const { items } = batch;
      this.frame(job, FrameType.results, new Uint8Array(items.count * RESULT_BYTES), true);
    }
  }

  #scan(job: number, lists: [index: number, path: string, from: number][]): void {
    let budget = this.budgetEntries;
    while (lists.length > 0) {
      if (budget <= 0) {
        const continuation = this.#nextContinuation++;
        this.parked.set(continuation, { lists });
        this.frame(
          job,
          FrameType.more,
          new Uint8Array(new BigUint64Array([continuation]).buffer),
          true,
        );
        return;
      }
      const [index, path, from] = lists[0];
      const total = this.directories.get(path) ?? 0;
      const to = Math.min(total, from + this.blockEntries);
      const writer = new EntryBlockWriter(to - from);
      for (let i = from; i < to; i++) {
        writer.add({ name: `${path}-${i}`, kind: Kind.file });
      }
      const flags = to === total ? BLOCK_LAST : 0;
      this.frame(job, FrameType.block, writer.finish({ flags, directory: index }));
      budget -= to - from;
      lists = to === total ? lists.slice(1) : [[index, path, to], ...lists.slice(1)];
    }
    this.frame(job, FrameType.results, new Uint8Array(0), true);
  }
}

/** A request's header and one directory item; enough for a job that the fake answers itself. */
export function emptyRequest(op: number): Uint8Array {
  const items = new EntryBlockWriter(1).finish({}, REQUEST_BYTES);
  items[0] = 1;
  items[1] = op;
  return items;
}
