/**
 * Single: one entry that isn't a directory, straight from question to batch.
 *
 * @module
 */
import { EntryBlock, Kind, KIND_WORD } from "../core/entry_block.ts";
import { BlitError } from "../core/error.ts";
import type { ItemReason } from "../core/events.ts";
import { describeFailure } from "../core/failure.ts";
import { baseOf, displayName, nameToBytes, parentOf, type RelPath } from "../core/rel_path.ts";
import { CopyAction } from "../core/work_batch.ts";
import { singleRecord } from "../core/single_record.ts";
import { compare, compareMeta, type Judgement } from "./compare.ts";
import { type EngineContext, touchesNothing } from "./context.ts";
import type { Filter } from "./filter.ts";
import { DirNode } from "./node.ts";
import type { RunParts } from "./run.ts";
import type { Tree } from "./tree.ts";

const READ_METADATA = 15;

/** The two paths of a run over one entry. */
export interface SinglePaths {
  readonly source: RelPath;
  readonly destination: RelPath;
}

/** The source record of a single entry, under its base name. */
export async function readSingle(
  context: { readonly source: Tree },
  paths: SinglePaths,
): Promise<EntryBlock> {
  const here = await context.source.stat([paths.source]);
  if (here.status(0) !== 0) {
    throw describeFailure({
      status: here.status(0),
      os: here.os(0),
      step: READ_METADATA,
      path: paths.source,
      target: "source",
    });
  }
  return new EntryBlock(singleRecord(here, 0, baseOf(paths.source)));
}

/**
 * Compares one entry and plans what it needs.
 *
 * @throws {BlitError} `is_directory` where a directory that isn't empty has the destination's name
 */
export async function planSingle(
  context: EngineContext,
  { planner, content, resume, way, filter }: RunParts,
  paths: SinglePaths,
  here: EntryBlock,
): Promise<void> {
  const { destination, tally, options } = context;
  tally.entriesScanned++;
  const skip = (reason: ItemReason): void => tally.skip(reason, paths.destination);
  if (filter.active && isHidden(filter, here)) return skip("filtered");
  const there = await destination.stat([paths.destination]);
  const node = new DirNode(null, parentOf(paths.source), null, () => {});
  const renamed = baseOf(paths.destination) === baseOf(paths.source)
    ? null
    : nameToBytes(baseOf(paths.destination));
  const copy = (action: number, judged: Judgement): void => {
    const isThere = there.status(0) === 0;
    context.room.take(here.allocatedBytes(0), isThere ? there.allocatedBytes(0) : null);
    if (renamed === null) {
      const partial = resume.partialFor(node.path, here, 0);
      if (partial !== null) {
        planner.copy(node, here, 0, CopyAction.resume, judged.reason, undefined, partial);
        return;
      }
    }
    planner.copy(node, here, 0, action, judged.reason, undefined, renamed);
  };
  const settle = (judged: Judgement): void => {
    // Mending one of several names would change the others, too.
    const isShared = there.linkCount(0) > 1;
    if (judged.verdict === "copy" || (judged.verdict === "mend" && isShared)) {
      copy(CopyAction.replace, judged);
    } else if (judged.verdict === "mend") {
      tally.filesUnchanged++;
      planner.mend(node, here, 0, judged.reason, nameToBytes(paths.destination));
    } else if (judged.verdict === "skip") skip(judged.reason);
    else tally.filesUnchanged++;
  };
  const isFolder = there.status(0) === 0 && there.kind(0) === Kind.directory;
  if (isFolder && options.compare.ignoreExisting) return skip("exists");
  tally.filesExamined++;
  if (isFolder) {
    if (!await way.isEmpty(paths.destination)) throw notReplaced(paths.destination, here.kind(0));
    const old = new EntryBlock(singleRecord(there, 0, baseOf(paths.destination)));
    if (touchesNothing(options) || await way.clear(node, old, 0)) copy(CopyAction.create, NEW);
  } else if (there.status(0) !== 0) copy(CopyAction.create, NEW);
  else {
    tally.destinationEntries++;
    const judged = compare(here, 0, there, 0, context.compare);
    if (judged.verdict === "hash" || (judged.verdict === "same" && context.compare.xattrs)) {
      content.add(node, here, 0, there, 0, (verdict) => {
        if (verdict === "failed") return;
        if (verdict === "content") settle({ verdict: "copy", reason: "content" });
        else if (verdict === "xattrs") settle({ verdict: "mend", reason: "xattrs" });
        else settle(compareMeta(here, 0, there, 0, context.compare));
      }, paths.destination);
      content.flush();
    } else settle(judged);
  }
}

/** Whether the filter leaves the entry out; paths begin with its name. */
function isHidden(filter: Filter, entry: EntryBlock): boolean {
  const name = entry.name(0);
  const [size, mtime] = [entry.sizeBytes(0), entry.mtimeSeconds(0)];
  return filter.decide(filter.root(), name, name, entry.kind(0), size, mtime) === "hide";
}

function notReplaced(path: RelPath, kind: Kind): BlitError {
  const there = "a directory that isn't empty has this name";
  return new BlitError(
    "is_directory",
    `Cannot replace "${displayName(path)}": ${there}, and the source is a ${KIND_WORD[kind]}. ` +
      "Move it away, or name another target.",
    { operation: "replace", path: displayName(path) },
  );
}

const NEW: Judgement = { verdict: "copy", reason: "new" };
