/**
 * A record on its own: a block of one, kept when the listing that it came from is gone.
 *
 * @module
 */
import { type EntryBlock, EntryBlockWriter } from "./entry_block.ts";
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
