/**
 * Single: one entry that isn't a directory, straight from question to batch.
 *
 * @module
 */
import { EntryBlock, Kind, KIND_WORD } from "../core/entry_block.ts";
import { BlitError } from "../core/error.ts";
import { describeFailure } from "../core/failure.ts";
import { baseOf, displayName, nameToBytes, parentOf, type RelPath } from "../core/rel_path.ts";
import { CopyAction } from "../core/work_batch.ts";
import { singleRecord } from "../core/single_record.ts";
import { compare, compareMeta, type Judgement } from "./compare.ts";
import type { ContentCompare } from "./content.ts";
import type { EngineContext } from "./context.ts";
import { DirNode } from "./node.ts";
import type { Planner } from "./plan.ts";
import type { Resume } from "./resume.ts";
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
 * @throws {BlitError} `is_directory` where a directory has the destination's name
 */
export async function planSingle(
  context: EngineContext,
  planner: Planner,
  content: ContentCompare,
  resume: Resume,
  paths: SinglePaths,
  here: EntryBlock,
): Promise<void> {
  const { destination, tally } = context;
  const there = await destination.stat([paths.destination]);
  const node = new DirNode(null, parentOf(paths.source), null, () => {});
  const renamed = baseOf(paths.destination) === baseOf(paths.source)
    ? null
    : nameToBytes(baseOf(paths.destination));
  tally.entriesScanned++;
  tally.filesExamined++;
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
    if (judged.verdict === "copy") copy(CopyAction.replace, judged);
    else if (judged.verdict === "mend") {
      tally.filesUnchanged++;
      planner.mend(node, here, 0, judged.reason, nameToBytes(paths.destination));
    } else if (judged.verdict === "skip") {
      tally.filesSkipped++;
      tally.item("skip", judged.reason, paths.destination, 0);
    } else tally.filesUnchanged++;
  };
  if (there.status(0) !== 0) copy(CopyAction.create, { verdict: "copy", reason: "new" });
  else if (there.kind(0) === Kind.directory) {
    throw new BlitError(
      "is_directory",
      `Cannot replace "${
        displayName(paths.destination)
      }": a directory has this name, and the source is a ${
        KIND_WORD[here.kind(0)]
      }. Move it away, or name another target.`,
      { operation: "replace", path: displayName(paths.destination) },
    );
  } else if (there.kind(0) !== here.kind(0)) {
    copy(CopyAction.replace, { verdict: "copy", reason: "kind" });
  } else {
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
