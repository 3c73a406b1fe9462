/**
 * Removal: takes moved entries out of the source: files that are still what was verified, then the
 * directories that are empty by then.
 *
 * @module
 */
import { EntryBlock, EntryBlockWriter, NO_PARENT } from "../core/entry_block.ts";
import { kindOfStatus } from "../core/error.ts";
import { joinRel, nameToBytes, type RelPath } from "../core/rel_path.ts";
import { type BatchBuilder, BatchFlag, Op, type Results, WorkBatch } from "../core/work_batch.ts";
import { builderFor, checkCancelled, type EngineContext } from "./context.ts";
import { ChunkSpool } from "./spool.ts";

const CHUNK_ITEMS = 512;

/** Records what may go and removes it at the end. */
export class Removal {
  readonly #context: EngineContext;
  readonly #onlyName: boolean;
  readonly #files = new ChunkSpool("queue");
  readonly #directories = new ChunkSpool("queue");
  #fileItems = new EntryBlockWriter(64);
  #directoryItems = new EntryBlockWriter(16);

  /**
   * @param onlyName the names that go are the last of their files, copies aside: a file that a program has open
   *   for writing stays, since what it writes next would go with it
   */
  constructor(context: EngineContext, onlyName: boolean) {
    this.#context = context;
    this.#onlyName = onlyName;
  }

  /** Records an entry that is safe at the destination. */
  file(directory: RelPath, source: EntryBlock, i: number): void {
    const path = nameToBytes(joinRel(directory, source.name(i)));
    this.#fileItems.addFrom(source, i, NO_PARENT, 0, path, NONE);
    if (this.#fileItems.count >= CHUNK_ITEMS) this.#spool(this.#fileItems, this.#files);
  }

  /** Records a directory, after those below it. */
  directory(path: RelPath, record: EntryBlock): void {
    this.#directoryItems.addFrom(record, 0, NO_PARENT, 0, nameToBytes(path), NONE);
    if (this.#directoryItems.count >= CHUNK_ITEMS) {
      this.#spool(this.#directoryItems, this.#directories);
    }
  }

  /** Removes. A directory that something is left in stays, silently: what stays was reported. */
  async run(): Promise<void> {
    this.#spool(this.#fileItems, this.#files);
    this.#spool(this.#directoryItems, this.#directories);
    for (let c = this.#files.shift(); c !== undefined; c = this.#files.shift()) {
      checkCancelled(this.#context);
      const { batch, results } = await this.#remove(new EntryBlock(c.bytes));
      this.#report(batch, results, () => false);
    }
    for (let c = this.#directories.shift(); c !== undefined; c = this.#directories.shift()) {
      checkCancelled(this.#context);
      const { batch, results } = await this.#remove(new EntryBlock(c.bytes));
      this.#report(batch, results, (kind) => kind === "not_empty");
    }
  }

  close(): void {
    this.#files.close();
    this.#directories.close();
  }

  async #remove(items: EntryBlock): Promise<{ batch: WorkBatch; results: Results }> {
    const builder: BatchBuilder = builderFor(this.#context, Op.remove);
    if (this.#onlyName) builder.flags |= BatchFlag.unwritten;
    for (let k = 0; k < items.count; k++) builder.items.addFrom(items, k, NO_PARENT, 0);
    const batch = new WorkBatch(builder.finish());
    const { source, sourceRun } = this.#context;
    return { batch, results: await source.run(batch, null, sourceRun) };
  }

  #report(batch: WorkBatch, results: Results, quiet: (kind: string) => boolean): void {
    const { tally } = this.#context;
    for (let k = 0; k < results.count; k++) {
      const status = results.status(k);
      if (status === 0) tally.entriesDeleted++;
      else if (!quiet(kindOfStatus(status))) {
        tally.failStatus(batch.path(k), status, results.os(k), results.step(k), "source");
      }
    }
  }

  #spool(writer: EntryBlockWriter, spool: ChunkSpool): void {
    if (writer.count === 0) return;
    spool.push(writer.finish(), undefined);
    writer.reset();
  }
}

const NONE = new Uint8Array(0);
