/**
 * What the operations of a batch mean, over an {@link EntryStore}; docs/native.md is the contract, and
 * `ffi/` its other implementation.
 *
 * @module
 */
import { type EntryFields, Kind } from "../core/entry_block.ts";
import { baseOf, joinRel, parentOf, type RelPath } from "../core/rel_path.ts";
import {
  BatchFlag,
  CopyAction,
  Op,
  type ResultFields,
  type Results,
  ResultsWriter,
  type WorkBatch,
} from "../core/work_batch.ts";
import type { Tree } from "../engine/tree.ts";
import { blake3, digestXattrs } from "./blake3.ts";
import type { EntryStore, HeldLock, ReadableFile } from "./entry_store.ts";
import { forEachItem } from "./item_pool.ts";
import { isMarkerName, isStagedName, MARKER_NUMBER, stagedName } from "../core/staged_name.ts";
import { checkCancelled, failure, isKind, resultOfError, type StepWord } from "./step_failure.ts";
import { fieldsOf, setMeta } from "./store_meta.ts";
import type { StoreRun } from "./store_run.ts";
import { StoreSink } from "./store_sink.ts";
import { streamCopy } from "./stream_copy.ts";

/** One batch on its way through a store. */
interface BatchWork {
  readonly store: EntryStore;
  readonly batch: WorkBatch;
  readonly run: StoreRun;
  readonly source: Tree | null;
  /** The source's store, where it is of the same kind. */
  readonly sourceStore: EntryStore | null;
  /** Remembers, for this batch, which directories were checked. */
  readonly sink: StoreSink;
  /** Markers held in this store, by name. */
  readonly markers: Map<RelPath, HeldLock>;
}

/** What a batch is run with; see {@link BatchWork}. */
export type BatchInput = Omit<BatchWork, "sink">;

type ItemWork = (work: BatchWork, i: number) => Promise<ResultFields>;

const ITEM_WORK: Partial<Record<Op, { readonly step: StepWord; readonly run: ItemWork }>> = {
  [Op.meta]: { step: "process", run: metaItem },
  [Op.link]: { step: "link", run: linkItem },
  [Op.remove]: { step: "remove", run: removeItem },
  [Op.rename]: { step: "rename", run: renameItem },
  [Op.hash]: { step: "hash", run: hashItem },
  [Op.sync]: { step: "flush", run: syncItem },
};

/** Operations whose items build on each other: a directory goes after what is in it. */
const IN_ORDER: ReadonlySet<Op> = new Set([Op.remove, Op.rename]);

/** Runs a batch; one result per item. An operation that has no meaning here is `unsupported`. */
export async function runBatch(input: BatchInput): Promise<Results> {
  const { store, batch, run, source } = input;
  const work: BatchWork = { ...input, sink: new StoreSink(store, run, batch.flags) };
  if (batch.op === Op.copy) {
    if (!source) throw failure("usage", "process", "");
    const { sink } = work;
    return await streamCopy({ batch, source, sink, run, observer: run, parallel: store.parallel });
  }
  if (batch.op === Op.marker) return await marker(work);
  const count = batch.items.count;
  if (batch.op === Op.sync && count === 0) await store.syncAll();
  const writer = new ResultsWriter(count);
  const { step, run: itemWork } = ITEM_WORK[batch.op] ?? { step: "process", run: unsupportedItem };
  const indices = Array.from({ length: count }, (_, i) => i);
  await forEachItem(indices, IN_ORDER.has(batch.op) ? 1 : store.parallel, async (i) => {
    const path = batch.path(i);
    const leave = run.at(path, step);
    try {
      checkCancelled(run.signal, step, path);
      writer.set(i, await itemWork(work, i));
    } catch (error) {
      writer.set(i, resultOfError(error));
    } finally {
      leave();
      run.done();
    }
  });
  await work.sink.finish();
  return writer.finish();
}

function unsupportedItem({ batch }: BatchWork, i: number): Promise<ResultFields> {
  throw failure("unsupported", "process", batch.path(i));
}

async function metaItem(work: BatchWork, i: number): Promise<ResultFields> {
  const { store, batch, source, sink } = work;
  const from = batch.path(i);
  const path = batch.items.target(i) || from;
  await sink.enter(parentOf(path));
  await expectKind(store, path, batch.items.kind(i), "process");
  const owner = (batch.flags & BatchFlag.owner) !== 0;
  const wanted = source !== null && (batch.flags & BatchFlag.xattrs) !== 0;
  const xattrs = wanted ? await source.xattrs(from) : null;
  const flags = await setMeta(store, path, { fields: fieldsOf(batch.items, i), owner, xattrs });
  return { flags, ...writtenNow(await store.lstat(path)) };
}

async function linkItem(work: BatchWork, i: number): Promise<ResultFields> {
  const { store, batch, sink } = work;
  const path = batch.path(i);
  const existing = batch.items.target(i);
  await sink.enter(parentOf(path));
  await sink.enter(parentOf(existing));
  const recorded = batch.items.inode(i);
  const linked = await store.lstat(existing);
  if (recorded !== 0n && linked.inode !== recorded) throw failure("changed", "link", existing);
  if (!store.traits.hardlinks) throw failure("unsupported", "link", path);
  let flags: number;
  if (batch.items.action(i) !== CopyAction.replace) {
    [, flags] = await sink.creating(path, () => store.makeHardlink(existing, path));
  } else {
    let staged: RelPath;
    [[staged], flags] = await sink.staging(path, (name) => store.makeHardlink(existing, name));
    try {
      await store.rename(staged, path, false);
    } finally {
      // Also after success: a rename between two names of one inode does nothing, and leaves both.
      await sink.discard(staged);
    }
  }
  return { flags, ...writtenNow(await store.lstat(path)) };
}

async function removeItem(work: BatchWork, i: number): Promise<ResultFields> {
  const { store, batch, sink } = work;
  const path = batch.path(i);
  await sink.enter(parentOf(path));
  sink.touch(parentOf(path));
  if (batch.flags & BatchFlag.stale) {
    await removeStale(work, path, batch.items.inode(i));
    return {};
  }
  const { items } = batch;
  const now = await expectKind(store, path, items.kind(i), "remove");
  const isDirectory = now.kind === Kind.directory;
  const recorded = fieldsOf(items, i);
  // Taking one name of a file away changes the ctime that its other names were recorded with.
  const isSame = (recorded.linkCount ?? 1) > 1
    ? now.sizeBytes === recorded.sizeBytes && now.mtimeNs === recorded.mtimeNs
    // Where ctime is coarse, size and mtime are looked at too: it alone would miss a recent change.
    : store.traits.nanosecondTimes
    ? now.ctimeNs === recorded.ctimeNs
    : isUnchanged(recorded, now);
  if (now.inode !== recorded.inode || (!isDirectory && !isSame)) {
    throw failure("changed", "remove", path);
  }
  if (isDirectory) await store.removeDirectory(path);
  else await store.unlink(path);
  return {};
}

async function removeStale({ store, run }: BatchWork, path: RelPath, recorded: bigint) {
  if (!isStagedName(baseOf(path))) throw failure("refused", "remove", path);
  const { kind, inode } = await store.lstat(path);
  if (recorded !== 0n && inode !== recorded) throw failure("changed", "remove", path);
  if (kind === Kind.directory) return await removeAll(store, run, path);
  if (kind !== Kind.file) return await store.unlink(path);
  const lock = await store.tryLock(path);
  if (!lock) throw failure("busy", "remove", path);
  try {
    await store.unlink(path);
  } finally {
    lock.release();
  }
}

async function removeAll(store: EntryStore, run: StoreRun, directory: RelPath): Promise<void> {
  checkCancelled(run.signal, "remove", directory);
  await store.enter(directory);
  const { names, unreachable } = await store.names(directory);
  if (unreachable.length > 0) {
    throw failure("unsupported", "remove", joinRel(directory, unreachable[0]));
  }
  for (const name of names) {
    const path = joinRel(directory, name);
    const { kind } = await store.lstat(path);
    if (kind === Kind.directory) await removeAll(store, run, path);
    else await store.unlink(path);
  }
  await store.removeDirectory(directory);
}

async function renameItem(work: BatchWork, i: number): Promise<ResultFields> {
  const { store, batch, sourceStore, sink } = work;
  const from = batch.path(i);
  const to = batch.items.target(i);
  if (!sourceStore || !store.canRenameFrom(sourceStore)) {
    throw failure("cross_device", "rename", from);
  }
  await sourceStore.enter(parentOf(from));
  await sink.enter(parentOf(to));
  sink.touch(parentOf(to));
  const noReplace = (batch.flags & BatchFlag.noReplace) !== 0;
  await store.renameFrom(sourceStore, from, to, noReplace);
  if (sink.durable) await sourceStore.syncDirectory(parentOf(from));
  return writtenNow(await store.lstat(to));
}

async function hashItem(work: BatchWork, i: number): Promise<ResultFields> {
  const { store, batch, sink } = work;
  const path = batch.path(i);
  await sink.enter(parentOf(path));
  const { kind } = await expectKind(store, path, batch.items.kind(i), "hash");
  const wanted = (batch.flags & BatchFlag.xattrs) !== 0;
  const inode = wanted ? await digestXattrs(await store.xattrs(path)) : 0n;
  if (kind !== Kind.file) return { inode };
  for (let reading = 1; reading <= 2; reading++) {
    const file = await store.openRead(path);
    try {
      const { digest, bytesMoved } = await digestFile(work, path, file);
      if (isUnchanged(file.fields, await file.stat())) return { inode, digest, bytesMoved };
    } finally {
      await file.close();
    }
  }
  throw failure("changed", "hash", path);
}

async function digestFile({ run }: BatchWork, path: RelPath, file: ReadableFile) {
  const hasher = await blake3();
  let bytesMoved = 0;
  // Beyond its size it has grown, and may grow for ever.
  while (bytesMoved <= (file.fields.sizeBytes ?? 0)) {
    checkCancelled(run.signal, "hash", path);
    const piece = await file.read();
    if (piece === null) break;
    hasher.update(piece);
    bytesMoved += piece.length;
    run.moved(piece.length);
  }
  return { digest: hasher.digest(), bytesMoved };
}

async function syncItem({ store, batch, sink }: BatchWork, i: number): Promise<ResultFields> {
  const path = batch.path(i);
  await sink.enter(path);
  await store.syncDirectory(path);
  return {};
}

/** Parameter 0: create and lock the run's marker, or let it go. Always one result. */
async function marker(work: BatchWork): Promise<Results> {
  const { store, batch, run, markers } = work;
  const name = stagedName(run.runId, MARKER_NUMBER);
  const writer = new ResultsWriter(Math.max(1, batch.items.count));
  try {
    if (batch.parameter0 === 1n) await createMarker(work, name);
    else {
      // The name goes while the lock is held: no other run can have taken it for a leftover.
      if (batch.parameter0 === 0n && markers.has(name)) await store.unlink(name);
      markers.get(name)?.release();
      markers.delete(name);
    }
  } catch (error) {
    writer.set(0, resultOfError(error));
  }
  return writer.finish();
}

async function createMarker({ store, batch, markers }: BatchWork, name: RelPath): Promise<void> {
  if (batch.parameter1 === 1n) await expectNoLiveMarker(store, name);
  const file = await store.createFile(name);
  try {
    const content = batch.trailing;
    if (content.length > 0) await file.write(content);
    await file.complete(false);
  } catch (error) {
    file.close();
    await store.unlink(name).catch(() => {});
    throw error;
  }
  markers.set(name, { release: () => file.close() });
}

async function expectNoLiveMarker(store: EntryStore, own: RelPath): Promise<void> {
  const { names } = await store.names("");
  for (const name of names) {
    if (name === own || !isMarkerName(name)) continue;
    try {
      const lock = await store.tryLock(name);
      if (!lock) throw failure("busy", "lock", name);
      lock.release();
    } catch (error) {
      // Its run ended while we looked.
      if (!isKind(error, "not_found")) throw error;
    }
  }
}

async function expectKind(store: EntryStore, path: RelPath, kind: Kind, step: StepWord) {
  const now = await store.lstat(path);
  if (kind !== Kind.unknown && now.kind !== kind) throw failure("changed", step, path);
  return now;
}

/** Whether a file still is what it was: size, mtime and ctime. */
export function isUnchanged(before: EntryFields, now: EntryFields): boolean {
  return before.sizeBytes === now.sizeBytes && before.mtimeNs === now.mtimeNs &&
    before.ctimeNs === now.ctimeNs;
}

function writtenNow({ inode, ctimeNs, mtimeNs }: EntryFields): ResultFields {
  return { inode, ctimeNs, mtimeNs };
}
