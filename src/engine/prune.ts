/**
 * Prune: what a mirror deletes, recorded during the march and done last, by (inode, ctime).
 *
 * @module
 */
import { type EntryBlock, Kind, NO_PARENT } from "../core/entry_block.ts";
import { BlitError, kindOfStatus } from "../core/error.ts";
import type { ItemReason } from "../core/events.ts";
import {
  baseOf,
  displayName,
  joinRel,
  nameToBytes,
  parentOf,
  type RelPath,
} from "../core/rel_path.ts";
import { isMarkerName, runOfStagedName } from "../core/staged_name.ts";
import { type BatchBuilder, BatchFlag, Op, WorkBatch } from "../core/work_batch.ts";
import { builderFor, checkCancelled, type EngineContext, touchesNothing } from "./context.ts";
import { ChunkSpool } from "./spool.ts";

const CHUNK_ITEMS = 512;
/** Deletions up to this many need no `--max-delete`. */
const FEW_DELETIONS = 100;

/** Records deletions and carries them out. */
export class Prune {
  readonly #context: EngineContext;
  #files: BatchBuilder;
  #directories: BatchBuilder;
  #stale: BatchBuilder;
  readonly #markers: BatchBuilder;
  readonly #fileSpool = new ChunkSpool("queue");
  readonly #directorySpool = new ChunkSpool("queue");
  readonly #staleSpool = new ChunkSpool("queue");
  /** Directories of which a listing broke off after deletions in them had been recorded. */
  readonly #protected = new Set<RelPath>();

  constructor(context: EngineContext) {
    this.#context = context;
    this.#files = builderFor(context, Op.remove);
    this.#directories = builderFor(context, Op.remove);
    this.#stale = this.#staleBuilder();
    this.#markers = this.#staleBuilder();
  }

  /**
   * Records an entry that isn't a directory.
   *
   * @param removalParent where its directory will be found; differs from `parent` when that was moved aside
   */
  file(
    parent: RelPath,
    removalParent: RelPath,
    block: EntryBlock,
    j: number,
    reason: ItemReason = "extraneous",
  ): void {
    const { tally, options } = this.#context;
    const name = block.name(j);
    tally.deletionsPlanned++;
    if (tally.itemsWanted) {
      tally.item("delete", reason, joinRel(parent, name), block.sizeBytes(j));
    }
    if (touchesNothing(options)) return;
    const path = nameToBytes(joinRel(removalParent, name));
    this.#files.items.addFrom(block, j, NO_PARENT, 0, path, NONE);
    if (isFull(this.#files)) this.#files = this.#spool(this.#files, this.#fileSpool);
  }

  /** Records a directory, after everything below it. */
  directory(path: RelPath, removalPath: RelPath, block: EntryBlock, reason: ItemReason): void {
    const { tally, options } = this.#context;
    tally.deletionsPlanned++;
    tally.item("delete", reason, path, 0);
    if (touchesNothing(options)) return;
    this.#directories.items.addFrom(block, 0, NO_PARENT, 0, nameToBytes(removalPath), NONE);
    if (isFull(this.#directories)) {
      this.#directories = this.#spool(this.#directories, this.#directorySpool);
    }
  }

  /** Records an entry of the destination that an earlier run staged and left. */
  staged(parent: RelPath, block: EntryBlock, j: number): void {
    if (touchesNothing(this.#context.options)) return;
    const path = nameToBytes(joinRel(parent, block.name(j)));
    if (parent === "" && isMarkerName(block.name(j))) {
      this.#markers.items.addFrom(block, j, NO_PARENT, 0, path, NONE);
      return;
    }
    this.#stale.items.addFrom(block, j, NO_PARENT, 0, path, NONE);
    if (isFull(this.#stale)) this.#stale = this.#spool(this.#stale, this.#staleSpool);
  }

  /** Takes back every deletion recorded below a directory. */
  protect(directory: RelPath): void {
    this.#protected.add(directory);
  }

  /**
   * Judges the full plan before the first deletion.
   *
   * @returns the error that refuses it, or null
   */
  refusal(): BlitError | null {
    const { tally, options } = this.#context;
    const planned = tally.deletionsPlanned;
    const total = tally.destinationEntries;
    const limit = options.delete.maxDelete;
    const allowed = limit.kind === "all"
      ? Infinity
      : limit.kind === "count"
      ? limit.count
      : limit.kind === "percent"
      ? Math.floor(total * limit.percent / 100)
      : Math.max(FEW_DELETIONS, Math.floor(total / 2));
    if (planned <= allowed) return null;
    const rule = limit.kind === "default"
      ? "over half of the destination"
      : `over the limit of ${allowed.toLocaleString("en-US")}`;
    return new BlitError(
      "refused",
      `Nothing was deleted: ${planned.toLocaleString("en-US")} of ${
        total.toLocaleString("en-US")
      } destination entries would go, ${rule}. ${
        options.dryRun ? "" : "What was to be copied is there. "
      }` +
        `If that is what you want, add --max-delete ${planned} (or a percentage, or all).`,
      { operation: "delete" },
    );
  }

  /** Deletes: files in parallel, then directories, the deepest first. */
  async run(): Promise<void> {
    const { executor } = this.#context;
    this.#files = this.#spool(this.#files, this.#fileSpool);
    this.#directories = this.#spool(this.#directories, this.#directorySpool);
    for (let c = this.#fileSpool.shift(); c !== undefined; c = this.#fileSpool.shift()) {
      const bytes = c.bytes;
      await executor.room();
      checkCancelled(this.#context);
      executor.start(() => this.#remove(bytes));
    }
    await executor.drain();
    for (let c = this.#directorySpool.shift(); c !== undefined; c = this.#directorySpool.shift()) {
      checkCancelled(this.#context);
      await this.#remove(c.bytes);
    }
  }

  /**
   * Removes what this run moved aside, and what earlier runs staged and left; what a live run holds stays.
   *
   * Their markers go only where this run left nothing out and nothing failed: while one is there, what
   * changed since is compared by default rules.
   */
  async sweep(): Promise<void> {
    this.#stale = this.#spool(this.#stale, this.#staleSpool);
    for (let c = this.#staleSpool.shift(); c !== undefined; c = this.#staleSpool.shift()) {
      await this.#sweep(c.bytes);
    }
    const whole = this.#context.tally.failed === 0 && !this.#context.filtered;
    if (whole && this.#markers.count > 0) await this.#sweep(this.#markers.finish());
  }

  async #sweep(bytes: Uint8Array): Promise<void> {
    const batch = new WorkBatch(bytes);
    const { destination, destinationRun, tally } = this.#context;
    const results = await destination.run(batch, null, destinationRun);
    for (let i = 0; i < results.count; i++) {
      const status = results.status(i);
      if (status === 0) continue;
      const kind = kindOfStatus(status);
      if (kind === "busy" || kind === "not_found") continue;
      if (runOfStagedName(baseOf(batch.path(i))) === destinationRun.runId) {
        // Where something else is now this is the old content, which was to be deleted.
        const [os, step] = [results.os(i), results.step(i)];
        tally.failStatus(batch.path(i), status, os, step, "destination");
        continue;
      }
      const path = displayName(batch.path(i));
      tally.warn(`An earlier run's leftover could not be removed: "${path}" (${kind}).`);
    }
  }

  close(): void {
    this.#fileSpool.close();
    this.#directorySpool.close();
    this.#staleSpool.close();
  }

  async #remove(bytes: Uint8Array): Promise<void> {
    const { tally, destination, destinationRun } = this.#context;
    const batch = this.#allowed(new WorkBatch(bytes));
    const results = await destination.run(batch, null, destinationRun);
    for (let i = 0; i < results.count; i++) {
      const status = results.status(i);
      if (status === 0) tally.entriesDeleted++;
      // Gone already is what was wanted.
      else if (kindOfStatus(status) !== "not_found") {
        tally.failStatus(batch.path(i), status, results.os(i), results.step(i), "destination");
      }
    }
  }

  #allowed(batch: WorkBatch): WorkBatch {
    if (this.#protected.size === 0) return batch;
    const builder = builderFor(this.#context, Op.remove);
    for (let i = 0; i < batch.items.count; i++) {
      if (!this.#isProtected(batch.path(i))) builder.items.addFrom(batch.items, i, NO_PARENT, 0);
    }
    return new WorkBatch(builder.finish());
  }

  #isProtected(path: RelPath): boolean {
    for (let at = path; at !== "";) {
      at = parentOf(at);
      if (this.#protected.has(at)) return true;
    }
    return false;
  }

  #spool(builder: BatchBuilder, spool: ChunkSpool): BatchBuilder {
    if (builder.count === 0) return builder;
    spool.push(builder.finish(), undefined);
    return builder === this.#stale ? this.#staleBuilder() : builderFor(this.#context, Op.remove);
  }

  #staleBuilder(): BatchBuilder {
    const builder = builderFor(this.#context, Op.remove);
    builder.flags |= BatchFlag.stale;
    return builder;
  }
}

const NONE = new Uint8Array(0);

/** Names at the root of a file system that are the system's own, never deleted there. */
export function isFileSystemsOwn(name: RelPath, kind: Kind): boolean {
  return kind === Kind.directory &&
    (name === "lost+found" || name.startsWith(".Trash-") || name === "System Volume Information");
}

function isFull(builder: BatchBuilder): boolean {
  return builder.count >= CHUNK_ITEMS || builder.isFull;
}
