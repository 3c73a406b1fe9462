/**
 * ContentCompare: pairs of equal size whose content (and xattrs and ACLs) must decide, hashed in batches
 * on both sides at once.
 *
 * @module
 */
import { EntryBlock, EntryBlockWriter, Kind, NO_PARENT } from "../core/entry_block.ts";
import { joinRel, nameToBytes, type RelPath } from "../core/rel_path.ts";
import { singleRecord } from "../core/single_record.ts";
import { BatchBuilder, BatchFlag, Op, type Results, WorkBatch } from "../core/work_batch.ts";
import type { EngineContext } from "./context.ts";
import type { DirNode } from "./node.ts";

const MOST_PAIRS = 256;
const MOST_BYTES = 64 << 20;

/** What hashing found. `failed`: one side could not be read; that has been reported. */
export type ContentVerdict = "same" | "content" | "xattrs" | "failed";

/** Told of the verdict, with the pair's records as blocks that outlive the scan's. */
export type ContentSettled = (
  verdict: ContentVerdict,
  source: EntryBlock,
  i: number,
  destination: EntryBlock,
  j: number,
) => void;

/** Collects pairs and hashes them. */
export class ContentCompare {
  readonly #context: EngineContext;
  #source!: BatchBuilder;
  #destination!: BatchBuilder;
  #records!: { source: EntryBlockWriter; destination: EntryBlockWriter };
  #settled: { node: DirNode; settled: ContentSettled }[] = [];

  constructor(context: EngineContext) {
    this.#context = context;
    this.#reset();
  }

  /**
   * Adds a pair; `node` waits for it.
   *
   * @param destinationPath path there, where it isn't the source's
   */
  add(
    node: DirNode,
    source: EntryBlock,
    i: number,
    destination: EntryBlock,
    j: number,
    settled: ContentSettled,
    destinationPath?: RelPath,
  ): void {
    node.expect();
    const path = joinRel(node.path, source.name(i));
    this.#source.items.addFrom(source, i, NO_PARENT, 0, nameToBytes(path), NONE);
    const there = destinationPath ?? path;
    this.#destination.items.addFrom(destination, j, NO_PARENT, 0, nameToBytes(there), NONE);
    this.#records.source.copy(source, i);
    this.#records.destination.copy(destination, j);
    if (source.kind(i) === Kind.file) this.#source.addContent(source.sizeBytes(i));
    this.#settled.push({ node, settled });
    if (
      this.#settled.length >= MOST_PAIRS || this.#source.contentBytes >= MOST_BYTES ||
      this.#source.isFull || this.#destination.isFull
    ) this.flush();
  }

  /** Has a directory that both sides have stamped where xattrs or ACLs are compared and differ; it waits for that. */
  directory(node: DirNode): void {
    const { compare, tally } = this.#context;
    if (!compare.xattrs) return;
    const here = new EntryBlock(singleRecord(new EntryBlock(node.record!), 0, "", NONE));
    const writer = new EntryBlockWriter(1);
    writer.add({ name: "", kind: Kind.directory });
    this.add(node, here, 0, new EntryBlock(writer.finish()), 0, (verdict) => {
      if (verdict !== "xattrs") return;
      node.touched = true;
      if (node.parent !== null) tally.directoryDiffers(node.path, "xattrs");
    });
  }

  /** Hands what is collected to the executor. */
  flush(): void {
    if (this.#settled.length === 0) return;
    const here = new WorkBatch(this.#source.finish());
    const there = new WorkBatch(this.#destination.finish());
    const sourceRecords = new EntryBlock(this.#records.source.finish());
    const destinationRecords = new EntryBlock(this.#records.destination.finish());
    const settled = this.#settled;
    this.#reset();
    const { source, destination, sourceRun, destinationRun, executor } = this.#context;
    executor.start(async () => {
      const [a, b] = await Promise.all([
        source.hash(here, sourceRun),
        destination.hash(there, destinationRun),
      ]);
      for (let k = 0; k < settled.length; k++) {
        const verdict = this.#verdict(here, a, there, b, k);
        settled[k].settled(verdict, sourceRecords, k, destinationRecords, k);
        settled[k].node.done();
      }
    });
  }

  #verdict(here: WorkBatch, a: Results, there: WorkBatch, b: Results, k: number): ContentVerdict {
    const { tally } = this.#context;
    if (a.status(k) !== 0) {
      tally.failStatus(here.path(k), a.status(k), a.os(k), a.step(k), "source");
      return "failed";
    }
    if (b.status(k) !== 0) {
      tally.failStatus(there.path(k), b.status(k), b.os(k), b.step(k), "destination");
      return "failed";
    }
    if (here.items.kind(k) === Kind.file && !sameBytes(a.digest(k), b.digest(k))) return "content";
    return a.xattrDigest(k) === b.xattrDigest(k) ? "same" : "xattrs";
  }

  #reset(): void {
    const { source, destination } = this.#context;
    const flags = source.traits.xattrs && destination.traits.xattrs ? BatchFlag.xattrs : 0;
    this.#source = new BatchBuilder(Op.hash, MOST_PAIRS);
    this.#destination = new BatchBuilder(Op.hash, MOST_PAIRS);
    this.#source.flags = flags;
    this.#destination.flags = flags;
    this.#records = { source: new EntryBlockWriter(64), destination: new EntryBlockWriter(64) };
    this.#settled = [];
  }
}

const NONE = new Uint8Array(0);

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return a.length === b.length;
}
