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
 * @returns the results; an entry whose attributes can't be read fails and is left as it is: with its new time the next
 *   run would take it for finished
 */
export async function metaWithXattrs(
  batch: WorkBatch,
  source: Tree,
  parallel: number,
  run: (batch: WorkBatch) => Promise<Results>,
): Promise<Results> {
  if ((batch.flags & BatchFlag.xattrs) === 0) return await run(batch);
  const results = new ResultsWriter(batch.items.count);
  for await (const part of metaParts(batch, source, parallel)) {
    part.fill(results, part.hasItems ? await run(part.finish()) : null);
  }
  return results.finish();
}

/**
 * A `meta` batch in parts that carry what its entries have in a source; mostly it is one.
 *
 * @param parallel most entries asked for at a time
 */
export async function* metaParts(
  batch: WorkBatch,
  source: Tree,
  parallel: number,
): AsyncGenerator<MetaPart> {
  const count = batch.items.count;
  let part = new MetaPart(batch);
  // What is asked of a daemon at a time goes in one call.
  const abreast = source.kind === "remote" ? REMOTE_ABREAST : parallel;
  for (let at = 0; at < count; at += abreast) {
    const indices = Array.from({ length: Math.min(abreast, count - at) }, (_, k) => at + k);
    const read = await Promise.all(indices.map((i) => readOrFail(source, batch.path(i))));
    for (const [k, one] of read.entries()) {
      if (!part.hasRoomFor(one)) {
        yield part;
        part = new MetaPart(batch);
      }
      part.add(at + k, one);
    }
  }
  if (!part.isEmpty) yield part;
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
export class MetaPart {
  readonly #batch: WorkBatch;
  readonly #builder: BatchBuilder;
  readonly #items: { readonly index: number; readonly attributes: Attributes }[] = [];
  readonly #failed: { readonly index: number; readonly result: ResultFields }[] = [];
  #bytes = 0;

  /** @param batch what its items are of */
  constructor(batch: WorkBatch) {
    this.#batch = batch;
    this.#builder = new BatchBuilder(batch.op);
    this.#builder.flags = batch.flags;
  }

  /** Nothing is in it yet. */
  get isEmpty(): boolean {
    return !this.hasItems && this.#failed.length === 0;
  }

  /** Something is in it that goes to the destination. */
  get hasItems(): boolean {
    return this.#items.length > 0;
  }

  /** Whether one more entry fits. */
  hasRoomFor([attributes]: Carried): boolean {
    const more = attributes ? packedLength(attributes) : 0;
    // An item without attributes is at most a path and a target.
    return this.isEmpty ||
      (!this.#builder.isFull &&
        this.#builder.items.byteLength + this.#bytes + more < CARRIED_MOST_BYTES);
  }

  /** Adds an item of the batch. */
  add(index: number, [attributes, failed]: Carried): void {
    if (attributes === null) {
      this.#failed.push({ index, result: failed });
      return;
    }
    const name = nameToBytes(this.#batch.path(index));
    const { items } = this.#batch;
    this.#builder.items.addFrom(items, index, NO_PARENT, items.action(index), name);
    this.#items.push({ index, attributes });
    this.#bytes += LENGTH_BYTES + packedLength(attributes);
  }

  /** What goes to the destination. */
  finish(): WorkBatch {
    const lists = this.#items.map(({ attributes }) => attributes);
    return new WorkBatch(withTrailing(this.#builder.finish(), packedXattrs(lists)));
  }

  /**
   * Puts the part's results where they belong in the whole batch's.
   *
   * @param answered the destination's; null where nothing went there
   */
  fill(results: ResultsWriter, answered: Results | null): void {
    for (const { index, result } of this.#failed) results.set(index, result);
    this.#items.forEach(({ index }, k) => results.set(index, answered!.fields(k)));
  }
}
