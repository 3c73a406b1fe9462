/**
 * Sending the content of a copy batch from a tree without native code, as records (docs/protocol.md).
 *
 * @module
 */
import { Kind } from "../core/entry_block.ts";
import { BlitError } from "../core/error.ts";
import { describeFailure } from "../core/failure.ts";
import {
  BatchFlag,
  COPY_METHODS,
  type ResultFields,
  type Results,
  type WorkBatch,
} from "../core/work_batch.ts";
import type { RunContext, Tree } from "../engine/tree.ts";
import { type AnswerMessage, AnswerRules } from "../wire/answer_rules.ts";
import { packRecord } from "../wire/encoder.ts";
import { type FailPayload, type HavePayload, packFail } from "../wire/payload.ts";
import { BATCH_MOST, RecordType } from "../wire/record.ts";
import type { RecordStream } from "../wire/record_stream.ts";
import { CopyResults } from "./copy_results.ts";
import { copyEntry } from "./entry_copy.ts";
import { forEachItem } from "./item_pool.ts";
import { ItemTurns } from "./item_turns.ts";
import { failure, resultOfError } from "./step_failure.ts";
import type { WorkObserver } from "./store_run.ts";
import { streamCopy } from "./stream_copy.ts";
import { type RecordOutlet, WireSink } from "./wire_sink.ts";

const CONTROL_PLANE = COPY_METHODS.indexOf("control_plane");
/** Entries that are read at a time: small ones wait in memory for their turn. */
const PARALLEL = 8;
/** How long the other side may take to end a batch that was given up, ms. */
const CANCEL_MS = 5_000;
/** Answers about a file that wait to be compared before the stream is left alone. */
const HAVES_MOST = 64;

/** What goes with a batch that is sent. */
export interface WireSend {
  readonly stream: RecordStream;
  readonly batch: WorkBatch;
  readonly source: Tree;
  readonly run: RunContext;
  readonly observer: WorkObserver;
}

/**
 * Copies a batch into a tree behind a stream, as the stream's client.
 *
 * @returns one result per item: the other side's, and `method` says how content went. Where the stream ends
 *   first, every item fails as it did
 */
export async function putBatch(put: WireSend): Promise<Results> {
  const { stream, batch, run } = put;
  if (batch.flags & BatchFlag.discard) {
    return await streamCopy({ ...put, sink: null, parallel: PARALLEL });
  }
  const results = new CopyResults(batch);
  try {
    if (run.signal.aborted) throw failure("cancelled", "process", "");
    expectSendable(batch);
    const outlet = new Outlet(put);
    const { answered, own } = await stream.batch(() => exchange(put, outlet));
    for (let i = 0; i < results.count; i++) {
      results.settle(i, merged(answered.fields(i), own.get(i), batch.items.kind(i)));
    }
  } catch (error) {
    results.failRest(error);
  }
  return results.pack();
}

/** @throws {BlitError} `usage` where a batch is too large for a record */
export function expectSendable(batch: WorkBatch): void {
  if (batch.bytes.length <= BATCH_MOST) return;
  throw new BlitError("usage", "Cannot send a batch: it is over 4 MiB.", { operation: "process" });
}

/**
 * Gives a batch up when its run is cancelled: tells the other side, and waits for its word only so long.
 *
 * @param tell sends `cancel`
 * @returns undoes it
 */
export function cancelWith(
  signal: AbortSignal,
  stream: RecordStream,
  tell: () => void,
): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const give = () => {
    tell();
    timer = setTimeout(() => stream.close(failure("cancelled", "process", "")), CANCEL_MS);
  };
  if (signal.aborted) give();
  else signal.addEventListener("abort", give, { once: true });
  return () => {
    signal.removeEventListener("abort", give);
    clearTimeout(timer);
  };
}

interface Exchanged {
  readonly answered: Results;
  /** What this side knows of items, by index. */
  readonly own: ReadonlyMap<number, ResultFields>;
}

async function exchange(put: WireSend, outlet: Outlet): Promise<Exchanged> {
  const { stream, batch, run } = put;
  const rules = new AnswerRules(batch.items);
  await stream.send(packRecord(RecordType.put, 0, batch.bytes));
  const undo = cancelWith(run.signal, stream, () => {
    rules.expectResults();
    outlet.stop();
    // Whoever listens learns of a broken link by itself.
    stream.send(packRecord(RecordType.cancel)).catch(() => {});
  });
  try {
    const listening = listen(stream, rules, outlet);
    // Wakes the sending half, which may wait for room or an answer.
    listening.catch((error) => stream.close(error));
    const sending = sendContent(put, outlet).then(async (own) => {
      if (outlet.isStopped) return own;
      rules.expectResults();
      await stream.send(packRecord(RecordType.end));
      return own;
    });
    const [answered, own] = await Promise.allSettled([listening, sending]);
    if (answered.status === "rejected") throw answered.reason;
    if (own.status === "rejected") throw own.reason;
    return { answered: answered.value, own: own.value };
  } finally {
    undo();
  }
}

async function listen(stream: RecordStream, rules: AnswerRules, outlet: Outlet): Promise<Results> {
  while (true) {
    const answer = rules.accept(await stream.next());
    if (answer.type === "results") return answer.results;
    await outlet.hear(answer);
  }
}

/**
 * Sends every item of a batch, in order, but not the record that ends it.
 *
 * @returns what this side knows of items, by index
 * @throws {BlitError} where the stream ended
 */
export async function sendContent(
  { stream, batch, source, run, observer }: WireSend,
  outlet: Outlet,
): Promise<ReadonlyMap<number, ResultFields>> {
  const own = new Map<number, ResultFields>();
  const copy = { batch, source, run, observer, sink: new WireSink(outlet) };
  await forEachItem(outlet.items, PARALLEL, async (i) => {
    const leave = observer.at(batch.path(i), "send");
    let result: ResultFields;
    try {
      outlet.expectWanted(i);
      result = await copyEntry(copy, i);
    } catch (error) {
      result = resultOfError(error);
    }
    own.set(i, result);
    try {
      if (result.status) await outlet.fail(i, result);
    } catch {
      // The stream is gone; it says why below.
    }
    outlet.pass(i);
    leave();
    observer.done();
  });
  stream.expectOpen();
  return own;
}

/** The sending end of one batch: turns of items, and what the other side says meanwhile. */
export class Outlet implements RecordOutlet {
  /** The items that are sent, in order. */
  readonly items: readonly number[];
  readonly #stream: RecordStream;
  readonly #batch: WorkBatch;
  readonly #turns: ItemTurns;
  readonly #refused = new Map<number, FailPayload>();
  #isStopped = false;
  /** The item whose answers are compared, and those of them that wait. */
  #asking = -1;
  #haves: { readonly have: HavePayload; readonly more: boolean }[] = [];
  #wake = Promise.withResolvers<void>();

  constructor({ stream, batch }: Pick<WireSend, "stream" | "batch">) {
    this.#stream = stream;
    this.#batch = batch;
    this.items = new CopyResults(batch).entries();
    this.#turns = new ItemTurns(this.items);
  }

  /** Whether nothing more is to be sent. */
  get isStopped(): boolean {
    return this.#isStopped;
  }

  /** Nothing more is sent: the batch is given up. */
  stop(): void {
    this.#isStopped = true;
    this.#stir();
  }

  /** Takes what the other side says while it receives; waits while too much of it is not yet looked at. */
  async hear(answer: Exclude<AnswerMessage, { readonly type: "results" }>): Promise<void> {
    if (answer.type === "fail") {
      this.#refused.set(answer.item, answer.failure);
      this.#stir();
    }
    if (answer.type !== "have") return;
    while (answer.item === this.#asking && this.#haves.length >= HAVES_MOST && !this.#isStopped) {
      await this.#stream.whileOpen(this.#wake.promise);
    }
    // What comes later, or was overtaken, is about something that is already decided.
    if (answer.item !== this.#asking) return;
    this.#haves.push(answer);
    this.#stir();
  }

  async turn(item: number): Promise<void> {
    await this.#turns.wait(item);
    this.#asking = item;
    this.#haves = [];
    this.expectWanted(item);
  }

  async send(item: number, record: Uint8Array): Promise<void> {
    this.expectWanted(item);
    await this.#stream.send(record);
  }

  async have(item: number): Promise<{ readonly have: HavePayload; readonly more: boolean }> {
    while (true) {
      this.expectWanted(item);
      const next = this.#haves.shift();
      this.#stir();
      if (next) return next;
      await this.#stream.whileOpen(this.#wake.promise);
    }
  }

  /** @throws {BlitError} where nothing more of an item is to be sent */
  expectWanted(item: number): void {
    const path = this.#batch.path(item);
    if (this.#isStopped) throw failure("cancelled", "process", path);
    const refused = this.#refused.get(item);
    if (refused) throw describeFailure({ ...refused, path, target: "destination" });
  }

  /** Concludes an item that failed here or there. */
  async fail(item: number, { status = 0, os = 0, step = 0 }: ResultFields): Promise<void> {
    await this.#turns.wait(item);
    if (this.#isStopped) return;
    await this.#stream.send(packRecord(RecordType.fail, item, packFail({ status, os, step })));
  }

  /** Nothing more comes of an item. */
  pass(item: number): void {
    if (this.#asking === item) this.#asking = -1;
    this.#stir();
    this.#turns.pass(item);
  }

  #stir(): void {
    this.#wake.resolve();
    this.#wake = Promise.withResolvers();
  }
}

/** The other side says what became of an item; this one, what it knows better. */
function merged(answered: ResultFields, own: ResultFields | undefined, kind: Kind): ResultFields {
  if (!own) return answered;
  // Of what failed here the other side only says that it was told so.
  if (own.status) return own;
  if (answered.status) return answered;
  return {
    ...answered,
    flags: (answered.flags ?? 0) | (own.flags ?? 0),
    method: kind === Kind.file ? CONTROL_PLANE : answered.method,
  };
}
