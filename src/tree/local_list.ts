/**
 * Listing directories through native scan jobs.
 *
 * Calls made in one tick share a job, since a job for each small directory would cost more than
 * reading it. A job that reaches its budget parks in native code. Then its directory under way stays
 * with it and is resumed when its own consumer has read on; directories not begun are asked for anew,
 * in a job of their own. So no consumer ever waits for another one to read, whichever it awaits
 * first, and what waits in memory is bounded by the budget a job.
 *
 * @module
 */
import { EntryBlock, Kind, NO_PARENT } from "../core/entry_block.ts";
import { BlitError } from "../core/error.ts";
import type { RelPath } from "../core/rel_path.ts";
import { BatchBuilder, BatchFlag, Op } from "../core/work_batch.ts";
import type { ListOptions } from "../engine/tree.ts";
import { NO_RUN_SLOT } from "../native/control.ts";
import { FrameType } from "../native/layout.ts";
import type { NativePool } from "../native/pool.ts";

/** Most directories in one job. */
const GROUP_SIZE = 16;
/** Bytes of blocks a job makes before it parks. */
const BUDGET_BYTES = 4 * 1024 * 1024;
/** A parked job is resumed when no more than this waits for its consumer: reading goes on meanwhile. */
const RESUME_BYTES = BUDGET_BYTES / 2;

/** Groups the listings of one root into scan jobs. */
export class Lister {
  readonly pool: NativePool;
  /** Handle of the root that is listed. */
  readonly root: number;
  readonly #waiting: DirectoryList[][] = [];
  readonly #groups = new Set<ScanGroup>();
  #flushing = false;
  #closed = false;

  constructor(pool: NativePool, root: number) {
    this.pool = pool;
    this.root = root;
  }

  /** Queues one listing; it is asked for when the present tick's calls have all been made. */
  list(directory: RelPath, options: ListOptions): AsyncIterableIterator<EntryBlock> {
    if (this.#closed) throw new BlitError("usage", "Cannot list a directory: the tree is closed.");
    const flags = (options.sorted ? BatchFlag.sorted : 0) | (options.staged ? BatchFlag.staged : 0);
    const list = new DirectoryList(directory);
    (this.#waiting[flags] ??= []).push(list);
    if (!this.#flushing) {
      this.#flushing = true;
      queueMicrotask(() => this.#flush());
    }
    return list;
  }

  /** Starts jobs for listings, spread over the workers. */
  start(lists: DirectoryList[], flags: number): void {
    const wanted = lists.filter((list) => !list.done);
    const size = Math.min(GROUP_SIZE, Math.ceil(wanted.length / this.pool.threads));
    for (let at = 0; at < wanted.length; at += size) {
      this.#groups.add(new ScanGroup(this, wanted.slice(at, at + size), flags));
    }
  }

  /** Forgets a group whose job is over. */
  ended(group: ScanGroup): void {
    this.#groups.delete(group);
  }

  /** Ends every listing under way and gives up what is parked. */
  async close(): Promise<void> {
    this.#closed = true;
    const error = new BlitError("cancelled", "Cannot go on listing: the tree was closed.");
    for (const lists of this.#waiting) lists?.forEach((list) => list.fail(error));
    this.#waiting.length = 0;
    await Promise.all([...this.#groups].map((group) => group.cancel(error)));
  }

  #flush(): void {
    this.#flushing = false;
    for (const [flags, lists] of this.#waiting.entries()) {
      if (lists) this.start(lists, flags);
    }
    this.#waiting.length = 0;
  }
}

/** One directory's blocks on their way to the consumer. */
class DirectoryList implements AsyncIterableIterator<EntryBlock> {
  readonly directory: RelPath;
  /** The job that reads it, while there is one. */
  group: ScanGroup | null = null;
  /** Its first block has come. */
  begun = false;
  /** No further block will come, or none is wanted. */
  done = false;
  #blocks: EntryBlock[] = [];
  #bufferedBytes = 0;
  #error: BlitError | null = null;
  readonly #waiters: PromiseWithResolvers<IteratorResult<EntryBlock>>[] = [];

  constructor(directory: RelPath) {
    this.directory = directory;
  }

  get bufferedBytes(): number {
    return this.#bufferedBytes;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<EntryBlock>> {
    const value = this.#blocks.shift();
    if (value) {
      this.#bufferedBytes -= value.bytes.length;
      this.group?.consumed();
      return Promise.resolve({ value, done: false });
    }
    if (this.#error) {
      const error = this.#error;
      this.#error = null;
      return Promise.reject(error);
    }
    if (this.done) return Promise.resolve({ value: undefined, done: true });
    const waiter = Promise.withResolvers<IteratorResult<EntryBlock>>();
    this.#waiters.push(waiter);
    return waiter.promise;
  }

  return(): Promise<IteratorResult<EntryBlock>> {
    this.done = true;
    this.#blocks = [];
    this.#bufferedBytes = 0;
    this.#error = null;
    this.#answerDone();
    this.group?.consumed();
    return Promise.resolve({ value: undefined, done: true });
  }

  push(block: EntryBlock): void {
    if (this.done) return;
    this.begun = true;
    if (block.last) this.done = true;
    const waiter = this.#waiters.shift();
    if (waiter) {
      waiter.resolve({ value: block, done: false });
    } else {
      this.#blocks.push(block);
      this.#bufferedBytes += block.bytes.length;
    }
    if (block.last) this.#answerDone();
  }

  fail(error: BlitError): void {
    if (this.done) return;
    this.done = true;
    const waiter = this.#waiters.shift();
    if (waiter) waiter.reject(error);
    else this.#error = error;
    this.#answerDone();
  }

  #answerDone(): void {
    for (const waiter of this.#waiters.splice(0)) waiter.resolve({ value: undefined, done: true });
  }
}

/** One scan job and its continuations. */
class ScanGroup {
  readonly #lister: Lister;
  readonly #lists: DirectoryList[];
  readonly #flags: number;
  /** Where native code goes on; null while a job is in flight. */
  #parked: bigint | null = null;
  readonly #over = Promise.withResolvers<void>();

  constructor(lister: Lister, lists: DirectoryList[], flags: number) {
    this.#lister = lister;
    this.#lists = lists;
    this.#flags = flags;
    for (const list of lists) list.group = this;
    const batch = new BatchBuilder(Op.scan, lists.length);
    batch.flags = flags;
    batch.parameter1 = BigInt(BUDGET_BYTES);
    for (const list of lists) {
      batch.items.add({ name: list.directory, kind: Kind.directory, parent: NO_PARENT });
    }
    this.#submit(batch);
  }

  /** A consumer took a block or gave up: reading may go on. */
  consumed(): void {
    if (this.#parked !== null) this.#proceed(this.#parked);
  }

  /** Ends the group's listings with an error and frees what native code holds for it. */
  cancel(error: BlitError): Promise<void> {
    for (const list of this.#own()) list.fail(error);
    this.consumed();
    return this.#over.promise;
  }

  #submit(batch: BatchBuilder): void {
    let parked: bigint | null = null;
    try {
      this.#lister.pool.submit(batch.finish(), { source: this.#lister.root, slot: NO_RUN_SLOT }, {
        frame: (type, payload) => {
          if (type === FrameType.block) this.#push(new EntryBlock(payload));
          else if (type === FrameType.more) parked = new BigUint64Array(payload.buffer)[0];
        },
        end: (error) => {
          if (error) this.#end(error);
          else if (parked === null) this.#end(null);
          else this.#park(parked);
        },
      });
    } catch (error) {
      this.#end(
        error instanceof BlitError
          ? error
          : new BlitError("bug", `Cannot list a directory: ${error}.`, { cause: error }),
      );
    }
  }

  #push(block: EntryBlock): void {
    const list = this.#lists[block.directory];
    if (list?.group === this) list.push(block);
  }

  #park(continuation: bigint): void {
    const later = this.#own().filter((list) => !list.begun && !list.done);
    for (const list of later) list.group = null;
    this.#proceed(continuation);
    this.#lister.start(later, this.#flags);
  }

  #proceed(continuation: bigint): void {
    const unfinished = this.#own().filter((list) => !list.done);
    // Nobody reads on: an unread rest would keep its directory open in native code for ever.
    const drop = unfinished.length === 0;
    if (!drop && unfinished.every((list) => list.bufferedBytes > RESUME_BYTES)) {
      this.#parked = continuation;
      return;
    }
    this.#parked = null;
    const batch = new BatchBuilder(Op.scanMore, 0);
    batch.flags = this.#flags;
    batch.parameter0 = continuation;
    batch.parameter1 = drop ? 1n : 0n;
    this.#submit(batch);
  }

  #end(error: BlitError | null): void {
    for (const list of this.#own()) {
      list.fail(
        error ?? new BlitError("bug", "Cannot list a directory: its last block is missing."),
      );
      list.group = null;
    }
    this.#lister.ended(this);
    this.#over.resolve();
  }

  /** Its listings that were not given to another job. */
  #own(): DirectoryList[] {
    return this.#lists.filter((list) => list.group === this);
  }
}
