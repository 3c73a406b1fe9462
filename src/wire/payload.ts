/**
 * What is inside of records: looks, attributes, whole entries, failures, and what a receiver has already.
 *
 * @module
 */
import { bytesToName, nameToBytes, type RelPath } from "../core/rel_path.ts";
import { Kind } from "../core/entry_block.ts";
import { statusFromPeer } from "../core/error.ts";
import { type Attributes, packAttributes, packedLength, readAttributes } from "./attributes.ts";
import { breach } from "./breach.ts";
import { ATTRIBUTES_MOST, CONTENT_MOST, DIGEST_BYTES } from "./record.ts";

/** Size of a packed look, bytes. */
export const LOOK_BYTES = 48;
/** Size of what stands between a look and the target: two lengths, bytes. */
const LENGTHS_BYTES = 8;
const FAIL_BYTES = 12;
const PIECE_BYTES = 16 + DIGEST_BYTES;
const PIECE_STEP = 1 << 20;
/** Longest piece of a `have`, bytes. */
const PIECE_MOST = 64 << 20;
const TARGET_MOST = 0xffff;
const HIGHEST_KIND = Math.max(...Object.values(Kind));
const MODE_BITS = 0o7777;
const SIZE_MOST = BigInt(Number.MAX_SAFE_INTEGER);

/** What an entry is like: the fields that a receiver gives the one it makes. */
export interface Look {
  readonly sizeBytes: number;
  readonly mtimeNs: bigint;
  readonly allocatedBytes: bigint;
  readonly rdev: bigint;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly kind: Kind;
}

/** Payload of `entry`. */
export interface EntryPayload {
  readonly look: Look;
  /** Where a symlink points, else empty. */
  readonly target: RelPath;
  readonly attributes: Attributes;
}

/** Payload of `file`. */
export interface FilePayload extends EntryPayload {
  readonly content: Uint8Array;
  /** BLAKE3 of the content, as the sender says. */
  readonly digest: Uint8Array;
}

/** Payload of `range`. */
export interface RangePayload {
  /** Where in the file the content belongs, bytes. */
  readonly offset: number;
  /** None: what lies before the offset is right, go on from there. */
  readonly content: Uint8Array;
  /** BLAKE3 of the content, as the sender says. */
  readonly digest: Uint8Array;
}

/** Payload of `fail`. */
export interface FailPayload {
  readonly status: number;
  readonly os: number;
  readonly step: number;
}

/** A piece of a file that a receiver has. */
export interface HavePiece {
  readonly offset: number;
  readonly lengthBytes: number;
  readonly digest: Uint8Array;
}

/** Payload of `have`. */
export interface HavePayload {
  /** Bytes of the file that are there, from its start. */
  readonly lengthBytes: number;
  readonly pieces: readonly HavePiece[];
}

/** Packs the payload of `entry`. */
export function packEntry(entry: EntryPayload): Uint8Array {
  return packLooks(entry, 0);
}

/** Packs the payload of `file`. */
export function packFile(file: FilePayload): Uint8Array {
  const { content, digest } = file;
  const bytes = packLooks(file, content.length + DIGEST_BYTES);
  bytes.set(content, bytes.length - DIGEST_BYTES - content.length);
  bytes.set(digest, bytes.length - DIGEST_BYTES);
  return bytes;
}

/** Packs the payload of `range`. */
export function packRange({ offset, content, digest }: RangePayload): Uint8Array {
  const bytes = new Uint8Array(8 + content.length + DIGEST_BYTES);
  viewOf(bytes).setBigUint64(0, BigInt(offset), true);
  bytes.set(content, 8);
  bytes.set(digest, 8 + content.length);
  return bytes;
}

/**
 * Reads the payload of `entry`: of a file too large for one record.
 *
 * @throws {BlitError} `mismatch` where it is none, or its lengths contradict each other
 */
export function readEntry(payload: Uint8Array): EntryPayload {
  const { entry, end } = readLooks(payload);
  if (end !== payload.length) throw breach("sent an entry with bytes left over");
  if (entry.look.kind !== Kind.file || entry.look.sizeBytes <= CONTENT_MOST) {
    // A small one could be made only under its final name, before it is verified.
    throw breach("announced ranges of what has to come whole");
  }
  return entry;
}

/**
 * Reads the payload of `file`; its digest is not compared.
 *
 * @throws {BlitError} `mismatch` where its lengths contradict each other
 */
export function readFile(payload: Uint8Array): FilePayload {
  const { entry, end } = readLooks(payload);
  const digestAt = payload.length - DIGEST_BYTES;
  if (end > digestAt) throw breach("sent a file without a digest");
  const content = payload.subarray(end, digestAt);
  const { kind, sizeBytes } = entry.look;
  if (
    kind === Kind.directory || content.length > CONTENT_MOST ||
    content.length !== (kind === Kind.file ? sizeBytes : 0)
  ) throw breach("sent content that its entry can't have");
  return { ...entry, content, digest: payload.subarray(digestAt) };
}

/**
 * Reads the payload of `range`; its digest is not compared.
 *
 * @throws {BlitError} `mismatch` where it lies beyond what any file has
 */
export function readRange(payload: Uint8Array): RangePayload {
  const offset = viewOf(payload).getBigUint64(0, true);
  const content = payload.subarray(8, payload.length - DIGEST_BYTES);
  if (offset + BigInt(content.length) > SIZE_MOST) throw breach("sent content beyond any file");
  const digest = payload.subarray(payload.length - DIGEST_BYTES);
  return { offset: Number(offset), content, digest };
}

/** Packs the payload of `fail`. */
export function packFail({ status, os, step }: FailPayload): Uint8Array {
  const bytes = new Uint8Array(FAIL_BYTES);
  const view = viewOf(bytes);
  view.setUint32(0, status, true);
  view.setUint32(4, os, true);
  view.setUint32(8, step, true);
  return bytes;
}

/** Reads the payload of `fail`. @throws {BlitError} `mismatch` where it says that nothing failed */
export function readFail(payload: Uint8Array): FailPayload {
  const view = viewOf(payload);
  const status = view.getUint32(0, true);
  if (status === 0) throw breach("sent a failure that is none");
  return {
    status: statusFromPeer(status),
    os: view.getUint32(4, true),
    step: view.getUint32(8, true),
  };
}

/** Packs the payload of `have`. */
export function packHave({ lengthBytes, pieces }: HavePayload): Uint8Array {
  const bytes = new Uint8Array(8 + pieces.length * PIECE_BYTES);
  const view = viewOf(bytes);
  view.setBigUint64(0, BigInt(lengthBytes), true);
  pieces.forEach((piece, i) => {
    const at = 8 + i * PIECE_BYTES;
    view.setBigUint64(at, BigInt(piece.offset), true);
    view.setBigUint64(at + 8, BigInt(piece.lengthBytes), true);
    bytes.set(piece.digest, at + 16);
  });
  return bytes;
}

/**
 * Reads the payload of `have`.
 *
 * @throws {BlitError} `mismatch` where a piece is empty, too long, not aligned to a MiB, or not within the length
 */
export function readHave(payload: Uint8Array): HavePayload {
  if ((payload.length - 8) % PIECE_BYTES !== 0) {
    throw breach("sent a list of pieces with a wrong size");
  }
  const view = viewOf(payload);
  const lengthBytes = Number(view.getBigUint64(0, true));
  const pieces: HavePiece[] = [];
  for (let at = 8; at < payload.length; at += PIECE_BYTES) {
    const offset = Number(view.getBigUint64(at, true));
    const piece = Number(view.getBigUint64(at + 8, true));
    if (
      offset % PIECE_STEP !== 0 || piece % PIECE_STEP !== 0 || piece === 0 || piece > PIECE_MOST ||
      offset + piece > lengthBytes
    ) throw breach("sent a list of pieces that contradict each other");
    pieces.push({
      offset,
      lengthBytes: piece,
      digest: payload.subarray(at + 16, at + PIECE_BYTES),
    });
  }
  return { lengthBytes, pieces };
}

function packLooks({ look, target, attributes }: EntryPayload, extraBytes: number): Uint8Array {
  const targetBytes = nameToBytes(target);
  const attributesLength = packedLength(attributes);
  const targetAt = LOOK_BYTES + LENGTHS_BYTES;
  const bytes = new Uint8Array(targetAt + targetBytes.length + attributesLength + extraBytes);
  const view = viewOf(bytes);
  view.setBigUint64(0, BigInt(look.sizeBytes), true);
  view.setBigInt64(8, look.mtimeNs, true);
  view.setBigUint64(16, look.allocatedBytes, true);
  view.setBigUint64(24, look.rdev, true);
  view.setUint32(32, look.mode, true);
  view.setUint32(36, look.uid, true);
  view.setUint32(40, look.gid, true);
  view.setUint8(44, look.kind);
  view.setUint32(LOOK_BYTES, targetBytes.length, true);
  view.setUint32(LOOK_BYTES + 4, attributesLength, true);
  bytes.set(targetBytes, targetAt);
  packAttributes(attributes, bytes, targetAt + targetBytes.length);
  return bytes;
}

function readLooks(payload: Uint8Array): { entry: EntryPayload; end: number } {
  const targetAt = LOOK_BYTES + LENGTHS_BYTES;
  if (payload.length < targetAt) throw breach("sent an entry that is too short");
  const view = viewOf(payload);
  const kind = view.getUint8(44);
  const mode = view.getUint32(32, true);
  const size = view.getBigUint64(0, true);
  if (
    kind === Kind.unknown || kind > HIGHEST_KIND || view.getUint8(45) !== 0 ||
    view.getUint16(46, true) !== 0 || (mode & ~MODE_BITS) !== 0 || size > SIZE_MOST
  ) throw breach("sent an entry of unknown kind");
  const targetLength = view.getUint32(LOOK_BYTES, true);
  const attributesLength = view.getUint32(LOOK_BYTES + 4, true);
  const attributesAt = targetAt + targetLength;
  const end = attributesAt + attributesLength;
  if (
    end > payload.length || targetLength > TARGET_MOST || attributesLength > ATTRIBUTES_MOST ||
    (targetLength > 0) !== (kind === Kind.symlink)
  ) throw breach("sent an entry whose lengths contradict each other");
  const target = bytesToName(payload, targetAt, targetLength);
  if (target.includes("\0")) throw breach("sent a target that is none");
  const entry = {
    look: {
      sizeBytes: Number(size),
      mtimeNs: view.getBigInt64(8, true),
      allocatedBytes: view.getBigUint64(16, true),
      rdev: view.getBigUint64(24, true),
      mode,
      uid: view.getUint32(36, true),
      gid: view.getUint32(40, true),
      kind: kind as Kind,
    },
    target,
    attributes: readAttributes(payload.subarray(attributesAt, end)),
  };
  return { entry, end };
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
