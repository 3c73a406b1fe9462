/**
 * Places of this machine by their paths: those of `tree/place.ts`, those on shares (`share_place.ts`), those that Deno
 * can't name, since they have bytes that are not UTF-8 (`nameToPath` of `core/rel_path.ts`) or a link leads through such a
 * name, and those below `/dev`, `/proc` and `/sys`, which Deno shows only to who has every permission: a local command
 * gave up the network. Native code looks at these.
 *
 * @module
 */
import { basename, dirname, join } from "node:path";
import { type EntryBlock, Kind } from "../core/entry_block.ts";
import { BlitError, type ErrorKind, kindOfStatus, STATUS } from "../core/error.ts";
import { describeFailure } from "../core/failure.ts";
import { hasRawBytes, nameToPath, textToName } from "../core/rel_path.ts";
import { STEPS } from "../core/work_batch.ts";
import type { Tree } from "../engine/tree.ts";
import * as place from "../tree/place.ts";
import { type TreeOpener, withNative } from "./open.ts";
import { isOnShare, lookAtShare, placesOnShare } from "./share_place.ts";

const READ_METADATA = STEPS.indexOf("read metadata of");
/** As many links as Linux follows on one way. */
const MOST_LINKS = 40;

/** Whether a path is one that Deno can't name, or won't show. */
export function isBeyondDeno(path: string): boolean {
  return isForNative(path) || isOnShare(path);
}

function isForNative(path: string): boolean {
  return hasRawBytes(path) || isReserved(path);
}

function isReserved(path: string): boolean {
  return Deno.build.os !== "windows" && /^\/(dev|proc|sys)(\/|$)/.test(path);
}

/**
 * What is at a path.
 *
 * @param follow whether a symlink means what it points to
 * @returns null where nothing is
 * @throws {BlitError} as the system says; `unsupported` where only the native library could look
 */
export async function lookAt(path: string, follow: boolean): Promise<place.LocalInfo | null> {
  if (isOnShare(path)) return await lookAtShare(path, follow);
  if (!isForNative(path)) return await place.lookAt(path, follow);
  const info = await lookNatively(path);
  if (!follow || info?.isSymlink !== true) return info;
  const target = await withoutLinks(path);
  return await lookAt(target, false);
}

/** See `placesAbove` of `tree/place.ts`. */
export async function placesAbove(path: string): Promise<readonly place.Place[]> {
  if (isOnShare(path)) return await placesOnShare(path);
  if (!isForNative(path) && !place.leadsBeyondDeno(path)) return await place.placesAbove(path);
  const places: place.Place[] = [];
  for (let at = await withoutLinks(path);; at = dirname(at)) {
    const info = await lookAt(at, false);
    places.push({ path: at, device: info?.dev ?? null, inode: info?.ino ?? null });
    if (dirname(at) === at) return places;
  }
}

/** Whether two paths are one directory entry; two names of a hardlink are two. */
export async function isSameEntry(a: string, b: string): Promise<boolean> {
  if (!isBeyondDeno(a) && !isBeyondDeno(b)) return await place.isSameEntry(a, b);
  const [first, second] = await Promise.all([lookAt(a, false), lookAt(b, false)]);
  if (first === null || second === null || first.ino === null) return false;
  if (first.ino !== second.ino || first.dev !== second.dev) return false;
  if (first.nlink === 1) return true;
  const [above, aboveToo] = await Promise.all([placesAbove(dirname(a)), placesAbove(dirname(b))]);
  return place.isSamePlace(above[0], aboveToo[0]) && basename(a) === basename(b);
}

/**
 * The path without links and dots, as far as something is there.
 *
 * @throws {BlitError} `link_loop`
 */
async function withoutLinks(path: string): Promise<string> {
  const rest = path.split("/").reverse();
  let at = "/";
  for (let links = 0; rest.length > 0;) {
    const name = rest.pop()!;
    if (name === "" || name === ".") continue;
    if (name === "..") {
      at = dirname(at);
      continue;
    }
    const target = await linkTarget(at, name);
    if (target === null) {
      at = join(at, name);
      continue;
    }
    if (++links > MOST_LINKS) {
      const status = STATUS.link_loop;
      throw describeFailure({ status, step: READ_METADATA, path: textToName(path) });
    }
    if (target.startsWith("/")) at = "/";
    rest.push(...target.split("/").reverse());
  }
  return at;
}

/** What the symlink of that name points to; null where none is. */
async function linkTarget(directory: string, name: string): Promise<string | null> {
  const path = join(directory, name);
  if (!isForNative(path) && (await place.lookAt(path, false))?.isSymlink !== true) return null;
  return await look(path, (block) => {
    const isLink = block?.kind(0) === Kind.symlink;
    return isLink ? nameToPath(block!.target(0)) : null;
  });
}

/** Looks at what Deno can't say or won't show, a link itself. */
async function lookNatively(path: string): Promise<place.LocalInfo | null> {
  return await look(path, (block) => block && place.infoOf(block));
}

/** Has native code look at a path's last name; links on the way to it are followed. */
async function look<T>(path: string, read: (block: EntryBlock | null) => T): Promise<T> {
  return await withNative(path, whyBeyondDeno(path), async (trees) => {
    const tree = await openAbove(trees, path);
    if (tree === null) return read(null);
    try {
      const block = await tree.stat([textToName(basename(path))]);
      const status = block.status(0);
      if (status === 0) return read(block);
      if (isAbsent(kindOfStatus(status))) return read(null);
      throw describeFailure({
        status,
        os: block.os(0),
        step: READ_METADATA,
        path: textToName(path),
      });
    } finally {
      await tree.close();
    }
  });
}

/** Opens the folder that a path's last name is in; null where none is. */
async function openAbove(trees: TreeOpener, path: string): Promise<Tree | null> {
  try {
    return await trees.open(dirname(path));
  } catch (error) {
    if (error instanceof BlitError && isAbsent(error.kind)) return null;
    throw error;
  }
}

function isAbsent(kind: ErrorKind): boolean {
  return kind === "not_found" || kind === "not_directory";
}

function whyBeyondDeno(path: string): string {
  return hasRawBytes(path)
    ? "its name isn't UTF-8. Name the folder that it is in."
    : "Deno shows /dev, /proc and /sys only to programs that have every permission.";
}
