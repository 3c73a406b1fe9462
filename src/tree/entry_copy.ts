/**
 * One item of a copy batch: read through the source's Tree interface, handed to an {@link EntrySink}.
 *
 * @module
 */
import {
  ENTRY_RENAMED,
  type EntryBlock,
  type EntryFields,
  Kind,
  NO_PARENT,
} from "../core/entry_block.ts";
import { joinRel, parentOf, type RelPath } from "../core/rel_path.ts";
import {
  BatchFlag,
  COPY_METHODS,
  CopyAction,
  type ResultFields,
  ResultFlag,
  STEPS,
  type WorkBatch,
} from "../core/work_batch.ts";
import type { FileReader, RunContext, Tree } from "../engine/tree.ts";
import type { EntrySink, FileSink, NewEntry, Xattrs } from "./content_sink.ts";
import { checkCancelled, failure } from "./step_failure.ts";
import { fieldsOf } from "./store_meta.ts";
import type { WorkObserver } from "./store_run.ts";

const STREAM = COPY_METHODS.indexOf("stream");
const NO_METHOD = COPY_METHODS.indexOf("none");

/** What goes with each item of a batch. */
export interface EntryCopy {
  readonly batch: WorkBatch;
  readonly source: Tree;
  /** Null: everything is read and nothing is written. */
  readonly sink: EntrySink | null;
  readonly run: RunContext;
  readonly observer: WorkObserver;
}

/**
 * Copies one item that is not a directory; a file that changes meanwhile is read once more.
 *
 * @returns what became of it
 * @throws {BlitError} whatever the source or the sink says; `changed` where the entry is not the one that the
 *   batch names, or changed at both readings
 */
export async function copyEntry(copy: EntryCopy, i: number): Promise<ResultFields> {
  const path = copy.batch.path(i);
  checkCancelled(copy.run.signal, "open", path);
  const kind = copy.batch.items.kind(i);
  if (kind === Kind.unknown) throw failure("unsupported", "process", path);
  return kind === Kind.file ? await copyFile(copy, i) : await copyNode(copy, i);
}

async function copyFile(copy: EntryCopy, i: number): Promise<ResultFields> {
  const { batch, source, sink, run } = copy;
  const path = batch.path(i);
  let file: FileSink | null = null;
  let bytesMoved = 0;
  try {
    for (let reading = 1;; reading++) {
      const reader = await source.openFile(path, run);
      const fields = looksOf(copy, i, reader.entry);
      let length = 0;
      let unchanged = false;
      try {
        expectSame(copy, i, fields);
        if (sink) {
          const entry = newEntry(batch, i, fields, await wantedXattrs(copy, path));
          if (file) await file.restart(entry);
          else file = await sink.file(entry);
        }
        length = await pump(copy, path, reader, file, fields.sizeBytes ?? 0);
      } finally {
        ({ unchanged } = await reader.close());
      }
      bytesMoved += length;
      if (unchanged && length === fields.sizeBytes) {
        const flags = reading > 1 ? ResultFlag.readAgain : 0;
        if (!file) return { bytesMoved, method: NO_METHOD, flags };
        const written = await file.commit();
        return { bytesMoved, method: STREAM, ...written, flags: written.flags | flags };
      }
      if (reading > 1) throw failure("changed", "read", path);
    }
  } catch (error) {
    await file?.abandon();
    throw error;
  }
}

async function pump(
  { run, observer }: EntryCopy,
  path: RelPath,
  reader: FileReader,
  file: FileSink | null,
  sizeBytes: number,
): Promise<number> {
  let length = 0;
  // Beyond its size it has grown, and may grow for ever: what is over is not written.
  while (length <= sizeBytes) {
    checkCancelled(run.signal, "read", path);
    const piece = await reader.read();
    if (piece === null) return length;
    length += piece.length;
    if (length <= sizeBytes) await file?.write(piece);
    observer.moved(piece.length);
  }
  return length;
}

async function copyNode(copy: EntryCopy, i: number): Promise<ResultFields> {
  const { batch, source, sink } = copy;
  const path = batch.path(i);
  // Read again: the batch says what the scan saw, and a link may point elsewhere by now.
  const now = await source.stat([path]);
  if (now.status(0) !== 0) {
    return { status: now.status(0), os: now.os(0), step: STEPS.indexOf("read metadata of") };
  }
  const fields = looksOf(copy, i, now);
  expectSame(copy, i, fields);
  if (!sink) return { method: NO_METHOD };
  const written = await sink.node(newEntry(batch, i, fields, await wantedXattrs(copy, path)));
  return { method: NO_METHOD, ...written };
}

/**
 * The looks of what an item names, as just read. Where the source keeps no modes, it is the one that the planner chose:
 * that of what is replaced.
 */
function looksOf({ batch, source }: EntryCopy, i: number, now: EntryBlock): EntryFields {
  const fields = fieldsOf(now, 0);
  return source.traits.modes ? fields : { ...fields, mode: batch.items.mode(i) };
}

/** What an item asks to make, with the looks that were read. */
export function newEntry(
  batch: WorkBatch,
  item: number,
  fields: EntryFields,
  xattrs: Xattrs,
): NewEntry {
  const path = destinationOf(batch, item);
  return { item, path, action: batch.items.action(item), fields, xattrs };
}

/** Where an item goes: beside its parent, under its own name or the one in `target`. */
function destinationOf(batch: WorkBatch, i: number): RelPath {
  const { items } = batch;
  const path = batch.path(i);
  const other = items.target(i);
  // A symlink's target is where it points unless a flag says otherwise; a resumed file's is the partial file.
  const isLinkTarget = items.kind(i) === Kind.symlink && (items.flags(i) & ENTRY_RENAMED) === 0;
  if (other === "" || isLinkTarget || items.action(i) === CopyAction.resume) return path;
  return items.parent(i) === NO_PARENT ? other : joinRel(parentOf(path), other);
}

/** The entry must still be the one that the scan saw; size and times are taken as they are now. */
function expectSame({ batch }: EntryCopy, i: number, fields: EntryFields): void {
  const { items } = batch;
  const recorded = items.inode(i);
  if (fields.kind !== items.kind(i) || (recorded !== 0n && fields.inode !== recorded)) {
    throw failure("changed", "open", batch.path(i));
  }
}

async function wantedXattrs({ batch, source }: EntryCopy, path: RelPath): Promise<Xattrs> {
  return batch.flags & BatchFlag.xattrs ? await source.xattrs(path) : null;
}
