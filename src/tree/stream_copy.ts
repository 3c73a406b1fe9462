/**
 * Copy batches between trees of different kind: content and metadata are read through the source's
 * Tree interface and handed to a {@link ContentSink} of the destination.
 *
 * @module
 */
import { ENTRY_RENAMED, type EntryFields, Kind, NO_PARENT } from "../core/entry_block.ts";
import { joinRel, parentOf, type RelPath } from "../core/rel_path.ts";
import {
  BatchFlag,
  COPY_METHODS,
  CopyAction,
  type ResultFields,
  ResultFlag,
  type Results,
  ResultsWriter,
  STEPS,
  type WorkBatch,
} from "../core/work_batch.ts";
import type { RunContext, Tree } from "../engine/tree.ts";
import { checkCancelled, failure, resultOfError } from "./step_failure.ts";
import { forEachItem } from "./item_pool.ts";
import { fieldsOf } from "./store_meta.ts";
import type { WorkObserver } from "./store_run.ts";

const STREAM = COPY_METHODS.indexOf("stream");
const NO_METHOD = COPY_METHODS.indexOf("none");

/** What is to be made in the destination. */
export interface NewEntry {
  /** Where: a whole path in the destination. Its parent was announced, or exists. */
  readonly path: RelPath;
  /** `create`, `replace` or `resume` of {@link CopyAction}. */
  readonly action: number;
  /** The source entry as it was read: kind, size, mode, owner, times, link target. */
  readonly fields: EntryFields;
}

/** What was made. */
export interface Written {
  readonly inode: bigint;
  readonly ctimeNs: bigint;
  readonly mtimeNs: bigint;
  /** {@link ResultFlag}s; `directoryWidened` is about the parent. */
  readonly flags: number;
}

/** A file that grows in the destination and has no name there before {@link FileSink.commit}. */
export interface FileSink {
  /** Appends a piece; its memory may be reused once the promise resolves. */
  write(piece: Uint8Array): Promise<void>;
  /** Forgets what was written: the source changed and is read again. */
  restart(): Promise<void>;
  /** Sets metadata and gives the file its name. `xattrs` is null where they were not asked for. */
  commit(
    fields: EntryFields,
    xattrs: ReadonlyMap<string, Uint8Array> | null,
  ): Promise<Written>;
  /** Removes what was written. Never rejects. */
  abandon(): Promise<void>;
}

/** The writing half of a copy batch, as a destination implements it. */
export interface ContentSink {
  /** A parent directory: checks it, or makes it and its missing ancestors. Returns ResultFlags. */
  parent(path: RelPath, make: boolean): Promise<number>;
  /** Starts a file. */
  file(entry: NewEntry): Promise<FileSink>;
  /** Makes a symlink, FIFO, socket or device, with its metadata. */
  node(entry: NewEntry, xattrs: ReadonlyMap<string, Uint8Array> | null): Promise<Written>;
  /** Called once after the last item: with the fsync flag, makes the directories durable. */
  finish(): Promise<void>;
}

/** What goes with a copy batch. */
export interface StreamCopy {
  readonly batch: WorkBatch;
  readonly source: Tree;
  readonly sink: ContentSink;
  readonly run: RunContext;
  readonly observer: WorkObserver;
  /** Most entries copied at a time. */
  readonly parallel: number;
}

/**
 * Runs a copy batch.
 *
 * @returns one result per item; an item's failure, or its parent's, fails that item alone
 */
export async function streamCopy(copy: StreamCopy): Promise<Results> {
  const { batch, sink, observer } = copy;
  const { items } = batch;
  const results: ResultFields[] = Array.from({ length: items.count }, () => ({}));
  const discard = (batch.flags & BatchFlag.discard) !== 0;
  const entries: number[] = [];
  for (let i = 0; i < items.count; i++) {
    if (items.kind(i) !== Kind.directory) entries.push(i);
    else if (!discard) results[i] = await announceParent(copy, i);
  }
  await forEachItem(entries, copy.parallel, async (i) => {
    const path = batch.path(i);
    const leave = observer.at(path, "copy");
    try {
      const parent = items.parent(i);
      const parentResult = parent === NO_PARENT ? {} : results[parent];
      results[i] = parentResult.status ? parentResult : await copyEntry(copy, i);
      const widened = (results[i].flags ?? 0) & ResultFlag.directoryWidened;
      if (widened && parent !== NO_PARENT) {
        results[parent] = { ...results[parent], flags: (results[parent].flags ?? 0) | widened };
        results[i] = { ...results[i], flags: (results[i].flags ?? 0) & ~widened };
      }
    } catch (error) {
      results[i] = resultOfError(error);
    } finally {
      leave();
      observer.done();
    }
  });
  if (!discard) await finishSink(sink, results);
  const writer = new ResultsWriter(items.count);
  results.forEach((result, i) => writer.set(i, result));
  return writer.finish();
}

async function announceParent({ batch, sink, run }: StreamCopy, i: number): Promise<ResultFields> {
  const path = batch.path(i);
  try {
    checkCancelled(run.signal, "open parent of", path);
    return { flags: await sink.parent(path, batch.items.action(i) === CopyAction.parentCreate) };
  } catch (error) {
    return resultOfError(error);
  }
}

async function finishSink(sink: ContentSink, results: ResultFields[]): Promise<void> {
  try {
    await sink.finish();
  } catch (error) {
    // The names aren't durable, and no single one can be told apart: none may pass for done.
    const failed = resultOfError(error);
    results.forEach((result, i) => {
      if (!result.status) results[i] = { ...result, ...failed };
    });
  }
}

async function copyEntry(copy: StreamCopy, i: number): Promise<ResultFields> {
  const path = copy.batch.path(i);
  checkCancelled(copy.run.signal, "open", path);
  const kind = copy.batch.items.kind(i);
  if (kind === Kind.unknown) throw failure("unsupported", "process", path);
  return kind === Kind.file ? await copyFile(copy, i) : await copyNode(copy, i);
}

async function copyFile(copy: StreamCopy, i: number): Promise<ResultFields> {
  const { batch, source, sink, run } = copy;
  const path = batch.path(i);
  const discard = (batch.flags & BatchFlag.discard) !== 0;
  let file: FileSink | null = null;
  let bytesMoved = 0;
  try {
    for (let reading = 1;; reading++) {
      const reader = await source.openFile(path, run);
      const fields = fieldsOf(reader.entry, 0);
      let length = 0;
      let unchanged = false;
      try {
        expectSame(copy, i, fields);
        if (file) await file.restart();
        else if (!discard) {
          file = await sink.file({
            path: destinationOf(batch, i),
            action: batch.items.action(i),
            fields,
          });
        }
        length = await pump(copy, path, reader, file, fields.sizeBytes ?? 0);
      } finally {
        ({ unchanged } = await reader.close());
      }
      bytesMoved += length;
      if (unchanged && length === fields.sizeBytes) {
        const flags = reading > 1 ? ResultFlag.readAgain : 0;
        if (!file) return { bytesMoved, method: NO_METHOD, flags };
        const written = await file.commit(fields, await wantedXattrs(copy, path));
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
  { run, observer }: StreamCopy,
  path: RelPath,
  reader: { read(): Promise<Uint8Array | null> },
  file: FileSink | null,
  sizeBytes: number,
): Promise<number> {
  let length = 0;
  // Beyond its size it has grown, and may grow for ever.
  while (length <= sizeBytes) {
    checkCancelled(run.signal, "read", path);
    const piece = await reader.read();
    if (piece === null) return length;
    await file?.write(piece);
    length += piece.length;
    observer.moved(piece.length);
  }
  return length;
}

async function copyNode(copy: StreamCopy, i: number): Promise<ResultFields> {
  const { batch, source, sink } = copy;
  const path = batch.path(i);
  // Read again: the batch says what the scan saw, and a link may point elsewhere by now.
  const now = await source.stat([path]);
  if (now.status(0) !== 0) {
    return { status: now.status(0), os: now.os(0), step: STEPS.indexOf("read metadata of") };
  }
  const fields = fieldsOf(now, 0);
  expectSame(copy, i, fields);
  if (batch.flags & BatchFlag.discard) return { method: NO_METHOD };
  const entry = { path: destinationOf(batch, i), action: batch.items.action(i), fields };
  const written = await sink.node(entry, await wantedXattrs(copy, path));
  return { method: NO_METHOD, ...written };
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
function expectSame({ batch }: StreamCopy, i: number, fields: EntryFields): void {
  const { items } = batch;
  const recorded = items.inode(i);
  if (fields.kind !== items.kind(i) || (recorded !== 0n && fields.inode !== recorded)) {
    throw failure("changed", "open", batch.path(i));
  }
}

async function wantedXattrs({ batch, source }: StreamCopy, path: RelPath) {
  return batch.flags & BatchFlag.xattrs ? await source.xattrs(path) : null;
}
