/**
 * Recase: names that differ from the source's in case alone, given the source's case at the end.
 *
 * Only where the destination takes both for one name, so nothing is replaced. A file system that keeps the first
 * spelling whatever it is told (those of Linux) says that the name exists, and stays as it is.
 *
 * @module
 */
import { EntryBlock, EntryBlockWriter, NO_PARENT } from "../core/entry_block.ts";
import { kindOfStatus } from "../core/error.ts";
import { changesCase } from "../core/name_folding.ts";
import { joinRel, nameToBytes } from "../core/rel_path.ts";
import { BatchBuilder, BatchFlag, Op } from "../core/work_batch.ts";
import {
  checkCancelled,
  type EngineContext,
  plansOnly,
  runNow,
  touchesNothing,
} from "./context.ts";
import type { DirNode } from "./node.ts";
import { ChunkSpool } from "./spool.ts";

const CHUNK_ITEMS = 256;

/** Records names to be changed, and changes them. */
export class Recase {
  readonly #context: EngineContext;
  readonly #waiting = new ChunkSpool("queue");
  #items = new EntryBlockWriter(4);

  constructor(context: EngineContext) {
    this.#context = context;
  }

  /** Notes what a name of the source found at the destination, where its case is another. */
  note(node: DirNode, source: EntryBlock, i: number, destination: EntryBlock, j: number): void {
    const { destinationFacts, options, tally } = this.#context;
    const [wanted, present] = [source.name(i), destination.name(j)];
    if (wanted === present || !changesCase(present, wanted, destinationFacts)) return;
    // What takes the place of another kind is made with the source's name.
    if (source.kind(i) !== destination.kind(j) || source.status(i) !== 0) return;
    if (options.compare.ignoreExisting || options.mode === "check") return;
    const path = joinRel(node.path, wanted);
    if (plansOnly(options)) tally.item("rename", "case", path, 0);
    if (touchesNothing(options)) return;
    node.touched = true;
    node.late = true;
    const from = nameToBytes(joinRel(node.path, present));
    this.#items.addFrom(destination, j, NO_PARENT, 0, from, nameToBytes(path));
    // A copy has replaced it by then.
    this.#items.setInode(this.#items.count - 1, 0n);
    if (this.#items.count >= CHUNK_ITEMS) this.#spool();
  }

  /** Changes what was noted; nothing else of the run may be under way. */
  async run(): Promise<void> {
    this.#spool();
    const { destination, tally } = this.#context;
    for (let chunk = this.#waiting.shift(); chunk !== undefined; chunk = this.#waiting.shift()) {
      checkCancelled(this.#context);
      const builder = new BatchBuilder(Op.rename, CHUNK_ITEMS);
      builder.flags = BatchFlag.noReplace;
      const items = new EntryBlock(chunk.bytes);
      for (let k = 0; k < items.count; k++) builder.items.addFrom(items, k, NO_PARENT, 0);
      const { batch, results } = await runNow(this.#context, builder, destination);
      for (let k = 0; k < results.count; k++) {
        const status = results.status(k);
        const path = batch.items.target(k);
        if (status === 0) {
          tally.metadataUpdated++;
          tally.item("rename", "case", path, 0);
        } else if (kindOfStatus(status) !== "exists") {
          tally.failStatus(path, status, results.os(k), results.step(k), "destination");
        }
      }
    }
  }

  /** Releases temporary files. */
  close(): void {
    this.#waiting.close();
  }

  #spool(): void {
    if (this.#items.count === 0) return;
    this.#waiting.push(this.#items.finish(), undefined);
    this.#items.reset();
  }
}
