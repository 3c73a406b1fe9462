/**
 * Holes of sparse files, for code that can't ask the system where they are: runs of zeros are taken for
 * them again.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import type { EntryFields } from "../core/entry_block.ts";

/** Smallest run of zeros that becomes a hole again, bytes. */
const HOLE_BYTES = 64 << 10;
const ZEROS = new Uint8Array(HOLE_BYTES);

/** Whether an entry takes less room than it is long. */
export function hasHoles({ allocatedBytes = 0, sizeBytes = 0 }: EntryFields): boolean {
  return allocatedBytes < sizeBytes;
}

/** A part of a piece: data, or nothing but zeros. */
export interface Span {
  readonly bytes: Uint8Array;
  readonly isHole: boolean;
}

/** Cuts a piece into data and holes, in order, as few as possible. */
export function* spansOf(piece: Uint8Array): Generator<Span, void> {
  let start = 0;
  let isHole = false;
  for (let at = 0; at < piece.length; at += HOLE_BYTES) {
    const part = piece.subarray(at, at + HOLE_BYTES);
    const isZero = Buffer.compare(part, ZEROS.subarray(0, part.length)) === 0;
    if (at > start && isZero !== isHole) {
      yield { bytes: piece.subarray(start, at), isHole };
      start = at;
    }
    isHole = isZero;
  }
  if (start < piece.length) yield { bytes: piece.subarray(start), isHole };
}
