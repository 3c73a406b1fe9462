/**
 * WorkBatch, a packed request: what to do with up to a few thousand entries of a tree; and the packed
 * results that answer it. Native code, the portable tree and the memory tree all read this layout.
 *
 * Request: a header of 64 bytes, then one EntryBlock whose records are the items.
 *
 *     0  u8   version, 1      1  u8  operation (Op)     2  u16  zero
 *     4  u32  flags (BatchFlag)
 *     8  u64  job id, unique in the process; set at submission
 *    16  u32  source root handle, 0 if none             20  u32  destination root handle, 0 if none
 *    24  u64  run id; names staged entries `.blit-<run id as 16 hex digits>-<n>`
 *    32  u64  parameter 0     40  u64  parameter 1
 *    48  u32  run slot in the control block             52  u32  length of the bytes after the items
 *    56  u64  zero
 *
 * Items: directories carry whole paths (parent = NO_PARENT); other items name a parent record that stands
 * before them in the same block, or NO_PARENT and a whole path. Record fields are what the scan saw.
 *
 * Results: 64 bytes per item, in item order.
 *
 *     0  u32  status (0 ok)   4  u32  os error          8  u64  bytes moved
 *    16  u8   copy method     17 u8   result flags      18 u16  step that failed (Step)
 *    20  u32  zero            24 u64  inode written (copy), or xattr digest (hash)
 *    32  [32] BLAKE3 digest (hash); or ctime i64 ns, mtime i64 ns of what was written, 16 zero bytes
 *
 * @module
 */
import { BlitError, statusFromPeer } from "./error.ts";
import { EntryBlock, EntryBlockWriter, NO_PARENT } from "./entry_block.ts";

/** Size of the request header, bytes. */
export const REQUEST_BYTES = 64;
/** Size of one result, bytes. */
export const RESULT_BYTES = 64;

/** What a batch asks for. Each operation's items, flags and parameters are in docs/native.md. */
export const Op = {
  /** List directories: emits EntryBlocks. */
  scan: 1,
  /** Go on with a scan that stopped at its budget (parameter 0 = continuation). */
  scanMore: 2,
  /** Read metadata of single paths: emits one EntryBlock with a record per item. */
  stat: 3,
  /** Create or replace entries of any kind but directories; makes missing parents. */
  copy: 4,
  /** Set owner, xattrs and ACLs, mode, mtime of entries that exist, from source and item fields. */
  meta: 5,
  /** Make `name` a hardlink to `target`, both in the destination. */
  link: 6,
  /** Remove entries that still are (inode, ctime) what was recorded. */
  remove: 7,
  /** Rename source `name` to destination `target`. */
  rename: 8,
  /** BLAKE3 of content, and a digest of xattrs and ACLs. */
  hash: 9,
  /** Make data durable: fsync the listed directories, or syncfs with no items. */
  sync: 10,
  /** Read a range of one file: emits bytes. */
  read: 11,
  /** Create one entry from bytes that the request carries; see docs/native.md. */
  write: 12,
  /** Create and lock, or release and remove, a run marker. */
  marker: 13,
  /** Dial a daemon's data plane: emits the stream's handle. */
  dial: 14,
  /** Copy to a daemon: parameter 0 = stream. */
  send: 15,
  /** Copy from a daemon: parameter 0 = stream. */
  receive: 16,
  /** Read the extended attributes of one entry: emits bytes. */
  xattrs: 17,
} as const;
/** One of the numbers in {@link Op}. */
export type Op = (typeof Op)[keyof typeof Op];

/** Flags of a batch; each operation uses some. */
export const BatchFlag = {
  /** scan: sort each directory by name bytes. */
  sorted: 1,
  /** scan: list staged entries too (flagged) instead of counting them. */
  staged: 2,
  /** copy, meta: set owner and group, and with them set-id bits. */
  owner: 4,
  /** copy, meta, hash, write: xattrs and ACLs too. */
  xattrs: 8,
  /** copy, link, rename, remove: data, then name, then directory, on disk before done. */
  fsync: 16,
  /** copy: read everything, write nothing. */
  discard: 32,
  /** rename: fail with `exists` rather than replace. */
  noReplace: 64,
  /** remove: only staged entries whose lock is free. */
  stale: 128,
  /** copy: keep an interrupted large staged file for a later run to resume. */
  keepPartial: 256,
  /** remove: a file that somebody has open for writing stays, as `busy`. */
  unwritten: 512,
} as const;

/** The `action` of a copy item. */
export const CopyAction = {
  /** A parent directory that exists in the destination. */
  parentExists: 0,
  /** A parent directory to make where it is missing, with mode 0700 until it is finished. */
  parentCreate: 1,
  /** Nothing has this name in the destination; `exists` if something came meanwhile. */
  create: 2,
  /** Replace what has this name: stage beside it, then rename. */
  replace: 3,
  /** Go on from the staged file named in `target`; then as replace. */
  resume: 4,
} as const;

/** What a marker batch does, its parameter 0. */
export const MarkerAction = {
  /** Release the marker and remove it. */
  release: 0n,
  /** Create and lock it; one that this run left when its connection broke is locked again. */
  create: 1n,
  /** Release it and leave the file, for the next run to find. */
  leave: 2n,
} as const;

/**
 * How content was copied, the `method` byte of a result. Nothing is copied by sendfile, splice, fcopyfile or CopyFileEx; they
 * hold the places of the others.
 */
export const COPY_METHODS = [
  "none",
  "reflink",
  "copy_file_range",
  "sendfile",
  "splice",
  "read_write",
  "clonefile",
  "fcopyfile",
  "copyfileex",
  "stream",
  "data_plane",
  "control_plane",
] as const;
/** A name in {@link COPY_METHODS}. */
export type CopyMethod = (typeof COPY_METHODS)[number];

/** Result flags: what was given up without failing the entry, or what else was done. */
export const ResultFlag = {
  /** The destination keeps no xattrs or ACLs; they were left out. */
  xattrsDropped: 1,
  /** A directory was made writable for its owner; finish it. */
  directoryWidened: 2,
  /** The owner could not be set, set-id bits were left out. */
  ownerDropped: 4,
  /** The source changed while it was read; the second reading was whole. */
  readAgain: 8,
  /** Went on from a partial file. */
  resumed: 16,
  /** The parent directory did not exist and was made. */
  created: 32,
  /** The mode isn't kept as it was set. */
  modeDropped: 64,
  /** The modification time isn't kept. */
  timeDropped: 128,
} as const;

/** What was being done when an item failed: the words follow "Cannot". */
export const STEPS = [
  "process",
  "open",
  "read",
  "create",
  "write",
  "replace",
  "set owner of",
  "set extended attributes of",
  "set mode of",
  "set time of",
  "flush",
  "link",
  "remove",
  "rename",
  "list",
  "read metadata of",
  "read link",
  "open parent of",
  "make directory",
  "lock",
  "hash",
  "allocate space for",
] as const;
/** Index into {@link STEPS}. */
export type Step = number;

/** Most bytes of a request that a tree on another machine takes. */
export const REQUEST_MOST_BYTES = 4 << 20;
/** From this size on a request is full: whatever one more item adds still fits. */
const FULL_BYTES = 3 << 20;

/** Builds a packed request. */
export class BatchBuilder {
  readonly op: Op;
  readonly items: EntryBlockWriter;
  flags = 0;
  parameter0 = 0n;
  parameter1 = 0n;
  #bytes = 0;

  constructor(op: Op, expectedItems = 64) {
    this.op = op;
    this.items = new EntryBlockWriter(expectedItems);
  }

  /** Number of items, parent directories included. */
  get count(): number {
    return this.items.count;
  }
  /** Content bytes of the items added with {@link BatchBuilder.addContent}. */
  get contentBytes(): number {
    return this.#bytes;
  }
  /** Whether it should be sent before more is added, however few its items are. */
  get isFull(): boolean {
    return this.items.byteLength >= FULL_BYTES;
  }
  /** Counts content bytes towards the batch's size class. */
  addContent(sizeBytes: number): void {
    this.#bytes += sizeBytes;
  }

  /** Packs the request; handles, job id, run id and slot are filled in by the tree that runs it. */
  finish(): Uint8Array {
    const bytes = this.items.finish({}, REQUEST_BYTES);
    const view = new DataView(bytes.buffer);
    view.setUint8(0, 1);
    view.setUint8(1, this.op);
    view.setUint32(4, this.flags, true);
    view.setBigUint64(32, this.parameter0, true);
    view.setBigUint64(40, this.parameter1, true);
    return bytes;
  }
}

/** Where a request's header holds the length of the bytes after its items. */
const TRAILING_LENGTH_AT = 52;

/**
 * Puts bytes after a request's items, 8-byte aligned: what `write`, `marker` and `meta` carry.
 *
 * @param request what {@link BatchBuilder.finish} made, as it is or as a {@link WorkBatch} holds it
 */
export function withTrailing(request: Uint8Array, trailing: Uint8Array): Uint8Array {
  const at = Math.ceil(request.length / 8) * 8;
  const bytes = new Uint8Array(at + trailing.length);
  bytes.set(request);
  bytes.set(trailing, at);
  new DataView(bytes.buffer).setUint32(TRAILING_LENGTH_AT, trailing.length, true);
  return bytes;
}

/** A packed request as a value: what {@link BatchBuilder.finish} made. */
export class WorkBatch {
  readonly bytes: Uint8Array;
  #items: EntryBlock | undefined;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }
  get op(): Op {
    return this.bytes[1] as Op;
  }
  get flags(): number {
    return new DataView(this.bytes.buffer, this.bytes.byteOffset).getUint32(4, true);
  }
  get parameter0(): bigint {
    return new DataView(this.bytes.buffer, this.bytes.byteOffset).getBigUint64(32, true);
  }
  get parameter1(): bigint {
    return new DataView(this.bytes.buffer, this.bytes.byteOffset).getBigUint64(40, true);
  }
  /** The items, decoded at first use. */
  get items(): EntryBlock {
    return this.#items ??= new EntryBlock(this.bytes.subarray(REQUEST_BYTES));
  }
  /** The bytes after the items. */
  get trailing(): Uint8Array {
    const view = new DataView(this.bytes.buffer, this.bytes.byteOffset);
    const length = view.getUint32(TRAILING_LENGTH_AT, true);
    const itemsBytes = view.getUint32(REQUEST_BYTES + 20, true) +
      view.getUint32(REQUEST_BYTES + 24, true);
    const start = Math.ceil((REQUEST_BYTES + itemsBytes) / 8) * 8;
    return this.bytes.subarray(start, start + length);
  }
  /** Whole path of an item, through its parent record. */
  path(i: number): string {
    const parent = this.items.parent(i);
    const name = this.items.name(i);
    if (parent === NO_PARENT) return name;
    const above = this.items.name(parent);
    return above === "" ? name : `${above}/${name}`;
  }
}

/** Packed results of a batch; getters take an item index. */
export class Results {
  readonly count: number;
  /** As they are packed. */
  readonly bytes: Uint8Array;
  readonly #view: DataView;

  /** @throws {BlitError} `mismatch` where the length is not a whole number of results */
  constructor(bytes: Uint8Array) {
    if (bytes.length % RESULT_BYTES !== 0) {
      throw new BlitError("mismatch", "Cannot read results: their size is wrong.");
    }
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.count = bytes.length / RESULT_BYTES;
  }
  /** Results that a peer packed; see {@link statusFromPeer}. */
  static fromPeer(bytes: Uint8Array): Results {
    const results = new Results(bytes);
    for (let i = 0; i < results.count; i++) {
      results.#view.setUint32(i * RESULT_BYTES, statusFromPeer(results.status(i)), true);
    }
    return results;
  }

  /** 0, or a status number. */
  status(i: number): number {
    return this.#view.getUint32(i * RESULT_BYTES, true);
  }
  os(i: number): number {
    return this.#view.getUint32(i * RESULT_BYTES + 4, true);
  }
  bytesMoved(i: number): number {
    return Number(this.#view.getBigUint64(i * RESULT_BYTES + 8, true));
  }
  method(i: number): number {
    return this.bytes[i * RESULT_BYTES + 16];
  }
  flags(i: number): number {
    return this.bytes[i * RESULT_BYTES + 17];
  }
  step(i: number): Step {
    return this.#view.getUint16(i * RESULT_BYTES + 18, true);
  }
  inode(i: number): bigint {
    return this.#view.getBigUint64(i * RESULT_BYTES + 24, true);
  }
  /** Digest of xattrs and ACLs (hash), 0 where there are none or they were not asked for. */
  xattrDigest(i: number): bigint {
    return this.inode(i);
  }
  /** BLAKE3 of the content (hash). */
  digest(i: number): Uint8Array {
    return this.bytes.subarray(i * RESULT_BYTES + 32, i * RESULT_BYTES + 64);
  }
  ctimeNs(i: number): bigint {
    return this.#view.getBigInt64(i * RESULT_BYTES + 32, true);
  }
  mtimeNs(i: number): bigint {
    return this.#view.getBigInt64(i * RESULT_BYTES + 40, true);
  }
  /** One result's fields, of any operation but `hash`. */
  fields(i: number): ResultFields {
    return {
      status: this.status(i),
      os: this.os(i),
      bytesMoved: this.bytesMoved(i),
      method: this.method(i),
      flags: this.flags(i),
      step: this.step(i),
      inode: this.inode(i),
      ctimeNs: this.ctimeNs(i),
      mtimeNs: this.mtimeNs(i),
    };
  }
}

/** Fields of one result; what is left out is zero. */
export interface ResultFields {
  readonly status?: number;
  readonly os?: number;
  readonly bytesMoved?: number;
  readonly method?: number;
  readonly flags?: number;
  readonly step?: Step;
  readonly inode?: bigint;
  readonly digest?: Uint8Array;
  readonly ctimeNs?: bigint;
  readonly mtimeNs?: bigint;
}

/** Builds packed results, for trees that are not native. */
export class ResultsWriter {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;

  constructor(count: number) {
    this.#bytes = new Uint8Array(count * RESULT_BYTES);
    this.#view = new DataView(this.#bytes.buffer);
  }
  set(i: number, fields: ResultFields): void {
    const at = i * RESULT_BYTES;
    this.#view.setUint32(at, fields.status ?? 0, true);
    this.#view.setUint32(at + 4, fields.os ?? 0, true);
    this.#view.setBigUint64(at + 8, BigInt(fields.bytesMoved ?? 0), true);
    this.#view.setUint8(at + 16, fields.method ?? 0);
    this.#view.setUint8(at + 17, fields.flags ?? 0);
    this.#view.setUint16(at + 18, fields.step ?? 0, true);
    this.#view.setBigUint64(at + 24, fields.inode ?? 0n, true);
    if (fields.digest) this.#bytes.set(fields.digest, at + 32);
    else {
      this.#view.setBigInt64(at + 32, fields.ctimeNs ?? 0n, true);
      this.#view.setBigInt64(at + 40, fields.mtimeNs ?? 0n, true);
    }
  }
  finish(): Results {
    return new Results(this.#bytes);
  }
}
