/**
 * Hardlinks: the first name of a group is copied, the others wait for its commit and are linked; if it
 * failed, the next name takes its place. Where no link can be made, each name is a file of its own.
 *
 * @module
 */
import { EntryBlock, EntryBlockWriter, NO_PARENT } from "../core/entry_block.ts";
import { type ErrorKind, kindOfStatus } from "../core/error.ts";
import { baseOf, joinRel, nameToBytes, parentOf, type RelPath } from "../core/rel_path.ts";
import { recordAlone } from "../core/single_record.ts";
import { BatchBuilder, CopyAction, Op, type Results } from "../core/work_batch.ts";
import {
  builderFor,
  checkCancelled,
  type EngineContext,
  keepFlags,
  plansOnly,
  runNow,
  touchesNothing,
} from "./context.ts";
import { GroupState, type LinkTable } from "./link_table.ts";
import { DirNode } from "./node.ts";
import { ChunkSpool } from "./spool.ts";

const CHUNK_ITEMS = 512;
/** What a file system answers that has no hardlinks. */
const LINKLESS: ReadonlySet<ErrorKind> = new Set(["permission", "unsupported"]);
/** EMLINK and ERROR_TOO_MANY_LINKS: a file has as many names as it can have. */
const FULL: ReadonlySet<number> = new Set([31, 1142]);

/**
 * What the caller does with a name: `first`: judge and copy it as any file, telling {@link Hardlinks.settle};
 * `settled`: nothing more.
 */
export type Claim =
  | { readonly as: "first"; readonly slot: number }
  | { readonly as: "settled" };

const SETTLED: Claim = { as: "settled" };

/** A name that found no place in the table, or could not be linked, judged again in a later pass. */
export type LaterPass = (
  node: DirNode,
  source: EntryBlock,
  i: number,
  destination: EntryBlock | null,
  j: number,
) => void;

/** Follows the hardlink groups of one run. */
export class Hardlinks {
  readonly #context: EngineContext;
  readonly #table: LinkTable;
  #waiting = new ChunkSpool("queue");
  #items = new EntryBlockWriter(64);
  /** Two blocks a chunk, names at the source and what is there; the tag is the first one's length. */
  #later = new ChunkSpool<number>("queue");
  #laterSource = new EntryBlockWriter(64);
  #laterDestination = new EntryBlockWriter(64);

  constructor(context: EngineContext, table: LinkTable) {
    this.#context = context;
    this.#table = table;
  }

  /** Registers one name of a file with several. */
  claim(
    node: DirNode,
    source: EntryBlock,
    i: number,
    destination: EntryBlock | null,
    j: number,
  ): Claim {
    const table = this.#table;
    const device = source.device(i), inode = source.inode(i);
    const path = joinRel(node.path, source.name(i));
    const slot = table.find(device, inode);
    if (slot < 0) {
      if (table.full) {
        this.#postpone(source, i, destination, j, path);
        node.late = true;
        return SETTLED;
      }
      return { as: "first", slot: table.add(device, inode, path, source.linkCount(i)) };
    }
    const last = table.seen(slot);
    const there = destination === null ? 0n : destination.inode(j);
    const ready = table.state(slot) === GroupState.ready;
    if (ready && there !== 0n && there === table.destinationInode(slot)) {
      this.#context.tally.filesUnchanged++;
      // Names that wait in the spool still ask for the slot.
      if (last && this.#items.count === 0 && this.#waiting.length === 0) table.drop(slot);
      return SETTLED;
    }
    this.#plan(node, source, i, slot, there, path);
    return SETTLED;
  }

  /** Tells how the first name ended. `destinationInode`: its inode there, 0 if unknown. */
  settle(slot: number, state: number, destinationInode = 0n): void {
    this.#table.setState(slot, state, destinationInode);
  }

  /** Makes the links that were planned; call when no copy is in flight. */
  async run(judge: LaterPass, drain: () => Promise<void>): Promise<void> {
    for (;;) {
      if (await this.#linkAll(judge)) await drain();
      if (this.#laterSource.count > 0) this.#spoolLater();
      if (this.#later.length === 0) return;
      // Another pass for the groups that found no place: the table is free again.
      this.#table.clear();
      const later = this.#later;
      this.#later = new ChunkSpool<number>("queue");
      for (let chunk = later.shift(); chunk !== undefined; chunk = later.shift()) {
        await this.#context.executor.room();
        const { bytes, tag: length } = chunk;
        const there = new EntryBlock(bytes.slice(length));
        this.#judgeLater(new EntryBlock(bytes.slice(0, length)), there, judge);
      }
      later.close();
      await drain();
    }
  }

  close(): void {
    this.#waiting.close();
    this.#later.close();
  }

  #plan(
    node: DirNode,
    source: EntryBlock,
    i: number,
    slot: number,
    there: bigint,
    path: RelPath,
  ): void {
    node.touched = true;
    node.late = true;
    const target = new Uint8Array(12);
    const view = new DataView(target.buffer);
    view.setUint32(0, slot, true);
    view.setBigUint64(4, there, true);
    const action = there === 0n ? CopyAction.create : CopyAction.replace;
    this.#items.addFrom(source, i, NO_PARENT, action, nameToBytes(path), target);
    if (this.#items.count >= CHUNK_ITEMS) this.#spool();
  }

  /** @returns whether names that could not be linked were judged anew */
  async #linkAll(judge: LaterPass): Promise<boolean> {
    let judged = false;
    this.#spool();
    for (;;) {
      const chunk = this.#waiting.shift();
      if (chunk === undefined) {
        if (this.#items.count === 0) return judged;
        this.#spool();
        continue;
      }
      checkCancelled(this.#context);
      const refused = await this.#linkChunk(new EntryBlock(chunk.bytes));
      if (refused.length === 0) continue;
      await this.#judgeAlone(refused, judge);
      judged = true;
    }
  }

  /** @returns the names that no link could be made for */
  async #linkChunk(items: EntryBlock): Promise<readonly RelPath[]> {
    const links = builderFor(this.#context, Op.link);
    const copies = new BatchBuilder(Op.copy, 16);
    copies.flags = keepFlags(this.#context);
    const copySlots: number[] = [];
    for (let k = 0; k < items.count; k++) {
      const target = items.targetBytes(k);
      const view = new DataView(target.buffer, target.byteOffset, target.byteLength);
      const slot = view.getUint32(0, true);
      const there = view.getBigUint64(4, true);
      const state = this.#table.state(slot);
      if (state === GroupState.failed) {
        // The first name could not be copied: this one is copied in its place.
        this.#table.setPath(slot, items.name(k));
        const { tally, options } = this.#context;
        const created = items.action(k) === CopyAction.create;
        tally.filesPlanned++;
        tally.bytesPlanned += items.sizeBytes(k);
        const action = created ? "create" : "replace";
        tally.item(action, created ? "new" : "hardlink", items.name(k), items.sizeBytes(k));
        if (plansOnly(options)) {
          if (created) tally.filesCreated++;
          else tally.filesReplaced++;
          tally.bytesTransferred += items.sizeBytes(k);
          this.#table.setState(slot, GroupState.ready);
          continue;
        }
        this.#table.setState(slot, GroupState.pending);
        copies.items.addFrom(items, k, NO_PARENT, items.action(k), undefined, NONE);
        copySlots.push(slot);
      } else if (state === GroupState.pending) {
        // Its new first name is in this chunk's copies: wait for it.
        this.#items.addFrom(items, k, NO_PARENT, items.action(k));
      } else if (there !== 0n && there === this.#table.destinationInode(slot)) {
        this.#context.tally.filesUnchanged++;
      } else {
        const { tally, options } = this.#context;
        tally.filesPlanned++;
        tally.item("link", there === 0n ? "new" : "hardlink", items.name(k), 0);
        if (touchesNothing(options)) {
          tally.linksMade++;
          continue;
        }
        const first = nameToBytes(this.#table.path(slot));
        const added = links.items.addFrom(items, k, NO_PARENT, items.action(k), undefined, first);
        links.items.setInode(added, this.#table.destinationInode(slot));
      }
    }
    if (copies.count > 0) await this.#copyFirsts(copies, copySlots);
    return links.count > 0 ? await this.#link(links) : [];
  }

  async #copyFirsts(copies: BatchBuilder, slots: number[]): Promise<void> {
    const { tally } = this.#context;
    const { batch, results } = await runNow(this.#context, copies);
    for (let k = 0; k < results.count; k++) {
      const ok = results.status(k) === 0;
      this.#table.setState(
        slots[k],
        ok ? GroupState.ready : GroupState.failed,
        ok ? results.inode(k) : 0n,
      );
      if (ok) {
        tally.moved(results, k, true);
        if (batch.items.action(k) === CopyAction.create) tally.filesCreated++;
        else tally.filesReplaced++;
      } else {
        tally.failStatus(
          batch.path(k),
          results.status(k),
          results.os(k),
          results.step(k),
          "destination",
        );
      }
    }
  }

  async #link(links: BatchBuilder): Promise<readonly RelPath[]> {
    const { tally } = this.#context;
    const { batch, results } = await runNow(this.#context, links, null);
    const refused: RelPath[] = [];
    for (let k = 0; k < results.count; k++) {
      const status = results.status(k);
      if (status === 0) tally.linksMade++;
      else if (isRefused(results, k)) refused.push(batch.path(k));
      else {
        tally.failStatus(batch.path(k), status, results.os(k), results.step(k), "destination");
      }
    }
    return refused;
  }

  /** Has each of these names judged as that of a file of its own. */
  async #judgeAlone(paths: readonly RelPath[], judge: LaterPass): Promise<void> {
    const { source, destination, tally, executor } = this.#context;
    tally.warn("Not every hardlink could be made here; what has no link got a copy of its own.");
    await executor.room();
    const [here, there] = await Promise.all([source.stat(paths), destination.stat(paths)]);
    for (const [k, path] of paths.entries()) {
      const alone = new EntryBlock(recordAlone(here, k, baseOf(path)));
      // Counted when the link was planned; what follows counts it again.
      tally.filesExamined--;
      tally.filesPlanned--;
      judge(parentFor(path), alone, 0, there.status(k) === 0 ? there : null, k);
    }
  }

  #spool(): void {
    if (this.#items.count === 0) return;
    this.#waiting.push(this.#items.finish(), undefined);
    this.#items.reset();
  }

  #postpone(
    source: EntryBlock,
    i: number,
    destination: EntryBlock | null,
    j: number,
    path: RelPath,
  ): void {
    const name = nameToBytes(path);
    this.#laterSource.addFrom(source, i, NO_PARENT, destination === null ? 0 : 1, name);
    if (destination === null) this.#laterDestination.add({ name: "", kind: 0 });
    else this.#laterDestination.addFrom(destination, j, NO_PARENT, 0);
    if (this.#laterSource.count >= CHUNK_ITEMS) this.#spoolLater();
  }

  #spoolLater(): void {
    const source = this.#laterSource.finish();
    const destination = this.#laterDestination.finish();
    const both = new Uint8Array(source.length + destination.length);
    both.set(source);
    both.set(destination, source.length);
    this.#later.push(both, source.length);
    this.#laterSource.reset();
    this.#laterDestination.reset();
  }

  #judgeLater(source: EntryBlock, destination: EntryBlock, judge: LaterPass): void {
    const writer = new EntryBlockWriter(1);
    for (let k = 0; k < source.count; k++) {
      const path = source.name(k);
      writer.reset();
      const base = nameToBytes(path.slice(path.lastIndexOf("/") + 1));
      writer.addFrom(source, k, 0, 0, base);
      judge(
        parentFor(path),
        new EntryBlock(writer.finish()),
        0,
        source.action(k) === 0 ? null : destination,
        k,
      );
    }
  }
}

/** A directory for a name whose own has been planned. */
function parentFor(path: RelPath): DirNode {
  const parent = new DirNode(null, parentOf(path), null, () => {});
  parent.created = true;
  return parent;
}

function isRefused(results: Results, k: number): boolean {
  return LINKLESS.has(kindOfStatus(results.status(k))) || FULL.has(results.os(k));
}

const NONE = new Uint8Array(0);
