/**
 * EntryBlock, the one packed layout of tree entries.
 *
 * The scanner makes it, the planner reads it, a {@link WorkBatch} names its files with it, and the
 * control plane carries it verbatim. All numbers are little-endian; offsets in bytes.
 *
 * Header, 32 bytes:
 *
 *     0  u8   version, 1
 *     1  u8   flags: 1 sorted by name bytes, 2 last block of its directory
 *     2  u16  record size, 96
 *     4  u32  count of records
 *     8  u32  directory: index of the directory in the request this answers
 *    12  u32  status: 0, or why the directory could not be listed (then count is 0 and flag 2 is set)
 *    16  u32  os: the operating system's error number beside status
 *    20  u32  data offset, 32 + 96 * count
 *    24  u32  data length
 *    28  u32  staged: entries named `.blit-<run>-<n>` that were left out
 *
 * Record, 96 bytes:
 *
 *     0  u64  size            8  i64  mtime, ns      16  i64  ctime, ns     24  u64  inode
 *    32  u64  device         40  u64  rdev (device node), major << 32 | minor
 *    48  u64  allocated, bytes on disk               56  u32  name offset, from the data's start
 *    60  u16  name length    62  u16  target length  64  u32  target offset
 *    68  u32  mode, permission bits and set-id bits (07777)
 *    72  u32  uid            76  u32  gid            80  u32  link count
 *    84  u8   kind           85  u8   flags: 1 a staged entry, 2 renamed (copy batches)
 *    86  u16  action (batches only), else 0
 *    88  u32  status of this entry in a listing; in a batch the index of its parent record
 *    92  u32  os error number beside status; in a batch 0
 *
 * Data: names and link targets, not NUL-terminated. A target is a symlink's target; in a batch it may
 * be another name (see the action).
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { BlitError } from "./error.ts";
import type { RelPath } from "./rel_path.ts";

/** Version byte of the layout. */
export const BLOCK_VERSION = 1;
/** Size of the header, bytes. */
export const HEADER_BYTES = 32;
/** Size of one record, bytes. */
export const RECORD_BYTES = 96;
/** Parent index that means "the root itself": the name is a whole path. */
export const NO_PARENT = 0xffffffff;

/** Kinds of entries, as the `kind` byte. */
export const Kind = {
  unknown: 0,
  file: 1,
  directory: 2,
  symlink: 3,
  fifo: 4,
  socket: 5,
  charDevice: 6,
  blockDevice: 7,
} as const;
/** One of the numbers in {@link Kind}. */
export type Kind = (typeof Kind)[keyof typeof Kind];

/** Word for a kind, for messages. */
export const KIND_WORD: Record<Kind, string> = {
  0: "unknown entry",
  1: "file",
  2: "directory",
  3: "symlink",
  4: "FIFO",
  5: "socket",
  6: "character device",
  7: "block device",
};

/** Block flag: records are sorted by name bytes. */
export const BLOCK_SORTED = 1;
/** Block flag: no further block follows for this directory. */
export const BLOCK_LAST = 2;
/** Record flag: the entry has a staging name. */
export const ENTRY_STAGED = 1;
/** Record flag of a copy item: `target` is its name in the destination, also where it is a symlink. */
export const ENTRY_RENAMED = 2;

const WORDS = RECORD_BYTES / 4;
const HEADER_WORDS = HEADER_BYTES / 4;
const TWO32 = 0x1_0000_0000;

/** A read-only view of one packed block. Getters take a record index, `0 <= i < count`. */
export class EntryBlock {
  /** The packed bytes, 8-byte aligned in their buffer. */
  readonly bytes: Uint8Array;
  readonly count: number;
  readonly #w: Uint32Array;
  readonly #dataOffset: number;
  readonly #data: string;

  /**
   * Checks the layout and decodes the names once.
   *
   * @param bytes one whole block, as made by native code or an {@link EntryBlockWriter}
   * @throws {BlitError} `mismatch` where the version, sizes or offsets are not this layout's
   */
  constructor(bytes: Uint8Array) {
    if (bytes.byteOffset % 8 !== 0) bytes = bytes.slice();
    const w = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength >>> 2);
    if (bytes.length < HEADER_BYTES || bytes[0] !== BLOCK_VERSION || w[0] >>> 16 !== RECORD_BYTES) {
      throw new BlitError("mismatch", "Cannot read a listing: its layout is of another version.");
    }
    const count = w[1], dataOffset = w[5], dataLength = w[6];
    if (
      dataOffset !== HEADER_BYTES + count * RECORD_BYTES || dataOffset + dataLength > bytes.length
    ) {
      throw new BlitError("mismatch", "Cannot read a listing: its sizes contradict each other.");
    }
    for (let r = HEADER_WORDS; r < HEADER_WORDS + count * WORDS; r += WORDS) {
      const lengths = w[r + 15];
      if (
        w[r + 14] + (lengths & 0xffff) > dataLength || w[r + 16] + (lengths >>> 16) > dataLength
      ) {
        throw new BlitError("mismatch", "Cannot read a listing: a name lies outside of it.");
      }
    }
    this.bytes = bytes;
    this.count = count;
    this.#w = w;
    this.#dataOffset = dataOffset;
    this.#data = Buffer.from(bytes.buffer, bytes.byteOffset + dataOffset, dataLength)
      .toString("latin1", 0, dataLength);
  }

  get sorted(): boolean {
    return (this.bytes[1] & BLOCK_SORTED) !== 0;
  }
  get last(): boolean {
    return (this.bytes[1] & BLOCK_LAST) !== 0;
  }
  /** Index of the directory in the request that this block answers. */
  get directory(): number {
    return this.#w[2];
  }
  /** 0, or the status number that says why the directory could not be listed. */
  get listStatus(): number {
    return this.#w[3];
  }
  get listOs(): number {
    return this.#w[4];
  }
  /** How many staged entries were left out of this block. */
  get stagedSkipped(): number {
    return this.#w[7];
  }

  name(i: number): RelPath {
    const r = HEADER_WORDS + i * WORDS;
    const at = this.#w[r + 14];
    return this.#data.slice(at, at + (this.#w[r + 15] & 0xffff));
  }
  /** Symlink target, or the action's second name; `""` where there is none. */
  target(i: number): RelPath {
    const r = HEADER_WORDS + i * WORDS;
    const at = this.#w[r + 16];
    return this.#data.slice(at, at + (this.#w[r + 15] >>> 16));
  }
  kind(i: number): Kind {
    return this.bytes[HEADER_BYTES + i * RECORD_BYTES + 84] as Kind;
  }
  flags(i: number): number {
    return this.bytes[HEADER_BYTES + i * RECORD_BYTES + 85];
  }
  action(i: number): number {
    return this.#w[HEADER_WORDS + i * WORDS + 21] >>> 16;
  }
  sizeBytes(i: number): number {
    return this.#number(i, 0);
  }
  mtimeNs(i: number): bigint {
    return this.#bigint(i, 2);
  }
  ctimeNs(i: number): bigint {
    return this.#bigint(i, 4);
  }
  /** Modification time in seconds, for ages and display; loses nanoseconds. */
  mtimeSeconds(i: number): number {
    return Number(this.#bigint(i, 2)) / 1e9;
  }
  inode(i: number): bigint {
    return BigInt.asUintN(64, this.#bigint(i, 6));
  }
  device(i: number): bigint {
    return BigInt.asUintN(64, this.#bigint(i, 8));
  }
  rdev(i: number): bigint {
    return BigInt.asUintN(64, this.#bigint(i, 10));
  }
  allocatedBytes(i: number): number {
    return this.#number(i, 12);
  }
  mode(i: number): number {
    return this.#w[HEADER_WORDS + i * WORDS + 17];
  }
  /** Changes a record's permission bits, and with them the bytes that the block was made over. */
  setMode(i: number, mode: number): void {
    this.#w[HEADER_WORDS + i * WORDS + 17] = mode;
  }
  uid(i: number): number {
    return this.#w[HEADER_WORDS + i * WORDS + 18];
  }
  gid(i: number): number {
    return this.#w[HEADER_WORDS + i * WORDS + 19];
  }
  linkCount(i: number): number {
    return this.#w[HEADER_WORDS + i * WORDS + 20];
  }
  /** 0, or why this entry's metadata could not be read. */
  status(i: number): number {
    return this.#w[HEADER_WORDS + i * WORDS + 22];
  }
  /** Changes what {@link EntryBlock.status} and {@link EntryBlock.listStatus} say, and with them the bytes that the block was made over. */
  mapStatus(map: (status: number) => number): void {
    this.#w[3] = map(this.#w[3]);
    for (let r = HEADER_WORDS; r < HEADER_WORDS + this.count * WORDS; r += WORDS) {
      this.#w[r + 22] = map(this.#w[r + 22]);
    }
  }
  /** In a batch: index of the record of the parent directory, or {@link NO_PARENT}. */
  parent(i: number): number {
    return this.#w[HEADER_WORDS + i * WORDS + 22];
  }
  os(i: number): number {
    return this.#w[HEADER_WORDS + i * WORDS + 23];
  }

  /** Whether size (in bytes) is equal to the other record's. */
  sameSize(i: number, other: EntryBlock, j: number): boolean {
    return this.#sameWords(i, other, j, 0);
  }
  /** Whether mtime is equal to the nanosecond. */
  sameMtime(i: number, other: EntryBlock, j: number): boolean {
    return this.#sameWords(i, other, j, 2);
  }
  /** Whether both name the same inode of the same device. */
  sameInode(i: number, other: EntryBlock, j: number): boolean {
    return this.#sameWords(i, other, j, 6) && this.#sameWords(i, other, j, 8);
  }
  sameRdev(i: number, other: EntryBlock, j: number): boolean {
    return this.#sameWords(i, other, j, 10);
  }
  /** A map key of device and inode, for hardlink groups. */
  inodeKey(i: number): string {
    const r = HEADER_WORDS + i * WORDS;
    const w = this.#w;
    return `${w[r + 9]}:${w[r + 8]}:${w[r + 7]}:${w[r + 6]}`;
  }

  /** Copies one packed record to `words` at index `at`. */
  copyRecord(i: number, words: Uint32Array, at: number): void {
    const r = HEADER_WORDS + i * WORDS;
    for (let k = 0; k < WORDS; k++) words[at + k] = this.#w[r + k];
  }
  /** Length of a record's name, bytes. */
  nameLength(i: number): number {
    return this.#w[HEADER_WORDS + i * WORDS + 15] & 0xffff;
  }
  /** Length of a record's target, bytes. */
  targetLength(i: number): number {
    return this.#w[HEADER_WORDS + i * WORDS + 15] >>> 16;
  }
  /** Copies the bytes of a record's name to `into` at `at`. */
  copyName(i: number, into: Uint8Array, at: number): void {
    const from = this.#dataOffset + this.#w[HEADER_WORDS + i * WORDS + 14];
    for (let k = 0, n = this.nameLength(i); k < n; k++) into[at + k] = this.bytes[from + k];
  }
  /** Copies the bytes of a record's target to `into` at `at`. */
  copyTarget(i: number, into: Uint8Array, at: number): void {
    const from = this.#dataOffset + this.#w[HEADER_WORDS + i * WORDS + 16];
    for (let k = 0, n = this.targetLength(i); k < n; k++) into[at + k] = this.bytes[from + k];
  }
  /** The bytes of a record's target. */
  targetBytes(i: number): Uint8Array {
    const r = HEADER_WORDS + i * WORDS;
    const at = this.#dataOffset + this.#w[r + 16];
    return this.bytes.subarray(at, at + (this.#w[r + 15] >>> 16));
  }

  #number(i: number, word: number): number {
    const r = HEADER_WORDS + i * WORDS + word;
    return this.#w[r] + this.#w[r + 1] * TWO32;
  }
  #bigint(i: number, word: number): bigint {
    const r = HEADER_WORDS + i * WORDS + word;
    return BigInt.asIntN(64, (BigInt(this.#w[r + 1]) << 32n) | BigInt(this.#w[r]));
  }
  #sameWords(i: number, other: EntryBlock, j: number, word: number): boolean {
    const r = HEADER_WORDS + i * WORDS + word;
    const s = HEADER_WORDS + j * WORDS + word;
    return this.#w[r] === other.#w[s] && this.#w[r + 1] === other.#w[s + 1];
  }
}

/** Field values of one record; everything but `name` and `kind` has a neutral default. */
export interface EntryFields {
  readonly name: RelPath;
  readonly kind: Kind;
  readonly target?: RelPath;
  readonly sizeBytes?: number;
  readonly allocatedBytes?: number;
  readonly mtimeNs?: bigint;
  readonly ctimeNs?: bigint;
  readonly inode?: bigint;
  readonly device?: bigint;
  readonly rdev?: bigint;
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly linkCount?: number;
  readonly flags?: number;
  readonly action?: number;
  /** `status` in a listing, `parent` in a batch: the same word. */
  readonly status?: number;
  readonly parent?: number;
  readonly os?: number;
}

/** Builds a block; grows as needed and can be used again after {@link EntryBlockWriter.reset}. */
export class EntryBlockWriter {
  /** The records, as words: little-endian, as is every machine that this runs on. */
  #words: Uint32Array<ArrayBuffer>;
  #data: Uint8Array;
  #count = 0;
  #dataLength = 0;

  constructor(expectedEntries = 64) {
    this.#words = new Uint32Array(Math.max(1, expectedEntries) * WORDS);
    this.#data = new Uint8Array(Math.max(64, expectedEntries * 24));
  }

  get count(): number {
    return this.#count;
  }
  /** Size of the block that {@link EntryBlockWriter.finish} would return, bytes. */
  get byteLength(): number {
    return HEADER_BYTES + this.#count * RECORD_BYTES + this.#dataLength;
  }

  /**
   * Adds a record from its fields and returns its index.
   *
   * @throws {BlitError} `name_too_long` for a name or target of over 65,535 bytes; nothing is added then
   */
  add(fields: EntryFields): number {
    const name = Buffer.from(fields.name, "latin1");
    const target = Buffer.from(fields.target ?? "", "latin1");
    const i = this.#reserve(name.length, target.length);
    const view = new DataView(this.#words.buffer, i * RECORD_BYTES, RECORD_BYTES);
    view.setBigUint64(0, BigInt(fields.sizeBytes ?? 0), true);
    view.setBigInt64(8, fields.mtimeNs ?? 0n, true);
    view.setBigInt64(16, fields.ctimeNs ?? 0n, true);
    view.setBigUint64(24, fields.inode ?? 0n, true);
    view.setBigUint64(32, fields.device ?? 0n, true);
    view.setBigUint64(40, fields.rdev ?? 0n, true);
    view.setBigUint64(48, BigInt(fields.allocatedBytes ?? fields.sizeBytes ?? 0), true);
    view.setUint32(68, fields.mode ?? 0, true);
    view.setUint32(72, fields.uid ?? 0, true);
    view.setUint32(76, fields.gid ?? 0, true);
    view.setUint32(80, fields.linkCount ?? 1, true);
    view.setUint8(84, fields.kind);
    view.setUint8(85, fields.flags ?? 0);
    view.setUint16(86, fields.action ?? 0, true);
    view.setUint32(88, fields.parent ?? fields.status ?? 0, true);
    view.setUint32(92, fields.os ?? 0, true);
    this.#data.set(name, this.#dataLength);
    this.#data.set(target, this.#dataLength + name.length);
    this.#setNames(i * WORDS, name.length, target.length);
    return i;
  }

  /**
   * Adds a copy of another block's record, with its own name and target unless others are given.
   *
   * @param parent index of the parent's record in this block, or {@link NO_PARENT}
   * @param action what to do with it; see the batch's operation
   */
  addFrom(
    block: EntryBlock,
    index: number,
    parent: number,
    action: number,
    name?: Uint8Array,
    target?: Uint8Array,
  ): number {
    const i = this.copy(block, index, name, target);
    const r = i * WORDS;
    const words = this.#words;
    words[r + 21] = (words[r + 21] & 0xffff) | (action << 16);
    words[r + 22] = parent;
    words[r + 23] = 0;
    return i;
  }

  /** Adds a copy of another block's record as it is, its status included, under a name of its own. */
  copy(block: EntryBlock, index: number, name?: Uint8Array, target?: Uint8Array): number {
    const nameLength = name?.length ?? block.nameLength(index);
    const targetLength = target?.length ?? block.targetLength(index);
    const i = this.#reserve(nameLength, targetLength);
    const r = i * WORDS;
    block.copyRecord(index, this.#words, r);
    const at = this.#dataLength;
    // A million records pass through here: a view for each would keep the garbage collector busy.
    if (name === undefined) block.copyName(index, this.#data, at);
    else this.#data.set(name, at);
    if (target === undefined) block.copyTarget(index, this.#data, at + nameLength);
    else this.#data.set(target, at + nameLength);
    this.#setNames(r, nameLength, targetLength);
    return i;
  }

  /** Changes the flags that a record added before carries. */
  setFlags(i: number, flags: number): void {
    const r = i * WORDS + 21;
    this.#words[r] = (this.#words[r] & 0xffff00ff) | (flags << 8);
  }

  /** Changes the inode that a record added before carries. */
  setInode(i: number, inode: bigint): void {
    new DataView(this.#words.buffer).setBigUint64(i * RECORD_BYTES + 24, inode, true);
  }

  /**
   * Packs the block.
   *
   * @param prefix bytes to leave free in front, for a header of the caller's; a multiple of 8
   */
  finish(
    header: {
      flags?: number;
      directory?: number;
      status?: number;
      os?: number;
      stagedSkipped?: number;
    } = {},
    prefix = 0,
  ): Uint8Array {
    const dataOffset = HEADER_BYTES + this.#count * RECORD_BYTES;
    const bytes = new Uint8Array(prefix + dataOffset + this.#dataLength);
    const view = new DataView(bytes.buffer, prefix);
    view.setUint8(0, BLOCK_VERSION);
    view.setUint8(1, header.flags ?? 0);
    view.setUint16(2, RECORD_BYTES, true);
    view.setUint32(4, this.#count, true);
    view.setUint32(8, header.directory ?? 0, true);
    view.setUint32(12, header.status ?? 0, true);
    view.setUint32(16, header.os ?? 0, true);
    view.setUint32(20, dataOffset, true);
    view.setUint32(24, this.#dataLength, true);
    view.setUint32(28, header.stagedSkipped ?? 0, true);
    bytes.set(
      new Uint8Array(this.#words.buffer, 0, this.#count * RECORD_BYTES),
      prefix + HEADER_BYTES,
    );
    bytes.set(this.#data.subarray(0, this.#dataLength), prefix + dataOffset);
    return bytes;
  }

  /** Forgets every record, keeping the memory. */
  reset(): void {
    this.#count = 0;
    this.#dataLength = 0;
  }

  #reserve(nameLength: number, targetLength: number): number {
    if (nameLength > 0xffff || targetLength > 0xffff) {
      throw new BlitError("name_too_long", "Cannot pack a name of over 65,535 bytes.");
    }
    const i = this.#count++;
    if (this.#count * WORDS > this.#words.length) {
      const larger = new Uint32Array(this.#words.length * 2);
      larger.set(this.#words);
      this.#words = larger;
    }
    const needed = this.#dataLength + nameLength + targetLength;
    if (needed > this.#data.length) {
      const larger = new Uint8Array(Math.max(needed, this.#data.length * 2));
      larger.set(this.#data);
      this.#data = larger;
    }
    return i;
  }

  #setNames(r: number, nameLength: number, targetLength: number): void {
    this.#words[r + 14] = this.#dataLength;
    this.#words[r + 15] = nameLength | (targetLength << 16);
    this.#words[r + 16] = this.#dataLength + nameLength;
    this.#dataLength += nameLength + targetLength;
  }
}
