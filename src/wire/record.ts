/**
 * Records of a data plane's stream: their types, their limits, and what a decoder makes of them. Byte by
 * byte they are specified in docs/protocol.md, "A stream: records".
 *
 * @module
 */

/** Size of a record's header, bytes. */
export const RECORD_HEADER_BYTES = 16;
/** Size of a BLAKE3 digest, bytes. */
export const DIGEST_BYTES = 32;
/** What a range's payload has beside its content: offset and digest, bytes. */
export const RANGE_EXTRA_BYTES = 8 + DIGEST_BYTES;

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

/** Flag of `range`: no content, the receiver keeps what it named in `have`. */
export const RANGE_KEPT = 1;
/** Flag of `done`: the file changed while it was read, what came is void. */
export const DONE_CHANGED = 1;

const MIB = 1 << 20;
/** Most bytes of extended attributes of one entry. */
export const ATTRIBUTES_MOST = MIB;
/** Most bytes of content of one range. */
export const RANGE_MOST = 64 * MIB;
/** Largest file that goes as one record, bytes. */
export const WHOLE_FILE_MOST = MIB;

/** Longest payload of each type, bytes; for `results` of the largest batch that fits its own limit. */
export const PAYLOAD_MOST: Readonly<Record<RecordType, number>> = {
  [RecordType.put]: 4 * MIB,
  [RecordType.get]: 4 * MIB,
  [RecordType.file]: 4 * MIB,
  [RecordType.entry]: 2 * MIB,
  [RecordType.range]: RANGE_MOST + RANGE_EXTRA_BYTES,
  [RecordType.done]: 0,
  [RecordType.fail]: 12,
  [RecordType.end]: 0,
  [RecordType.results]: 4 * MIB,
  [RecordType.alive]: 0,
  [RecordType.have]: MIB,
  [RecordType.cancel]: 0,
};

/** Shortest payload of each type, bytes; 0 where left out. */
export const PAYLOAD_LEAST: Readonly<Partial<Record<RecordType, number>>> = {
  [RecordType.range]: RANGE_EXTRA_BYTES,
  [RecordType.fail]: 12,
};

/** Flags that each type may carry; none where left out. */
export const FLAGS_KNOWN: Readonly<Partial<Record<RecordType, number>>> = {
  [RecordType.range]: RANGE_KEPT,
  [RecordType.done]: DONE_CHANGED,
};

/** A record that is handed on whole: every type but `range`. */
export interface WholeRecord {
  readonly type: Exclude<RecordType, typeof RecordType.range>;
  readonly flags: number;
  /** Index into the batch's EntryBlock; 0 where the type is about none. */
  readonly item: number;
  readonly payload: Uint8Array;
}

/** A range begins. Its {@link RangePiece}s follow, then its {@link RangeEnd}. */
export interface RangeStart {
  readonly type: typeof RecordType.range;
  readonly flags: number;
  readonly item: number;
  /** Where in the file its content belongs, bytes. */
  readonly offset: bigint;
  /** How long its content is, bytes. */
  readonly lengthBytes: number;
}

/** Some content of the range that began last; a view that stays as it is only until the next chunk. */
export interface RangePiece {
  readonly type: "piece";
  readonly bytes: Uint8Array;
}

/** The range is complete. */
export interface RangeEnd {
  readonly type: "rangeEnd";
  /** BLAKE3 of its content, as the sender says. */
  readonly digest: Uint8Array;
}

/** What a decoder gives out. */
export type Incoming = WholeRecord | RangeStart | RangePiece | RangeEnd;
