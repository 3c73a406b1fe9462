/**
 * Plan: turns differences into batches by size class and hands them to the executor.
 *
 * Many small files travel in a batch, a large file alone; what is planned is flushed when a batch is full,
 * when a worker idles, at each heartbeat and at the end.
 *
 * @module
 */
import { ENTRY_RENAMED, EntryBlock, Kind, NO_PARENT } from "../core/entry_block.ts";
import { kindOfStatus } from "../core/error.ts";
import type { ItemReason } from "../core/events.ts";
import { joinRel, nameToBytes, parentOf } from "../core/rel_path.ts";
import {
  BatchBuilder,
  CopyAction,
  Op,
  ResultFlag,
  type Results,
  STEPS,
  WorkBatch,
} from "../core/work_batch.ts";
import { giveNewMode } from "./compare.ts";
import {
  builderFor,
  type EngineContext,
  keepFlags,
  plansOnly,
  runInOrder,
  touchesNothing,
} from "./context.ts";
import type { LateStep } from "./marker.ts";
import type { DirNode } from "./node.ts";
import { Retry } from "./retry.ts";
import { ChunkSpool } from "./spool.ts";

/** Up to this size a file shares its batch with many others. */
export const SMALL_FILE_BYTES = 256 << 10;
/** From this size on a file has a batch of its own. */
export const LARGE_FILE_BYTES = 16 << 20;
/** Metadata items per batch. */
const META_ITEMS = 512;
/** Steps of a copy that are about the source. */
const SOURCE_STEPS: ReadonlySet<string> = new Set([
  "open",
  "read",
  "read link",
  "read metadata of",
]);

/** Told of each copied entry: whether it worked. The hardlink table listens. */
export type CopySettled = (ok: boolean, results: Results | null, index: number) => void;

interface Planned {
  readonly node: DirNode;
  readonly created: boolean;
  readonly settled?: CopySettled;
}

/** A copy batch being filled. */
class OpenBatch {
  readonly builder: BatchBuilder;
  readonly planned: (Planned | null)[] = [];
  readonly parents = new Map<DirNode, number>();
  /** The directory of each item that is one. */
  readonly nodes: DirNode[] = [];
  files = 0;

  constructor(context: EngineContext) {
    this.builder = new BatchBuilder(Op.copy, 256);
    this.builder.flags = keepFlags(context);
  }
}

/** Plans copies, metadata and directories of one run. */
export class Planner {
  readonly #context: EngineContext;
  readonly retry: Retry;
  /** Stage small new files too: the run has no marker that would name them as suspect after a crash. */
  stageAll = false;
  #small: OpenBatch;
  #medium: OpenBatch;
  #meta: BatchBuilder;
  #metaNodes: (DirNode | null)[] = [];
  /** Something waits for one of {@link Planner.#metaNodes}. */
  #mends = false;
  readonly #late = new ChunkSpool("queue");
  /** The source root's record, once its directory is done and needs a stamp. */
  #root: Uint8Array | null = null;
  #lateItems: BatchBuilder;

  constructor(context: EngineContext) {
    this.#context = context;
    this.retry = new Retry(context);
    this.#small = new OpenBatch(context);
    this.#medium = new OpenBatch(context);
    this.#meta = builderFor(context, Op.meta);
    this.#lateItems = builderFor(context, Op.meta);
  }

  /** Files planned but not yet handed to the executor. */
  get waiting(): number {
    return this.#small.files + this.#medium.files;
  }

  /**
   * Plans one entry to be created or replaced.
   *
   * @param node its directory
   * @param action one of {@link CopyAction}: create, replace or resume
   * @param destinationName another name there, or null; a staged name for resume
   */
  copy(
    node: DirNode,
    block: EntryBlock,
    i: number,
    action: number,
    reason: ItemReason,
    settled?: CopySettled,
    target: Uint8Array | null = null,
  ): void {
    const { tally, options } = this.#context;
    const isFile = block.kind(i) === Kind.file;
    const created = action === CopyAction.create;
    if (reason === "new" || reason === "kind") giveNewMode(block, i, this.#context.compare);
    // Without a run marker nothing may have its final name before it is whole.
    if (created && this.stageAll) action = CopyAction.replace;
    const size = isFile ? block.sizeBytes(i) : 0;
    tally.filesPlanned++;
    tally.bytesPlanned += size;
    if (tally.itemsWanted) {
      tally.item(created ? "create" : "replace", reason, joinRel(node.path, block.name(i)), size);
    }
    if (plansOnly(options)) {
      if (created) tally.filesCreated++;
      else tally.filesReplaced++;
      tally.bytesTransferred += size;
      settled?.(true, null, i);
      return;
    }
    node.touched = true;
    node.expect();
    const small = size <= SMALL_FILE_BYTES;
    const open = small
      ? this.#small
      : size < LARGE_FILE_BYTES
      ? this.#medium
      : new OpenBatch(this.#context);
    const parent = this.#parent(open, node);
    if (target === null) {
      open.builder.items.addFrom(
        block,
        i,
        parent,
        action,
        undefined,
        isFile ? EMPTY : undefined,
      );
    } else {
      const added = open.builder.items.addFrom(block, i, parent, action, undefined, target);
      open.builder.items.setFlags(added, action === CopyAction.resume ? 0 : ENTRY_RENAMED);
    }
    open.builder.addContent(size);
    open.planned.push({ node, created, settled });
    open.files++;
    if (!small && open !== this.#medium) this.#start(open);
    else if (
      open.files >= this.#context.batchFiles || open.builder.isFull ||
      open.builder.contentBytes >= this.#context.batchBytes
    ) this.#flushOpen(open);
  }

  /** Plans metadata of an entry that exists on both sides; `target` is its path there if it differs. */
  mend(
    node: DirNode,
    block: EntryBlock,
    i: number,
    reason: ItemReason,
    target: Uint8Array = EMPTY,
  ): void {
    const { tally, options } = this.#context;
    const path = joinRel(node.path, block.name(i));
    tally.item("update-metadata", reason, path, 0);
    if (touchesNothing(options)) {
      tally.metadataUpdated++;
      return;
    }
    node.expect();
    this.#meta.items.addFrom(block, i, NO_PARENT, 0, nameToBytes(path), target);
    this.#metaNodes.push(node);
    this.#mends = true;
    if (this.#meta.count >= META_ITEMS || this.#meta.isFull) this.#flushMeta();
  }

  /** Plans a directory to be made though nothing is in it (yet). */
  makeDirectory(node: DirNode): void {
    if (touchesNothing(this.#context.options)) return;
    node.expect();
    const open = this.#small;
    const before = open.parents.size;
    this.#parent(open, node);
    if (open.parents.size === before) {
      // Already named by this batch for one of its files.
      node.done();
      return;
    }
    const index = open.parents.get(node)!;
    open.planned[index] = { node, created: true };
    open.files++;
    if (open.files >= this.#context.batchFiles || open.builder.isFull) this.#flushOpen(open);
  }

  /** Finishes a directory whose children are all settled: now, or at the end where more will touch it. */
  finish(node: DirNode, block: EntryBlock): void {
    const { tally, options } = this.#context;
    if (!node.touched || touchesNothing(options)) return;
    if (node.created) giveNewMode(block, 0, this.#context.compare);
    // Without u+rwx it would shut out the work still to be done in it or below.
    const shut = (block.mode(0) & 0o700) !== 0o700;
    if (node.parent === null) {
      this.#root = block.bytes;
      return;
    }
    if (node.late || shut) {
      this.#lateItems.items.addFrom(block, 0, NO_PARENT, 0, nameToBytes(node.path), EMPTY);
      if (this.#lateItems.count >= META_ITEMS || this.#lateItems.isFull) this.#spoolLate();
      return;
    }
    this.#meta.items.addFrom(block, 0, NO_PARENT, 0, nameToBytes(node.path), EMPTY);
    this.#metaNodes.push(null);
    tally.firstWorkMs ??= performance.now() - tally.startedMs;
    if (this.#meta.count >= META_ITEMS || this.#meta.isFull) this.#flushMeta();
  }

  /** Hands everything planned to the executor. */
  flush(reason: "idle" | "starved" | "interval" | "end"): void {
    const files = this.waiting;
    if (files === 0 && this.#meta.count === 0) return;
    if (files > 0) this.#context.tally.emit({ type: "heartbeat", reason, files });
    this.#flushOpen(this.#medium);
    this.#flushOpen(this.#small);
    // Nothing waits for directories to be finished: at the end they go with what comes last.
    const isLast = reason === "idle" || reason === "end";
    if (this.#mends || !isLast) this.#flushMeta();
  }

  /**
   * Stamps the directories that had to wait for links and deletions; the deepest come first, the root last: it
   * is stamped again by every call.
   *
   * @param marker goes before the root is stamped, since it touches the root
   */
  async finishLate(marker: LateStep | null = null): Promise<void> {
    const last: LateStep[] = [];
    if (this.#meta.count > 0) {
      const { bytes, nodes } = this.#takeMeta();
      last.push(this.#stamp(bytes, nodes));
    }
    this.#spoolLate();
    for (let chunk = this.#late.shift(); chunk !== undefined;) {
      last.push(this.#stamp(chunk.bytes, null));
      chunk = this.#late.shift();
      if (chunk !== undefined) await this.#runLate(last.splice(0));
    }
    if (marker !== null) last.push(marker);
    if (this.#root !== null) {
      const builder = builderFor(this.#context, Op.meta);
      builder.items.addFrom(new EntryBlock(this.#root), 0, NO_PARENT, 0, EMPTY, EMPTY);
      last.push(this.#stamp(builder.finish(), null));
    }
    await this.#runLate(last);
    // Throws where a stamp showed that the destination is full or gone.
    await this.#context.executor.drain();
  }

  #stamp(bytes: Uint8Array, nodes: (DirNode | null)[] | null): LateStep {
    const batch = new WorkBatch(bytes);
    return { batch, ended: (results) => this.#settleMeta(batch, results, nodes) };
  }

  async #runLate(steps: readonly LateStep[]): Promise<void> {
    const results = await runInOrder(this.#context, steps.map(({ batch }) => batch));
    steps.forEach(({ ended }, i) => ended(results[i]));
  }

  /** Releases temporary files. */
  close(): void {
    this.#late.close();
  }

  #parent(open: OpenBatch, node: DirNode): number {
    node.placed = true;
    const known = open.parents.get(node);
    if (known !== undefined) return known;
    const index = open.builder.items.add({
      name: node.path,
      kind: Kind.directory,
      action: node.created ? CopyAction.parentCreate : CopyAction.parentExists,
      parent: NO_PARENT,
    });
    open.parents.set(node, index);
    open.nodes[index] = node;
    open.planned.push(null);
    return index;
  }

  #flushOpen(open: OpenBatch): void {
    if (open.builder.count === 0) return;
    if (open === this.#small) this.#small = new OpenBatch(this.#context);
    else if (open === this.#medium) this.#medium = new OpenBatch(this.#context);
    this.#start(open);
  }

  #start(open: OpenBatch): void {
    const { destination, source, destinationRun, executor } = this.#context;
    const batch = new WorkBatch(open.builder.finish());
    executor.start(async () => {
      const results = await destination.run(batch, source, destinationRun);
      this.#settleCopies(open, batch, results);
    });
  }

  #settleCopies(open: OpenBatch, batch: WorkBatch, results: Results): void {
    const { tally } = this.#context;
    const items = batch.items;
    for (let i = 0; i < results.count; i++) {
      const planned = open.planned[i];
      const status = results.status(i);
      if (planned === null) {
        // A parent's own failure shows again at each of its files; its flags matter only when it worked.
        if (status === 0) this.#made(open.nodes[i], results.flags(i));
        continue;
      }
      const settle = (ok: boolean, last: Results, k: number) => {
        if (items.kind(i) !== Kind.directory) {
          return this.#settleOne(planned, items, i, ok, last, k);
        }
        if (ok) this.#made(open.nodes[i], last.flags(k));
        planned.node.done();
      };
      if (status !== 0 && this.retry.wants(kindOfStatus(status))) {
        this.retry.add(items, i, kindOfStatus(status), settle);
        continue;
      }
      if (status !== 0) {
        const step = results.step(i);
        const side = SOURCE_STEPS.has(STEPS[step]) ? "source" : "destination";
        const renamed = side === "destination" && (items.flags(i) & ENTRY_RENAMED) !== 0;
        const path = batch.path(i);
        const shown = renamed ? joinRel(parentOf(path), items.target(i)) : path;
        tally.failStatus(shown, status, results.os(i), step, side);
        this.#endWhereHopeless(batch, results, i);
      }
      settle(status === 0, results, i);
    }
  }

  /** A full, read-only or unreachable destination fails every file after this one too: the run ends here. */
  #endWhereHopeless(batch: WorkBatch, results: Results, i: number): void {
    const kind = kindOfStatus(results.status(i));
    if (kind !== "no_space" && kind !== "read_only" && kind !== "disconnected") return;
    const { executor, tally } = this.#context;
    executor.fail(
      tally.describe(
        batch.path(i),
        results.status(i),
        results.os(i),
        results.step(i),
        "destination",
      ),
    );
  }

  #settleOne(
    planned: Planned,
    items: EntryBlock,
    item: number,
    ok: boolean,
    results: Results,
    index: number,
  ): void {
    const { tally } = this.#context;
    if (ok) {
      tally.moved(results, index, items.kind(item) === Kind.file);
      if (planned.created) tally.filesCreated++;
      else tally.filesReplaced++;
    }
    planned.settled?.(ok, results, index);
    planned.node.done();
  }

  /** A directory is there; a batch for one below it may have made it before its own did. */
  #made(node: DirNode, flags: number): void {
    if (flags !== 0) node.touched = true;
    if (!node.created || node.counted) return;
    node.counted = true;
    this.#context.tally.directoriesCreated++;
  }

  #flushMeta(): void {
    if (this.#meta.count === 0) return;
    const { destination, source, destinationRun, executor } = this.#context;
    const { bytes, nodes } = this.#takeMeta();
    const batch = new WorkBatch(bytes);
    executor.start(async () => {
      this.#settleMeta(batch, await destination.run(batch, source, destinationRun), nodes);
    });
  }

  /** The batch of metadata so far, and what its items are for; the next one begins. */
  #takeMeta(): { readonly bytes: Uint8Array; readonly nodes: (DirNode | null)[] } {
    const taken = { bytes: this.#meta.finish(), nodes: this.#metaNodes };
    this.#meta = builderFor(this.#context, Op.meta);
    this.#metaNodes = [];
    this.#mends = false;
    return taken;
  }

  /** `nodes` has null for a directory's finishing: that isn't counted as an update. */
  #settleMeta(batch: WorkBatch, results: Results, nodes: (DirNode | null)[] | null): void {
    const { tally } = this.#context;
    for (let i = 0; i < results.count; i++) {
      const status = results.status(i);
      if (status !== 0) {
        tally.failStatus(batch.path(i), status, results.os(i), results.step(i), "destination");
        this.#endWhereHopeless(batch, results, i);
      } else {
        const flags = results.flags(i);
        tally.noticed(flags);
        if ((nodes?.[i] ?? null) !== null && (flags & DROPPED) === 0) tally.metadataUpdated++;
      }
      nodes?.[i]?.done();
    }
  }

  #spoolLate(): void {
    if (this.#lateItems.count === 0) return;
    this.#late.push(this.#lateItems.finish(), undefined);
    this.#lateItems = builderFor(this.#context, Op.meta);
  }
}

const EMPTY = new Uint8Array(0);
/** Of what was to be mended, something didn't stay. */
const DROPPED = ResultFlag.modeDropped | ResultFlag.timeDropped | ResultFlag.ownerDropped;
