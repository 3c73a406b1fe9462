/**
 * What a daemon takes of the extended attributes that a client's `meta` batch carries, where the module doesn't
 * trust its clients: `security.*` and `trusted.*` stay as they are.
 *
 * @module
 */
import { BlitError } from "../../core/error.ts";
import type { RelPath } from "../../core/rel_path.ts";
import {
  Op,
  REQUEST_BYTES,
  RESULT_BYTES,
  ResultFlag,
  type Results,
  withTrailing,
  WorkBatch,
} from "../../core/work_batch.ts";
import { packedXattrs } from "../../tree/local_xattrs.ts";
import { type Attributes, readAttributes } from "../../wire/attributes.ts";

/** Namespaces that only an administrator of the machine may write. */
const PROTECTED = /^(security|trusted)\./;
/** In place of a length: the entry keeps the attributes that it has. */
const LEAVE_ALONE = 0xffffffff;
const LENGTH_BYTES = 4;
/** Where a request's header holds the length of what follows its items. */
const TRAILING_LENGTH_AT = 52;
const FLAGS_AT = 17;

/** A batch that takes nothing it shouldn't, and the items that something was taken from. */
export interface Distrusted {
  readonly batch: WorkBatch;
  readonly dropped: ReadonlySet<number>;
}

/**
 * Takes protected attributes out of a batch, and puts in those that the entries have, so that these stay.
 *
 * @param present the attributes of an entry, as it is
 * @throws {BlitError} `mismatch` where the batch's attributes aren't packed as they should be
 */
export async function distrustAttributes(
  batch: WorkBatch,
  present: (path: RelPath) => Promise<Attributes>,
): Promise<Distrusted> {
  const lists = batch.op === Op.meta ? carriedAttributes(batch) : null;
  if (lists === null) return { batch, dropped: new Set() };
  const dropped = new Set<number>();
  for (const [i, list] of lists.entries()) {
    if (list === null) continue;
    const kept = new Map([...list].filter(([name]) => !PROTECTED.test(name)));
    if (kept.size < list.size) dropped.add(i);
    for (const [name, value] of await present(batch.items.target(i) || batch.path(i))) {
      if (PROTECTED.test(name)) kept.set(name, value);
    }
    lists[i] = kept;
  }
  const items = batch.bytes.subarray(0, itemsEnd(batch));
  return { batch: new WorkBatch(withTrailing(items, packedXattrs(lists))), dropped };
}

/** Says in the results what was dropped. */
export function markDropped(results: Results, dropped: ReadonlySet<number>): void {
  for (const i of dropped) {
    if (results.status(i) === 0) {
      results.bytes[i * RESULT_BYTES + FLAGS_AT] |= ResultFlag.xattrsDropped;
    }
  }
}

/** The attributes that follow a batch's items; null where none do. */
function carriedAttributes(batch: WorkBatch): (Attributes | null)[] | null {
  const { bytes, items } = batch;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = view.getUint32(TRAILING_LENGTH_AT, true);
  if (length === 0) return null;
  let at = Math.ceil(itemsEnd(batch) / 8) * 8;
  const end = at + length;
  if (end > bytes.length) throw malformed();
  const lists: (Attributes | null)[] = [];
  for (let i = 0; i < items.count; i++) {
    if (at + LENGTH_BYTES > end) throw malformed();
    const listLength = view.getUint32(at, true);
    at += LENGTH_BYTES;
    if (listLength === LEAVE_ALONE) lists.push(null);
    else {
      if (at + listLength > end) throw malformed();
      lists.push(readAttributes(bytes.subarray(at, at + listLength)));
      at += listLength;
    }
  }
  return lists;
}

/** Where a batch's items end; what its block says was checked when it was read. */
function itemsEnd({ bytes }: WorkBatch): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset + REQUEST_BYTES);
  return REQUEST_BYTES + view.getUint32(20, true) + view.getUint32(24, true);
}

function malformed(): BlitError {
  return new BlitError(
    "mismatch",
    "Cannot read a batch: the attributes that it carries are cut off. Use a client of the same version.",
    { operation: "run a batch" },
  );
}
