/**
 * MissingTree: a destination that doesn't exist, for a run that will not make it.
 *
 * @module
 */
import {
  BLOCK_LAST,
  BLOCK_SORTED,
  EntryBlock,
  EntryBlockWriter,
  Kind,
} from "../core/entry_block.ts";
import { BlitError, STATUS } from "../core/error.ts";
import type { RelPath } from "../core/rel_path.ts";
import type { Results, WorkBatch } from "../core/work_batch.ts";
import type { FileReader, FsFacts, RunContext, Traits, Tree } from "../engine/tree.ts";

/** An empty {@link Tree} on the file system of the nearest directory that exists. */
export class MissingTree implements Tree {
  readonly kind: Tree["kind"];
  readonly traits: Traits;
  readonly display: string;
  readonly #above: Tree;
  readonly #discards: boolean;

  /**
   * @param above the nearest directory that exists; closed with this tree
   * @param display path of what doesn't exist
   * @param discards whether batches run: their flag says that nothing is written
   */
  constructor(above: Tree, display: string, discards: boolean) {
    this.kind = above.kind;
    this.traits = above.traits;
    this.display = display;
    this.#above = above;
    this.#discards = discards;
  }

  async probe(): Promise<FsFacts> {
    return { ...await this.#above.probe(), isFsRoot: false, rootInode: 0n };
  }

  async *list(directory: RelPath): AsyncIterableIterator<EntryBlock> {
    const status = directory === "" ? 0 : STATUS.not_found;
    yield await Promise.resolve(
      new EntryBlock(new EntryBlockWriter(1).finish({ flags: BLOCK_LAST | BLOCK_SORTED, status })),
    );
  }

  stat(paths: readonly RelPath[]): Promise<EntryBlock> {
    const writer = new EntryBlockWriter(paths.length);
    for (const name of paths) {
      writer.add({ name, kind: Kind.unknown, status: STATUS.not_found });
    }
    return Promise.resolve(new EntryBlock(writer.finish()));
  }

  beginRun(runId: bigint, signal: AbortSignal): RunContext {
    return this.#above.beginRun(runId, signal);
  }

  endRun(run: RunContext): void {
    this.#above.endRun(run);
  }

  run(batch: WorkBatch, source: Tree | null, run: RunContext): Promise<Results> {
    if (!this.#discards) return Promise.reject(this.#absent("write to"));
    return this.#above.run(batch, source, run);
  }

  hash(): Promise<Results> {
    return Promise.reject(this.#absent("hash"));
  }

  canRenameFrom(source: Tree): boolean {
    return this.#above.canRenameFrom(source);
  }

  openFile(): Promise<FileReader> {
    return Promise.reject(this.#absent("open"));
  }

  xattrs(): Promise<ReadonlyMap<string, Uint8Array>> {
    return Promise.resolve(new Map());
  }

  close(): Promise<void> {
    return this.#above.close();
  }

  #absent(operation: string): BlitError {
    return new BlitError("bug", `Cannot ${operation} "${this.display}": it doesn't exist.`, {
      operation,
      path: this.display,
    });
  }
}
