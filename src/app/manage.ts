/**
 * ls, du and find: what they find, as streams over any tree.
 *
 * @module
 */
import { type EntryBlock, Kind } from "../core/entry_block.ts";
import type { BlitError } from "../core/error.ts";
import { describeFailure } from "../core/failure.ts";
import { displayName, joinRel, parentOf, type RelPath, textToName } from "../core/rel_path.ts";
import { STEPS } from "../core/work_batch.ts";
import type { Tree } from "../engine/tree.ts";
import { type LocatedEntry, locateEntry } from "./locate.ts";
import { Places } from "./places.ts";
import type { RemoteSettings } from "./remote_hosts.ts";
import { adviceOn, walk } from "./walk.ts";

/** A tree to look at, and the entry that was named. */
export interface Opened {
  readonly tree: Tree;
  readonly located: LocatedEntry;
  /** The block whose record {@link Opened.index} is the entry itself. */
  readonly block: EntryBlock;
  readonly index: number;
  /** One line for the user where the native library is missing, else null. */
  readonly notice: string | null;
}

/** How a daemon is reached by a command that only looks. */
export type LookSettings = Pick<RemoteSettings, "configDir" | "ask" | "onWarning">;

/**
 * Opens the tree that holds a path, lets `work` look at it, and closes it.
 *
 * @param path as typed
 * @param cwd folder that a relative path starts from
 * @param settings how a daemon is reached
 * @throws {BlitError} `not_found`, `permission`, ... where it can't be reached
 */
export async function withEntry<T>(
  path: string,
  cwd: string,
  settings: LookSettings,
  work: (opened: Opened) => Promise<T>,
): Promise<T> {
  const places = new Places({ remote: lookingSettings(settings, "list") });
  try {
    const located = await locateEntry(path, cwd, places.look);
    const notice = located.root.kind === "local" ? (await places.trees()).notice : null;
    const tree = await places.open(located.root);
    try {
      const block = await tree.stat([located.entry]);
      if (block.status(0) !== 0) {
        const step = STEPS.indexOf("read metadata of");
        throw describeFailure({
          status: block.status(0),
          os: block.os(0),
          step,
          root: displayName(textToName(path)),
          path: "",
          advice: adviceOn(block.status(0)),
        });
      }
      return await work({ tree, located, block, index: 0, notice });
    } finally {
      await tree.close();
    }
  } finally {
    await places.close();
  }
}

/** The settings of a command that moves no content. */
export function lookingSettings(settings: LookSettings, purpose: string): RemoteSettings {
  return {
    ...settings,
    purpose,
    retries: 0,
    retryWaitMs: 0,
    forceControlPlane: false,
    onWaiting: () => {},
  };
}

/** What is needed of an {@link Opened} one to look at it. */
export interface Lookable extends Pick<Opened, "tree" | "block" | "index"> {
  readonly located:
    & Pick<LocatedEntry, "entry" | "isDirectory">
    & Partial<Pick<LocatedEntry, "display">>;
}

/** One entry of a stream, or what kept it out. */
export type Found =
  | { readonly path: RelPath; readonly block: EntryBlock; readonly index: number }
  | { readonly path: RelPath; readonly error: BlitError };

/** How entries are listed. */
export interface ListingOptions {
  readonly recursive: boolean;
  readonly oneFileSystem?: boolean;
}

/**
 * The entries below a path, or the entry itself where it is no directory. Paths are relative to the tree.
 */
export async function* entriesOf(
  { tree, located, block, index }: Lookable,
  options: ListingOptions,
): AsyncGenerator<Found, void, undefined> {
  if (!located.isDirectory) {
    yield { path: located.entry, block, index };
    return;
  }
  const device = options.oneFileSystem ? block.device(index) : undefined;
  const root = located.display;
  for await (const step of walk(tree, "", { recursive: options.recursive, device, root })) {
    if (step.type === "failed") yield { path: step.path, error: step.error };
    if (step.type !== "entries") continue;
    for (let i = 0; i < step.block.count; i++) {
      if (step.block.status(i) !== 0) continue;
      yield { path: joinRel(step.directory, step.block.name(i)), block: step.block, index: i };
    }
  }
}

/** What a directory takes, with everything below it. */
export interface Usage {
  /** Relative to the path that was named; `""` is that itself. */
  readonly path: RelPath;
  /** Levels below it. */
  readonly depth: number;
  /** Bytes on disk; a hardlinked file counts once. */
  readonly allocatedBytes: number;
  /** Bytes of content; a hardlinked file counts once. */
  readonly apparentBytes: number;
  readonly files: number;
  readonly directories: number;
}

/**
 * Sums up what directories take, each after those below it.
 */
export async function* usageOf(
  opened: Lookable,
  options: { readonly oneFileSystem: boolean },
): AsyncGenerator<Usage | { readonly path: RelPath; readonly error: BlitError }, void, undefined> {
  const { tree, located, block, index } = opened;
  if (!located.isDirectory) {
    yield {
      path: "",
      depth: 0,
      allocatedBytes: block.allocatedBytes(index),
      apparentBytes: block.sizeBytes(index),
      files: 1,
      directories: 0,
    };
    return;
  }
  const device = options.oneFileSystem ? block.device(index) : undefined;
  const linked = new Set<string>();
  /** Sums of the directories that are being walked, by path. */
  const open = new Map<RelPath, Sum>();
  sumAt(open, "").allocatedBytes += block.allocatedBytes(index);
  const root = located.display;
  for await (const step of walk(tree, "", { recursive: true, device, root })) {
    if (step.type === "failed") yield step;
    else if (step.type === "entries") {
      addBlock(sumAt(open, step.directory), step.block, device, linked);
    } else {
      const path = step.directory;
      const sum = sumAt(open, path);
      open.delete(path);
      if (path !== "") addSum(sumAt(open, parentOf(path)), sum);
      yield { path, depth: path === "" ? 0 : path.split("/").length, ...sum };
    }
  }
}

interface Sum {
  allocatedBytes: number;
  apparentBytes: number;
  files: number;
  directories: number;
}

function sumAt(open: Map<RelPath, Sum>, path: RelPath): Sum {
  let sum = open.get(path);
  if (!sum) {
    sum = { allocatedBytes: 0, apparentBytes: 0, files: 0, directories: 0 };
    open.set(path, sum);
  }
  return sum;
}

function addSum(to: Sum, sum: Sum): void {
  to.allocatedBytes += sum.allocatedBytes;
  to.apparentBytes += sum.apparentBytes;
  to.files += sum.files;
  to.directories += sum.directories;
}

function addBlock(
  sum: Sum,
  block: EntryBlock,
  device: bigint | undefined,
  linked: Set<string>,
): void {
  for (let i = 0; i < block.count; i++) {
    if (block.status(i) !== 0 || (device !== undefined && block.device(i) !== device)) continue;
    const isDirectory = block.kind(i) === Kind.directory;
    if (isDirectory) sum.directories++;
    else sum.files++;
    if (!isDirectory && block.linkCount(i) > 1) {
      const key = block.inodeKey(i);
      if (linked.has(key)) continue;
      linked.add(key);
    }
    sum.allocatedBytes += block.allocatedBytes(i);
    if (!isDirectory) sum.apparentBytes += block.sizeBytes(i);
  }
}
