/**
 * Holds what a run did, and what it told of it, against what the model says.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { BlitError, Summary } from "../../mod.ts";
import type { Case } from "./choices.ts";
import type { Expected, Outcome } from "./model.ts";
import type { Seen, Tree } from "./real_tree.ts";
import type { Ran } from "./runs.ts";

/** The trees of one case: both before the run, and the destination after it. */
export interface Scene {
  readonly source: Tree;
  readonly before: Tree;
  readonly after: Tree;
}

/** What ended a run as a whole. */
export function kindOf({ error }: Ran): BlitError["kind"] | undefined {
  return (error as BlitError | null)?.kind;
}

const failedPaths = ({ summary }: Ran) => summary.failures.map(({ path }) => path).sort();

/** A tree is what it was, but that a name of a file elsewhere may have gone or come. */
export function expectUntouched(now: Tree, before: Tree, message: string): void {
  const shown = (tree: Tree) => [...tree].map(([at, entry]) => [at, { ...entry, isLinked: null }]);
  assert.deepEqual(shown(now), shown(before), message);
}

/** Whether more would be deleted than may be. */
function isOverLimit({ deleted, met }: Outcome, { maxDelete }: Case): boolean {
  switch (maxDelete.kind) {
    case "all":
      return false;
    case "count":
      return deleted > maxDelete.count;
    case "percent":
      return deleted > Math.floor(met * maxDelete.percent / 100);
    case "default":
      return deleted > 100;
  }
}

/** The destination, what failed and how the run ended are as the model says. */
export function expectOutcome(scene: Scene, wanted: Outcome, ran: Ran, one: Case): void {
  const { before, after } = scene;
  if (isOverLimit(wanted, one)) {
    assert.equal(kindOf(ran), "refused");
    for (const at of before.keys()) assert.ok(after.has(at), `${at} is gone`);
    for (const [at, { kind, content, copyOf, isLoose }] of wanted.tree) {
      const waits = before.get(at)?.kind === "directory" && kind !== "directory";
      if (copyOf === undefined || waits || isLoose) continue;
      assert.deepEqual([after.get(at)?.kind, after.get(at)?.content], [kind, content], at);
    }
    return;
  }
  assert.equal(ran.error, null);
  assert.deepEqual(failedPaths(ran), [...wanted.failed].sort(), "failures");
  assert.equal(ran.summary.outcome, wanted.failed.length > 0 ? "partial" : "done");
  expectTree(after, wanted.tree, one);
  expectLinks(scene, wanted);
}

/** A tree has the names and what belongs to each. */
export function expectTree(after: Tree, wanted: ReadonlyMap<string, Expected>, one: Case): void {
  assert.deepEqual([...after.keys()].sort(), [...wanted.keys()].sort(), "names");
  for (const [at, entry] of wanted) {
    const is = after.get(at)!;
    const shown = ({ kind, content, mode, owner, mtimeNs }: Seen) => ({
      kind,
      content: entry.isLoose ? "" : content,
      mode: kind === "symlink" ? 0 : mode,
      owner: one.owners ? owner : "",
      mtimeNs: entry.mtimeNs < 0 || (entry.isLoose && one.compare.sizeOnly) ? 0 : mtimeNs,
    });
    assert.deepEqual(shown(is), shown(entry), at);
  }
}

/** What is a copy of one file is one file, what isn't isn't, and what nobody is to touch is what it was. */
function expectLinks({ before, after }: Scene, { tree }: Outcome): void {
  const copyOf = new Map<string, string>();
  const inodeOf = new Map<string, string>();
  for (const [at, entry] of tree) {
    const { kind, inode } = after.get(at)!;
    if (entry.copyOf === undefined) {
      assert.equal(inode, before.get(at)?.inode, `${at} was replaced`);
    } else if (kind !== "directory") {
      assert.equal(copyOf.get(inode) ?? entry.copyOf, entry.copyOf, `${at} is another file too`);
      assert.equal(inodeOf.get(entry.copyOf) ?? inode, inode, `${at} is a file of its own`);
      copyOf.set(inode, entry.copyOf);
      inodeOf.set(entry.copyOf, inode);
    }
  }
}

/** The counts of the summary are what happened. */
export function expectCounts(scene: Scene, wanted: Outcome, { summary, error }: Ran): void {
  if (error !== null) return;
  const { before, after } = scene;
  const changed = [...after].filter(([at, { kind, inode }]) =>
    kind !== "directory" && before.get(at)?.inode !== inode
  );
  const old = new Set([...before.values()].map(({ inode }) => inode));
  const made = new Map(
    changed.filter(([, { inode }]) => !old.has(inode)).map(([, entry]) => [entry.inode, entry]),
  );
  const bytes = [...made.values()].reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const folders = [...after].filter(([at, { kind }]) =>
    kind === "directory" && before.get(at)?.kind !== "directory"
  );
  const happened: Partial<Summary> = {
    filesTransferred: changed.length,
    filesCreated: summary.filesTransferred - summary.filesReplaced - summary.linksMade,
    linksMade: changed.length - made.size,
    bytesTransferred: bytes,
    bytesTotal: bytes,
    directoriesCreated: folders.length,
    entriesDeleted: wanted.deleted,
    entriesProtected: wanted.protected,
    filesSkipped: wanted.skipped.length,
    filesFailed: wanted.failed.length,
    filesExamined: wanted.examined,
  };
  const told = Object.fromEntries(
    Object.keys(happened).map((name) => [name, summary[name as keyof Summary]]),
  );
  assert.deepEqual(told, happened, "counts");
  const isLinkedAnywhere = [scene.source, before].some((tree) =>
    [...tree.values()].some(({ isLinked }) => isLinked)
  );
  // Of a file with several names another one may be the one that is set.
  if (!isLinkedAnywhere) assert.equal(summary.metadataUpdated, wanted.metadataUpdated);
}

const COUNTS = [
  "filesExamined",
  "directoriesExamined",
  "filesSkipped",
  "directoriesCreated",
  "entriesDeleted",
  "entriesMoved",
  "entriesProtected",
  "filesFailed",
] as const;
/** Counts that depend on which name of a file with several is met first, which isn't said. */
const COUNTS_OF_NAMES = [
  "filesTransferred",
  "filesCreated",
  "filesReplaced",
  "filesUnchanged",
  "metadataUpdated",
  "linksMade",
  "bytesTransferred",
  "bytesTotal",
] as const;

/** A dry run told what the run then did. */
export function expectForetold(source: Tree, planned: Ran, ran: Ran): void {
  const linked = new Set([...source].filter(([, { isLinked }]) => isLinked).map(([at]) => at));
  const told = (of: Ran) => ({
    // Deletions are told of the destination's entries, the rest of the source's.
    items: of.items.filter((item) => item.startsWith("delete") || !linked.has(item.split(" ")[1])),
    counts: [...COUNTS, ...(linked.size > 0 ? [] : COUNTS_OF_NAMES)].map((name) => [
      name,
      of.summary[name],
    ]),
    outcome: of.summary.outcome,
    failures: failedPaths(of),
    error: kindOf(of),
  });
  assert.deepEqual(told(planned), told(ran), "a dry run");
}

/** A second run has nothing to do, unless it is told to copy all. */
export function expectIdle({ summary, items, error }: Ran, { compare }: Case): void {
  assert.equal(error, null);
  const copiesAll = compare.ignoreTimes || compare.force;
  const done = items.filter((item) =>
    !item.startsWith("skip") && !(copiesAll && /^(replace|link)/.test(item))
  );
  assert.deepEqual(done, [], "the second run");
  assert.deepEqual([summary.metadataUpdated, summary.entriesDeleted], [0, 0]);
  if (!copiesAll) assert.equal(summary.filesTransferred, 0);
}
