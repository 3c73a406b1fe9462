/**
 * What a client takes while it sends a batch, and when: the other half of the rules of docs/protocol.md.
 *
 * @module
 */
import { type EntryBlock, Kind } from "../core/entry_block.ts";
import { RESULT_BYTES, Results } from "../core/work_batch.ts";
import { breach } from "./breach.ts";
import { type FailPayload, type HavePayload, readFail, readHave } from "./payload.ts";
import { type Incoming, RecordType } from "./record.ts";

/** An answer that the rules let pass, taken apart. */
export type AnswerMessage =
  | { readonly type: "fail"; readonly item: number; readonly failure: FailPayload }
  | { readonly type: "have"; readonly item: number; readonly have: HavePayload }
  | { readonly type: "results"; readonly results: Results }
  | { readonly type: "alive" };

/** One batch as its sender sees the answers to it. */
export class AnswerRules {
  readonly #items: EntryBlock;
  #awaited = -1;
  #mayAnswer = false;
  #isAnswered = false;

  /** @param items of the batch that is sent */
  constructor(items: EntryBlock) {
    this.#items = items;
  }

  /** The `entry` of an item to resume is about to be sent: one `have` may come for it. */
  awaitHave(item: number): void {
    this.#awaited = item;
  }

  /** `end` or `cancel` is about to be sent: results may come. */
  awaitResults(): void {
    this.#mayAnswer = true;
  }

  /** @throws {BlitError} `mismatch` where a record must not come now */
  accept(record: Incoming): AnswerMessage {
    if (record.type === RecordType.alive) return { type: "alive" };
    if (this.#isAnswered) throw breach("went on after the results of a batch");
    switch (record.type) {
      case RecordType.fail: {
        const { item } = record;
        if (item >= this.#items.count || this.#items.kind(item) === Kind.directory) {
          throw breach("refused an entry that was not sent");
        }
        return { type: "fail", item, failure: readFail(record.payload) };
      }
      case RecordType.have: {
        const { item } = record;
        if (item !== this.#awaited) throw breach("told of a file that it was not asked about");
        this.#awaited = -1;
        return { type: "have", item, have: readHave(record.payload) };
      }
      case RecordType.results: {
        const { payload } = record;
        if (!this.#mayAnswer) throw breach("sent results before everything was sent");
        if (payload.length !== this.#items.count * RESULT_BYTES) {
          throw breach("sent results of another batch");
        }
        this.#isAnswered = true;
        return { type: "results", results: new Results(payload) };
      }
      default:
        throw breach("sent what is not its to send");
    }
  }
}
