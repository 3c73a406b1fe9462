/**
 * Packed data that a peer sent, checked before anything believes it.
 *
 * @module
 */
import { EntryBlock } from "../core/entry_block.ts";
import { BlitError } from "../core/error.ts";
import type { RelPath } from "../core/rel_path.ts";
import { RESULT_BYTES, Results } from "../core/work_batch.ts";

/**
 * A block of a listing: each of its records has a name that is one component, and no other meaning.
 *
 * @throws {BlitError} `mismatch` where it isn't such a block
 */
export function listingFromPeer(bytes: Uint8Array): EntryBlock {
  const block = new EntryBlock(bytes);
  for (let i = 0; i < block.count; i++) {
    const name = block.name(i);
    if (name === "" || name === "." || name === ".." || /[/\0]/.test(name)) {
      throw new BlitError("mismatch", "Cannot read a listing: a name in it is none.");
    }
  }
  return block;
}

/**
 * A block that answers a question about single paths.
 *
 * @param paths what was asked, in order
 * @throws {BlitError} `mismatch` where it answers something else
 */
export function statFromPeer(bytes: Uint8Array, paths: readonly RelPath[]): EntryBlock {
  const block = new EntryBlock(bytes);
  if (block.count !== paths.length || paths.some((path, i) => block.name(i) !== path)) {
    throw new BlitError("mismatch", "Cannot read metadata: the answer is about something else.");
  }
  return block;
}

/**
 * Results of a batch.
 *
 * @param count how many items it had
 * @throws {BlitError} `mismatch` where there are more or fewer
 */
export function resultsFromPeer(bytes: Uint8Array, count: number): Results {
  if (bytes.length !== count * RESULT_BYTES) {
    throw new BlitError("mismatch", "Cannot read results: there are not as many as items.");
  }
  return new Results(bytes);
}
