/**
 * Writing into a local tree what another kind of tree read: a {@link ContentSink} over the native
 * operation `write`.
 *
 * @module
 */
import { Kind, NO_PARENT } from "../core/entry_block.ts";
import { describeFailure } from "../core/failure.ts";
import type { RelPath } from "../core/rel_path.ts";
import {
  BatchBuilder,
  BatchFlag,
  CopyAction,
  Op,
  type Results,
  withTrailing,
} from "../core/work_batch.ts";
import type { NativePool } from "../native/pool.ts";
import { concatBytes } from "../core/bytes.ts";
import type { ContentSink, FileSink, NewEntry, Written } from "./content_sink.ts";
import { packedXattrs } from "./local_xattrs.ts";

/** Bits of parameter 1 of `write`. */
const FIRST = 1, LAST = 2, ABANDON = 4;
const NOTHING = new Uint8Array(0);

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

  async node(entry: NewEntry): Promise<Written> {
    const request = writeRequest(this.#target, entry, 0, FIRST | LAST, NOTHING);
    return written(await submit(this.#target, request, entry.path));
  }

  // Native code makes each directory durable with the entry written into it.
  finish(): Promise<void> {
    return Promise.resolve();
  }
}

/** One file on its way; the newest piece is held back, so that a small file is one request. */
class LocalFileSink implements FileSink {
  readonly #target: SinkTarget;
  #entry: NewEntry;
  #held: Uint8Array = NOTHING;
  /** Where the piece that is held belongs. */
  #at = 0;
  /** Length of the hole after it. */
  #hole = 0;
  #begun = false;

  constructor(target: SinkTarget, entry: NewEntry) {
    this.#target = target;
    this.#entry = entry;
  }

  async write(piece: Uint8Array): Promise<void> {
    if (this.#held.length > 0) await this.#send(0);
    this.#at += this.#hole;
    this.#hole = 0;
    this.#held = piece.slice();
  }

  skip(lengthBytes: number): Promise<void> {
    this.#hole += lengthBytes;
    return Promise.resolve();
  }

  async restart(entry: NewEntry): Promise<void> {
    await this.#forget();
    this.#entry = entry;
  }

  async commit(): Promise<Written> {
    if (this.#hole > 0) await this.write(NOTHING);
    const result = written(await this.#send(LAST));
    this.#begun = false;
    return result;
  }

  async abandon(): Promise<void> {
    try {
      await this.#forget();
    } catch {
      // The error that made the caller give up is the one to report; a staged rest is the next run's.
    }
  }

  async #forget(): Promise<void> {
    this.#held = NOTHING;
    if (this.#begun) await this.#send(ABANDON);
    this.#begun = false;
    this.#at = this.#hole = 0;
  }

  async #send(bits: number): Promise<Results> {
    const piece = this.#held;
    const first = this.#begun ? 0 : FIRST;
    this.#held = NOTHING;
    this.#begun = true;
    const request = writeRequest(this.#target, this.#entry, this.#at, bits | first, piece);
    this.#at += piece.length;
    return await submit(this.#target, request, this.#entry.path);
  }
}

function writeRequest(
  target: SinkTarget,
  { path, action, fields, xattrs }: NewEntry,
  offset: number,
  bits: number,
  piece: Uint8Array,
): Uint8Array {
  const batch = new BatchBuilder(Op.write, 1);
  batch.flags = target.flags & (BatchFlag.owner | BatchFlag.fsync);
  if (xattrs && bits & LAST) {
    batch.flags |= BatchFlag.xattrs;
    piece = concatBytes([packedXattrs([xattrs]), piece]);
  }
  batch.parameter0 = BigInt(offset);
  batch.parameter1 = BigInt(bits);
  batch.items.add({
    ...fields,
    name: path,
    target: fields.kind === Kind.symlink ? fields.target : "",
    // What was staged before can't be gone on with from here.
    action: action === CopyAction.resume ? CopyAction.replace : action,
    parent: NO_PARENT,
  });
  return withTrailing(batch.finish(), piece);
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

function written(results: Results): Written {
  return {
    inode: results.inode(0),
    ctimeNs: results.ctimeNs(0),
    mtimeNs: results.mtimeNs(0),
    flags: results.flags(0),
  };
}
