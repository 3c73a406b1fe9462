/**
 * March: walks both trees in lockstep, directory by directory, sorted by name bytes.
 *
 * Where the destination directory doesn't exist no sort is needed, and its subtree is never asked for.
 * Several directories are walked at the same time, so that listings come in batches and neither side waits.
 *
 * @module
 */
import { EntryBlock, Kind } from "../core/entry_block.ts";
import { baseOf, displayName, joinRel, type RelPath } from "../core/rel_path.ts";
import { stagedName } from "../core/staged_name.ts";
import { recordWithTimeOf, singleRecord } from "../core/single_record.ts";
import { compareMeta } from "./compare.ts";
import type { ContentCompare } from "./content.ts";
import { checkCancelled, type EngineContext, touchesNothing } from "./context.ts";
import { Cursor } from "./cursor.ts";
import { Encounter, type Place } from "./encounter.ts";
import type { Filter, FilterScope } from "./filter.ts";
import { FoldedNames } from "./folding.ts";
import type { Judge } from "./judge.ts";
import type { FirstLook } from "./look.ts";
import { DirNode } from "./node.ts";
import type { Planner } from "./plan.ts";
import type { Prune } from "./prune.ts";
import type { Recase } from "./recase.ts";
import type { Resume } from "./resume.ts";
import { refuseRoot } from "./same_directory.ts";
import { Scopes } from "./scopes.ts";
import { Walk } from "./tree.ts";
import { Children, type Visit, VisitBit, Visits } from "./visits.ts";
import type { Way } from "./way.ts";

/** Directories walked at the same time: enough for one scan job of each tree in flight and one behind. */
const ABREAST = 32;
const LIST = 14;

/** The parts of the run that a march feeds. */
export interface MarchParts {
  readonly planner: Planner;
  readonly judge: Judge;
  readonly content: ContentCompare;
  readonly prune: Prune;
  readonly way: Way;
  readonly recase: Recase;
  readonly resume: Resume;
}

/** Walks the trees of one run. */
export class March {
  readonly #context: EngineContext;
  readonly #planner: Planner;
  readonly #encounter: Encounter;
  readonly #content: ContentCompare;
  /** Null where the run deletes nothing. */
  readonly #prune: Prune | null;
  readonly #sweeper: Prune;
  readonly #way: Way;
  readonly #recase: Recase;
  readonly #ownStaged: string;
  readonly #here: Walk;
  /** The source's root. */
  readonly #root: EntryBlock;
  readonly #there = new Walk();
  readonly #resume: Resume;
  readonly #filter: Filter;
  readonly #scopes: Scopes;
  readonly #visits = new Visits();
  #active = 0;
  #error: unknown = null;
  #wake: () => void = () => {};
  /** The directory being walked, for messages. */
  lastPath: RelPath = "";

  /**
   * @param deletes whether what only the destination has is to go
   * @param first what a first look at the source began
   */
  constructor(
    context: EngineContext,
    parts: MarchParts,
    filter: Filter,
    deletes: boolean,
    first: Pick<FirstLook, "walk" | "root">,
  ) {
    this.#here = first.walk;
    this.#root = first.root;
    this.#context = context;
    this.#planner = parts.planner;
    this.#sweeper = parts.prune;
    this.#prune = deletes ? parts.prune : null;
    this.#way = parts.way;
    this.#recase = parts.recase;
    this.#encounter = new Encounter(context, {
      judge: parts.judge,
      prune: this.#prune,
      way: parts.way,
      filter,
    });
    this.#content = parts.content;
    this.#resume = parts.resume;
    this.#filter = filter;
    this.#scopes = new Scopes(context.source, context.sourceRun, filter);
    this.#ownStaged = stagedName(context.destinationRun.runId, 0).slice(0, -1);
  }

  /**
   * Walks everything below the roots.
   *
   * @param destinationExists whether the destination's root does
   * @param marked whether a marker comes and goes in it, which leaves it with another time
   */
  async run(destinationExists: boolean, marked: boolean): Promise<void> {
    const { destination } = this.#context;
    // What is far answers while the near side is looked at, and is listed while it answers.
    const there = destinationExists ? destination.stat([""]) : null;
    there?.catch(() => {});
    let here = this.#root;
    const { merged } = this.#context;
    if (merged !== null) here = new EntryBlock(recordWithTimeOf(here, 0, merged, 0));
    const record = recordOf(here, 0, "");
    const root = new DirNode(null, "", record, (node) => this.#settled(node));
    root.touched = marked || there === null;
    if (there === null) root.created = true;
    else {
      root.expect();
      this.#walk(root, async () => {
        const block = new EntryBlock(record);
        const meta = compareMeta(block, 0, await there, 0, this.#context.compare);
        root.touched ||= meta.verdict !== "same";
      });
      this.#content.directory(root);
    }
    this.#begin(root, destinationExists);
    for (;;) {
      if (this.#error !== null) throw this.#error;
      checkCancelled(this.#context);
      if (this.#active <= ABREAST / 2) this.#refill();
      if (this.#active === 0) break;
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
    if (this.#error !== null) throw this.#error;
  }

  close(): void {
    this.#visits.close();
  }

  #refill(): void {
    while (this.#active < ABREAST) {
      const visit = this.#visits.next();
      if (visit === undefined) return;
      this.#visit(visit);
    }
  }

  #visit(visit: Visit): void {
    const { node: parent, block, i, bits } = visit;
    const path = joinRel(parent.path, block.name(i));
    const settle = (node: DirNode) => this.#settled(node);
    const record = recordOf(block, i, block.name(i));
    const isExtraneous = (bits & VisitBit.source) === 0;
    const isMounted = parent.mounted || (bits & VisitBit.mounted) !== 0;
    const side = isExtraneous ? "destination" : "source";
    const refusing = refuseRoot(this.#context, side, path, block, i);
    if (isExtraneous) {
      const target = block.target(i);
      const removalPath = joinRel(parent.removalPath, target === "" ? block.name(i) : target);
      const node = new DirNode(parent, path, record, settle, true, removalPath);
      node.mounted = isMounted;
      this.#walk(node, () => this.#walkExtraneous(node), refusing);
      return;
    }
    const node = new DirNode(parent, path, record, settle);
    node.mounted = isMounted;
    node.created = (bits & VisitBit.destination) === 0;
    node.touched = node.created || (bits & VisitBit.metaDiffers) !== 0;
    if (!node.touched) this.#content.directory(node);
    const blocked = (bits & VisitBit.blocked) !== 0;
    if ((bits & VisitBit.boundary) === 0) this.#begin(node, !node.created, { blocked, refusing });
    else {
      this.#walk(node, async () => {
        if (node.created && await this.#unblock(node, blocked)) this.#planner.makeDirectory(node);
      }, refusing);
    }
  }

  #begin(
    node: DirNode,
    destinationExists: boolean,
    { blocked = false, refusing }: { blocked?: boolean; refusing?: Promise<void> } = {},
  ): void {
    this.#walk(node, async () => {
      await this.#walkPair(node, destinationExists, blocked, await this.#scopes.of(node));
    }, refusing);
  }

  /** Moves aside what has a directory's name; false where that failed: it has been reported. */
  async #unblock(node: DirNode, blocked: boolean): Promise<boolean> {
    if (!blocked || touchesNothing(this.#context.options)) return true;
    const there = await this.#context.destination.stat([node.path]);
    if (there.status(0) !== 0 || there.kind(0) === Kind.directory) return true;
    const record = new EntryBlock(recordOf(there, 0, baseOf(node.path)));
    return await this.#way.clear(node.parent!, record, 0);
  }

  /** Walks a directory, once it is known not to be the other tree's root. */
  #walk(node: DirNode, body: () => Promise<void>, refusing?: Promise<void>): void {
    this.#active++;
    (refusing?.then(body) ?? body()).then(() => node.done()).catch((error) => {
      this.#error ??= error;
    }).finally(() => {
      this.#active--;
      this.#wake();
    });
  }

  async #walkPair(
    node: DirNode,
    destinationExists: boolean,
    blocked: boolean,
    scope: FilterScope,
  ): Promise<void> {
    const { source, destination, tally, executor } = this.#context;
    this.lastPath = node.path;
    tally.directoriesExamined++;
    const there = destinationExists
      ? new Cursor(
        destination.list(node.path, { sorted: true, staged: true, walk: this.#there }),
        (block, j) => this.#staged(node, block, j),
      )
      : null;
    // The root was made a moment ago where it was missing. What is empty has no order: the first file of a wide
    // directory needn't wait for its last name.
    const looked = node.parent === null && there !== null;
    if (looked) await there.fetch();
    const isEmpty = looked && there.name === null && there.status === 0;
    const sorted = destinationExists && !isEmpty;
    const here = new Cursor(source.list(node.path, { sorted, walk: this.#here }));
    await Promise.all([here.fetch(), looked ? undefined : there?.fetch()]);
    // What the marker says decides how entries are compared.
    if (there !== null && there.name !== null) await executor.released();
    const unread = here.status !== 0 || (there !== null && there.status !== 0);
    if (unread) node.touched = false;
    // Only now: what can't be listed must not take the place of anything.
    else if (!await this.#unblock(node, blocked)) {
      await here.close();
      return;
    }
    const children = new Children(node, this.#visits);
    const place = { node, children, scope };
    const folded = FoldedNames.of(this.#context.destinationFacts);
    if (folded === null) await this.#merge(place, here, there);
    else await this.#mergeFolded(place, here, there, folded);
    children.flush();
    tally.stagedSkipped += here.stagedSkipped;
    if (here.status !== 0 || (there !== null && there.status !== 0)) {
      await this.#unread(node, here, there);
      return;
    }
    if (node.created && !node.placed) this.#planner.makeDirectory(node);
    if (executor.starved && this.#planner.waiting > 0) this.#planner.flush("idle");
  }

  /** Merges two sorted listings. */
  async #merge(
    place: Place,
    here: Cursor,
    there: Cursor | null,
  ): Promise<void> {
    const { tally } = this.#context;
    while (
      here.status === 0 && (there === null || there.status === 0) &&
      (here.name !== null || (there !== null && there.name !== null))
    ) {
      const name = here.name;
      const other = there === null ? null : there.name;
      if (other === null || (name !== null && name < other)) {
        tally.entriesScanned++;
        const busy = this.#encounter.pair(place, here.block!, here.i, null, 0);
        if (busy !== undefined) await busy;
        if (!here.step()) await this.#next(here);
      } else if (name === null || other < name) {
        tally.destinationEntries++;
        this.#encounter.extraneous(place, there!.block!, there!.i);
        if (!there!.step()) await this.#next(there!);
      } else {
        tally.entriesScanned++;
        tally.destinationEntries++;
        const [b, j] = [there!.block!, there!.i];
        const busy = this.#encounter.pair(place, here.block!, here.i, b, j);
        if (busy !== undefined) await busy;
        if (!here.step()) await this.#next(here);
        if (!there!.step()) await this.#next(there!);
      }
    }
  }

  /** Pairs two listings by folded names; the destination's is held whole. */
  async #mergeFolded(
    place: Place,
    here: Cursor,
    there: Cursor | null,
    names: FoldedNames,
  ): Promise<void> {
    const { tally } = this.#context;
    while (there !== null && there.name !== null && there.status === 0) {
      tally.destinationEntries++;
      names.add(there.block!, there.i);
      if (!there.step()) await this.#next(there);
    }
    if (there !== null && there.status !== 0) return;
    for (; here.name !== null; here.step() || await this.#next(here)) {
      tally.entriesScanned++;
      const [block, i] = [here.block!, here.i];
      if (this.#filter.active && !this.#encounter.kept(place, block, i)) {
        names.hide(here.name);
        this.#encounter.skip(place, block, i);
        continue;
      }
      const { entry, before } = names.claim(here.name);
      if (before === null) {
        if (entry !== null) this.#recase.note(place.node, block, i, entry.block, entry.j);
        await this.#encounter.act(place, block, i, entry?.block ?? null, entry?.j ?? 0);
      } else {
        const why = `the destination takes its name for "${displayName(before)}", which was copied`;
        const path = joinRel(place.node.path, here.name);
        tally.failWith(path, "exists", "source", `Cannot copy {}: ${why}. Rename one of them.`);
      }
    }
    if (here.status !== 0) return;
    for (const { block, j, state } of names.rest()) {
      if (state === "hidden") this.#encounter.underHidden(place, block, j);
      else this.#encounter.extraneous(place, block, j);
    }
  }

  /** A listing failed, at once or midway. It is never taken for whole: what it didn't show stays as it is. */
  async #unread(node: DirNode, here: Cursor, there: Cursor | null): Promise<void> {
    const { tally } = this.#context;
    if (here.status !== 0) {
      tally.failStatus(node.path, here.status, here.os, LIST, "source");
      if (there !== null && this.#prune) tally.entriesProtected++;
      this.#prune?.protect(node.path);
    } else tally.failStatus(node.path, there!.status, there!.os, LIST, "destination");
    await Promise.all([here.close(), there?.close()]);
  }

  /** A block is used up: let the workers have what is planned, and wait where they are behind. */
  async #next(cursor: Cursor): Promise<void> {
    const { executor } = this.#context;
    if (executor.starved && this.#planner.waiting > 0) this.#planner.flush("idle");
    await executor.room();
    checkCancelled(this.#context);
    await cursor.fetch();
  }

  async #walkExtraneous(node: DirNode): Promise<void> {
    const { destination, tally } = this.#context;
    this.lastPath = node.path;
    const cursor = new Cursor(
      destination.list(node.path, { sorted: false, staged: true, walk: this.#there }),
      (block, j) => this.#prune!.file(node.path, node.removalPath, block, j),
    );
    const scope = await this.#scopes.of(node);
    await cursor.fetch();
    const children = new Children(node, this.#visits);
    const place = { node, children, scope };
    while (cursor.name !== null) {
      tally.destinationEntries++;
      this.#encounter.extraneous(place, cursor.block!, cursor.i);
      if (!cursor.step()) await this.#next(cursor);
    }
    children.flush();
    if (cursor.status !== 0) {
      tally.failStatus(node.path, cursor.status, cursor.os, LIST, "destination");
      node.keep();
    }
  }

  /** What another run staged here: gone on with, or swept at the end unless that run lives. */
  #staged(node: DirNode, block: EntryBlock, j: number): void {
    const { tally, options } = this.#context;
    const name = block.name(j);
    if (name.startsWith(this.#ownStaged)) return;
    tally.stagedSkipped++;
    if (touchesNothing(options)) return;
    node.touched = true;
    node.late = true;
    const record = singleRecord(block, j, name, new Uint8Array(0));
    const sweep = () => this.#sweeper.staged(node.path, new EntryBlock(record), 0);
    if (!this.#resume.holds(joinRel(node.path, name), sweep)) sweep();
  }

  /** Everything below a directory is settled. */
  #settled(node: DirNode): void {
    const block = new EntryBlock(node.record!);
    if (!node.extraneous) {
      this.#planner.finish(node, block);
      return;
    }
    if (node.kept) {
      this.#context.tally.entriesProtected++;
      if (node.removalPath !== node.path) this.#way.hold(node.removalPath);
      return;
    }
    this.#prune!.directory(node.path, node.removalPath, block, "extraneous");
  }
}

/** A directory's record; a target would be the name it was moved aside to. */
function recordOf(block: EntryBlock, i: number, name: RelPath): Uint8Array {
  return singleRecord(block, i, name, new Uint8Array(0));
}
