/**
 * Writing into a local tree what another kind of tree read: a {@link ContentSink} over the native
 * operation `write`.
 *
 * @module
 */
import { type EntryFields, Kind, NO_PARENT } from "../core/entry_block.ts";
import { describeFailure } from "../core/failure.ts";
import type { RelPath } from "../core/rel_path.ts";
import {
  BatchBuilder,
  BatchFlag,
  CopyAction,
  Op,
  REQUEST_BYTES,
  ResultFlag,
  type Results,
} from "../core/work_batch.ts";
import type { NativePool } from "../native/pool.ts";
import type { ContentSink, FileSink, NewEntry, Written } from "./stream_copy.ts";

/** Bits of parameter 1 of `write`. */
const FIRST = 1, LAST = 2, ABANDON = 4;
/** Where a request's header holds the length of the bytes after its items. */
const CONTENT_LENGTH_AT = 52;
const NOTHING = new Uint8Array(0);

type Xattrs = ReadonlyMap<string, Uint8Array> | null;

/** Where a {@link LocalSink} writes. */
export interface SinkTarget {
  readonly pool: NativePool;
  /** Handle of the destination's root. */
  readonly root: number;
  readonly runId: bigint;
  readonly slot: number;
  /** The copy batch's flags. */
  readonly flags: number;
}

/** The writing half of a copy batch whose source is not native. */
export class LocalSink implements ContentSink {
  readonly #target: SinkTarget;

  constructor(target: SinkTarget) {
    this.#target = target;
  }

  async parent(path: RelPath, make: boolean): Promise<number> {
    const batch = new BatchBuilder(Op.copy, 1);
    batch.flags = this.#target.flags & BatchFlag.fsync;
    batch.items.add({
      name: path,
      kind: Kind.directory,
      parent: NO_PARENT,
      action: make ? CopyAction.parentCreate : CopyAction.parentExists,
    });
    const results = await submit(this.#target, batch.finish(), path);
    return results.flags(0);
  }

  file(entry: NewEntry): Promise<FileSink> {
    return Promise.resolve(new LocalFileSink(this.#target, entry));
  }

  async node(entry: NewEntry, xattrs: Xattrs): Promise<Written> {
    const request = writeRequest(this.#target, entry, entry.fields, 0, FIRST | LAST, NOTHING);
    return written(await submit(this.#target, request, entry.path), xattrs);
  }

  // Native code makes each directory durable with the entry written into it.
  finish(): Promise<void> {
    return Promise.resolve();
  }
}

/** One file on its way; the newest piece is held back, so that a small file is one request. */
class LocalFileSink implements FileSink {
  readonly #target: SinkTarget;
  readonly #entry: NewEntry;
  #held: Uint8Array = NOTHING;
  /** Bytes that native code has. */
  #sent = 0;
  #begun = false;

  constructor(target: SinkTarget, entry: NewEntry) {
    this.#target = target;
    this.#entry = entry;
  }

  async write(piece: Uint8Array): Promise<void> {
    if (this.#held.length > 0) await this.#send(this.#entry.fields, 0);
    this.#held = piece.slice();
  }

  async restart(): Promise<void> {
    this.#held = NOTHING;
    if (this.#begun) await this.#send(this.#entry.fields, ABANDON);
    this.#begun = false;
    this.#sent = 0;
  }

  async commit(fields: EntryFields, xattrs: Xattrs): Promise<Written> {
    const result = written(await this.#send(fields, LAST), xattrs);
    this.#begun = false;
    return result;
  }

  async abandon(): Promise<void> {
    try {
      await this.restart();
    } catch {
      // The error that made the caller give up is the one to report; a staged rest is the next run's.
    }
  }

  async #send(fields: EntryFields, bits: number): Promise<Results> {
    const piece = this.#held;
    this.#held = NOTHING;
    const first = this.#begun ? 0 : FIRST;
    this.#begun = true;
    const request = writeRequest(
      this.#target,
      this.#entry,
      fields,
      this.#sent,
      bits | first,
      piece,
    );
    this.#sent += piece.length;
    return await submit(this.#target, request, this.#entry.path);
  }
}

function writeRequest(
  target: SinkTarget,
  entry: NewEntry,
  fields: EntryFields,
  offset: number,
  bits: number,
  piece: Uint8Array,
): Uint8Array {
  const batch = new BatchBuilder(Op.write, 1);
  batch.flags = target.flags & (BatchFlag.owner | BatchFlag.fsync);
  batch.parameter0 = BigInt(offset);
  batch.parameter1 = BigInt(bits);
  batch.items.add({
    ...fields,
    name: entry.path,
    target: fields.kind === Kind.symlink ? fields.target : "",
    action: entry.action,
    parent: NO_PARENT,
  });
  return withContent(batch.finish(), piece);
}

/** A request with bytes after its items. */
function withContent(request: Uint8Array, content: Uint8Array): Uint8Array {
  const at = Math.ceil(request.length / 8) * 8;
  const bytes = new Uint8Array(at + content.length);
  bytes.set(request);
  bytes.set(content, at);
  new DataView(bytes.buffer, 0, REQUEST_BYTES).setUint32(CONTENT_LENGTH_AT, content.length, true);
  return bytes;
}

async function submit(target: SinkTarget, request: Uint8Array, path: RelPath): Promise<Results> {
  const { results } = await target.pool.call(request, {
    // Items without content have no source, but a copy request names one.
    source: target.root,
    destination: target.root,
    runId: target.runId,
    slot: target.slot,
  });
  if (results.status(0) === 0) return results;
  throw describeFailure({
    status: results.status(0),
    os: results.os(0),
    step: results.step(0),
    path,
    target: "destination",
  });
}

function written(results: Results, xattrs: Xattrs): Written {
  return {
    inode: results.inode(0),
    ctimeNs: results.ctimeNs(0),
    mtimeNs: results.mtimeNs(0),
    // `write` carries none: what the source has is given up, and said so.
    flags: results.flags(0) | (xattrs?.size ? ResultFlag.xattrsDropped : 0),
  };
}
