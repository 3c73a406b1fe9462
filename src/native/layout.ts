/**
 * Sizes and numbers that TypeScript and the native library share beyond the packed batches, and the
 * check at load that both were built from the same contract (docs/native.md).
 *
 * @module
 */
import { BlitError } from "../core/error.ts";
import { HEADER_BYTES, RECORD_BYTES } from "../core/entry_block.ts";
import { Op, REQUEST_BYTES, RESULT_BYTES } from "../core/work_batch.ts";

/** First word of the ABI record: the bytes `BLIT`. */
export const ABI_MAGIC = 0x54494c42;
/** Version of the border; raised whenever a layout or a meaning changes. */
export const ABI_VERSION = 1;

/** Size of a frame's header, bytes. */
export const FRAME_HEADER_BYTES = 24;
/** Frame flag: no further frame follows for this job. */
export const FRAME_LAST = 1;
/** Bit 31 of the high word of `out_len`: not one frame fitted, the rest is the size needed. */
export const OUT_LEN_TOO_SMALL = 0x8000_0000;

/** What a frame carries. */
export const FrameType = {
  /** One EntryBlock (scan, stat). */
  block: 1,
  /** The packed results of the job. */
  results: 2,
  /** Content (read). */
  bytes: 3,
  /** A scan stopped at its budget; u64 continuation. */
  more: 4,
  /** The whole job failed; u32 status, u32 os, u32 step. */
  failed: 5,
  /** A connection of the data plane said its token (listen). */
  arrival: 6,
  /** A stream that was served is over (bind). */
  closed: 7,
  /** Bytes fed into a tunnel were consumed; u64 how many more. */
  credit: 8,
} as const;
/** One of the numbers in {@link FrameType}. */
export type FrameType = (typeof FrameType)[keyof typeof FrameType];

/** Size of a run slot and of a worker slot in the control block, bytes. */
export const CONTROL_SLOT_BYTES = 64;
/** How many runs the control block has room for. */
export const RUN_SLOTS = 64;
/** How many workers the control block has room for. */
export const WORKER_SLOTS = 64;
/** Size of the control block, bytes. */
export const CONTROL_BYTES = (RUN_SLOTS + WORKER_SLOTS) * CONTROL_SLOT_BYTES;

/** `blit_root_open` flag: make the directory and missing parents. */
export const ROOT_CREATE = 1;
/** `blit_root_open_at` flag: follow links on the way as far as they stay beneath the root. */
export const ROOT_FOLLOW = 2;
/** Size of the probe record, bytes. */
export const PROBE_BYTES = 64;
/** Flags of the probe record. */
export const ProbeFlag = {
  readOnly: 1,
  xattrs: 2,
  acls: 4,
  foldsCase: 8,
  normalisesUnicode: 16,
  fsRoot: 32,
  reflink: 64,
  losesModes: 128,
  losesWriteBit: 256,
  losesOwners: 512,
} as const;

/** Size of the head of listen's settings, bytes; certificate and key follow. */
export const SETTINGS_BYTES = 24;
/** Flag of listen's settings and of a dialling request: TLS. */
export const NET_TLS = 1;
/** Size of the head of an arrival, bytes; the token follows. */
export const ARRIVAL_BYTES = 28;
/** Size of a dialling request's trailing bytes before the token. */
export const DIAL_BYTES = 64;
/** Size of packed terms, bytes. */
export const TERMS_BYTES = 48;
/** Size of the payload of a `closed` frame, bytes. */
export const CLOSED_BYTES = 192;
/** Counts in it of batches by how long they took: up to 1 ms, 2 ms, 4 ms and so on, the last one for all that took longer. */
export const LASTED = 18;
/** Bits of the terms' rights. */
export const Right = { read: 1, write: 2 } as const;
/** Bits of the terms' trust. */
export const Trust = { metadata: 1 } as const;

/** The ABI record's words, in order, as this code expects them. */
export const ABI_RECORD: readonly (readonly [name: string, value: number])[] = [
  ["magic", ABI_MAGIC],
  ["ABI version", ABI_VERSION],
  ["pointer width", 8],
  ["request header size", REQUEST_BYTES],
  ["result size", RESULT_BYTES],
  ["record size", RECORD_BYTES],
  ["block header size", HEADER_BYTES],
  ["frame header size", FRAME_HEADER_BYTES],
  ["control slot size", CONTROL_SLOT_BYTES],
  ["run slots", RUN_SLOTS],
  ["worker slots", WORKER_SLOTS],
  ["highest operation", Math.max(...Object.values(Op))],
];

/**
 * Compares the library's ABI record with this code's.
 *
 * @param record the words that `blit_abi_describe` wrote
 * @param path the library's path, for the message
 * @throws {BlitError} `mismatch` at the first word that differs
 */
export function checkAbiRecord(record: Uint32Array, path: string): void {
  for (const [i, [name, expected]] of ABI_RECORD.entries()) {
    if (record[i] === expected) continue;
    throw new BlitError(
      "mismatch",
      `Cannot use the native library "${path}": its ${name} is ${record[i]}, this blit needs ` +
        `${expected}. Build it again (deno task build), or set BLIT_NO_NATIVE=1 to go on without it.`,
      { operation: "use native library", path },
    );
  }
}
