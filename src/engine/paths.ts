/**
 * Paths: a run over named paths (`--files-from`) instead of whole directories.
 *
 * A named directory is made with its metadata, not entered, as in rsync.
 *
 * @module
 */
import { EntryBlock, Kind } from "../core/entry_block.ts";
import { kindOfStatus } from "../core/error.ts";
import { baseOf, parentOf, type RelPath } from "../core/rel_path.ts";
import { singleRecord } from "../core/single_record.ts";
import { compareMeta } from "./compare.ts";
import { checkCancelled, type EngineContext, plansOnly, touchesNothing } from "./context.ts";
import { Encounter, type Place } from "./encounter.ts";
import { inGroups } from "./listed.ts";
import { DirNode } from "./node.ts";
import type { RunParts } from "./run.ts";
import { Scopes } from "./scopes.ts";

/** Directories remembered, so that each is made and finished once; beyond it, again, harmlessly. */
const REMEMBERED = 4096;
const READ_METADATA = 15;

/** Plans every path that `paths` names. */
export async function walkPaths(
  context: EngineContext,
  parts: RunParts,
  paths: AsyncIterable<RelPath>,
): Promise<void> {
  const walk = new PathWalk(context, parts);
  // The run's marker has touched the root, whatever the list names.
  await walk.root();
  const groups = inGroups(paths);
  let isAnnounced = false;
  for (;;) {
    // Whoever writes the list may take its time.
    context.tally.patient = true;
    const { done, value: group } = await groups.next();
    context.tally.patient = false;
    if (done) break;
    if (group.length > 0) await walk.group(group);
    else {
      parts.planner.flush("idle");
      if (!isAnnounced) context.tally.emit({ type: "waiting", what: "the list of files" });
    }
    isAnnounced = group.length === 0;
  }
  walk.end();
}

class PathWalk {
  readonly #context: EngineContext;
  readonly #parts: RunParts;
  readonly #scopes: Scopes;
  readonly #encounter: Encounter;
  #directories = new Map<RelPath, DirNode | null>();

  constructor(context: EngineContext, parts: RunParts) {
    this.#context = context;
    this.#parts = parts;
    this.#scopes = new Scopes(context.source, context.sourceRun, parts.filter);
    this.#encounter = new Encounter(context, { ...parts, prune: null });
  }

  async group(paths: readonly RelPath[]): Promise<void> {
    const { source, destination, tally, executor } = this.#context;
    const [here, there] = await Promise.all([source.stat(paths), destination.stat(paths)]);
    for (let k = 0; k < paths.length; k++) {
      tally.entriesScanned++;
      if (here.status(k) !== 0) {
        const isMissing = kindOfStatus(here.status(k)) === "not_found";
        const advice = isMissing ? "Check the list: its paths begin below the source." : undefined;
        tally.failStatus(paths[k], here.status(k), here.os(k), READ_METADATA, "source", advice);
        continue;
      }
      if (paths[k] === "" || here.kind(k) === Kind.directory) {
        await this.#directory(paths[k]);
        continue;
      }
      const node = await this.#directory(parentOf(paths[k]));
      if (node === null) continue;
      const block = single(here, k, paths[k]);
      if (!await this.#takesPart(node, block)) continue;
      const old = there.status(k) === 0 ? single(there, k, paths[k]) : null;
      await this.#encounter.act(await this.#placeOf(node), block, 0, old, 0);
    }
    if (executor.starved) this.#parts.planner.flush("idle");
    await executor.room();
    checkCancelled(this.#context);
    if (this.#directories.size > REMEMBERED) this.end();
  }

  /** The root takes part in any case. */
  async root(): Promise<void> {
    await this.#directory("");
  }

  /** Lets the remembered directories be finished. */
  end(): void {
    // Children before parents: a directory waits for those below it.
    for (const node of this.#directories.values()) node?.done();
    this.#directories = new Map();
  }

  /** The node of a directory, with those above it; null where it can't be: that has been reported. */
  async #directory(path: RelPath): Promise<DirNode | null> {
    const known = this.#directories.get(path);
    if (known !== undefined) return known;
    const parent = path === "" ? null : await this.#directory(parentOf(path));
    const node = path !== "" && parent === null ? null : await this.#make(path, parent);
    this.#directories.set(path, node);
    return node;
  }

  /** Whether the filter lets an entry of a directory take part. */
  async #takesPart(node: DirNode, entry: EntryBlock): Promise<boolean> {
    if (!this.#parts.filter.active) return true;
    const place = await this.#placeOf(node);
    if (this.#encounter.kept(place, entry, 0)) return true;
    this.#encounter.skip(place, entry, 0);
    return false;
  }

  async #make(path: RelPath, parent: DirNode | null): Promise<DirNode | null> {
    const { source, destination, tally, compare } = this.#context;
    const [here, there] = await Promise.all([source.stat([path]), destination.stat([path])]);
    if (here.status(0) !== 0 || here.kind(0) !== Kind.directory) {
      if (here.status(0) !== 0) {
        tally.failStatus(path, here.status(0), here.os(0), READ_METADATA, "source");
      } else {
        tally.failWith(path, "not_directory", "source", "Cannot enter {}: it is not a directory.");
      }
      return null;
    }
    const record = single(here, 0, path);
    if (parent !== null && !await this.#takesPart(parent, record)) return null;
    // In a directory that takes the place of something else there is nothing.
    const isFree = parent?.created || kindOfStatus(there.status(0)) === "not_found";
    if (!isFree && there.status(0) !== 0) {
      tally.failStatus(path, there.status(0), there.os(0), READ_METADATA, "destination");
      return null;
    }
    const exists = !isFree && there.kind(0) === Kind.directory;
    if (!isFree && !exists && !await this.#replaces(parent!, record, single(there, 0, path))) {
      return null;
    }
    const node = new DirNode(parent, path, record.bytes, (done) => {
      this.#parts.planner.finish(done, record);
    });
    parent?.expect();
    tally.directoriesExamined++;
    node.created = !exists;
    // Its mtime is its children's doing: only a directory that is new or differs is stamped untouched.
    node.touched = !exists;
    if (exists) {
      const judged = compareMeta(record, 0, there, 0, compare);
      node.touched = judged.verdict !== "same";
      if (!node.touched) this.#parts.content.directory(node);
      else if (parent !== null) tally.directoryDiffers(path, judged.reason);
    } else {
      if (parent !== null) parent.touched = true;
      tally.item("create", "new", path, 0);
      if (plansOnly(this.#context.options)) tally.directoriesCreated++;
      else this.#parts.planner.makeDirectory(node);
    }
    return node;
  }

  /** Whether a directory takes the place of what has its name; that is moved aside then. */
  async #replaces(parent: DirNode, record: EntryBlock, old: EntryBlock): Promise<boolean> {
    const { options } = this.#context;
    if (options.compare.ignoreExisting) {
      this.#encounter.skip(await this.#placeOf(parent), record, 0, "exists");
      return false;
    }
    return touchesNothing(options) || await this.#parts.way.clear(parent, old, 0);
  }

  async #placeOf(node: DirNode): Promise<Place> {
    const scope = await this.#scopes.of(node);
    return { node, children: null, scope };
  }
}

function single(block: EntryBlock, k: number, path: RelPath): EntryBlock {
  return new EntryBlock(singleRecord(block, k, baseOf(path)));
}
