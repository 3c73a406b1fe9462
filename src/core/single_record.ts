/**
 * A record on its own: a block of one, kept when the listing that it came from is gone.
 *
 * @module
 */
import { type EntryBlock, EntryBlockWriter, HEADER_BYTES } from "./entry_block.ts";
import { nameToBytes, type RelPath } from "./rel_path.ts";

/**
 * Copies one record, its status included.
 *
 * @param name what it is called from now on
 * @param target left out: the record's own; empty: none
 * @returns the packed block
 */
export function singleRecord(
  block: EntryBlock,
  i: number,
  name: RelPath,
  target?: Uint8Array,
): Uint8Array {
  const writer = new EntryBlockWriter(1);
  writer.copy(block, i, nameToBytes(name), target);
  return writer.finish();
}

/** As {@link singleRecord}, under its own name and without a target, with another's modification time. */
export function recordWithTimeOf(
  block: EntryBlock,
  i: number,
  other: EntryBlock,
  j: number,
): Uint8Array {
  const bytes = singleRecord(block, i, block.name(i), NONE);
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  view.setBigInt64(HEADER_BYTES + MTIME_OFFSET, other.mtimeNs(j), true);
  return bytes;
}

/** As {@link singleRecord}, as if the file had no other name. */
export function recordAlone(block: EntryBlock, i: number, name: RelPath): Uint8Array {
  const bytes = singleRecord(block, i, name);
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  view.setUint32(HEADER_BYTES + LINK_COUNT_OFFSET, 1, true);
  return bytes;
}

/** Where a record has its modification time, and the number of its file's names. */
const MTIME_OFFSET = 8, LINK_COUNT_OFFSET = 80;
const NONE = new Uint8Array(0);
