/**
 * What a client takes while it sends a batch, and when: the other half of the rules of docs/protocol.md.
 *
 * @module
 */
import { type EntryBlock, Kind } from "../core/entry_block.ts";
import { CopyAction, RESULT_BYTES, Results } from "../core/work_batch.ts";
import { breach } from "./breach.ts";
import { type FailPayload, type HavePayload, readFail, readHave } from "./payload.ts";
import { HAVE_MORE, RecordType, type WireRecord } from "./record.ts";

/** An answer that the rules let pass, taken apart. */
export type AnswerMessage =
  | { readonly type: "fail"; readonly item: number; readonly failure: FailPayload }
  | {
    readonly type: "have";
    readonly item: number;
    readonly have: HavePayload;
    readonly more: boolean;
  }
  | { readonly type: "results"; readonly results: Results }
  | { readonly type: "alive" };

/** One batch as its sender sees the answers to it. */
export class AnswerRules {
  readonly #items: EntryBlock;
  #mayAnswer = false;
  #isAnswered = false;

  /** @param items of the batch that is sent */
  constructor(items: EntryBlock) {
    this.#items = items;
  }

  /** `end` or `cancel` is about to be sent: results may come. */
  expectResults(): void {
    this.#mayAnswer = true;
  }

  /** @throws {BlitError} `mismatch` where a record must not come now */
  accept({ type, flags, item, payload }: WireRecord): AnswerMessage {
    if (type === RecordType.alive) return { type: "alive" };
    if (this.#isAnswered) throw breach("went on after the results of a batch");
    if (type === RecordType.results) {
      if (!this.#mayAnswer) throw breach("sent results before everything was sent");
      if (payload.length !== this.#items.count * RESULT_BYTES) {
        throw breach("sent results of another batch");
      }
      this.#isAnswered = true;
      return { type: "results", results: Results.fromPeer(payload) };
    }
    if (item >= this.#items.count || this.#items.kind(item) === Kind.directory) {
      throw breach("answered about an entry that was not sent");
    }
    switch (type) {
      case RecordType.fail:
        return { type: "fail", item, failure: readFail(payload) };
      case RecordType.have:
        if (this.#items.action(item) !== CopyAction.resume) {
          throw breach("told of a file that it was not asked about");
        }
        return { type: "have", item, have: readHave(payload), more: (flags & HAVE_MORE) !== 0 };
      default:
        throw breach(`sent a record of type ${type}, which is not its to send`);
    }
  }
}
