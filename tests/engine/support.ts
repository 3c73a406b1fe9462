/**
 * What the engine's tests work with: runs over trees in memory, and trees as plain values.
 *
 * @module
 */
import assert from "node:assert/strict";
import { Kind } from "../../src/core/entry_block.ts";
import { BlitError, type ErrorKind } from "../../src/core/error.ts";
import type { RunEvent, Summary } from "../../src/core/events.ts";
import { defaultOptions, type Mode, type RunOptions } from "../../src/core/options.ts";
import type { RelPath } from "../../src/core/rel_path.ts";
import type { EngineRequest } from "../../src/engine/request.ts";
import { run } from "../../src/engine/run.ts";
import type { Tree } from "../../src/engine/tree.ts";
import { MemoryTree, type MemoryTreeOptions, type TreeSpec } from "../../src/tree/memory.ts";
import { isStagedName } from "../../src/core/staged_name.ts";

/** Options of a run that differ from the defaults, group by group. */
export type Given =
  & Partial<Omit<RunOptions, "compare" | "filter" | "delete">>
  & {
    readonly compare?: Partial<RunOptions["compare"]>;
    readonly filter?: Partial<RunOptions["filter"]>;
    readonly delete?: Partial<RunOptions["delete"]>;
    readonly request?: Partial<EngineRequest>;
  };

/** How a run ended, and what it said. */
export interface Ran {
  readonly summary: Summary;
  readonly error: BlitError | null;
  readonly events: readonly RunEvent[];
  /** `action path (reason)` of each planned entry, sorted. */
  readonly items: readonly string[];
}

let startNs = 1_600_000_000_123_456_789n;

/** Makes a tree. No two have the same clock, or what was never copied could pass for equal. */
export function treeOf(spec: TreeSpec = {}, options: MemoryTreeOptions = {}): MemoryTree {
  startNs += 3_600_000_000_000n;
  return MemoryTree.of(spec, { startNs, ...options });
}

/** Runs the engine over two trees. */
export async function runTrees(
  mode: Mode,
  source: Tree,
  destination: Tree,
  given: Given = {},
): Promise<Ran> {
  const defaults = defaultOptions(mode);
  const { request, ...own } = given;
  const events: RunEvent[] = [];
  const result = await run({
    source,
    destination,
    options: {
      ...defaults,
      ...own,
      compare: { ...defaults.compare, ...given.compare },
      filter: { ...defaults.filter, ...given.filter },
      delete: { ...defaults.delete, ...given.delete },
    },
    emitItems: true,
    signal: new AbortController().signal,
    history: [],
    cores: 2,
    ...request,
    listener: (event) => {
      events.push(event);
      request?.listener?.(event);
    },
  });
  const items = events.flatMap((event) =>
    event.type === "item" ? [`${event.action} ${event.path} (${event.reason})`] : []
  );
  const { summary, error } = result;
  return { summary, error: error as BlitError | null, events, items: items.sort() };
}

type Runner = (source: MemoryTree, destination: MemoryTree, given?: Given) => Promise<Ran>;
const runner = (mode: Mode): Runner => (source, destination, given) =>
  runTrees(mode, source, destination, given);

/** Copies; see {@link runTrees}. */
export const copy: Runner = runner("copy");
/** Mirrors. */
export const mirror: Runner = runner("mirror");
/** Moves. */
export const move: Runner = runner("move");
/** Checks. */
export const check: Runner = runner("check");

/** What a test sees of one entry. */
export interface Seen {
  readonly kind: string;
  readonly content?: string;
  readonly target?: string;
  readonly mode?: number;
  readonly owner: string;
  readonly mtimeNs?: bigint;
  /** The first of its names, where it has several in the tree. */
  readonly group?: RelPath;
  readonly xattrs?: Readonly<Record<string, string>>;
}

const KIND_NAMES = Object.fromEntries(Object.entries(Kind).map(([name, kind]) => [kind, name]));

/** A whole tree as a plain value, the root under `""`. Ends the tree's hook. */
export async function see(tree: MemoryTree): Promise<Record<RelPath, Seen>> {
  tree.onAccess = undefined;
  const paths = ["", ...Object.keys(tree.snapshot()).map((path) => path.replace(/\/$/, ""))].sort();
  const firsts = new Map<bigint, RelPath>();
  const counts = new Map<bigint, number>();
  for (const path of paths) {
    const inode = tree.fields(path).inode!;
    if (!firsts.has(inode)) firsts.set(inode, path);
    counts.set(inode, (counts.get(inode) ?? 0) + 1);
  }
  const seen: Record<RelPath, Seen> = {};
  for (const path of paths) {
    const fields = tree.fields(path);
    const isLink = fields.kind === Kind.symlink;
    const xattrs = [...await tree.xattrs(path)];
    seen[path] = {
      kind: KIND_NAMES[fields.kind],
      owner: `${fields.uid}:${fields.gid}`,
      mtimeNs: fields.mtimeNs,
      ...(fields.kind === Kind.file ? { content: tree.text(path) } : {}),
      ...(isLink ? { target: fields.target } : { mode: fields.mode }),
      ...(counts.get(fields.inode!)! > 1 ? { group: firsts.get(fields.inode!) } : {}),
      ...(xattrs.length > 0
        ? { xattrs: Object.fromEntries(xattrs.map(([k, v]) => [k, new TextDecoder().decode(v)])) }
        : {}),
    };
  }
  return seen;
}

/** Asserts that two trees are equal in all that a copy keeps. */
export async function expectEqualTrees(a: MemoryTree, b: MemoryTree): Promise<void> {
  assert.deepEqual(await see(b), await see(a));
}

/** Asserts that a run did all it planned. */
export function expectDone(ran: Ran): Ran {
  if (ran.error !== null) throw ran.error;
  assert.deepEqual([ran.summary.failures, ran.summary.outcome], [[], "done"]);
  return ran;
}

/** Asserts that nothing was, or would be, changed by a run. */
export function expectNoWork(ran: Ran): void {
  expectDone(ran);
  assert.deepEqual(ran.items, []);
  const { filesTransferred, metadataUpdated, entriesDeleted, directoriesCreated } = ran.summary;
  assert.deepEqual([filesTransferred, metadataUpdated, entriesDeleted, directoriesCreated], [
    0,
    0,
    0,
    0,
  ]);
}

/** Paths of the failures of a run, sorted. */
export function failedPaths(ran: Ran): RelPath[] {
  return ran.summary.failures.map(({ path }) => path).sort();
}

/** An error as a tree's hook injects it. */
export function injected(kind: ErrorKind, operation: string): BlitError {
  return new BlitError(kind, `Cannot ${operation}: injected.`, { operation });
}

/** Makes one operation on one path fail; `times` from the first on, for ever unless given. */
export function failOn(
  tree: MemoryTree,
  operation: string,
  path: RelPath,
  kind: ErrorKind = "permission",
  times = Infinity,
): void {
  tree.onAccess = (now, at) => {
    if (now === operation && at === path && times-- > 0) return injected(kind, operation);
  };
}

/** Calls `act` once, just before the first such operation. */
export function onceBefore(
  tree: MemoryTree,
  isIt: (operation: string, path: RelPath) => boolean,
  act: () => void | Promise<void>,
): void {
  let done = false;
  tree.onAccess = async (operation, path) => {
    if (done || !isIt(operation, path)) return;
    done = true;
    await act();
  };
}

/** Records every primitive of a tree from now on, as `operation path`. */
export function recordAccess(tree: MemoryTree): string[] {
  const log: string[] = [];
  tree.onAccess = (operation, path) => void log.push(`${operation} ${path}`);
  return log;
}

const LOOKING = /^(open parent of|list|read metadata of|open|read|read link|hash) /;

/** The entries of an access log that change a tree. */
export function changes(log: readonly string[]): string[] {
  return log.filter((line) => !LOOKING.test(line));
}

/** Staged names that are left in a tree. */
export function stagedLeft(tree: MemoryTree): RelPath[] {
  return Object.keys(tree.snapshot()).filter((path) =>
    path.replace(/\/$/, "").split("/").some(isStagedName)
  );
}

/** Files `prefix0` to `prefix<n-1>`. */
export function manyFiles(count: number, prefix = "f"): TreeSpec {
  return Object.fromEntries(
    Array.from({ length: count }, (_, i) => [`${prefix}${String(i).padStart(6, "0")}`, `${i}`]),
  );
}
