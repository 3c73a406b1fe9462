/**
 * MemoryFolder: a folder in memory as source or destination, for tests of programs that copy.
 *
 * @module
 */
import { BlitError } from "../core/error.ts";
import { nameToText, textToName } from "../core/rel_path.ts";
import type { EngineRequest, EngineResult } from "../engine/request.ts";
import { type Tree, Walk } from "../engine/tree.ts";
import { MemoryTree } from "../tree/memory.ts";
import { guardEmptySource, guardOptions, guardProtected } from "./guard.ts";
import { readArgument } from "./locate.ts";
import { acquireTrees, type TreeOpener } from "./open.ts";

/** Content of files by path; null for a folder that is to be there though nothing is in it. */
export type MemoryFiles = Readonly<Record<string, string | Uint8Array | null>>;

const TREES = new WeakMap<MemoryFolder, MemoryTree>();

/** A folder that lives in memory and keeps all that a disk does; see {@link MemoryFolder.of}. */
export class MemoryFolder {
  private constructor() {}

  /**
   * Makes a folder.
   *
   * @param files what is in it; folders on the way are made
   */
  static of(files: MemoryFiles = {}): MemoryFolder {
    const folder = new MemoryFolder();
    TREES.set(folder, MemoryTree.of());
    for (const [path, content] of Object.entries(files)) folder.put(path, content);
    return folder;
  }

  /** Makes a file, or gives it another content; null makes a folder. */
  put(path: string, content: string | Uint8Array | null): void {
    treeOf(this).put(textToName(path), content);
  }

  /** Removes a file, or a folder with all below. @throws {BlitError} `not_found` */
  remove(path: string): void {
    treeOf(this).drop(textToName(path));
  }

  /** A copy of a file's content. @throws {BlitError} `not_found` */
  bytes(path: string): Uint8Array {
    return treeOf(this).bytes(textToName(path));
  }

  /**
   * Everything in it by path, sorted: files with their text, symlinks as `-> target`, folders end in `/` and have null.
   */
  files(): Record<string, string | null> {
    const entries = Object.entries(treeOf(this).snapshot());
    return Object.fromEntries(entries.map(([path, content]) => [nameToText(path), content]));
  }
}

/** A folder of this machine, by its path, or one in memory. */
export type FolderOrMemory = string | MemoryFolder;

/** A run of which one side at least is in memory. */
export interface MemoryRequest
  extends Omit<EngineRequest, "source" | "destination" | "history" | "cores"> {
  /** What is in it takes part, with or without a slash behind it. */
  readonly source: FolderOrMemory;
  /** What goes into it. */
  readonly destination: FolderOrMemory;
  /** Folder that relative paths start from; absolute. */
  readonly cwd: string;
}

/**
 * Runs the engine between a folder in memory and another one, or a folder of this machine.
 *
 * @throws {BlitError} what stopped it before it began: `not_found`, `refused`, `unsupported` for a place of a daemon, ...
 */
export async function runInMemory(request: MemoryRequest): Promise<EngineResult> {
  const { options, cwd } = request;
  guardOptions(options, false);
  const source = sideOf(request.source, cwd);
  const destination = sideOf(request.destination, cwd);
  if (typeof destination === "string" && options.mode === "mirror" && !options.delete.allowRoot) {
    await guardProtected(destination, "mirror onto");
  }
  const opener = await acquireTrees(options.maxThreads);
  const writes = options.mode !== "check" && !options.dryRun;
  try {
    await using from = await opened(source, opener, false);
    await using to = await opened(destination, opener, writes);
    const walk = new Walk();
    await guardEmptySource(from.tree, options, walk);
    const { run } = await import("../engine/run.ts");
    return await run({
      ...request,
      walk,
      source: from.tree,
      destination: to.tree,
      history: [],
      cores: navigator.hardwareConcurrency,
    });
  } finally {
    await opener.release();
  }
}

/** An absolute path, or a tree in memory. */
function sideOf(side: FolderOrMemory, cwd: string): string | MemoryTree {
  if (typeof side !== "string") return treeOf(side);
  const { location } = readArgument(side, cwd);
  if (location.kind === "local") return location.path;
  throw new BlitError(
    "unsupported",
    `"${side}" is a place of a daemon: a folder in memory is copied to and from this machine's folders alone.`,
    { operation: "open", path: side },
  );
}

async function opened(
  side: string | MemoryTree,
  opener: TreeOpener,
  create: boolean,
): Promise<AsyncDisposable & { readonly tree: Tree }> {
  const tree = typeof side === "string" ? await opener.open(side, create) : side;
  const isOwn = typeof side === "string";
  return { tree, [Symbol.asyncDispose]: async () => isOwn ? await tree.close() : undefined };
}

function treeOf(folder: MemoryFolder): MemoryTree {
  return TREES.get(folder)!;
}
