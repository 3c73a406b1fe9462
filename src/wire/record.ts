/**
 * Records of a data plane's stream: types, flags and limits. Byte by byte they are specified in
 * docs/protocol.md, "A stream: records".
 *
 * @module
 */
import { RECORD_BYTES } from "../core/entry_block.ts";
import { REQUEST_MOST_BYTES, RESULT_BYTES } from "../core/work_batch.ts";

/** Size of a record's header, bytes. */
export const RECORD_HEADER_BYTES = 16;
/** Size of a BLAKE3 digest, bytes. */
export const DIGEST_BYTES = 32;

/** Types of records. */
export const RecordType = {
  /** Client: it will send the content of the batch's items. */
  put: 1,
  /** Client: the daemon shall send the content of the batch's items. */
  get: 2,
  /** Sender: one whole entry. */
  file: 3,
  /** Sender: the looks of a file that follows in ranges. */
  entry: 4,
  /** Sender: a part of a file's content. */
  range: 5,
  /** Sender: the file's ranges are complete. */
  done: 6,
  /** Either: an item fails. */
  fail: 7,
  /** Sender: every item was sent or failed. */
  end: 8,
  /** Daemon: what became of a put. */
  results: 9,
  /** Either: this side is busy. */
  alive: 10,
  /** Receiver: what it has of a file already. */
  have: 11,
  /** Client: gives the batch up. */
  cancel: 12,
} as const;
/** One of the numbers in {@link RecordType}. */
export type RecordType = (typeof RecordType)[keyof typeof RecordType];

/** Flag of `file`: the content is of a second reading, the first found the file changing. */
export const FILE_READ_AGAIN = 1;
/** Flag of `file` and `entry`: some of the attributes are left out, since they are too many for a record. */
export const ATTRIBUTES_LEFT_OUT = 2;
/** Flag of `done`: the file changed while it was read, what came is void. */
export const DONE_CHANGED = 1;
/** Flag of `have`: another one follows. */
export const HAVE_MORE = 1;

const MIB = 1 << 20;
/** Most bytes of extended attributes of one entry. */
export const ATTRIBUTES_MOST = MIB;
/** Most bytes of content of one record: larger files go in ranges. */
export const CONTENT_MOST = MIB;
/** Most bytes of a packed batch. */
export const BATCH_MOST = REQUEST_MOST_BYTES;

/** What a record of a type may be. */
export interface TypeLimits {
  /** Shortest payload, bytes. */
  readonly least: number;
  /** Longest payload, bytes. */
  readonly most: number;
  /** Every flag that it may have. */
  readonly flags: number;
}

const exactly = (bytes: number) => ({ least: bytes, most: bytes, flags: 0 });

/** Limits of every type. */
export const LIMITS: Readonly<Record<RecordType, TypeLimits>> = {
  [RecordType.put]: { least: 0, most: BATCH_MOST, flags: 0 },
  [RecordType.get]: { least: 0, most: BATCH_MOST, flags: 0 },
  [RecordType.file]: { least: 88, most: 4 * MIB, flags: FILE_READ_AGAIN | ATTRIBUTES_LEFT_OUT },
  [RecordType.entry]: { least: 56, most: 2 * MIB, flags: ATTRIBUTES_LEFT_OUT },
  [RecordType.range]: { least: 40, most: 40 + CONTENT_MOST, flags: 0 },
  [RecordType.done]: { ...exactly(0), flags: DONE_CHANGED },
  [RecordType.fail]: exactly(12),
  [RecordType.end]: exactly(0),
  [RecordType.results]: {
    least: 0,
    // As many as a batch has room for records.
    most: Math.floor(BATCH_MOST / RECORD_BYTES) * RESULT_BYTES,
    flags: 0,
  },
  [RecordType.alive]: exactly(0),
  [RecordType.have]: { least: 8, most: MIB, flags: HAVE_MORE },
  [RecordType.cancel]: exactly(0),
};

/** A record. */
export interface WireRecord {
  readonly type: RecordType;
  readonly flags: number;
  /** Index into the batch's EntryBlock; 0 where the type is about none. */
  readonly item: number;
  readonly payload: Uint8Array;
}
