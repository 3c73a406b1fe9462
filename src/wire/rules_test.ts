import assert from "node:assert/strict";
import fc from "fast-check";
import { EntryBlock, EntryBlockWriter, Kind, NO_PARENT } from "../core/entry_block.ts";
import { BlitError } from "../core/error.ts";
import { CopyAction, RESULT_BYTES } from "../core/work_batch.ts";
import { AnswerRules } from "./answer_rules.ts";
import { ContentRules } from "./content_rules.ts";
import { packEntry, packFail, packFile, packHave, packRange } from "./payload.ts";
import { DONE_CHANGED, RecordType, type WireRecord } from "./record.ts";

const MIB = 1 << 20;
const SIZE = 3 * MIB;
const NOTHING: Uint8Array = new Uint8Array(0);
const DIGEST = new Uint8Array(32);

const KINDS = [Kind.directory, Kind.file, Kind.symlink, Kind.file, Kind.file] as const;
const RESUMED = 4;
/** Its look allocates all that it is long: it has no holes. */
const WHOLE = 3;

/** A directory, a file, a link, a file without holes, and one to go on with. */
function items(): EntryBlock {
  const writer = new EntryBlockWriter();
  KINDS.forEach((kind, i) => {
    const action = i === RESUMED ? CopyAction.resume : CopyAction.create;
    writer.add({ name: `e${i}`, kind, parent: i === 0 ? NO_PARENT : 0, action });
  });
  return new EntryBlock(writer.finish());
}

/** What a sender may say, rightly or wrongly. */
type Word =
  | { readonly say: "file"; readonly item: number; readonly kind: Kind }
  | { readonly say: "entry"; readonly item: number }
  | {
    readonly say: "range";
    readonly item: number;
    readonly offset: number;
    readonly length: number;
  }
  | { readonly say: "done"; readonly item: number; readonly changed: boolean }
  | { readonly say: "fail"; readonly item: number }
  | { readonly say: "alive" | "end" };

/** What is said, or that the receiver gives the batch up. */
type Event = Word | "cancelled";

function look(kind: Kind, sizeBytes: number, allocated = 0) {
  const zero = { mtimeNs: 0n, rdev: 0n, mode: 0o644, uid: 0, gid: 0 };
  return { ...zero, kind, sizeBytes, allocatedBytes: BigInt(allocated) };
}

function recordOf(word: Word): WireRecord {
  const attributes = new Map<string, Uint8Array>();
  const record = (type: RecordType, payload = NOTHING, flags = 0): WireRecord => ({
    type,
    payload,
    flags,
    item: "item" in word ? word.item : 0,
  });
  switch (word.say) {
    case "file": {
      const target = word.kind === Kind.symlink ? "t" : "";
      const file = { look: look(word.kind, 0), target, attributes };
      return record(RecordType.file, packFile({ ...file, content: NOTHING, digest: DIGEST }));
    }
    case "entry": {
      const shown = look(Kind.file, SIZE, word.item === WHOLE ? SIZE : 0);
      return record(RecordType.entry, packEntry({ look: shown, target: "", attributes }));
    }
    case "range": {
      const content = new Uint8Array(word.length);
      return record(RecordType.range, packRange({ offset: word.offset, content, digest: DIGEST }));
    }
    case "done":
      return record(RecordType.done, NOTHING, word.changed ? DONE_CHANGED : 0);
    case "fail":
      return record(RecordType.fail, packFail({ status: 10, os: 0, step: 0 }));
    default:
      return record(RecordType[word.say]);
  }
}

/** The rules once more, written as what is left to be said. */
class Model {
  #left = KINDS.map((kind, i) => ({ kind, i })).filter(({ kind }) => kind !== Kind.directory);
  #readings = 0;
  #from: number | null = null;
  #mustAgree = false;
  #ended = false;
  #cancelled = false;

  /** Whether it is allowed now. */
  hear(word: Event): boolean {
    if (word === "cancelled") return this.#cancelled = true;
    if (word.say === "alive") return true;
    if (this.#ended) return false;
    if (!("item" in word)) {
      return this.#ended = this.#left.length === 0 || this.#cancelled;
    }
    const turn = this.#left[0];
    if (turn === undefined || word.item !== turn.i) return false;
    const conclude = () => {
      this.#mustAgree = false;
      this.#left.shift();
      this.#readings = 0;
      this.#from = null;
      return true;
    };
    switch (word.say) {
      case "fail":
        return conclude();
      case "file":
        return this.#from === null && this.#readings < 2 && word.kind === turn.kind && conclude();
      case "entry":
        if (this.#from !== null || turn.kind !== Kind.file || this.#readings === 2) return false;
        this.#from = 0;
        this.#mustAgree = turn.i === RESUMED && this.#readings === 0;
        this.#readings++;
        return true;
      case "range": {
        if (this.#from === null || word.offset < this.#from) return false;
        if ((word.length === 0) !== this.#mustAgree) return false;
        if (turn.i === WHOLE && word.offset !== this.#from) return false;
        this.#mustAgree = false;
        this.#from = word.offset + word.length;
        return this.#from <= SIZE;
      }
      case "done":
        if (this.#from === null || this.#mustAgree) return false;
        if (word.changed && this.#readings === 2) return false;
        if (!word.changed && turn.i === WHOLE && this.#from !== SIZE) return false;
        this.#from = null;
        return word.changed || conclude();
    }
  }
}

const item = fc.nat(KINDS.length);
const step = fc.constantFrom(0, 1, MIB / 2, MIB, 2 * MIB, SIZE, SIZE + 1);
const wild: fc.Arbitrary<Event> = fc.oneof(
  fc.record({
    say: fc.constant("file" as const),
    item,
    kind: fc.constantFrom(Kind.file, Kind.symlink, Kind.fifo),
  }),
  fc.record({ say: fc.constant("entry" as const), item }),
  fc.record({
    say: fc.constant("range" as const),
    item,
    offset: step,
    length: fc.constantFrom(0, 1, MIB),
  }),
  fc.record({ say: fc.constant("done" as const), item, changed: fc.boolean() }),
  fc.record({ say: fc.constant("fail" as const), item }),
  fc.record({ say: fc.constantFrom("alive" as const, "end" as const) }),
  fc.constant("cancelled" as const),
);

/** How one item may come, so that sequences get far more often than by chance. */
function proper(i: number): fc.Arbitrary<Word[]> {
  const kind = KINDS[i];
  const whole: Word[] = [{ say: "file", item: i, kind }];
  const failed: Word[] = [{ say: "fail", item: i }];
  if (kind !== Kind.file) return fc.constantFrom(whole, failed);
  const reading: Word[] = [
    { say: "entry", item: i },
    { say: "alive" },
    ...(i === RESUMED ? [{ say: "range", item: i, offset: MIB, length: 0 } as const] : []),
    ...(i === WHOLE ? [0, MIB] : []).map((offset) =>
      ({ say: "range", item: i, offset, length: MIB }) as const
    ),
    ...(i === WHOLE ? [] : [{ say: "range", item: i, offset: MIB, length: 1 } as const]),
    { say: "range", item: i, offset: 2 * MIB, length: MIB },
  ];
  const again = reading.filter((word) => word.say !== "range" || word.length > 0);
  const done: Word = { say: "done", item: i, changed: false };
  const changed: Word = { say: "done", item: i, changed: true };
  return fc.constantFrom(
    whole,
    failed,
    [...reading, done],
    [...reading, ...failed],
    [...reading, changed, ...again, done],
    [...reading, changed, ...whole],
    [...reading, changed, ...again, ...failed],
  );
}

const mostlyProper = fc.tuple(proper(1), proper(2), proper(3), proper(4)).map((
  parts,
) => [...parts.flat(), { say: "end" } as Word]);

function agree(words: readonly Event[]): boolean {
  const rules = new ContentRules(items());
  const model = new Model();
  for (const [i, word] of words.entries()) {
    const expected = model.hear(word);
    let allowed = true;
    try {
      if (word === "cancelled") rules.cancel();
      else rules.accept(recordOf(word));
    } catch (error) {
      assert.ok(error instanceof BlitError && error.kind === "mismatch", String(error));
      allowed = false;
    }
    assert.equal(allowed, expected, `word ${i} of ${JSON.stringify(words)}`);
    if (!allowed) return false;
  }
  return true;
}

Deno.test("every proper way of sending a batch passes", () => {
  fc.assert(fc.property(mostlyProper, (words) => assert.ok(agree(words))), { numRuns: 200 });
});

Deno.test("what a receiver takes is what the model of the rules takes", () => {
  fc.assert(fc.property(fc.array(wild, { maxLength: 12 }), (words) => void agree(words)), {
    numRuns: 300,
  });
  const spoilt = fc.tuple(mostlyProper, fc.nat(), fc.nat(2), fc.array(wild, { maxLength: 2 }))
    .map(([words, at, removed, added]) => {
      const spoiltWords: Event[] = [...words];
      spoiltWords.splice(at % (words.length + 1), removed, ...added);
      return spoiltWords;
    });
  fc.assert(fc.property(spoilt, (words) => void agree(words)), { numRuns: 400 });
});

Deno.test("nothing comes after the last item, least of all one that the batch doesn't have", () => {
  const words: Event[] = KINDS.flatMap((_, item) => item === 0 ? [] : [{ say: "fail", item }]);
  const rules = new ContentRules(items());
  for (const word of words) rules.accept(recordOf(word as Word));
  for (const item of [KINDS.length - 1, KINDS.length, KINDS.length + 1]) {
    assert.throws(() => rules.accept(recordOf({ say: "fail", item })), { kind: "mismatch" });
  }
  assert.deepEqual(rules.accept(recordOf({ say: "end" })), { type: "end" });
});

function answer(type: RecordType, item = 0, payload: Uint8Array = NOTHING): WireRecord {
  return { type, item, payload, flags: 0 };
}

Deno.test("results are taken once, when everything was sent, and of this batch", () => {
  const results = answer(RecordType.results, 0, new Uint8Array(KINDS.length * RESULT_BYTES));
  const mismatch = { kind: "mismatch" };
  assert.throws(() => new AnswerRules(items()).accept(results), mismatch);
  const rules = new AnswerRules(items());
  rules.expectResults();
  const short = answer(RecordType.results, 0, new Uint8Array(RESULT_BYTES));
  assert.throws(() => rules.accept(short), mismatch);
  const taken = rules.accept(results);
  assert.equal(taken.type === "results" && taken.results.count, KINDS.length);
  assert.throws(() => rules.accept(results), mismatch);
  assert.deepEqual(rules.accept(answer(RecordType.alive)), { type: "alive" });
});

Deno.test("answers about what was not sent, or not asked, are a mismatch", () => {
  const fail = packFail({ status: 8, os: 28, step: 4 });
  const have = packHave({ lengthBytes: 0, pieces: [] });
  const refused: [WireRecord, boolean][] = [
    [answer(RecordType.fail, 1, fail), false],
    [answer(RecordType.fail, 0, fail), true],
    [answer(RecordType.fail, 99, fail), true],
    [answer(RecordType.have, RESUMED, have), false],
    [answer(RecordType.have, 1, have), true],
    [answer(RecordType.file, 1, new Uint8Array(88)), true],
    [answer(RecordType.end), true],
    [answer(RecordType.cancel), true],
  ];
  for (const [record, isBreach] of refused) {
    const accept = () => new AnswerRules(items()).accept(record);
    if (isBreach) assert.throws(accept, { kind: "mismatch" }, `type ${record.type}`);
    else accept();
  }
});
