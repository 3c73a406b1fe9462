/**
 * Move: by renaming within one file system, merging directories; across two by copying, making it durable,
 * reading it back, and only then removing what was verified, and nothing else.
 *
 * @module
 */
import { EntryBlock, Kind, NO_PARENT } from "../core/entry_block.ts";
import { BlitError, kindOfStatus } from "../core/error.ts";
import type { ItemReason } from "../core/events.ts";
import { changesCase } from "../core/name_folding.ts";
import {
  baseOf,
  displayName,
  joinRel,
  nameToBytes,
  parentOf,
  type RelPath,
} from "../core/rel_path.ts";
import { type BatchBuilder, BatchFlag, Op, type Results, WorkBatch } from "../core/work_batch.ts";
import { singleRecord } from "../core/single_record.ts";
import { compare } from "./compare.ts";
import { builderFor, checkCancelled, type EngineContext, runNow, syncAll } from "./context.ts";
import { lockstep } from "./lockstep.ts";
import type { DirNode } from "./node.ts";
import type { EngineRequest } from "./request.ts";
import { Removal } from "./removal.ts";
import { verify, verifySingle } from "./verify.ts";

const BATCH_ITEMS = 256;

/**
 * Moves the source's entries.
 *
 * @param copy copies what could not be renamed; called at most once
 * @throws {BlitError} `usage` with a filter; `cross_device` where a single directory can't be renamed: the
 *   caller opens both directories and moves what is in them
 */
export async function move(
  request: EngineRequest,
  context: EngineContext,
  copy: (context: EngineContext) => Promise<void>,
): Promise<void> {
  const { options, source, destination } = context;
  const { rules, gitignore, ...limits } = options.filter;
  const limited = limits.minSizeBytes ?? limits.maxSizeBytes ?? limits.minAgeSeconds ??
    limits.maxAgeSeconds;
  if (rules.length > 0 || gitignore || limited !== undefined || request.paths !== undefined) {
    throw new BlitError(
      "usage",
      "Cannot move with a filter: what it hides would be left half way. Use copy, check the result, then rm.",
    );
  }
  if (options.discard) {
    throw new BlitError("usage", "Cannot move with --null: it writes nothing. Use copy.");
  }
  const { carry } = request;
  const copyDurably = async () => {
    context.tally.leftAlone = new Set();
    if (carry !== undefined) return await carried(context, carry);
    await copy(
      destination.traits.syncsWhole
        ? context
        : { ...context, options: { ...options, fsync: true } },
    );
    if (!options.dryRun) await syncAll(context);
  };
  const renames = destination.canRenameFrom(source);
  if (request.single !== undefined) {
    if (renames && await renameSingle(context, request.single)) return;
    const record = await source.stat([request.single.source]);
    if (record.kind(0) === Kind.directory) {
      throw new BlitError("cross_device", "A directory can't be renamed to another file system.");
    }
    await copyDurably();
    if (options.dryRun || request.keepsSource) return;
    await verifySingle(context, request.single);
    return;
  }
  if (renames) {
    const walk = new RenameWalk(context);
    await walk.run();
    if (!walk.crossDevice) return;
  }
  await copyDurably();
  if (options.dryRun || request.keepsSource) return;
  checkCancelled(context);
  context.tally.enter("verify");
  await verify(context);
}

/** Has the copying done by others, and takes over what they counted. */
async function carried(
  context: EngineContext,
  carry: NonNullable<EngineRequest["carry"]>,
): Promise<void> {
  const { tally } = context;
  tally.enter("copy");
  // Whoever copies watches over it.
  tally.patient = true;
  try {
    const { summary, error } = await carry((event) => {
      if (event.type === "progress") tally.carried = event;
      else if (event.type === "item") {
        if (event.action === "skip") tally.leave(event.path);
        tally.item(event.action, event.reason, event.path, event.sizeBytes);
      } else if (event.type !== "start" && event.type !== "summary") tally.emit(event);
    });
    tally.takeOver(summary);
    if (error !== null) throw error;
  } finally {
    tally.carried = null;
    tally.patient = false;
  }
  checkCancelled(context);
}

/** Returns false where it is another file system after all. */
async function renameSingle(
  context: EngineContext,
  paths: { readonly source: RelPath; readonly destination: RelPath },
): Promise<boolean> {
  const { source, destination, tally, options } = context;
  const [here, there] = await Promise.all([
    source.stat([paths.source]),
    destination.stat([paths.destination]),
  ]);
  if (here.status(0) !== 0) {
    throw tally.describe(paths.source, here.status(0), here.os(0), 15, "source");
  }
  tally.filesExamined++;
  const exists = there.status(0) === 0;
  if (exists && isCaseChange(context, paths) && here.sameInode(0, there, 0)) {
    return await changeCase(context, paths, here);
  }
  if (exists && !mayReplace(context, paths.destination, here, 0, there, 0)) return true;
  if (exists && here.kind(0) === Kind.directory && here.sameInode(0, there, 0)) {
    throw new BlitError("refused", `"${displayName(paths.source)}" is moved to itself.`);
  }
  // Two names of one inode: rename(2) would leave both.
  if (exists && here.linkCount(0) > 1 && here.sameInode(0, there, 0)) {
    await removeName(context, paths.source, here);
    return true;
  }
  const reason: ItemReason = exists ? "forced" : "new";
  tally.item("rename", reason, paths.destination, here.sizeBytes(0));
  if (options.dryRun) {
    tally.entriesMoved++;
    return true;
  }
  const builder = builderFor(context, Op.rename);
  if (!exists) builder.flags |= BatchFlag.noReplace;
  builder.items.addFrom(
    here,
    0,
    NO_PARENT,
    0,
    nameToBytes(paths.source),
    nameToBytes(paths.destination),
  );
  const { results } = await runNow(context, builder);
  const status = results.status(0);
  if (status === 0) {
    tally.entriesMoved++;
    return true;
  }
  if (kindOfStatus(status) === "cross_device") return false;
  const [os, step] = [results.os(0), results.step(0)];
  throw tally.describe(paths.destination, status, os, step, "destination");
}

/** Whether both paths are one entry of one directory, spelled in another case. */
function isCaseChange(
  { sourceFacts: from, destinationFacts: to }: EngineContext,
  paths: { readonly source: RelPath; readonly destination: RelPath },
): boolean {
  const isOneRoot = from.device === to.device && from.rootInode === to.rootInode;
  return isOneRoot && parentOf(paths.source) === parentOf(paths.destination) &&
    changesCase(baseOf(paths.source), baseOf(paths.destination), to);
}

/** Spells an entry's name anew; nothing else has it, so nothing can be replaced. */
async function changeCase(
  context: EngineContext,
  paths: { readonly source: RelPath; readonly destination: RelPath },
  here: EntryBlock,
): Promise<true> {
  const { tally, options } = context;
  tally.item("rename", "case", paths.destination, here.sizeBytes(0));
  if (!options.dryRun) {
    const builder = builderFor(context, Op.rename);
    builder.flags |= BatchFlag.noReplace;
    const names = [nameToBytes(paths.source), nameToBytes(paths.destination)];
    builder.items.addFrom(here, 0, NO_PARENT, 0, names[0], names[1]);
    const { results } = await runNow(context, builder);
    const status = results.status(0);
    if (kindOfStatus(status) === "exists") {
      const [from, to] = [displayName(paths.source), displayName(paths.destination)];
      throw new BlitError(
        "unsupported",
        `Cannot rename "${from}" to "${to}": this file system keeps the case of a name. Rename it to another name first.`,
        { operation: "rename", path: to },
      );
    }
    if (status !== 0) {
      const [os, step] = [results.os(0), results.step(0)];
      throw tally.describe(paths.destination, status, os, step, "destination");
    }
  }
  tally.entriesMoved++;
  return true;
}

async function removeName(context: EngineContext, path: RelPath, block: EntryBlock): Promise<void> {
  const { tally, options } = context;
  tally.item("rename", "hardlink", path, 0);
  if (options.dryRun) {
    tally.entriesDeleted++;
    return;
  }
  const removal = new Removal(context, false);
  removal.file(parentOf(path), new EntryBlock(singleRecord(block, 0, baseOf(path))), 0);
  await removal.run();
  removal.close();
}

/** Whether what has the name may go; reports it where not. */
function mayReplace(
  context: EngineContext,
  path: RelPath,
  source: EntryBlock,
  i: number,
  destination: EntryBlock,
  j: number,
): boolean {
  const { tally } = context;
  const from = source.kind(i) === Kind.directory, to = destination.kind(j) === Kind.directory;
  const skip = (reason: ItemReason): false => {
    tally.skip(reason, path);
    return false;
  };
  if (from !== to && context.options.compare.ignoreExisting) return skip("exists");
  if (from !== to) {
    const words = to
      ? "Cannot replace {}: it is a directory. Move it away first."
      : "Cannot move the directory {}: something that isn't a directory has its name. Move that away first.";
    if (to) tally.failWith(path, "is_directory", "destination", words);
    else tally.failWith(path, "not_directory", "source", words);
    return false;
  }
  if (from) return true;
  const judged = compare(source, i, destination, j, context.compare);
  return judged.verdict === "skip" ? skip(judged.reason) : true;
}

/** Renames everything that the destination doesn't have, and replaces what it has. */
class RenameWalk {
  readonly #context: EngineContext;
  readonly #removal: Removal;
  #fresh: BatchBuilder;
  #over: BatchBuilder;
  /** Something lies on another file system: it is still in the source. */
  crossDevice = false;

  constructor(context: EngineContext) {
    this.#context = context;
    this.#removal = new Removal(context, false);
    this.#fresh = this.#builder(true);
    this.#over = this.#builder(false);
  }

  async run(): Promise<void> {
    const { tally, executor, options } = this.#context;
    try {
      tally.enter("copy");
      await lockstep(this.#context, {
        alone: (node, source, i) => this.#rename(node, source, i, true),
        pair: (node, source, i, destination, j) => {
          const path = joinRel(node.path, source.name(i));
          if (!mayReplace(this.#context, path, source, i, destination, j)) node.keep();
          // Two names of one inode: rename(2) would leave both.
          else if (source.sameInode(i, destination, j)) this.#removeName(node, source, i);
          else this.#rename(node, source, i, false);
        },
        left: (node, record) => {
          if (node.parent === null || node.kept) return;
          if (options.dryRun) tally.entriesDeleted++;
          else this.#removal.directory(node.path, record);
        },
        unread: (node) => node.keep(),
      });
      this.#flush();
      tally.totalsKnown = true;
      await executor.drain();
      if (!options.dryRun && !this.crossDevice) {
        tally.enter("remove-source");
        await this.#removal.run();
      }
    } finally {
      this.#removal.close();
    }
  }

  #rename(node: DirNode, source: EntryBlock, i: number, fresh: boolean): void {
    const { tally, options } = this.#context;
    const path = joinRel(node.path, source.name(i));
    if (source.status(i) !== 0) {
      tally.failStatus(path, source.status(i), source.os(i), 15, "source");
      node.keep();
      return;
    }
    tally.filesExamined++;
    tally.filesPlanned++;
    tally.item("rename", fresh ? "new" : "forced", path, source.sizeBytes(i));
    if (options.dryRun) {
      tally.entriesMoved++;
      return;
    }
    const bytes = nameToBytes(path);
    const builder = fresh ? this.#fresh : this.#over;
    builder.items.addFrom(source, i, NO_PARENT, 0, bytes, bytes);
    if (builder.count >= BATCH_ITEMS || builder.isFull) this.#flush();
  }

  #removeName(node: DirNode, source: EntryBlock, i: number): void {
    const { tally, options } = this.#context;
    tally.filesExamined++;
    tally.item("rename", "hardlink", joinRel(node.path, source.name(i)), 0);
    if (options.dryRun) tally.entriesDeleted++;
    else this.#removal.file(node.path, source, i);
  }

  #flush(): void {
    this.#start(this.#fresh);
    this.#fresh = this.#builder(true);
    this.#start(this.#over);
    this.#over = this.#builder(false);
  }

  #start(builder: BatchBuilder): void {
    if (builder.count === 0) return;
    const { executor, destination, source, destinationRun } = this.#context;
    const batch = new WorkBatch(builder.finish());
    executor.start(async () => {
      this.#settle(batch, await destination.run(batch, source, destinationRun));
    });
  }

  #settle(batch: WorkBatch, results: Results): void {
    const { tally } = this.#context;
    for (let k = 0; k < results.count; k++) {
      const status = results.status(k);
      if (status === 0) {
        tally.entriesMoved++;
        tally.firstWorkMs ??= performance.now() - tally.startedMs;
      } else if (kindOfStatus(status) === "cross_device") this.crossDevice = true;
      else tally.failStatus(batch.path(k), status, results.os(k), results.step(k), "destination");
    }
  }

  #builder(fresh: boolean): BatchBuilder {
    const builder = builderFor(this.#context, Op.rename);
    if (fresh) builder.flags |= BatchFlag.noReplace;
    return builder;
  }
}
