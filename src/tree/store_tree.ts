/**
 * A {@link Tree} over an {@link EntryStore}: what the memory and the portable tree have in common.
 *
 * @module
 */
import {
  BLOCK_LAST,
  BLOCK_SORTED,
  ENTRY_STAGED,
  EntryBlock,
  EntryBlockWriter,
  type EntryFields,
  Kind,
} from "../core/entry_block.ts";
import { STATUS } from "../core/error.ts";
import { baseOf, joinRel, parentOf, type RelPath } from "../core/rel_path.ts";
import type { Results, WorkBatch } from "../core/work_batch.ts";
import type { FileReader, FsFacts, ListOptions, RunContext, Traits, Tree } from "../engine/tree.ts";
import type { EntryStore, HeldLock } from "./entry_store.ts";
import { forEachItem } from "./item_pool.ts";
import { isStagedName } from "../core/staged_name.ts";
import { checkCancelled, failure, isKind, resultOfError } from "./step_failure.ts";
import { isUnchanged, runBatch } from "./store_batch.ts";
import { StoreRun } from "./store_run.ts";

/** Most entries of one block of a listing. */
const BLOCK_ENTRIES = 4096;

/** A tree whose store is given; the store is closed with it. */
export class StoreTree implements Tree {
  readonly kind: "memory" | "portable";
  readonly display: string;
  readonly #store: EntryStore;
  readonly #markers = new Map<RelPath, HeldLock>();

  /** @param display the root as a person would write it */
  constructor(store: EntryStore, display: string) {
    this.#store = store;
    this.kind = store.kind;
    this.display = display;
  }

  get traits(): Traits {
    return this.#store.traits;
  }

  probe(): Promise<FsFacts> {
    return this.#store.facts();
  }

  async *list(directory: RelPath, options: ListOptions): AsyncIterable<EntryBlock> {
    const flags = options.sorted ? BLOCK_SORTED : 0;
    const failed = (error: unknown) => {
      const { status, os } = resultOfError(error);
      const bytes = new EntryBlockWriter(1).finish({ flags: flags | BLOCK_LAST, status, os });
      return new EntryBlock(bytes);
    };
    let listing: Listing;
    try {
      listing = await this.#names(directory, options);
    } catch (error) {
      return yield failed(error);
    }
    const { names, unreachable, stagedSkipped } = listing;
    let anyVanished = false;
    for (let at = 0; at === 0 || at < names.length; at += BLOCK_ENTRIES) {
      const part = names.slice(at, at + BLOCK_ENTRIES);
      const records = await this.#records(directory, part, unreachable);
      anyVanished ||= records.includes(null);
      const isLast = at + BLOCK_ENTRIES >= names.length;
      if (isLast && anyVanished) {
        // A directory that was moved away meanwhile would pass for one whose entries all vanished, and
        // its copy would be taken for extraneous.
        try {
          await this.#expectSameDirectory(directory, listing.inode);
        } catch (error) {
          return yield failed(error);
        }
      }
      const writer = new EntryBlockWriter(records.length);
      for (const record of records) if (record !== null) writer.add(record);
      yield new EntryBlock(writer.finish({
        flags: flags | (isLast ? BLOCK_LAST : 0),
        stagedSkipped: isLast ? stagedSkipped : 0,
      }));
    }
  }

  async stat(paths: readonly RelPath[]): Promise<EntryBlock> {
    const records: EntryFields[] = new Array(paths.length);
    await forEachItem(paths.keys(), this.#store.parallel, async (i) => {
      try {
        await this.#store.enter(parentOf(paths[i]));
        records[i] = { ...await this.#store.lstat(paths[i]), name: paths[i] };
      } catch (error) {
        records[i] = failedRecord(paths[i], error);
      }
    });
    const writer = new EntryBlockWriter(paths.length);
    for (const record of records) writer.add(record);
    return new EntryBlock(writer.finish({ flags: BLOCK_LAST }));
  }

  beginRun(runId: bigint, signal: AbortSignal): RunContext {
    return new StoreRun(runId, signal);
  }

  endRun(_run: RunContext): void {
    // Counters die with their run; markers go by their own operation, or when the tree is closed.
  }

  run(batch: WorkBatch, source: Tree | null, run: RunContext): Promise<Results> {
    return runBatch({
      store: this.#store,
      batch,
      source,
      sourceStore: source instanceof StoreTree ? source.#store : null,
      run: StoreRun.of(run),
      markers: this.#markers,
    });
  }

  hash(batch: WorkBatch, run: RunContext): Promise<Results> {
    return this.run(batch, null, run);
  }

  canRenameFrom(source: Tree): boolean {
    return source instanceof StoreTree && this.#store.canRenameFrom(source.#store);
  }

  async openFile(path: RelPath, run: RunContext): Promise<FileReader> {
    await this.#store.enter(parentOf(path));
    const file = await this.#store.openRead(path);
    const writer = new EntryBlockWriter(1);
    writer.add({ ...file.fields, name: baseOf(path) });
    return {
      entry: new EntryBlock(writer.finish({ flags: BLOCK_LAST })),
      read: () => {
        checkCancelled(run.signal, "read", path);
        return file.read();
      },
      close: async () => {
        try {
          return { unchanged: isUnchanged(file.fields, await file.stat()) };
        } finally {
          await file.close();
        }
      },
    };
  }

  async xattrs(path: RelPath): Promise<ReadonlyMap<string, Uint8Array>> {
    await this.#store.enter(parentOf(path));
    return await this.#store.xattrs(path);
  }

  async close(): Promise<void> {
    for (const lock of this.#markers.values()) lock.release();
    this.#markers.clear();
    await this.#store.close();
  }

  async #names(directory: RelPath, { sorted, staged }: ListOptions): Promise<Listing> {
    await this.#store.enter(directory);
    const { inode } = await this.#store.lstat(directory);
    const found = await this.#store.names(directory);
    const isListed = (name: RelPath) => staged === true || !isStagedName(name);
    const names = [...found.names.filter(isListed), ...found.unreachable];
    // Byte strings: UTF-16 order is byte order.
    if (sorted) names.sort();
    return {
      names,
      unreachable: new Set(found.unreachable),
      stagedSkipped: staged ? 0 : found.names.length + found.unreachable.length - names.length,
      inode,
    };
  }

  async #records(
    directory: RelPath,
    names: readonly RelPath[],
    unreachable: ReadonlySet<RelPath>,
  ): Promise<(EntryFields | null)[]> {
    const records: (EntryFields | null)[] = new Array(names.length);
    await forEachItem(names.keys(), this.#store.parallel, async (i) => {
      const name = names[i];
      if (unreachable.has(name)) {
        records[i] = { name, kind: Kind.unknown, status: STATUS.unsupported };
        return;
      }
      try {
        const fields = await this.#store.lstat(joinRel(directory, name));
        records[i] = { ...fields, name, flags: isStagedName(name) ? ENTRY_STAGED : 0 };
      } catch (error) {
        records[i] = isKind(error, "not_found") ? null : failedRecord(name, error);
      }
    });
    return records;
  }

  async #expectSameDirectory(directory: RelPath, inode: bigint | undefined): Promise<void> {
    await this.#store.enter(directory);
    const now = await this.#store.lstat(directory);
    if (now.inode !== inode) throw failure("changed", "list", directory);
  }
}

interface Listing {
  readonly names: readonly RelPath[];
  readonly unreachable: ReadonlySet<RelPath>;
  readonly stagedSkipped: number;
  readonly inode: bigint | undefined;
}

function failedRecord(name: RelPath, error: unknown): EntryFields {
  const { status, os } = resultOfError(error);
  return { name, kind: Kind.unknown, status, os };
}
