/**
 * Look: a first look at the source, before anything is decided.
 *
 * @module
 */
import { type EntryBlock, Kind } from "../core/entry_block.ts";
import { BlitError } from "../core/error.ts";
import type { Filter } from "./filter.ts";
import { DIRECT_BYTES, DIRECT_FILES } from "./predict.ts";
import type { EngineRequest } from "./request.ts";
import { readSingle } from "./single.ts";
import { Walk } from "./tree.ts";

/** What a first look at the source shows. */
export interface FirstLook {
  /** The record of a single entry. */
  readonly single: EntryBlock | null;
  readonly empty: boolean;
  /** Few plain files and nothing else. */
  readonly few: { readonly files: number; readonly bytes: number } | null;
  /** The record of the source's root. */
  readonly root: EntryBlock;
  /** The walk that the look began; the march goes on with it. */
  readonly walk: Walk;
}

/**
 * Looks at a single entry, or at the first block of the root's listing.
 *
 * @throws {BlitError} `refused` where a mirror's source is empty; `not_found`
 */
export async function lookFirst(request: EngineRequest, filter: Filter): Promise<FirstLook> {
  const { source, options, single, paths, walk = new Walk() } = request;
  // What is far answers both questions at once.
  const asked = source.stat([""]);
  asked.catch(() => {});
  if (single !== undefined) {
    const block = await readSingle(request, single);
    return { single: block, empty: false, few: null, root: await asked, walk };
  }
  let first: EntryBlock | null = null;
  for await (const block of source.list("", { sorted: false, walk })) {
    first = block;
    break;
  }
  const root = await asked;
  const empty = first === null || (first.count === 0 && first.last);
  if (
    empty && (first === null || first.listStatus === 0) && options.mode === "mirror" &&
    !options.delete.allowEmptySource
  ) {
    throw new BlitError(
      "refused",
      `The source ${source.display} is empty; mirroring it would delete everything at the destination. ` +
        "Check that it is mounted, or add --allow-empty-source.",
      { operation: "mirror", path: source.display },
    );
  }
  if (first === null || !first.last || first.count > DIRECT_FILES || paths !== undefined) {
    return { single: null, empty, few: null, root, walk };
  }
  let bytes = 0;
  for (let i = 0; i < first.count; i++) {
    if (first.kind(i) !== Kind.file || first.linkCount(i) > 1) {
      return { single: null, empty, few: null, root, walk };
    }
    bytes += first.sizeBytes(i);
  }
  const few = bytes <= DIRECT_BYTES && !filter.active ? { files: first.count, bytes } : null;
  return { single: null, empty, few, root, walk };
}
