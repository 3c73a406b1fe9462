/**
 * rm: deletes an entry and everything below it, each by what was seen when it was listed.
 *
 * @module
 */
import { type EntryBlock, Kind, NO_PARENT } from "../core/entry_block.ts";
import { BlitError, kindOfStatus, STATUS } from "../core/error.ts";
import { describeFailure, wholePath } from "../core/failure.ts";
import {
  displayName,
  joinRel,
  nameToBytes,
  parentOf,
  type RelPath,
  textToName,
} from "../core/rel_path.ts";
import { BatchBuilder, Op, type Results, STEPS, WorkBatch } from "../core/work_batch.ts";
import type { RunContext, Tree } from "../engine/tree.ts";
import { guardProtected } from "./guard.ts";
import { readArgument } from "./locate.ts";
import { type Location, locationAbove, nameOf } from "./location.ts";
import { lookingSettings, type LookSettings } from "./manage.ts";
import { Places } from "./places.ts";
import { walk } from "./walk.ts";

/** How an entry is deleted, wherever it is. */
export interface RemoveTerms {
  /** What the tree's root is called in messages; left out, paths stand alone. */
  readonly root?: string;
  readonly dryRun: boolean;
  readonly signal: AbortSignal;
  /** Asked before anything is touched; left out, the answer is yes. Never asked in a dry run. */
  readonly confirm?: (display: string, isDirectory: boolean) => Promise<boolean>;
  /** Told of each entry that is (or would be) deleted. */
  readonly onRemoved?: (path: RelPath, kind: Kind) => void;
  readonly onFailure?: (path: RelPath, error: BlitError) => void;
}

/** What to delete, and how. */
export interface RemoveRequest extends RemoveTerms {
  /** As typed. */
  readonly path: string;
  readonly cwd: string;
  readonly allowRoot: boolean;
  /** How a daemon is reached. */
  readonly settings: LookSettings;
  readonly onNotice?: (notice: string) => void;
}

/** What was deleted. */
export interface RemoveResult {
  readonly display: string;
  entriesDeleted: number;
  /** Bytes of content of the files among them. */
  bytesDeleted: number;
  entriesFailed: number;
  interrupted: boolean;
}

const NONE = new Uint8Array(0);
const REMOVE = STEPS.indexOf("remove");
const DIRECTORIES_PER_BATCH = 512;

/**
 * Deletes.
 *
 * @throws {BlitError} `refused` for protected targets and where the answer is no; `not_found`, `usage`, ...
 */
export async function remove(request: RemoveRequest): Promise<RemoveResult> {
  const places = new Places({ remote: lookingSettings(request.settings, "remove") });
  try {
    const { above, name } = await removable(request, places);
    if (above.kind === "local") {
      const { notice } = await places.trees();
      if (notice !== null) request.onNotice?.(notice);
    }
    const tree = await places.open(above);
    try {
      const display = displayName(textToName(request.path));
      return await removeEntry(tree, name, display, { ...request, root: tree.display });
    } finally {
      await tree.close();
    }
  } finally {
    await places.close();
  }
}

/**
 * Deletes one entry of a tree, and everything below it.
 *
 * @param target its path in the tree
 * @param display what it is called in questions and answers
 * @throws {BlitError} `not_found` and the like; `refused` where the answer is no
 */
export function removeEntry(
  tree: Tree,
  target: RelPath,
  display: string,
  terms: RemoveTerms,
): Promise<RemoveResult> {
  return new Remover(tree, target, display, terms).run();
}

/** What may be deleted: its name, and what holds it. */
async function removable(
  { path, cwd, allowRoot }: RemoveRequest,
  places: Places,
): Promise<{ readonly above: Location; readonly name: RelPath }> {
  const { location, display: shown, isFolder } = readArgument(path, cwd);
  if (/(^|\/)\.{1,2}\/*$/.test(path)) {
    throw new BlitError("refused", `Refusing to delete "${shown}": name the directory itself.`);
  }
  await places.prepare(location);
  if (!allowRoot && location.kind === "local") await guardProtected(location.path, "delete");
  const above = locationAbove(location);
  if (above === null) {
    const what = location.kind === "local" ? "the root of a file system" : "the root of a module";
    throw new BlitError("refused", `Cannot delete "${shown}": it is ${what}.`);
  }
  const info = await places.look(location, false);
  if (info === null) {
    throw new BlitError(
      "not_found",
      `Cannot delete "${shown}": No such file or directory (ENOENT). Check the path.`,
      { operation: "delete", path: shown },
    );
  }
  if (isFolder && !info.isDirectory) {
    const what = info.isSymlink ? "a symlink" : "not a directory";
    throw new BlitError(
      "not_directory",
      `"${shown}" is ${what}. To delete it, leave the slash out.`,
      { operation: "delete", path: shown },
    );
  }
  return { above, name: nameOf(location) };
}

/** One deletion under way. */
class Remover {
  readonly #tree: Tree;
  readonly #target: RelPath;
  readonly #request: RemoveTerms;
  readonly #result: RemoveResult;
  /** Inodes of the directories that were seen and not yet deleted. */
  readonly #inodes = new Map<RelPath, bigint>();
  /** Directories with something left in them, which has been reported. */
  readonly #kept = new Set<RelPath>();
  #directories: RelPath[] = [];
  #run: RunContext | null = null;

  constructor(tree: Tree, target: RelPath, display: string, request: RemoveTerms) {
    this.#tree = tree;
    this.#target = target;
    this.#request = request;
    this.#result = {
      display,
      entriesDeleted: 0,
      bytesDeleted: 0,
      entriesFailed: 0,
      interrupted: false,
    };
  }

  async run(): Promise<RemoveResult> {
    const { dryRun, confirm, signal, root } = this.#request;
    const block = await this.#tree.stat([this.#target]);
    if (block.status(0) !== 0) {
      throw describeFailure({
        status: block.status(0),
        os: block.os(0),
        step: STEPS.indexOf("read metadata of"),
        path: this.#target,
        root,
      });
    }
    const isDirectory = block.kind(0) === Kind.directory;
    if (!dryRun && confirm && !await confirm(this.#result.display, isDirectory)) {
      throw new BlitError("refused", "Nothing was deleted.", { operation: "delete" });
    }
    this.#run = this.#tree.beginRun(crypto.getRandomValues(new BigUint64Array(1))[0], signal);
    try {
      if (isDirectory) {
        this.#inodes.set(this.#target, block.inode(0));
        await this.#removeBelow(block.device(0));
      } else await this.#removeEntries("", block, [0]);
    } finally {
      this.#tree.endRun(this.#run);
    }
    return this.#result;
  }

  async #removeBelow(device: bigint): Promise<void> {
    const { signal, root } = this.#request;
    const terms = { recursive: true, device, root };
    for await (const step of walk(this.#tree, this.#target, terms)) {
      if (signal.aborted) {
        this.#result.interrupted = true;
        return;
      }
      if (step.type === "failed") this.#fail(step.path, step.error);
      else if (step.type === "left") await this.#leave(step.directory);
      else {
        const going: number[] = [];
        for (let i = 0; i < step.block.count; i++) {
          if (step.block.status(i) !== 0) continue;
          const path = joinRel(step.directory, step.block.name(i));
          if (step.block.kind(i) !== Kind.directory) going.push(i);
          else if (step.block.device(i) === device) this.#inodes.set(path, step.block.inode(i));
          else this.#fail(path, otherFileSystem(path, root));
        }
        await this.#removeEntries(step.directory, step.block, going);
      }
    }
    await this.#flushDirectories();
  }

  /** Deletes entries that are no directories. */
  async #removeEntries(
    directory: RelPath,
    block: EntryBlock,
    indexes: readonly number[],
  ): Promise<void> {
    if (indexes.length === 0) return;
    const builder = new BatchBuilder(Op.remove, indexes.length);
    for (const i of indexes) {
      const path = nameToBytes(joinRel(directory, block.name(i)));
      builder.items.addFrom(block, i, NO_PARENT, 0, path, NONE);
    }
    const batch = new WorkBatch(builder.finish());
    const results = await this.#submit(batch);
    const again: RelPath[] = [];
    for (let k = 0; k < batch.items.count; k++) {
      const status = results?.status(k) ?? 0;
      const path = batch.path(k);
      // Deleting one name of a hardlink changes the ctime that the others were recorded with.
      if (status === STATUS.changed && batch.items.linkCount(k) > 1) again.push(path);
      else if (status !== 0) this.#failStatus(path, results!, k);
      else this.#removed(path, batch.items.kind(k), batch.items.sizeBytes(k));
    }
    for (const path of again) await this.#removeLink(path, batch.items);
  }

  /** Deletes a further name of a hardlink, by its metadata as it is now. */
  async #removeLink(path: RelPath, seen: EntryBlock): Promise<void> {
    const now = await this.#tree.stat([path]);
    const before = indexOf(seen, path);
    if (now.status(0) === STATUS.not_found) return;
    const builder = new BatchBuilder(Op.remove, 1);
    const same = now.status(0) === 0 && now.inode(0) === seen.inode(before);
    const [block, index] = same ? [now, 0] : [seen, before];
    builder.items.addFrom(block, index, NO_PARENT, 0, nameToBytes(path), NONE);
    const results = await this.#submit(new WorkBatch(builder.finish()));
    if (results && results.status(0) !== 0) this.#failStatus(path, results, 0);
    else this.#removed(path, block.kind(index), block.sizeBytes(index));
  }

  async #leave(directory: RelPath): Promise<void> {
    if (this.#kept.has(directory)) {
      this.#keepAbove(directory);
      return;
    }
    this.#directories.push(directory);
    if (this.#directories.length >= DIRECTORIES_PER_BATCH) await this.#flushDirectories();
  }

  /** Deletes directories in the order in which they were left: those below first. */
  async #flushDirectories(): Promise<void> {
    const directories = this.#directories.filter((path) => !this.#kept.has(path));
    this.#directories = [];
    if (directories.length === 0) return;
    const builder = new BatchBuilder(Op.remove, directories.length);
    for (const name of directories) {
      const inode = this.#inodes.get(name) ?? 0n;
      builder.items.add({ name, kind: Kind.directory, inode, parent: NO_PARENT });
      this.#inodes.delete(name);
    }
    const results = await this.#submit(new WorkBatch(builder.finish()));
    for (const [k, path] of directories.entries()) {
      if (!results || results.status(k) === 0) this.#removed(path, Kind.directory, 0);
      // What is left in it was reported.
      else if (this.#kept.has(path)) this.#keepAbove(path);
      else this.#failStatus(path, results, k);
    }
  }

  /** @returns null in a dry run */
  async #submit(batch: WorkBatch): Promise<Results | null> {
    return this.#request.dryRun ? null : await this.#tree.run(batch, null, this.#run!);
  }

  #removed(path: RelPath, kind: Kind, sizeBytes: number): void {
    this.#result.entriesDeleted++;
    if (kind === Kind.file) this.#result.bytesDeleted += sizeBytes;
    this.#request.onRemoved?.(path, kind);
  }

  #failStatus(path: RelPath, results: Results, k: number): void {
    let status = results.status(k);
    if (kindOfStatus(status) === "cancelled" && !this.#request.signal.aborted) status = STATUS.peer;
    if (kindOfStatus(status) === "cancelled") {
      this.#result.interrupted = true;
      this.#keepAbove(path);
      return;
    }
    if (kindOfStatus(status) === "not_found") return;
    const step = results.step(k) || REMOVE;
    const { root } = this.#request;
    this.#fail(path, describeFailure({ status, os: results.os(k), step, path, root }));
  }

  #fail(path: RelPath, error: BlitError): void {
    this.#result.entriesFailed++;
    this.#kept.add(path);
    this.#keepAbove(path);
    this.#request.onFailure?.(path, error);
  }

  #keepAbove(path: RelPath): void {
    for (let above = parentOf(path); above !== ""; above = parentOf(above)) this.#kept.add(above);
  }
}

function indexOf(block: EntryBlock, path: RelPath): number {
  for (let i = 0; i < block.count; i++) if (block.name(i) === path) return i;
  return 0;
}

function otherFileSystem(path: RelPath, root: string | undefined): BlitError {
  const shown = wholePath({ path, root });
  return new BlitError(
    "cross_device",
    `Cannot delete "${shown}": another file system is mounted there. Unmount it first.`,
    { operation: "delete", path: shown },
  );
}
