/**
 * Packed data that a peer sent, checked before anything believes it.
 *
 * @module
 */
import { EntryBlock, Kind } from "../core/entry_block.ts";
import { BlitError, statusFromPeer } from "../core/error.ts";
import type { RelPath } from "../core/rel_path.ts";
import { Op, RESULT_BYTES, Results, type WorkBatch } from "../core/work_batch.ts";

const HIGHEST_KIND = Math.max(...Object.values(Kind));
const MODE_BITS = 0o7777;

/**
 * A block whose entries are of kinds, modes and sizes that there are.
 *
 * @param host who sent it, as a person would write it
 * @throws {BlitError} `mismatch` where it is none
 */
export function blockFromPeer(bytes: Uint8Array, host: string): EntryBlock {
  let block: EntryBlock;
  try {
    block = new EntryBlock(bytes);
  } catch (error) {
    throw error instanceof BlitError ? senseless(error.message, host) : error;
  }
  block.mapStatus(statusFromPeer);
  for (let i = 0; i < block.count; i++) {
    const isKnown = block.kind(i) <= HIGHEST_KIND && (block.mode(i) & ~MODE_BITS) === 0;
    if (!isKnown || block.sizeBytes(i) > Number.MAX_SAFE_INTEGER) {
      throw senseless("Cannot read a listing: an entry in it is none.", host);
    }
  }
  return block;
}

/**
 * A block of a listing: each of its records has a name that is one component, and no other meaning.
 *
 * @throws {BlitError} `mismatch` where it isn't such a block
 */
export function listingFromPeer(bytes: Uint8Array, host: string): EntryBlock {
  const block = blockFromPeer(bytes, host);
  for (let i = 0; i < block.count; i++) {
    const name = block.name(i);
    if (name === "" || name === "." || name === ".." || /[/\0]/.test(name)) {
      throw senseless("Cannot read a listing: a name in it is none.", host);
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
export function statFromPeer(
  bytes: Uint8Array,
  paths: readonly RelPath[],
  host: string,
): EntryBlock {
  const block = blockFromPeer(bytes, host);
  if (block.count !== paths.length || paths.some((path, i) => block.name(i) !== path)) {
    throw senseless("Cannot read metadata: the answer is about something else.", host);
  }
  return block;
}

/**
 * Results of a batch.
 *
 * @param count how many items it had
 * @throws {BlitError} `mismatch` where there are more or fewer
 */
export function resultsFromPeer(bytes: Uint8Array, count: number, host: string): Results {
  if (bytes.length !== count * RESULT_BYTES) {
    throw senseless("Cannot read results: there are not as many as items.", host);
  }
  return Results.fromPeer(bytes);
}

/**
 * Results of a batch that ran by itself: a marker answers once, a flush of the whole tree with whatever it likes, all
 * others for each item.
 *
 * @throws {BlitError} `mismatch` where there are more or fewer
 */
export function ranFromPeer(
  bytes: Uint8Array,
  { op, items }: Pick<WorkBatch, "op"> & { readonly items: { readonly count: number } },
  host: string,
): Results {
  if (op === Op.marker) return resultsFromPeer(bytes, 1, host);
  const count = op === Op.sync ? Math.floor(bytes.length / RESULT_BYTES) : items.count;
  return resultsFromPeer(bytes, count, host);
}

/** @param what is wrong, as a sentence */
function senseless(what: string, host: string): BlitError {
  return new BlitError(
    "mismatch",
    `${what} It came from ${host}: install the same version of blit on both sides.`,
    { operation: "read" },
  );
}
