/**
 * What blit is to do, written down once more: from two trees and the options to the tree that is to come of them.
 *
 * It follows docs/cli, and knows nothing of how blit does it.
 *
 * @module
 */
import type { CompareOptions, FilterRules, Mode } from "../../mod.ts";
import type { Seen, Tree } from "./real_tree.ts";

/** The options that the model knows. */
export interface Choice {
  readonly mode: Mode;
  readonly compare: CompareOptions;
  /** Names of rules in {@link PATTERNS}, in the order that decides. */
  readonly rules: readonly {
    readonly action: "include" | "exclude";
    readonly pattern: string;
    readonly origin: string;
  }[];
  readonly gitignore: boolean;
  readonly limits: Pick<
    FilterRules,
    "minSizeBytes" | "maxSizeBytes" | "minAgeSeconds" | "maxAgeSeconds"
  >;
  readonly nowSeconds: number;
  readonly scope: "subset" | "all";
  /** Paths of `--files-from`; null where there is no list. */
  readonly paths: readonly string[] | null;
  /** As root. */
  readonly owners: boolean;
}

/** An entry that is to be there. */
export interface Expected extends Seen {
  /** Inode of the source that it is a name of; undefined: nobody has touched it. */
  readonly copyOf?: string;
  /** Size and time made it pass for the same, and it has other names: what those are decides what it is. */
  readonly isLoose?: boolean;
}

/** What a run is to come to. */
export interface Outcome {
  readonly tree: ReadonlyMap<string, Expected>;
  readonly failed: readonly string[];
  readonly skipped: readonly string[];
  /** Destination entries to be deleted. */
  readonly deleted: number;
  /** All entries that were met at the destination. */
  readonly met: number;
  readonly protected: number;
  readonly metadataUpdated: number;
  /** Files and the like that take part. */
  readonly examined: number;
}

type Matches = (path: string, isDirectory: boolean) => boolean;

/** Patterns, and what docs/cli/filters.md says of each. */
export const PATTERNS: Readonly<Record<string, Matches>> = {
  "*.o": (path) => path.endsWith(".o"),
  "/a": (path) => path === "a",
  "b": (path) => nameOf(path) === "b",
  "a/b": (path) => path === "a/b" || path.endsWith("/a/b"),
  "b/": (path, isDirectory) => isDirectory && nameOf(path) === "b",
  "/a/***": (path, isDirectory) => path === "a" ? isDirectory : path.startsWith("a/"),
  "**/a/*": (path) => /(^|\/)a\/[^/]+$/.test(path),
  "[!a]": (path) => /(^|\/)[^/a]$/.test(path),
  "*": () => true,
};

/** Copies or mirrors in mind. */
export function predict(source: Tree, destination: Tree, choice: Choice): Outcome {
  const tree = new Map<string, Expected>(destination);
  const failed: string[] = [], skipped: string[] = [];
  let deleted = 0, met = 0, spared = 0, metadataUpdated = 0, examined = 0;
  const { compare } = choice;
  const deletes = choice.mode === "mirror" && choice.paths === null;
  const filtered = choice.rules.length > 0 || choice.gitignore ||
    Object.values(choice.limits).some((limit) => limit !== undefined);

  const hidden = (path: string, entry: Seen) => isHidden(source, choice, path, entry);

  /** Deletes what is below a path and may go, then itself; whether it went. */
  const remove = (path: string, entry: Seen): boolean => {
    let all = true;
    if (entry.kind === "directory") {
      for (const [name, child] of childrenOf(destination, path)) {
        met++;
        const at = joined(path, name);
        if (choice.scope === "subset" && filtered && hidden(at, child)) {
          spared++;
          all = false;
        } else if (!remove(at, child)) all = false;
      }
    }
    if (!all) {
      spared++;
      // Deletions in it may have changed its time.
      tree.set(path, { ...entry, mtimeNs: -1n });
      return false;
    }
    tree.delete(path);
    deleted++;
    return true;
  };
  const forget = (path: string) => {
    for (const at of [...tree.keys()]) {
      if (at === path || at.startsWith(`${path}/`)) tree.delete(at);
    }
  };
  const take = (path: string, entry: Seen) => tree.set(path, { ...entry, copyOf: entry.inode });

  const act = (path: string, here: Seen, there: Seen | undefined): void => {
    const [from, to] = [here.kind === "directory", there?.kind === "directory"];
    if (there && compare.ignoreExisting && from !== to) return void skipped.push(path);
    if (from) {
      if (there && !to) forget(path);
      if (to && differs(here, there!, choice)) metadataUpdated++;
      take(path, here);
      if (choice.paths === null) walk(path);
      return;
    }
    if (to) {
      const isEmpty = childrenOf(destination, path).length === 0;
      if (!isEmpty && (!deletes || (filtered && choice.scope === "subset"))) {
        failed.push(path);
        if (deletes) spared++;
        return;
      }
      if (deletes) remove(path, there!);
      examined++;
      return void take(path, here);
    }
    examined++;
    if (!there) return void take(path, here);
    const what = judge(here, there, choice);
    if (what === "skip") skipped.push(path);
    else if (what === "keep") {
      const same = !differs(here, there, choice);
      if (!same) metadataUpdated++;
      const mtimeNs = same ? there.mtimeNs : here.mtimeNs;
      const isLoose = here.isLinked || there.isLinked;
      tree.set(path, {
        ...here,
        content: there.content,
        mtimeNs,
        copyOf: here.inode,
        isLoose,
      });
    } else take(path, here);
  };

  const walk = (folder: string): void => {
    const here = new Map(childrenOf(source, folder));
    const there = new Map(childrenOf(destination, folder));
    if (destination.get(folder)?.kind !== "directory") there.clear();
    for (const name of new Set([...here.keys(), ...there.keys()])) {
      const path = joined(folder, name);
      const [from, to] = [here.get(name), there.get(name)];
      if (to) met++;
      if (from && !(filtered && hidden(path, from))) act(path, from, to);
      else if (from) {
        skipped.push(path);
        if (!deletes || !to) continue;
        if (choice.scope === "all") remove(path, to);
        else spared++;
      } else if (deletes) {
        if (choice.scope === "subset" && filtered && hidden(path, to!)) spared++;
        else remove(path, to!);
      }
    }
  };
  take("", source.get("")!);
  if (choice.paths === null) walk("");
  else {
    const reached = new Set([""]);
    for (const path of new Set(choice.paths)) {
      if (!source.has(path)) failed.push(path);
      else {
        for (const at of [...foldersAbove(path), path]) {
          const entry = source.get(at)!;
          if (!reached.has(at)) {
            if (filtered && hidden(at, entry)) skipped.push(at);
            else act(at, entry, destination.get(at));
          }
          reached.add(at);
          if (skipped.includes(at) || failed.includes(at)) break;
        }
      }
    }
  }
  const loose = new Set([...tree.values()].filter((is) => is.isLoose).map((is) => is.copyOf));
  for (const [path, is] of tree) {
    if (is.copyOf !== undefined && loose.has(is.copyOf)) tree.set(path, { ...is, isLoose: true });
  }
  return { tree, failed, skipped, deleted, met, protected: spared, metadataUpdated, examined };
}

/** The table of docs/cli/copy.md: what becomes of a file that is there. */
export function judge(here: Seen, there: Seen, { compare }: Choice): "skip" | "copy" | "keep" {
  if (compare.ignoreExisting) return "skip";
  if (here.kind !== there.kind) return "copy";
  if (here.kind === "symlink") return here.content === there.content ? "keep" : "copy";
  if (here.kind !== "file") return "keep";
  if (compare.update && there.mtimeNs > here.mtimeNs) return "skip";
  if (compare.force || compare.ignoreTimes || here.sizeBytes !== there.sizeBytes) return "copy";
  if (compare.checksum) return here.content === there.content ? "keep" : "copy";
  return compare.sizeOnly || here.mtimeNs === there.mtimeNs ? "keep" : "copy";
}

/** Whether what is no content differs. */
function differs(here: Seen, there: Seen, { compare, owners }: Choice): boolean {
  const isTimed = here.kind !== "file" || !compare.sizeOnly;
  return (here.kind !== "symlink" && here.mode !== there.mode) ||
    (owners && here.owner !== there.owner) || (isTimed && here.mtimeNs !== there.mtimeNs);
}

/** Whether the filter hides an entry that no folder above is hidden of. */
function isHidden(source: Tree, choice: Choice, path: string, entry: Seen): boolean {
  const isDirectory = entry.kind === "directory";
  const found = choice.rules.find(({ pattern }) => PATTERNS[pattern](path, isDirectory));
  if (found?.action === "exclude") return true;
  if (!found && !isDirectory && choice.rules.some((rule) => rule.origin === "--include")) {
    const isIn = foldersAbove(path).some((folder) =>
      choice.rules.find(({ pattern }) => PATTERNS[pattern](folder, true))?.action === "include"
    );
    if (!isIn) return true;
  }
  if (choice.gitignore && isIgnored(source, path, isDirectory)) return true;
  if (entry.kind !== "file") return false;
  const { minSizeBytes, maxSizeBytes, minAgeSeconds, maxAgeSeconds } = choice.limits;
  const age = choice.nowSeconds - Math.floor(Number(entry.mtimeNs) / 1e9);
  return entry.sizeBytes < (minSizeBytes ?? 0) || entry.sizeBytes > (maxSizeBytes ?? Infinity) ||
    age < (minAgeSeconds ?? -Infinity) || age > (maxAgeSeconds ?? Infinity);
}

/** Git's rules: of the deepest folder with a rule that matches, the last one. */
function isIgnored(source: Tree, path: string, isDirectory: boolean): boolean {
  for (const folder of ["", ...foldersAbove(path)].reverse()) {
    const file = source.get(joined(folder, ".gitignore"));
    if (file?.kind !== "file") continue;
    const below = folder === "" ? path : path.slice(folder.length + 1);
    for (const line of file.content.split("\n").reverse()) {
      if (line === "") continue;
      const keeps = line.startsWith("!");
      const onlyFolders = line.endsWith("/");
      const pattern = line.replace(/^!/, "").replace(/\/$/, "");
      const subject = pattern.includes("/") ? `/${below}` : nameOf(path);
      const whole = pattern.includes("/") ? `/${pattern.replace(/^\//, "")}` : pattern;
      const matches = whole.startsWith("*") ? subject.endsWith(whole.slice(1)) : subject === whole;
      if (matches && (isDirectory || !onlyFolders)) return !keeps;
    }
  }
  return false;
}

/** What is in a folder, by name. */
export function childrenOf(tree: Tree, folder: string): [string, Seen][] {
  return [...tree].filter(([path]) => path !== "" && parentOf(path) === folder)
    .map(([path, entry]) => [nameOf(path), entry]);
}

/** The folders that a path leads through, the outermost first. */
export function foldersAbove(path: string): string[] {
  const parts = path.split("/");
  return parts.slice(1).map((_, i) => parts.slice(0, i + 1).join("/"));
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

function parentOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf("/")));
}

/** The path of a name in a folder. */
export function joined(folder: string, name: string): string {
  return folder === "" ? name : `${folder}/${name}`;
}
