/**
 * A daemon for tests of the records in TypeScript: it serves batches over a stream from and into a tree in
 * memory. Production daemons are native.
 *
 * @module
 */
import { WorkBatch } from "../../src/core/work_batch.ts";
import { BlitError } from "../../src/core/error.ts";
import type { RunContext, Tree } from "../../src/engine/tree.ts";
import type { BatchSource } from "../../src/tree/batch_source.ts";
import { Receiver } from "../../src/tree/wire_receive.ts";
import { Outlet, sendContent } from "../../src/tree/wire_send.ts";
import { AnswerRules } from "../../src/wire/answer_rules.ts";
import { packRecord } from "../../src/wire/encoder.ts";
import { RecordType, type WireRecord } from "../../src/wire/record.ts";
import { type Duplex, RecordStream, type StreamLimits } from "../../src/wire/record_stream.ts";

/** Changes bytes on their way; returns what arrives. */
export type Tamper = (bytes: Uint8Array) => Uint8Array;

/** Two ends of a link in memory, cut into odd pieces on the way. */
export function duplexPair(tamper: Tamper = (bytes) => bytes): [Duplex, Duplex] {
  const there = new Pipe(tamper);
  const back = new Pipe(tamper);
  const end = (out: Pipe, back: Pipe): Duplex => ({
    send: (bytes) => out.push(bytes),
    receive: () => back.read(),
    close: () => {
      out.close();
      back.close();
    },
  });
  return [end(there, back), end(back, there)];
}

class Pipe {
  readonly #tamper: Tamper;
  #chunks: Uint8Array[] = [];
  #isClosed = false;
  #wake = Promise.withResolvers<void>();
  #taken = Promise.withResolvers<void>();
  #cut = 7;

  constructor(tamper: Tamper) {
    this.#tamper = tamper;
  }

  async push(bytes: Uint8Array): Promise<void> {
    if (this.#isClosed) throw new BlitError("disconnected", "The link is closed.");
    const sent = this.#tamper(bytes.slice());
    for (let at = 0; at < sent.length;) {
      // Pieces of every size: records begin and end anywhere.
      this.#cut = (this.#cut * 31 + 11) % 100_003;
      this.#chunks.push(sent.subarray(at, at + 1 + this.#cut));
      at += 1 + this.#cut;
    }
    this.#wake.resolve();
    while (this.#chunks.length > 64 && !this.#isClosed) await this.#taken.promise;
  }

  async *read(): AsyncGenerator<Uint8Array, void> {
    while (!this.#isClosed || this.#chunks.length > 0) {
      const chunk = this.#chunks.shift();
      this.#taken.resolve();
      this.#taken = Promise.withResolvers();
      if (chunk) yield chunk;
      else {
        await this.#wake.promise;
        this.#wake = Promise.withResolvers();
      }
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#wake.resolve();
    this.#taken.resolve();
  }
}

/** Records as they come; one can be looked at before it is taken. */
class Inbox {
  readonly #stream: RecordStream;
  #head: Promise<WireRecord> | null = null;

  constructor(stream: RecordStream) {
    this.#stream = stream;
  }
  peek(): Promise<WireRecord> {
    return this.#head ??= this.#stream.next();
  }
  async next(): Promise<WireRecord> {
    const record = await this.peek();
    this.#head = null;
    return record;
  }
}

/** Serves one batch after the other from and into `tree`, until the client goes. */
export async function serve(
  duplex: Duplex,
  tree: Tree,
  limits: Partial<StreamLimits> = {},
): Promise<void> {
  const stream = new RecordStream(duplex, limits);
  const inbox = new Inbox(stream);
  const abort = new AbortController();
  const run = tree.beginRun(++runs, abort.signal);
  const peer = { stream, inbox, tree, run };
  try {
    while (true) {
      const request = await inbox.next();
      // What comes after the end of a batch is old.
      if (OLD.has(request.type)) continue;
      const batch = new WorkBatch(request.payload.slice());
      const answer = request.type === RecordType.put ? receivePut : sendGet;
      await stream.batch(() => answer(peer, batch));
    }
  } catch (error) {
    stream.close(error);
    abort.abort();
  } finally {
    tree.endRun(run);
  }
}

let runs = 0xdae0_0000n;
const OLD = new Set<RecordType>([RecordType.alive, RecordType.fail, RecordType.cancel]);
const observer = { moved() {}, done() {}, at: () => () => {} };

interface Peer {
  readonly stream: RecordStream;
  readonly inbox: Inbox;
  readonly tree: Tree;
  readonly run: RunContext;
}

async function receivePut({ stream, inbox, tree, run }: Peer, batch: WorkBatch): Promise<void> {
  let error: unknown;
  // Lends the tree's own sink, by being a source that it asks for a whole batch.
  const source: BatchSource = {
    sendBatch: async (receiver) => {
      const incoming = new Receiver({ ...receiver, stream });
      await incoming.begin();
      try {
        await incoming.receive(async () => {
          const record = await inbox.next();
          if (record.type !== RecordType.cancel) return record;
          incoming.rules.cancel();
          return { ...record, type: RecordType.end };
        });
      } catch (thrown) {
        error = thrown;
      }
      return await incoming.finish(error);
    },
  };
  const results = await tree.run(batch, source as Tree & BatchSource, run);
  if (error) throw error;
  await stream.send(packRecord(RecordType.results, 0, results.bytes));
}

async function sendGet({ stream, inbox, tree, run }: Peer, batch: WorkBatch): Promise<void> {
  const send = { stream, batch, source: tree, run, observer };
  const outlet = new Outlet(send);
  const rules = new AnswerRules(batch.items);
  let isDone = false;
  const hear = async () => {
    while (true) {
      const record = await inbox.peek();
      if (isDone) return;
      await inbox.next();
      if (record.type === RecordType.cancel) return outlet.stop();
      const answer = rules.accept(record);
      if (answer.type !== "results") await outlet.hear(answer);
    }
  };
  hear().catch((error) => stream.close(error));
  await sendContent(send, outlet);
  isDone = true;
  await stream.send(packRecord(RecordType.end));
}
