/**
 * Receiving the content of a copy batch into a tree without native code, from records (docs/protocol.md).
 * Nothing gets a name before all of it is verified.
 *
 * @module
 */
import { type EntryFields, Kind } from "../core/entry_block.ts";
import {
  BatchFlag,
  COPY_METHODS,
  CopyAction,
  type ResultFields,
  ResultFlag,
  type Results,
} from "../core/work_batch.ts";
import { type ContentMessage, ContentRules } from "../wire/content_rules.ts";
import { packRecord } from "../wire/encoder.ts";
import { type EntryPayload, packFail, packHave, type RangePayload } from "../wire/payload.ts";
import { RecordType, type WireRecord } from "../wire/record.ts";
import type { RecordStream } from "../wire/record_stream.ts";
import { digestOf } from "./blake3.ts";
import type { BatchReceiver } from "./batch_source.ts";
import type { ContentSink, FileSink, NewEntry } from "./content_sink.ts";
import { CopyResults } from "./copy_results.ts";
import { newEntry } from "./entry_copy.ts";
import { checkCancelled, failure, resultOfError } from "./step_failure.ts";
import { cancelWith, expectSendable } from "./wire_send.ts";

const CONTROL_PLANE = COPY_METHODS.indexOf("control_plane");
const NO_METHOD = COPY_METHODS.indexOf("none");

/** What goes with a batch that is received. */
export interface WireReceive extends BatchReceiver {
  readonly stream: RecordStream;
}

/**
 * Copies a batch out of a tree behind a stream, as the stream's client.
 *
 * @returns one result per item, and `method` says how content came. Where the stream ends first, what isn't
 *   made fails as it did
 */
export async function getBatch(get: WireReceive): Promise<Results> {
  const { stream, batch, run } = get;
  const receiver = new Receiver(get);
  try {
    if (run.signal.aborted) throw failure("cancelled", "process", "");
    expectSendable(batch);
    await receiver.begin();
    await stream.batch(async () => {
      await stream.send(packRecord(RecordType.get, 0, withoutDiscard(batch.bytes)));
      const undo = cancelWith(run.signal, stream, () => {
        receiver.rules.cancel();
        // Whoever listens learns of a broken link by itself.
        stream.send(packRecord(RecordType.cancel)).catch(() => {});
      });
      try {
        await receiver.receive(() => stream.next());
      } finally {
        undo();
      }
    });
    return await receiver.finish();
  } catch (error) {
    return await receiver.finish(error);
  }
}

/** Receives one batch; whoever asked for it, or was told of it, does the rest of the conversation. */
export class Receiver {
  readonly rules: ContentRules;
  readonly #work: WireReceive;
  readonly #sink: ContentSink | null;
  readonly #results: CopyResults;
  readonly #making = new Set<Promise<void>>();
  #open: OpenFile | null = null;

  constructor(work: WireReceive) {
    this.#work = work;
    this.#sink = work.batch.flags & BatchFlag.discard ? null : work.sink;
    this.rules = new ContentRules(work.batch.items);
    this.#results = new CopyResults(work.batch);
  }

  /** Checks or makes the batch's directories. */
  async begin(): Promise<void> {
    await this.#results.announceParents(this.#sink, this.#work.run.signal);
    for (const i of this.#results.entries()) {
      const failed = this.#results.parentFailure(i);
      if (failed) this.#settle(i, failed);
    }
  }

  /**
   * Takes records until the batch's `end`.
   *
   * @throws {BlitError} `mismatch` where the other side breaks the rules, `disconnected` where it is gone
   */
  async receive(next: () => Promise<WireRecord>): Promise<void> {
    while (true) {
      const message = this.rules.accept(await next());
      if (message.type === "end") return;
      if (message.type !== "alive") await this.#take(message);
    }
  }

  /**
   * Waits for what is being made, and packs the results.
   *
   * @param error why what isn't made fails; left out: it was cancelled
   */
  async finish(error?: unknown): Promise<Results> {
    await Promise.all(this.#making);
    await this.#abandon();
    this.#results.failRest(error ?? failure("cancelled", "process", ""));
    if (this.#sink) await this.#results.finishSink(this.#sink);
    return this.#results.pack();
  }

  async #take(message: Exclude<ContentMessage, { readonly type: "end" | "alive" }>): Promise<void> {
    const { item } = message;
    switch (message.type) {
      case "file":
        return await this.#whole(message);
      case "fail":
        await this.#abandon();
        return this.#settle(item, message.failure);
      case "entry": {
        const failed = this.#results.parentFailure(item);
        if (failed) return await this.#refuse(item, failed);
        return await this.#attempt(item, () => this.#begin(message));
      }
      case "range":
        return await this.#attempt(item, () => this.#append(message.range));
      case "done":
        if (message.changed || !this.#open) return;
        return await this.#make(item, this.#open.bytesMoved, this.#open.flags, this.#complete());
    }
  }

  /** Does a step of a file that is not at its end; a failure is told the sender. */
  async #attempt(item: number, step: () => Promise<void>): Promise<void> {
    if (this.#results.isSettled(item)) return;
    const { run, batch } = this.#work;
    try {
      checkCancelled(run.signal, "write", batch.path(item));
      await step();
    } catch (error) {
      await this.#abandon();
      await this.#refuse(item, resultOfError(error));
    }
  }

  /** Fails an item whose content is still to come, and says so. */
  async #refuse(item: number, { status = 0, os = 0, step = 0 }: ResultFields): Promise<void> {
    this.#settle(item, { status, os, step });
    const payload = packFail({ status, os, step });
    await this.#work.stream.send(packRecord(RecordType.fail, item, payload));
  }

  async #begin(message: Extract<ContentMessage, { readonly type: "entry" }>): Promise<void> {
    const { item, entry, again } = message;
    const { batch, stream } = this.#work;
    const made = this.#newEntry(item, entry);
    const before = this.#open;
    if (before) await before.file?.restart(made);
    this.#open = {
      item,
      flags: flagsOf(message),
      sizeBytes: entry.look.sizeBytes,
      at: 0,
      bytesMoved: before?.bytesMoved ?? 0,
      file: before ? before.file : await this.#sink?.file(made) ?? null,
    };
    if (!again && batch.items.action(item) === CopyAction.resume) {
      // What an earlier run left is another tree's to go on with: everything comes again.
      const nothing = packHave({ lengthBytes: 0, pieces: [] });
      await stream.send(packRecord(RecordType.have, item, nothing));
    }
  }

  async #append({ offset, content, digest }: RangePayload): Promise<void> {
    const open = this.#open!;
    await expectDigest(this.#work.batch.path(open.item), content, digest);
    if (offset > open.at) await open.file?.skip(offset - open.at);
    if (content.length > 0) await open.file?.write(content);
    open.at = offset + content.length;
    open.bytesMoved += content.length;
    this.#work.observer.moved(content.length);
  }

  /** Gives the open file its end and its name. */
  #complete(): () => Promise<ResultFields> {
    const { file, sizeBytes, at } = this.#open!;
    this.#open = null;
    return async () => {
      if (!file) return {};
      try {
        if (sizeBytes > at) await file.skip(sizeBytes - at);
        return await file.commit();
      } catch (error) {
        await file.abandon();
        throw error;
      }
    };
  }

  async #whole(message: Extract<ContentMessage, { readonly type: "file" }>): Promise<void> {
    const { item, file: { content, digest, ...entry } } = message;
    // A large file that shrank while it was sent comes whole the second time.
    const before = this.#open;
    this.#open = null;
    if (this.#results.isSettled(item)) return;
    this.#work.observer.moved(content.length);
    const bytesMoved = content.length + (before?.bytesMoved ?? 0);
    await this.#make(item, bytesMoved, flagsOf(message), async () => {
      await before?.file?.abandon();
      await expectDigest(this.#work.batch.path(item), content, digest);
      if (!this.#sink) return {};
      const made = this.#newEntry(item, entry);
      if (made.fields.kind !== Kind.file) return await this.#sink.node(made);
      const file = await this.#sink.file(made);
      try {
        if (content.length > 0) await file.write(content);
        return await file.commit();
      } catch (error) {
        await file.abandon();
        throw error;
      }
    });
  }

  /** Finishes an entry beside others, as many as there may be at a time. */
  async #make(
    item: number,
    bytesMoved: number,
    flags: number,
    work: () => Promise<ResultFields>,
  ): Promise<void> {
    const { batch, run, observer, parallel } = this.#work;
    const making = (async () => {
      const leave = observer.at(batch.path(item), "write");
      try {
        checkCancelled(run.signal, "write", batch.path(item));
        const made = await work();
        const isContent = batch.items.kind(item) === Kind.file && this.#sink !== null;
        this.#settle(item, {
          ...made,
          bytesMoved,
          method: isContent ? CONTROL_PLANE : NO_METHOD,
          flags: (made.flags ?? 0) | flags,
        });
      } catch (error) {
        this.#settle(item, resultOfError(error));
      } finally {
        leave();
      }
    })();
    this.#making.add(making);
    making.finally(() => this.#making.delete(making));
    while (this.#making.size >= Math.max(1, parallel)) await Promise.race(this.#making);
  }

  #newEntry(item: number, { look, target, attributes }: EntryPayload): NewEntry {
    const { batch } = this.#work;
    const fields: EntryFields = {
      ...look,
      name: batch.items.name(item),
      target,
      allocatedBytes: Number(look.allocatedBytes),
    };
    return newEntry(batch, item, fields, batch.flags & BatchFlag.xattrs ? attributes : null);
  }

  /** The first word on an item counts. */
  #settle(item: number, result: ResultFields): void {
    if (this.#results.isSettled(item)) return;
    this.#results.settle(item, result);
    this.#work.observer.done();
  }

  async #abandon(): Promise<void> {
    const { file } = this.#open ?? {};
    this.#open = null;
    await file?.abandon();
  }
}

/** A file whose ranges are on their way. */
interface OpenFile {
  readonly item: number;
  /** What its result says besides. */
  readonly flags: number;
  readonly sizeBytes: number;
  /** Null where nothing is written. */
  readonly file: FileSink | null;
  /** Where the next range goes, if it leaves no hole. */
  at: number;
  bytesMoved: number;
}

/** What the sender said that belongs into the item's result. */
function flagsOf(
  { again, leftOut }: { readonly again: boolean; readonly leftOut: boolean },
): number {
  return (again ? ResultFlag.readAgain : 0) | (leftOut ? ResultFlag.xattrsDropped : 0);
}

async function expectDigest(path: string, content: Uint8Array, digest: Uint8Array): Promise<void> {
  const found = await digestOf(content);
  if (!found.every((byte, i) => byte === digest[i])) throw failure("corrupt", "read", path);
}

/** A request as the sender needs it: what is done with the content is the receiver's business. */
function withoutDiscard(request: Uint8Array): Uint8Array {
  const bytes = request.slice();
  const view = new DataView(bytes.buffer);
  view.setUint32(4, view.getUint32(4, true) & ~BatchFlag.discard, true);
  return bytes;
}
