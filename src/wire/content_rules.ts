/**
 * What a receiver of content takes, and in which order: the rules of docs/protocol.md as a state machine
 * over one batch. Digests are the caller's to check.
 *
 * @module
 */
import { type EntryBlock, Kind } from "../core/entry_block.ts";
import { breach } from "./breach.ts";
import {
  type EntryPayload,
  type FailPayload,
  type FilePayload,
  readEntry,
  readFail,
  readFile,
} from "./payload.ts";
import { DONE_CHANGED, type Incoming, RANGE_KEPT, RecordType, WHOLE_FILE_MOST } from "./record.ts";

/** A record that the rules let pass, taken apart. */
export type ContentMessage =
  | { readonly type: "file"; readonly item: number; readonly file: FilePayload }
  | { readonly type: "entry"; readonly item: number; readonly entry: EntryPayload }
  | {
    readonly type: "range";
    readonly item: number;
    readonly offset: number;
    readonly lengthBytes: number;
  }
  | { readonly type: "piece"; readonly bytes: Uint8Array }
  | { readonly type: "rangeEnd"; readonly digest: Uint8Array }
  | { readonly type: "done"; readonly item: number; readonly changed: boolean }
  | { readonly type: "fail"; readonly item: number; readonly failure: FailPayload }
  | { readonly type: "alive" }
  | { readonly type: "end" };

/** How far an item is. */
const State = {
  awaited: 0,
  /** Its `entry` came, its `done` did not. */
  open: 1,
  /** It changed at the sender, and comes once more. */
  void: 2,
  /** It was sent, or the sender failed it, or it is a directory. */
  settled: 3,
} as const;
type State = (typeof State)[keyof typeof State];

/** One batch as its receiver sees it. */
export class ContentRules {
  readonly #items: EntryBlock;
  readonly #states: Uint8Array;
  /** Items that this side failed: the sender may leave them out, or break off in the middle. */
  readonly #refused: Uint8Array;
  /** The item that was begun or failed last. */
  #last = -1;
  /** It was begun for the second time. */
  #isAgain = false;
  #sizeBytes = 0;
  /** Where the next range may begin. */
  #at = 0;
  #isCancelled = false;
  #isEnded = false;

  /** @param items of the batch that declared what may come */
  constructor(items: EntryBlock) {
    this.#items = items;
    this.#states = new Uint8Array(items.count);
    this.#refused = new Uint8Array(items.count);
    for (let i = 0; i < items.count; i++) {
      if (items.kind(i) === Kind.directory) this.#states[i] = State.settled;
    }
  }

  /** This side failed an item: the sender may leave out what remains of it. */
  refuse(item: number): void {
    this.#refused[item] = 1;
  }

  /** This side gave the batch up: it may end anywhere. */
  cancel(): void {
    this.#isCancelled = true;
  }

  /** @throws {BlitError} `mismatch` where a record must not come now */
  accept(record: Incoming): ContentMessage {
    if (record.type === RecordType.alive) return { type: "alive" };
    if (this.#isEnded) throw breach("went on after the end of a batch");
    if (record.type === "piece" || record.type === "rangeEnd") return record;
    if (record.type === RecordType.end) return this.#end();
    const { item } = record;
    if (item >= this.#items.count || this.#items.kind(item) === Kind.directory) {
      throw breach("sent an entry that nobody asked for");
    }
    switch (record.type) {
      case RecordType.file: {
        const file = readFile(record.payload);
        this.#begin(item, file);
        this.#states[item] = State.settled;
        if (file.look.kind === Kind.file && file.content.length !== this.#sizeBytes) {
          throw breach("sent a file that is not as long as it says");
        }
        if (file.look.kind !== Kind.file && file.content.length > 0) {
          throw breach("sent content for what has none");
        }
        return { type: "file", item, file };
      }
      case RecordType.entry: {
        const entry = readEntry(record.payload);
        this.#begin(item, entry);
        if (entry.look.kind !== Kind.file || this.#sizeBytes <= WHOLE_FILE_MOST) {
          throw breach("announced ranges of what has to come whole");
        }
        return { type: "entry", item, entry };
      }
      case RecordType.range: {
        const { flags, offset, lengthBytes } = record;
        const end = Number(offset) + lengthBytes;
        this.#expectOpen(item);
        if (flags & RANGE_KEPT) throw breach("kept a part of a file that is not there");
        if (lengthBytes === 0 || offset < BigInt(this.#at) || end > this.#sizeBytes) {
          throw breach("sent a part of a file that overlaps another or lies outside of it");
        }
        this.#at = end;
        return { type: "range", item, offset: Number(offset), lengthBytes };
      }
      case RecordType.done: {
        const changed = (record.flags & DONE_CHANGED) !== 0;
        this.#expectOpen(item);
        this.#states[item] = changed ? State.void : State.settled;
        return { type: "done", item, changed };
      }
      case RecordType.fail: {
        const failure = readFail(record.payload);
        if (item !== this.#last || this.#states[item] === State.settled) this.#advance(item);
        this.#states[item] = State.settled;
        return { type: "fail", item, failure };
      }
      default:
        throw breach(`sent a record of type ${record.type}, which is not its to send`);
    }
  }

  #begin(item: number, { look, target }: EntryPayload): void {
    if (item === this.#last && this.#states[item] === State.void && !this.#isAgain) {
      this.#isAgain = true;
    } else this.#advance(item);
    if (look.kind !== this.#items.kind(item)) throw breach("sent an entry of another kind");
    if ((target !== "") !== (look.kind === Kind.symlink)) {
      throw breach("sent a target for what is no link, or a link without one");
    }
    if (look.sizeBytes > BigInt(Number.MAX_SAFE_INTEGER)) {
      throw breach("sent a file of impossible size");
    }
    this.#states[item] = State.open;
    this.#sizeBytes = Number(look.sizeBytes);
    this.#at = 0;
  }

  /** The next item begins, or fails: those before it are through. */
  #advance(item: number): void {
    if (item <= this.#last) throw breach("sent an entry twice, or out of order");
    this.#expectThrough();
    this.#last = item;
    this.#isAgain = false;
  }

  #expectThrough(): void {
    if (this.#last < 0 || this.#isCancelled || this.#refused[this.#last]) return;
    if (this.#states[this.#last] !== State.settled) throw breach("left an entry unfinished");
  }

  #expectOpen(item: number): void {
    if (item !== this.#last || this.#states[item] !== State.open) {
      throw breach("sent a part of a file that was not announced");
    }
  }

  #end(): ContentMessage {
    this.#expectThrough();
    this.#isEnded = true;
    if (!this.#isCancelled) {
      for (let i = 0; i < this.#states.length; i++) {
        // Whoever ends early would have the rest taken for done.
        if (this.#states[i] !== State.settled && !this.#refused[i]) {
          throw breach("ended a batch before everything was sent");
        }
      }
    }
    return { type: "end" };
  }
}
