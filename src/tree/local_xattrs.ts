/**
 * Extended attributes across the native border: read from a local tree for one of another kind, and the
 * other way round with `write` and `meta` (docs/native.md).
 *
 * @module
 */
import { Kind, NO_PARENT } from "../core/entry_block.ts";
import { describeFailure } from "../core/failure.ts";
import { nameToBytes, type RelPath } from "../core/rel_path.ts";
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
import { resultOfError } from "./step_failure.ts";

const LENGTH_BYTES = 4;
/** In place of a length: the entry keeps the attributes that it has. */
const LEAVE_ALONE = 0xffffffff;
/** Entries whose attributes are asked of a daemon at a time; in the worst case each has 1 MiB. */
const REMOTE_ABREAST = 128;
/** Most bytes of items and attributes that go together; a whole entry more is still within a request's limit. */
const CARRIED_MOST_BYTES = 2 << 20;

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
 * can't read by itself; in several parts where that is too much for one.
 *
 * @param run runs a batch, on a destination that knows no source
 * @param parallel most entries asked for at a time, where the source is of this machine
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
  const results = new ResultsWriter(count);
  let part = new MetaPart(batch);
  const runPart = async () => {
    const answered = await run(part.finish());
    part.each((i, k, failed) => {
      const result = answered.fields(k);
      results.set(i, result.status ? result : failed ?? result);
    });
    part = new MetaPart(batch);
  };
  // What is asked of a daemon at a time goes in one call.
  const abreast = source.kind === "remote" ? REMOTE_ABREAST : parallel;
  for (let at = 0; at < count; at += abreast) {
    const indices = Array.from({ length: Math.min(abreast, count - at) }, (_, k) => at + k);
    const read = await Promise.all(indices.map((i) => readOrFail(source, batch.path(i))));
    for (const [k, one] of read.entries()) {
      if (!part.hasRoomFor(one)) await runPart();
      part.add(at + k, one);
    }
  }
  if (!part.isEmpty) await runPart();
  return results.finish();
}

/** What an entry carries; null and the failure where it can't be read. */
type Carried = readonly [Attributes, null] | readonly [null, ResultFields];

async function readOrFail(source: Tree, path: RelPath): Promise<Carried> {
  try {
    return [await source.xattrs(path), null];
  } catch (error) {
    return [null, resultOfError(error)];
  }
}

/** Items of a batch that go together, and what they carry. */
class MetaPart {
  readonly #batch: WorkBatch;
  readonly #builder: BatchBuilder;
  readonly #items: { readonly index: number; readonly carried: Carried }[] = [];
  #bytes = 0;

  constructor(batch: WorkBatch) {
    this.#batch = batch;
    this.#builder = new BatchBuilder(batch.op);
    this.#builder.flags = batch.flags;
  }

  get isEmpty(): boolean {
    return this.#items.length === 0;
  }

  hasRoomFor([attributes]: Carried): boolean {
    const more = attributes ? packedLength(attributes) : 0;
    // An item without attributes is at most a path and a target.
    return this.isEmpty ||
      (!this.#builder.isFull &&
        this.#builder.items.byteLength + this.#bytes + more < CARRIED_MOST_BYTES);
  }

  add(index: number, carried: Carried): void {
    const name = nameToBytes(this.#batch.path(index));
    const { items } = this.#batch;
    this.#builder.items.addFrom(items, index, NO_PARENT, items.action(index), name);
    this.#items.push({ index, carried });
    this.#bytes += LENGTH_BYTES + (carried[0] ? packedLength(carried[0]) : 0);
  }

  finish(): WorkBatch {
    const lists = this.#items.map(({ carried }) => carried[0]);
    return new WorkBatch(withTrailing(this.#builder.finish(), packedXattrs(lists)));
  }

  /** Calls `visit` with each item's index in the whole batch and in this part, and why it failed, if it did. */
  each(visit: (index: number, k: number, failed: ResultFields | null) => void): void {
    this.#items.forEach(({ index, carried }, k) => visit(index, k, carried[1]));
  }
}
