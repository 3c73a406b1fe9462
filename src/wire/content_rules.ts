/**
 * What a receiver of content takes, and in which order: the rules of docs/protocol.md as a state machine
 * over one batch. Digests are the caller's to compare.
 *
 * @module
 */
import { type EntryBlock, Kind } from "../core/entry_block.ts";
import { CopyAction } from "../core/work_batch.ts";
import { breach } from "./breach.ts";
import {
  type EntryPayload,
  type FailPayload,
  type FilePayload,
  type RangePayload,
  readEntry,
  readFail,
  readFile,
  readRange,
} from "./payload.ts";
import {
  ATTRIBUTES_LEFT_OUT,
  DONE_CHANGED,
  FILE_READ_AGAIN,
  RecordType,
  type WireRecord,
} from "./record.ts";

/**
 * A record that the rules let pass, taken apart. `again`: the sender read the file for the second time;
 * `leftOut`: it has more attributes than fit into a record.
 */
export type ContentMessage =
  | {
    readonly type: "file";
    readonly item: number;
    readonly file: FilePayload;
    readonly again: boolean;
    readonly leftOut: boolean;
  }
  | {
    readonly type: "entry";
    readonly item: number;
    readonly entry: EntryPayload;
    readonly again: boolean;
    readonly leftOut: boolean;
  }
  | { readonly type: "range"; readonly item: number; readonly range: RangePayload }
  | { readonly type: "done"; readonly item: number; readonly changed: boolean }
  | { readonly type: "fail"; readonly item: number; readonly failure: FailPayload }
  | { readonly type: "alive" }
  | { readonly type: "end" };

const LEFT_OUT = "left out a part of a file that has no holes";

/** How far the item is whose turn it is. */
type Phase =
  /** Nothing came of it. */
  | "awaited"
  /** Its `entry` came, its `done` did not. */
  | "open"
  /** It changed at the sender, and comes once more. */
  | "void";

/** One batch as its receiver sees it. */
export class ContentRules {
  readonly #items: EntryBlock;
  /** The item whose turn it is; the count of items once all had theirs. */
  #turn = -1;
  #phase: Phase = "awaited";
  #isAgain = false;
  #sizeBytes = 0;
  /** Something may be missing between ranges: a hole. */
  #hasHoles = false;
  /** Where the next range may begin. */
  #at = 0;
  /** A range without content comes first: it says how much of what was held is right. */
  #isResumed = false;
  #isCancelled = false;
  #isEnded = false;

  /** @param items of the batch that declared what may come */
  constructor(items: EntryBlock) {
    this.#items = items;
    this.#next();
  }

  /** This side gave the batch up: it may end anywhere. */
  cancel(): void {
    this.#isCancelled = true;
  }

  /** @throws {BlitError} `mismatch` where a record must not come now */
  accept(record: WireRecord): ContentMessage {
    const { type, item, payload, flags } = record;
    if (type === RecordType.alive) return { type: "alive" };
    if (this.#isEnded) throw breach("went on after the end of a batch");
    if (type === RecordType.end) {
      // Whoever ends early would have the rest taken for done.
      if (this.#turn < this.#items.count && !this.#isCancelled) {
        throw breach("ended a batch before everything was sent");
      }
      this.#isEnded = true;
      return { type: "end" };
    }
    if (item !== this.#turn || item >= this.#items.count) {
      throw breach("sent an entry that nobody asked for, twice, or out of order");
    }
    switch (type) {
      case RecordType.file: {
        const file = readFile(payload);
        const again = this.#begin(file) || (flags & FILE_READ_AGAIN) !== 0;
        this.#next();
        return { type: "file", item, file, again, leftOut: (flags & ATTRIBUTES_LEFT_OUT) !== 0 };
      }
      case RecordType.entry: {
        const entry = readEntry(payload);
        const again = this.#begin(entry);
        this.#phase = "open";
        this.#at = 0;
        this.#sizeBytes = entry.look.sizeBytes;
        this.#hasHoles = entry.look.allocatedBytes < BigInt(entry.look.sizeBytes);
        this.#isResumed = !again && this.#items.action(item) === CopyAction.resume;
        return { type: "entry", item, entry, again, leftOut: (flags & ATTRIBUTES_LEFT_OUT) !== 0 };
      }
      case RecordType.range: {
        this.#expectOpen();
        const range = readRange(payload);
        const end = range.offset + range.content.length;
        const isEmpty = range.content.length === 0;
        if (range.offset < this.#at || end > this.#sizeBytes || isEmpty !== this.#isResumed) {
          throw breach("sent a part of a file that overlaps another or lies outside of it");
        }
        if (!isEmpty && !this.#hasHoles && range.offset !== this.#at) throw breach(LEFT_OUT);
        this.#isResumed = false;
        this.#at = end;
        return { type: "range", item, range };
      }
      case RecordType.done: {
        this.#expectOpen();
        const changed = (flags & DONE_CHANGED) !== 0;
        if (this.#isResumed) throw breach("went on with a file without saying where");
        if (!changed && !this.#hasHoles && this.#at !== this.#sizeBytes) throw breach(LEFT_OUT);
        if (!changed) this.#next();
        else if (this.#isAgain) throw breach("read a file for the third time");
        else this.#phase = "void";
        return { type: "done", item, changed };
      }
      case RecordType.fail: {
        const failure = readFail(payload);
        this.#next();
        return { type: "fail", item, failure };
      }
      default:
        throw breach(`sent a record of type ${type}, which is not its to send`);
    }
  }

  /** Returns whether it is begun for the second time. */
  #begin({ look }: EntryPayload): boolean {
    if (this.#phase === "open") throw breach("left a file unfinished");
    if (look.kind !== this.#items.kind(this.#turn)) throw breach("sent an entry of another kind");
    return this.#isAgain = this.#phase === "void";
  }

  #expectOpen(): void {
    if (this.#phase !== "open") throw breach("sent a part of a file that was not announced");
  }

  #next(): void {
    this.#phase = "awaited";
    this.#isAgain = false;
    do this.#turn++; while (
      this.#turn < this.#items.count && this.#items.kind(this.#turn) === Kind.directory
    );
  }
}
