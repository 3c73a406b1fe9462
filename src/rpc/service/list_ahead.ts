/**
 * Answers listings of one root, and reads ahead what will be asked for next: docs/protocol.md, "Listing".
 *
 * @module
 */
import { type EntryBlock, Kind } from "../../core/entry_block.ts";
import { BlitError } from "../../core/error.ts";
import { joinRel, type RelPath } from "../../core/rel_path.ts";
import type { Tree } from "../../engine/tree.ts";

/** Directories that are listed at the same time without being asked for, as the march walks them. */
const ABREAST = 32;
/** Subdirectories of one directory that are taken before those of another. */
const CHUNK = 512;
/** Directories that may wait to be read ahead, and what they may take, bytes. */
const MOST_WAITING = 65_536, MOST_WAITING_BYTES = 8 * 1024 * 1024;
/** Directories that may be asked for and not yet answered, and the bytes of their paths. */
const MOST_ASKED = 16_384, MOST_ASKED_BYTES = 4 * 1024 * 1024;
/** Bytes of blocks that wait to be sent: beyond it listing waits for the client. */
const MOST_QUEUED_BYTES = 1024 * 1024;
/** Blocks that wait go together up to this size: a message costs more than a small directory's block. */
const MESSAGE_BYTES = 256 * 1024;

/** A directory to list, and how. */
export interface ListTask {
  readonly path: RelPath;
  readonly sorted: boolean;
  readonly staged: boolean;
  /** Go on with the directories below it. */
  readonly ahead: boolean;
}

/** One block on its way to the client. */
export interface ListAnswer {
  readonly task: ListTask;
  readonly block: EntryBlock;
  /** Counts to the window. */
  readonly ahead: boolean;
}

/** A listing under way. */
interface Listing {
  readonly task: ListTask;
  /** The client asked for it. */
  asked: boolean;
  /** The client doesn't want it any more. */
  dropped: boolean;
}

/** A listing that was read ahead and may still be on its way to the client. */
interface Sent {
  readonly task: ListTask;
  /** Number of its first block in the call. */
  readonly first: number;
}

/** The listings of one List call. */
export class ListAhead {
  readonly #tree: Tree;
  readonly #windowBytes: number;
  /** Waiting directories in chunks, the newest last; each chunk from its front. */
  #waiting: { readonly tasks: ListTask[]; next: number }[] = [];
  /** Where a waiting directory is, so that a request takes it out. */
  readonly #isWaiting = new Set<RelPath>();
  #waitingBytes = 0;
  readonly #asked: ListTask[] = [];
  #askedBytes = 0;
  readonly #active = new Map<RelPath, Listing>();
  #activeAhead = 0;
  /** What was read ahead, the oldest first, while its blocks may still be unseen by the client. */
  readonly #sent = new Map<RelPath, Sent>();
  #sentBytes = 0;
  #outstandingBytes = 0;
  readonly #queue: ListAnswer[] = [];
  #queuedBytes = 0;
  #blocks = 0;
  #noMoreRequests = false;
  #error: unknown = null;
  #closed = false;
  #wakeSender: () => void = () => {};
  #wakeListings = Promise.withResolvers<void>();

  /** @param windowBytes most bytes of blocks under way that nobody asked for; 0: read nothing ahead */
  constructor(tree: Tree, windowBytes: number) {
    this.#tree = tree;
    this.#windowBytes = windowBytes;
  }

  /**
   * Takes what the client asks for.
   *
   * @param seen how many blocks the client had received when it asked
   * @throws {BlitError} `usage` where it asks for more than it may
   */
  ask(tasks: readonly ListTask[], seen: number): void {
    for (const [path, sent] of this.#sent) {
      if (sent.first >= seen) break;
      this.#forgetSent(path);
    }
    const bytes = tasks.reduce((sum, { path }) => sum + path.length, this.#askedBytes);
    if (this.#asked.length + tasks.length > MOST_ASKED || bytes > MOST_ASKED_BYTES) {
      throw new BlitError(
        "usage",
        `Cannot list so much at once: at most ${MOST_ASKED} directories may be asked for.`,
      );
    }
    for (const task of tasks) this.#askOne(task);
    this.#step();
  }

  /** Directories that wait to be listed, asked for or not. */
  get waiting(): number {
    return this.#asked.length + this.#isWaiting.size;
  }

  /** The client consumed, or dropped, blocks that were read ahead. */
  credit(bytes: number): void {
    this.#outstandingBytes = Math.max(0, this.#outstandingBytes - bytes);
    this.#wake();
    this.#step();
  }

  /** The client doesn't need these directories, nor what is below them. */
  skip(paths: readonly RelPath[]): void {
    if (paths.length === 0) return;
    const skipped = new Set(paths);
    for (const path of this.#isWaiting) if (isBelow(path, skipped)) this.#forget(path);
    for (const [path, listing] of this.#active) {
      if (!listing.asked && isBelow(path, skipped)) this.#drop(listing);
    }
    this.#wake();
  }

  /** The client asks for nothing more: what it asked for is still answered. */
  endRequests(): void {
    this.#noMoreRequests = true;
    this.#isWaiting.clear();
    this.#waitingBytes = 0;
    this.#waiting = [];
    for (const listing of this.#active.values()) if (!listing.asked) this.#drop(listing);
    this.#wake();
    this.#wakeSender();
  }

  /** Ends the call with an error. */
  fail(error: unknown): void {
    this.#error ??= error;
    this.#wakeSender();
  }

  /** The blocks in the order in which they are to be sent, those that wait together. */
  async *answers(): AsyncGenerator<readonly ListAnswer[], void, undefined> {
    try {
      for (;;) {
        if (this.#error !== null) throw this.#error;
        const answers = this.#takeMessage();
        if (answers.length > 0) {
          this.#wake();
          yield answers;
          continue;
        }
        if (this.#noMoreRequests && this.#active.size === 0 && this.#asked.length === 0) return;
        await new Promise<void>((resolve) => this.#wakeSender = resolve);
      }
    } finally {
      this.#closed = true;
      this.#wake();
    }
  }

  #takeMessage(): ListAnswer[] {
    let [count, bytes] = [0, 0];
    while (count < this.#queue.length && bytes < MESSAGE_BYTES) {
      bytes += this.#queue[count++].block.bytes.length;
    }
    this.#queuedBytes -= bytes;
    return this.#queue.splice(0, count);
  }

  #askOne(task: ListTask): void {
    const { path } = task;
    const sent = this.#sent.get(path);
    if (sent && serves(sent.task, task)) {
      // Its blocks crossed the request.
      this.#forgetSent(path);
      const listing = this.#active.get(path);
      if (listing && !listing.asked) this.#promote(listing);
      return;
    }
    this.#forget(path);
    const listing = this.#active.get(path);
    if (listing && !listing.asked) {
      if (serves(listing.task, task)) {
        this.#promote(listing);
        return;
      }
      this.#drop(listing);
    }
    this.#asked.push(task);
    this.#askedBytes += path.length;
  }

  /** Takes a directory out of the waiting ones. @returns whether it was among them */
  #forget(path: RelPath): boolean {
    if (!this.#isWaiting.delete(path)) return false;
    this.#waitingBytes -= path.length;
    return true;
  }

  #rememberSent(task: ListTask): void {
    this.#forgetSent(task.path);
    this.#sent.set(task.path, { task, first: this.#blocks });
    this.#sentBytes += task.path.length;
    // A client that never says what it has seen: what is forgotten would be listed a second time, no more.
    while (this.#sent.size > MOST_WAITING || this.#sentBytes > MOST_WAITING_BYTES) {
      this.#forgetSent(this.#sent.keys().next().value!);
    }
  }

  #forgetSent(path: RelPath): void {
    if (this.#sent.delete(path)) this.#sentBytes -= path.length;
  }

  #promote(listing: Listing): void {
    listing.asked = true;
    this.#activeAhead--;
    this.#wake();
  }

  /** Starts what may be started now. */
  #step(): void {
    if (this.#closed || this.#error !== null) return;
    // The same directory twice: one after the other, so that their blocks don't mix.
    for (let i = 0; i < this.#asked.length && this.#active.size < 2 * ABREAST;) {
      const task = this.#asked[i];
      if (this.#active.has(task.path)) i++;
      else {
        this.#asked.splice(i, 1);
        this.#askedBytes -= task.path.length;
        this.#start(task, true);
      }
    }
    while (
      this.#activeAhead < ABREAST && this.#outstandingBytes < this.#windowBytes &&
      !this.#noMoreRequests
    ) {
      const task = this.#nextWaiting();
      if (task === null) break;
      this.#start(task, false);
    }
  }

  #nextWaiting(): ListTask | null {
    for (let chunk = this.#waiting.at(-1); chunk; chunk = this.#waiting.at(-1)) {
      while (chunk.next < chunk.tasks.length) {
        const task = chunk.tasks[chunk.next++];
        // It was asked for, or skipped, or is being listed since.
        if (!this.#forget(task.path) || this.#active.has(task.path)) continue;
        return task;
      }
      this.#waiting.pop();
    }
    return null;
  }

  #start(task: ListTask, asked: boolean): void {
    const listing: Listing = { task, asked, dropped: false };
    this.#active.set(task.path, listing);
    if (!asked) this.#activeAhead++;
    this.#list(listing).catch((error) => this.fail(error)).finally(() => {
      if (this.#active.get(task.path) === listing) this.#active.delete(task.path);
      if (!listing.asked && !listing.dropped) this.#activeAhead--;
      this.#step();
      this.#wakeSender();
    });
  }

  async #list(listing: Listing): Promise<void> {
    const { task } = listing;
    let below: ListTask[] = [];
    let begun = false;
    for await (const block of this.#tree.list(task.path, task)) {
      await this.#room(listing);
      if (listing.dropped || this.#closed) return;
      const ahead = !listing.asked;
      if (ahead) {
        this.#outstandingBytes += block.bytes.length;
        if (!begun) this.#rememberSent(task);
      }
      begun = true;
      this.#blocks++;
      this.#queue.push({ task, block, ahead });
      this.#queuedBytes += block.bytes.length;
      this.#wakeSender();
      if (task.ahead && this.#windowBytes > 0) {
        for (let i = 0; i < block.count; i++) {
          if (block.status(i) !== 0 || block.kind(i) !== Kind.directory) continue;
          below.push({ ...task, path: joinRel(task.path, block.name(i)) });
          if (below.length >= CHUNK) {
            this.#remember(below);
            below = [];
          }
        }
      }
    }
    this.#remember(below);
  }

  #remember(tasks: ListTask[]): void {
    if (tasks.length === 0 || this.#noMoreRequests) return;
    for (const { path } of tasks) {
      if (!this.#isWaiting.has(path)) this.#waitingBytes += path.length;
      this.#isWaiting.add(path);
    }
    this.#waiting.push({ tasks, next: 0 });
    while (this.#isWaiting.size > MOST_WAITING || this.#waitingBytes > MOST_WAITING_BYTES) {
      for (const { path } of this.#waiting.shift()!.tasks) this.#forget(path);
    }
    this.#step();
  }

  /** Waits until a further block may be queued. */
  async #room(listing: Listing): Promise<void> {
    while (!listing.dropped && !this.#closed && this.#error === null) {
      const isFull = this.#queuedBytes >= MOST_QUEUED_BYTES ||
        (!listing.asked && this.#outstandingBytes >= this.#windowBytes);
      if (!isFull) return;
      await this.#wakeListings.promise;
    }
  }

  #drop(listing: Listing): void {
    listing.dropped = true;
    this.#activeAhead--;
    this.#active.delete(listing.task.path);
    this.#forgetSent(listing.task.path);
    this.#wake();
  }

  /** Lets every listing that waits look again. */
  #wake(): void {
    this.#wakeListings.resolve();
    this.#wakeListings = Promise.withResolvers<void>();
  }
}

/** Whether a listing made with the first options answers a request with the second. */
function serves(made: ListTask, wanted: ListTask): boolean {
  return (made.sorted || !wanted.sorted) && made.staged === wanted.staged;
}

/** Whether a path is one of these, or below one. */
function isBelow(path: RelPath, paths: ReadonlySet<RelPath>): boolean {
  for (let end = path.length; end > 0; end = path.lastIndexOf("/", end - 1)) {
    if (paths.has(path.slice(0, end))) return true;
  }
  return paths.has("");
}
