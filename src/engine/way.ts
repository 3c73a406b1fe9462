/**
 * Way: clears the way where one kind is to be where another is. What is replaced is renamed aside in its
 * directory and removed at the end.
 *
 * @module
 */
import { EntryBlock, EntryBlockWriter, Kind, NO_PARENT } from "../core/entry_block.ts";
import { baseOf, joinRel, nameToBytes, parentOf, type RelPath } from "../core/rel_path.ts";
import { BatchBuilder, BatchFlag, Op } from "../core/work_batch.ts";
import { stagedName } from "../core/staged_name.ts";
import { singleRecord } from "../core/single_record.ts";
import { type EngineContext, runNow, touchesNothing } from "./context.ts";
import { Cursor } from "./cursor.ts";
import type { Judge } from "./judge.ts";
import { DirNode } from "./node.ts";
import type { Prune } from "./prune.ts";
import { ChunkSpool } from "./spool.ts";

const CHUNK_ITEMS = 256;

/** Renames aside: entries at once, directories that a mirror replaces only when its deletions are allowed. */
export class Way {
  readonly #context: EngineContext;
  readonly #prune: Prune;
  readonly #waiting = new ChunkSpool("queue");
  #items = new EntryBlockWriter(4);
  /** Staging names of directories that something stays in: those can't be replaced. */
  readonly #held = new Set<RelPath>();

  constructor(context: EngineContext, prune: Prune) {
    this.#context = context;
    this.#prune = prune;
  }

  /** Whether nothing is in a directory of the destination. */
  async isEmpty(path: RelPath): Promise<boolean> {
    const cursor = new Cursor(this.#context.destination.list(path, { sorted: false }));
    await cursor.fetch();
    const isEmpty = cursor.name === null && cursor.status === 0;
    await cursor.close();
    return isEmpty;
  }

  /** A staging name in the directory of what it will replace. */
  asideName(): RelPath {
    return stagedName(this.#context.destinationRun.runId, this.#context.nextStaged());
  }

  /**
   * Moves an entry aside and has it removed at the end.
   *
   * @returns false where it could not be moved; that has been reported
   */
  async clear(node: DirNode, destination: EntryBlock, j: number): Promise<boolean> {
    const aside = joinRel(node.path, this.asideName());
    if (!await this.#rename(joinRel(node.path, destination.name(j)), aside, destination, j)) {
      return false;
    }
    node.touched = true;
    node.late = true;
    const writer = new EntryBlockWriter(1);
    writer.addFrom(destination, j, NO_PARENT, 0, nameToBytes(baseOf(aside)));
    this.#prune.staged(node.path, new EntryBlock(writer.finish()), 0);
    return true;
  }

  /**
   * Plans a directory's replacement for when the deletions have been allowed.
   *
   * @param name of what replaces it, in the source
   * @param aside staging name that it will have
   */
  replaceLater(
    node: DirNode,
    name: RelPath,
    destination: EntryBlock,
    j: number,
    aside: RelPath,
  ): void {
    node.touched = true;
    node.late = true;
    const path = nameToBytes(joinRel(node.path, destination.name(j)));
    // No name holds a NUL, so it can stand between two.
    const target = nameToBytes(`${aside}\0${name}`);
    this.#items.addFrom(destination, j, NO_PARENT, 0, path, target);
    if (this.#items.count >= CHUNK_ITEMS) this.#spool();
  }

  /** Something stays in a directory that was to be replaced. */
  hold(aside: RelPath): void {
    this.#held.add(aside);
  }

  /** Renames the directories aside and judges what replaces them. */
  async run(judge: Judge): Promise<void> {
    this.#spool();
    const { source, tally, options } = this.#context;
    for (let chunk = this.#waiting.shift(); chunk !== undefined; chunk = this.#waiting.shift()) {
      const items = new EntryBlock(chunk.bytes);
      for (let k = 0; k < items.count; k++) {
        const there = items.name(k);
        const [staged, name] = items.target(k).split("\0");
        const aside = joinRel(parentOf(there), staged);
        const path = joinRel(parentOf(there), name);
        if (this.#held.has(aside)) {
          tally.failWith(
            path,
            "is_directory",
            "destination",
            "Cannot replace {}: something in this directory could not be read, or must stay. Move it away.",
          );
          continue;
        }
        const fresh = await source.stat([path]);
        // Somebody has put a directory there since it was listed: the one here is what will be compared with it.
        if (fresh.status(0) === 0 && fresh.kind(0) === Kind.directory) {
          const why = "it is a directory now. Run again when nothing else writes to it.";
          tally.failWith(path, "changed", "source", `Cannot copy {}: ${why}`);
          continue;
        }
        if (!touchesNothing(options) && !await this.#rename(there, aside, items, k)) continue;
        const parent = new DirNode(null, parentOf(path), null, () => {});
        judge.entry(parent, new EntryBlock(singleRecord(fresh, 0, name)), 0, null, 0);
      }
    }
  }

  close(): void {
    this.#waiting.close();
  }

  async #rename(from: RelPath, to: RelPath, block: EntryBlock, i: number): Promise<boolean> {
    const { destination, tally } = this.#context;
    const builder = new BatchBuilder(Op.rename, 1);
    builder.flags = BatchFlag.noReplace;
    builder.items.addFrom(block, i, NO_PARENT, 0, nameToBytes(from), nameToBytes(to));
    const { results } = await runNow(this.#context, builder, destination);
    if (results.status(0) === 0) return true;
    tally.failStatus(from, results.status(0), results.os(0), results.step(0), "destination");
    return false;
  }

  #spool(): void {
    if (this.#items.count === 0) return;
    this.#waiting.push(this.#items.finish(), undefined);
    this.#items.reset();
  }
}
