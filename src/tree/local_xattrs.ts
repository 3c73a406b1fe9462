/**
 * Extended attributes across the native border: read from a local tree for one of another kind, and the
 * other way round with `write` and `meta` (docs/native.md).
 *
 * @module
 */
import { Kind, NO_PARENT } from "../core/entry_block.ts";
import { describeFailure } from "../core/failure.ts";
import type { RelPath } from "../core/rel_path.ts";
import {
  BatchBuilder,
  BatchFlag,
  Op,
  type ResultFields,
  type Results,
  ResultsWriter,
  withTrailing,
  WorkBatch,
} from "../core/work_batch.ts";
import type { Tree } from "../engine/tree.ts";
import { NO_RUN_SLOT } from "../native/control.ts";
import type { NativePool } from "../native/pool.ts";
import {
  type Attributes,
  packAttributes,
  packedLength,
  readAttributes,
} from "../wire/attributes.ts";
import { forEachItem } from "./item_pool.ts";
import { resultOfError } from "./step_failure.ts";

const LENGTH_BYTES = 4;
/** In place of a length: the entry keeps the attributes that it has. */
const LEAVE_ALONE = 0xffffffff;

/**
 * Reads the attributes of an entry; a link's own, where it is one.
 *
 * @param root handle of the root that `path` is relative to
 * @throws {BlitError} as the system says
 */
export async function readXattrs(
  pool: NativePool,
  root: number,
  path: RelPath,
): Promise<Attributes> {
  const batch = new BatchBuilder(Op.xattrs, 1);
  batch.items.add({ name: path, kind: Kind.unknown, parent: NO_PARENT });
  const { results, payload } = await pool.call(batch.finish(), { source: root, slot: NO_RUN_SLOT });
  if (results.status(0) === 0) return readAttributes(payload ?? new Uint8Array(0));
  throw describeFailure({
    status: results.status(0),
    os: results.os(0),
    step: results.step(0),
    path,
    target: "source",
  });
}

/**
 * Packs attributes as a request carries them: for each entry u32 length, and the list.
 *
 * @param entries null: leave this one's alone
 */
export function packedXattrs(entries: readonly (Attributes | null)[]): Uint8Array {
  const lengths = entries.map((attributes) => attributes ? packedLength(attributes) : 0);
  const total = lengths.reduce((sum, length) => sum + LENGTH_BYTES + length, 0);
  const bytes = new Uint8Array(total);
  const view = new DataView(bytes.buffer);
  let at = 0;
  entries.forEach((attributes, i) => {
    view.setUint32(at, attributes ? lengths[i] : LEAVE_ALONE, true);
    if (attributes) packAttributes(attributes, bytes, at + LENGTH_BYTES);
    at += LENGTH_BYTES + lengths[i];
  });
  return bytes;
}

/**
 * Runs a `meta` batch that carries what its entries have in a source which native code, or another machine,
 * can't read by itself.
 *
 * @param run runs the batch, on a destination that knows no source
 * @param parallel most entries asked for at a time
 * @returns the results; an entry whose attributes can't be read keeps its own and fails
 */
export async function metaWithXattrs(
  batch: WorkBatch,
  source: Tree,
  parallel: number,
  run: (batch: WorkBatch) => Promise<Results>,
): Promise<Results> {
  if ((batch.flags & BatchFlag.xattrs) === 0) return await run(batch);
  const count = batch.items.count;
  const lists: (Attributes | null)[] = new Array(count).fill(null);
  const failed = new Map<number, ResultFields>();
  await forEachItem(lists.keys(), parallel, async (i) => {
    try {
      lists[i] = await source.xattrs(batch.path(i));
    } catch (error) {
      failed.set(i, resultOfError(error));
    }
  });
  const carrying = new WorkBatch(withTrailing(batch.bytes, packedXattrs(lists)));
  const results = await run(carrying);
  if (failed.size === 0) return results;
  const writer = new ResultsWriter(count);
  for (let i = 0; i < count; i++) {
    const result = results.fields(i);
    writer.set(i, result.status ? result : failed.get(i) ?? result);
  }
  return writer.finish();
}
