/**
 * What tests of the records share: content, batches, and a daemon that follows a script.
 *
 * @module
 */
import assert from "node:assert/strict";
import { NO_PARENT } from "../../src/core/entry_block.ts";
import {
  BatchBuilder,
  CopyAction,
  Op,
  type Results,
  ResultsWriter,
  WorkBatch,
} from "../../src/core/work_batch.ts";
import type { Tree } from "../../src/engine/tree.ts";
import type { BatchReceiver, BatchSource } from "../../src/tree/batch_source.ts";
import { StoreRun } from "../../src/tree/store_run.ts";
import { getBatch } from "../../src/tree/wire_receive.ts";
import { packRecord } from "../../src/wire/encoder.ts";
import { RecordType, type WireRecord } from "../../src/wire/record.ts";
import { type Duplex, RecordStream } from "../../src/wire/record_stream.ts";
import { statusWord } from "../conformance/workbench.ts";
import { duplexPair } from "./wire_peer.ts";

/** Bytes of a MiB. */
export const MIB = 1 << 20;

/** Content in which no two pieces are alike. */
export function content(bytes: number): Uint8Array {
  const all = new Uint8Array(bytes);
  for (let i = 0, x = 1; i < bytes; i += 97) all[i] = x = (x * 29 + 17) & 0xff;
  return all;
}

/** A copy batch of these entries of `source`. */
export async function batchOf(
  source: Tree,
  paths: readonly string[],
  action: number = CopyAction.create,
  flags = 0,
): Promise<WorkBatch> {
  const batch = new BatchBuilder(Op.copy);
  batch.flags = flags;
  const seen = await source.stat(paths);
  paths.forEach((_, i) => batch.items.addFrom(seen, i, NO_PARENT, action));
  return new WorkBatch(batch.finish());
}

/** The statuses of results, in order, as words. */
export function statuses(results: Results): string[] {
  return Array.from({ length: results.count }, (_, i) => statusWord(results.status(i)));
}

/** A run, and what ends it. */
export function begin(): { run: StoreRun; abort: AbortController } {
  const abort = new AbortController();
  return { run: new StoreRun(0x77n, abort.signal), abort };
}

/** Copies with `getBatch` into a tree, which lends its sink. */
export function pull(
  stream: RecordStream,
  batch: WorkBatch,
  into: Tree,
  run: StoreRun,
): Promise<Results> {
  const source: BatchSource = {
    sendBatch: (receiver: BatchReceiver) => getBatch({ ...receiver, stream, run, observer: run }),
  };
  return into.run(batch, source as Tree & BatchSource, run);
}

/** The daemon's end, driven by a test. */
export class Script {
  readonly stream: RecordStream;

  constructor(duplex: Duplex) {
    this.stream = new RecordStream(duplex);
  }
  /** The next record that is no sign of life, which must be of this type. */
  async expect(type: RecordType): Promise<WireRecord> {
    const record = await this.any();
    assert.equal(record.type, type);
    return record;
  }
  async any(): Promise<WireRecord> {
    while (true) {
      const record = await this.stream.next();
      if (record.type !== RecordType.alive) return record;
    }
  }
  send(type: RecordType, item = 0, payload?: Uint8Array, flags = 0): Promise<void> {
    return this.stream.send(packRecord(type, item, payload, flags));
  }
  /** Answers a put: every item is done. */
  async results(count: number): Promise<void> {
    await this.send(RecordType.results, 0, new ResultsWriter(count).finish().bytes);
  }
}

/** A stream to a daemon that a test plays. */
export function scripted(limits = {}): { stream: RecordStream; daemon: Script } {
  const [client, daemon] = duplexPair();
  return { stream: new RecordStream(client, limits), daemon: new Script(daemon) };
}
