/**
 * What a move is to do, written down once more; see `model.ts`.
 *
 * @module
 */
import {
  childrenOf,
  type Choice,
  type Expected,
  foldersAbove,
  joined,
  judge,
  predict,
} from "./model.ts";
import type { Tree } from "./real_tree.ts";

/** What a move is to come to. */
export interface Moved {
  /** Names that are left in the source, the root among them. */
  readonly left: ReadonlySet<string>;
  readonly tree: ReadonlyMap<string, Expected>;
  readonly failed: readonly string[];
  readonly skipped: readonly string[];
  /** Whether something arrives depends on which name of a file is met first. */
  readonly isUnsure: boolean;
}

/** Moves within one file system in mind. */
export function predictRename(source: Tree, destination: Tree, choice: Choice): Moved {
  const tree = new Map<string, Expected>(destination);
  const left = new Set([""]);
  const failed: string[] = [], skipped: string[] = [];
  const stay = (path: string) => {
    for (const folder of foldersAbove(path)) left.add(folder);
    for (const at of source.keys()) if (at === path || at.startsWith(`${path}/`)) left.add(at);
  };
  const walk = (folder: string): void => {
    for (const [name, here] of childrenOf(source, folder)) {
      const path = joined(folder, name);
      const there = destination.get(path);
      const [from, to] = [here.kind === "directory", there?.kind === "directory"];
      if (there && from && to) {
        // What comes into it and goes changes its time.
        tree.set(path, { ...there, mtimeNs: -1n });
        walk(path);
      } else if (there && (choice.compare.ignoreExisting || from !== to)) {
        (choice.compare.ignoreExisting ? skipped : failed).push(path);
        stay(path);
      } else if (there && judge(here, there, choice) === "skip") {
        skipped.push(path);
        stay(path);
      } else {
        for (const [at, entry] of source) {
          if (at === path || at.startsWith(`${path}/`)) tree.set(at, entry);
        }
      }
    }
  };
  walk("");
  tree.set("", { ...destination.get("")!, mtimeNs: -1n });
  return { left, tree, failed, skipped, isUnsure: false };
}

/** Moves from one file system to another in mind: a copy, and what arrived as it is goes. */
export function predictAcross(source: Tree, destination: Tree, choice: Choice): Moved {
  const { tree, failed, skipped } = predict(source, destination, choice);
  const left = new Set([""]);
  const differing: string[] = [];
  for (const [path, here] of source) {
    const there = tree.get(path);
    const isBelow = (folder: string) => path === folder || path.startsWith(`${folder}/`);
    const isSkipped = skipped.some(isBelow);
    const arrived = there?.kind === here.kind && there.content === here.content;
    if (!isSkipped && arrived) continue;
    if (!isSkipped && here.kind !== "directory" && !failed.includes(path)) differing.push(path);
    for (const at of [...foldersAbove(path), path]) left.add(at);
  }
  const merged = new Map<string, Expected>(tree);
  for (const [path, there] of destination) {
    const now = tree.get(path);
    if (there.kind !== "directory" || now?.kind !== "directory") continue;
    // An empty root may have been made for this run a moment ago.
    merged.set(path, { ...now, mtimeNs: destination.size === 1 ? -1n : there.mtimeNs });
  }
  const isUnsure = differing.some((path) => tree.get(path)?.isLoose);
  return { left, tree: merged, failed: [...failed, ...differing], skipped, isUnsure };
}
