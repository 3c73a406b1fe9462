/**
 * Encounter: what is done with each name that the march meets, alone or on both sides, before an entry that
 * isn't a directory comes to the judge.
 *
 * @module
 */
import { EntryBlock, Kind } from "../core/entry_block.ts";
import type { ItemReason } from "../core/events.ts";
import { joinRel, nameToBytes } from "../core/rel_path.ts";
import { recordWithTimeOf } from "../core/single_record.ts";
import { compareMeta } from "./compare.ts";
import { type EngineContext, plansOnly, touchesNothing } from "./context.ts";
import type { Filter, FilterScope } from "./filter.ts";
import type { Judge } from "./judge.ts";
import type { DirNode } from "./node.ts";
import { isFileSystemsOwn, type Prune } from "./prune.ts";
import { refuseRoot } from "./same_directory.ts";
import { type Children, VisitBit } from "./visits.ts";
import type { Way } from "./way.ts";

const READ_METADATA = 15;

/** A directory being walked: where names are met. */
export interface Place {
  readonly node: DirNode;
  /** Its subdirectories, to be walked later; null where none is entered. */
  readonly children: Children | null;
  readonly scope: FilterScope;
}

/** The parts of the run that names are passed on to. */
export interface EncounterParts {
  readonly judge: Judge;
  /** Null where the run deletes nothing. */
  readonly prune: Prune | null;
  readonly way: Way;
  readonly filter: Filter;
}

/** Deals with names. */
export class Encounter {
  readonly #context: EngineContext;
  readonly #judge: Judge;
  readonly #prune: Prune | null;
  readonly #way: Way;
  readonly #filter: Filter;
  readonly #protectRoot: boolean;

  constructor(context: EngineContext, { judge, prune, way, filter }: EncounterParts) {
    this.#context = context;
    this.#judge = judge;
    this.#prune = prune;
    this.#way = way;
    this.#filter = filter;
    this.#protectRoot = context.destinationFacts.isFsRoot;
  }

  /** Deals with one name of the source; a promise where that takes a question. */
  pair(
    place: Place,
    source: EntryBlock,
    i: number,
    destination: EntryBlock | null,
    j: number,
  ): void | Promise<void> {
    if (!this.#filter.active || this.kept(place, source, i)) {
      return this.act(place, source, i, destination, j);
    }
    this.skip(place, source, i);
    if (destination !== null) this.underHidden(place, destination, j);
  }

  /** Deals with a name that takes part. */
  act(
    place: Place,
    source: EntryBlock,
    i: number,
    destination: EntryBlock | null,
    j: number,
  ): void | Promise<void> {
    const isDirectory = source.kind(i) === Kind.directory;
    if (
      destination !== null && this.#context.options.compare.ignoreExisting &&
      isDirectory !== (destination.kind(j) === Kind.directory)
    ) {
      this.skip(place, source, i, "exists");
      return;
    }
    if (isDirectory && source.status(i) === 0) {
      return this.#directory(place, source, i, destination, j);
    }
    if (
      destination !== null && destination.kind(j) === Kind.directory && source.status(i) === 0
    ) {
      return this.#overDirectory(place, source, i, destination, j);
    }
    this.#judge.entry(place.node, source, i, destination, j);
  }

  /** Whether the filter lets an entry take part. */
  kept({ node, scope }: Place, block: EntryBlock, i: number): boolean {
    const name = block.name(i);
    const verdict = this.#filter.decide(
      scope,
      joinRel(node.path, name),
      name,
      block.kind(i),
      block.sizeBytes(i),
      block.mtimeSeconds(i),
    );
    return verdict === "keep";
  }

  /** Counts a source entry that the filter hides, or that an option leaves alone. */
  skip({ node }: Place, source: EntryBlock, i: number, why: ItemReason = "filtered"): void {
    this.#context.tally.skip(why, joinRel(node.path, source.name(i)));
  }

  /** What has the name of a hidden source entry stays, unless the scope says `all`. */
  underHidden(place: Place, destination: EntryBlock, j: number): void {
    if (this.#prune !== null && this.#context.options.delete.scope === "all") {
      this.#recordExtraneous(place, destination, j);
    } else this.#protect(place.node);
  }

  #directory(
    place: Place,
    source: EntryBlock,
    i: number,
    destination: EntryBlock | null,
    j: number,
  ): Promise<void> | undefined {
    const { node, children } = place;
    const { options, sourceFacts, tally } = this.#context;
    let bits: number = VisitBit.source;
    let refusing: Promise<void> | undefined;
    if (options.oneFileSystem && source.device(i) !== sourceFacts.device) bits |= VisitBit.boundary;
    if (destination !== null && destination.kind(j) === Kind.directory) {
      bits |= VisitBit.destination | this.#mounted(destination, j);
      const path = joinRel(node.path, destination.name(j));
      refusing = refuseRoot(this.#context, "destination", path, destination, j);
      if (this.#context.merged !== null && !source.sameMtime(i, destination, j)) {
        [source, i] = [new EntryBlock(recordWithTimeOf(source, i, destination, j)), 0];
      }
      const judged = compareMeta(source, i, destination, j, this.#context.compare);
      if (judged.verdict !== "same") {
        bits |= VisitBit.metaDiffers;
        tally.directoryDiffers(joinRel(node.path, source.name(i)), judged.reason);
      }
    } else {
      tally.item("create", "new", joinRel(node.path, source.name(i)), 0);
      if (plansOnly(options)) tally.directoriesCreated++;
      node.touched = true;
      if (destination !== null) bits |= VisitBit.blocked;
    }
    children?.add(source, i, bits);
    return refusing;
  }

  /** Something else is to be where a directory is. */
  async #overDirectory(
    place: Place,
    source: EntryBlock,
    i: number,
    destination: EntryBlock,
    j: number,
  ): Promise<void> {
    const { node, children } = place;
    const { tally, options } = this.#context;
    const path = joinRel(node.path, source.name(i));
    const empty = await this.#way.isEmpty(path);
    const hides = this.#filter.active && options.delete.scope === "subset";
    if (!empty && (this.#prune === null || hides)) {
      const way = this.#prune === null
        ? "Move it away, or use mirror."
        : "Move it away, or add --delete-scope all.";
      tally.failWith(
        path,
        "is_directory",
        "destination",
        `Cannot replace {}: a directory that isn't empty has this name. ${way}`,
      );
      this.#protect(node);
      return;
    }
    if (options.mode === "check") {
      this.#judge.entry(node, source, i, destination, j);
      if (this.#prune !== null) children?.add(destination, j, 0);
      return;
    }
    if (this.#prune === null) {
      if (touchesNothing(options) || await this.#way.clear(node, destination, j)) {
        this.#judge.entry(node, source, i, null, 0);
      }
      return;
    }
    const aside = this.#way.asideName();
    children?.add(destination, j, this.#mounted(destination, j), nameToBytes(aside));
    this.#way.replaceLater(node, source.name(i), destination, j, aside);
  }

  /** Deals with what only the destination has. */
  extraneous(
    place: Place,
    block: EntryBlock,
    j: number,
  ): void {
    if (this.#prune === null) return;
    const { node } = place;
    const { tally, options } = this.#context;
    if (block.status(j) !== 0) {
      const path = joinRel(node.path, block.name(j));
      tally.failStatus(path, block.status(j), block.os(j), READ_METADATA, "destination");
      this.#protect(node);
      return;
    }
    const hidden = this.#filter.active && options.delete.scope === "subset" &&
      !this.kept(place, block, j);
    const own = this.#protectRoot && node.parent === null &&
      isFileSystemsOwn(block.name(j), block.kind(j));
    if (hidden || own) {
      this.#protect(node);
      return;
    }
    this.#recordExtraneous(place, block, j);
  }

  #recordExtraneous({ node, children }: Place, block: EntryBlock, j: number): void {
    if (node.mounted || this.#mounted(block, j) !== 0) {
      this.#protect(node);
      return;
    }
    if (!node.extraneous) {
      node.touched = true;
      node.late = true;
    }
    if (block.kind(j) === Kind.directory) children?.add(block, j, 0);
    else this.#prune!.file(node.path, node.removalPath, block, j);
  }

  /** The bit of a directory of the destination that begins another file system, where that matters. */
  #mounted(destination: EntryBlock, j: number): number {
    const { options, destinationFacts } = this.#context;
    const isMounted = options.oneFileSystem && destination.kind(j) === Kind.directory &&
      destination.device(j) !== destinationFacts.device;
    return isMounted ? VisitBit.mounted : 0;
  }

  #protect(node: DirNode): void {
    // Where nothing is deleted, nothing is spared.
    if (this.#prune !== null) this.#context.tally.entriesProtected++;
    node.keep();
  }
}
