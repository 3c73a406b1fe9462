/**
 * Judge: decides what is done about each pair of entries and passes it on to the planner, the hardlink
 * groups and the content comparison.
 *
 * @module
 */
import { type EntryBlock, Kind, KIND_WORD } from "../core/entry_block.ts";
import { joinRel } from "../core/rel_path.ts";
import { CopyAction } from "../core/work_batch.ts";
import { compare, compareMeta, type Judgement } from "./compare.ts";
import type { ContentCompare } from "./content.ts";
import type { EngineContext } from "./context.ts";
import type { Claim, Hardlinks } from "./links.ts";
import { GroupState } from "./link_table.ts";
import type { DirNode } from "./node.ts";
import type { CopySettled, Planner } from "./plan.ts";
import type { Resume } from "./resume.ts";

/** Judges entries that aren't directories. */
export class Judge {
  readonly #context: EngineContext;
  readonly #planner: Planner;
  readonly #links: Hardlinks;
  readonly #content: ContentCompare;
  readonly #resume: Resume;
  /** Destination inodes of several names: the source inode that each is the copy of. */
  readonly #owners = new Map<string, string>();

  constructor(
    context: EngineContext,
    planner: Planner,
    links: Hardlinks,
    content: ContentCompare,
    resume: Resume,
  ) {
    this.#context = context;
    this.#planner = planner;
    this.#links = links;
    this.#content = content;
    this.#resume = resume;
  }

  /**
   * Judges one source entry against what has its name at the destination.
   *
   * @param destination null where nothing has the name; its kind is the source's, or one that a rename
   *   can replace (the march has moved directories aside)
   */
  entry(
    node: DirNode,
    source: EntryBlock,
    i: number,
    destination: EntryBlock | null,
    j: number,
  ): void {
    const { tally } = this.#context;
    tally.filesExamined++;
    if (source.status(i) !== 0) {
      const path = joinRel(node.path, source.name(i));
      tally.failStatus(path, source.status(i), source.os(i), READ_METADATA, "source");
      return;
    }
    if (!this.#possible(node, source, i)) return;
    const judged = destination === null
      ? NEW
      : compare(source, i, destination, j, this.#context.compare);
    if (judged.verdict === "skip") {
      // Before it is taken for a name of its file: a link would replace it, too.
      tally.skip(judged.reason, joinRel(node.path, source.name(i)));
      return;
    }
    let claim: Claim | null = null;
    const linked = source.linkCount(i) > 1 && this.#context.destination.traits.hardlinks;
    if (linked) {
      claim = this.#links.claim(node, source, i, destination, j);
      if (claim.as === "settled") return;
    }
    const slot = claim?.as === "first" ? claim.slot : -1;
    if (destination === null) this.#copy(node, source, i, CopyAction.create, judged, slot, null);
    else this.#settle(node, source, i, destination, j, judged, slot);
  }

  #settle(
    node: DirNode,
    source: EntryBlock,
    i: number,
    destination: EntryBlock,
    j: number,
    judged: Judgement,
    slot: number,
  ): void {
    switch (judged.verdict) {
      case "same":
        if (this.#context.compare.xattrs && source.kind(i) !== Kind.file) {
          this.#hash(node, source, i, destination, j, slot);
        } else this.#unchanged(node, source, i, destination, j, slot);
        return;
      case "mend":
        // Mending one of several names would change the others too, which may be other files here.
        if (destination.linkCount(j) > 1) {
          this.#replace(node, source, i, destination, j, judged, slot);
          return;
        }
        this.#unchanged(node, source, i, destination, j, slot);
        this.#planner.mend(node, source, i, judged.reason);
        return;
      case "copy":
        this.#replace(node, source, i, destination, j, judged, slot);
        return;
      case "hash":
        this.#hash(node, source, i, destination, j, slot);
        return;
    }
  }

  /** Leaves an entry's content as it is, unless its inode is another file's: then it is copied. */
  #unchanged(
    node: DirNode,
    source: EntryBlock,
    i: number,
    destination: EntryBlock,
    j: number,
    slot: number,
  ): void {
    if (destination.linkCount(j) > 1) {
      const key = destination.inodeKey(j);
      const owner = this.#owners.get(key);
      if (owner !== undefined && owner !== source.inodeKey(i)) {
        this.#copy(node, source, i, CopyAction.replace, HARDLINK, slot, 0);
        return;
      }
      if (this.#owners.size < OWNERS) this.#owners.set(key, source.inodeKey(i));
    }
    this.#context.tally.filesUnchanged++;
    if (slot >= 0) this.#links.settle(slot, GroupState.ready, destination.inode(j));
  }

  #hash(
    node: DirNode,
    source: EntryBlock,
    i: number,
    destination: EntryBlock,
    j: number,
    slot: number,
  ): void {
    this.#content.add(node, source, i, destination, j, (verdict, a, k, b, l) => {
      if (verdict === "failed") {
        if (slot >= 0) this.#links.settle(slot, GroupState.failed);
      } else if (verdict === "content") {
        this.#replace(node, a, k, b, l, CONTENT, slot);
      } else {
        let judged = compareMeta(a, k, b, l, this.#context.compare);
        if (judged.verdict === "same" && verdict === "xattrs") judged = XATTRS;
        if (judged.verdict === "same") this.#unchanged(node, a, k, b, l, slot);
        else this.#settle(node, a, k, b, l, judged, slot);
      }
    });
  }

  /** Copies an entry in the place of the one that has its name. */
  #replace(
    node: DirNode,
    source: EntryBlock,
    i: number,
    destination: EntryBlock,
    j: number,
    judged: Judgement,
    slot: number,
  ): void {
    const replacedBytes = destination.allocatedBytes(j);
    this.#copy(node, source, i, CopyAction.replace, judged, slot, replacedBytes);
  }

  #copy(
    node: DirNode,
    source: EntryBlock,
    i: number,
    action: number,
    judged: Judgement,
    slot: number,
    replacedBytes: number | null,
  ): void {
    this.#context.room.take(source.allocatedBytes(i), replacedBytes);
    let settled: CopySettled | undefined;
    if (slot >= 0) {
      settled = (ok, results, index) => {
        const inode = results === null ? 0n : results.inode(index);
        this.#links.settle(slot, ok ? GroupState.ready : GroupState.failed, inode);
      };
    }
    const partial = this.#resume.partialFor(node.path, source, i);
    if (partial === null) this.#planner.copy(node, source, i, action, judged.reason, settled);
    else {
      this.#planner.copy(node, source, i, CopyAction.resume, judged.reason, settled, partial);
    }
  }

  /** Whether the destination can hold this kind at all; reports it where it can't. */
  #possible(node: DirNode, source: EntryBlock, i: number): boolean {
    const kind = source.kind(i);
    if (kind === Kind.file || kind === Kind.symlink) return true;
    const traits = this.#context.destination.traits;
    const device = kind === Kind.charDevice || kind === Kind.blockDevice;
    const known = kind !== Kind.unknown;
    if (known && traits.specials && (!device || traits.owners)) return true;
    const path = joinRel(node.path, source.name(i));
    this.#context.tally.failWith(
      path,
      device ? "permission" : "unsupported",
      "source",
      `Cannot copy {}: ${known ? `a ${KIND_WORD[kind]}` : "an entry of unknown kind"} ${
        device
          ? "can only be made by root. Run as root, or leave it out with --exclude."
          : "can't be made here. Leave it out with --exclude."
      }`,
    );
    return false;
  }
}

const READ_METADATA = 15;
/** Beyond this many a wrong grouping waits for a later run. */
const OWNERS = 1 << 17;
const NEW: Judgement = { verdict: "copy", reason: "new" };
const CONTENT: Judgement = { verdict: "copy", reason: "content" };
const HARDLINK: Judgement = { verdict: "copy", reason: "hardlink" };
const XATTRS: Judgement = { verdict: "mend", reason: "xattrs" };
