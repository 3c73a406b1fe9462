/**
 * Looking at paths by name, before any tree is open: what is there, where it really is, and what holds it.
 *
 * @module
 */
import { basename, dirname, join } from "node:path";
import { type EntryBlock, Kind } from "../core/entry_block.ts";
import { foldName } from "../core/name_folding.ts";
import { textToName } from "../core/rel_path.ts";
import { isStagedName } from "../core/staged_name.ts";
import { fromDenoError } from "./deno_errors.ts";

/** A path and, where something is there, what it is by device and inode. */
export interface Place {
  readonly path: string;
  readonly device: number | null;
  readonly inode: number | null;
}

/** What blit asks about what is at a path. */
export type LocalInfo = Pick<
  Deno.FileInfo,
  "isDirectory" | "isSymlink" | "dev" | "ino" | "nlink" | "ctime"
>;

/** The same of a block's only record. */
export function infoOf(block: EntryBlock): LocalInfo {
  return {
    isDirectory: block.kind(0) === Kind.directory,
    isSymlink: block.kind(0) === Kind.symlink,
    dev: Number(block.device(0)),
    ino: Number(block.inode(0)),
    nlink: block.linkCount(0),
    ctime: new Date(Number(block.ctimeNs(0) / 1_000_000n)),
  };
}

/**
 * What is at a path.
 *
 * @param follow whether a symlink means what it points to
 * @returns null where nothing is
 * @throws {BlitError} `permission`, `not_directory`, `link_loop` and the like
 */
export async function lookAt(path: string, follow: boolean): Promise<Deno.FileInfo | null> {
  try {
    return await (follow ? Deno.stat(path) : Deno.lstat(path));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw fromDenoError(error, "read metadata of", textToName(path), {
      permission: "Run as a user who may go there.",
      not_directory: "A part of this path is a file: check the path.",
    });
  }
}

/** The path without links and dots; null where it doesn't exist. */
export function realPathOf(path: string): string | null {
  try {
    return Deno.realPathSync(path);
  } catch {
    return null;
  }
}

/**
 * Whether links on a path lead through names that Deno can't say, as they aren't UTF-8, or to where it won't look;
 * {@link realPathOf} is null then too.
 */
export function leadsBeyondDeno(path: string): boolean {
  for (let at = path;; at = dirname(at)) {
    try {
      Deno.realPathSync(at);
      return false;
    } catch (error) {
      if (error instanceof Deno.errors.InvalidData || error instanceof Deno.errors.NotCapable) {
        return true;
      }
      if (dirname(at) === at) return false;
    }
  }
}

/**
 * The place that a path names and all that hold it, up to the root, without links. Of what doesn't exist yet the
 * path alone is known.
 *
 * @param path absolute
 */
export async function placesAbove(path: string): Promise<readonly Place[]> {
  const missing: string[] = [];
  let existing = path;
  let real = realPathOf(existing);
  while (real === null && dirname(existing) !== existing) {
    missing.unshift(existing.slice(dirname(existing).length).replace(/^[/\\]/, ""));
    existing = dirname(existing);
    real = realPathOf(existing);
  }
  const places: Place[] = [];
  for (let depth = missing.length; depth > 0; depth--) {
    const path = join(real ?? existing, ...missing.slice(0, depth));
    places.push({ path, device: null, inode: null });
  }
  for (let at = real ?? existing;; at = dirname(at)) {
    places.push(await placeAt(at));
    if (dirname(at) === at) return places;
  }
}

/** Whether both are one place: by name, or by device and inode, since a bind mount has another name. */
export function isSamePlace(a: Place, b: Place): boolean {
  if (a.path === b.path) return true;
  return a.inode !== null && a.inode !== 0 && a.inode === b.inode && a.device === b.device;
}

/** Whether two paths are one directory entry; two names of a hardlink are two. */
export async function isSameEntry(a: string, b: string): Promise<boolean> {
  const [first, second] = await Promise.all([lookAt(a, false), lookAt(b, false)]);
  if (first === null || second === null || first.ino === null) return false;
  if (first.ino !== second.ino || first.dev !== second.dev) return false;
  if (first.nlink === 1) return true;
  const [above, aboveToo] = await Promise.all([placeAt(dirname(a)), placeAt(dirname(b))]);
  return isSamePlace(above, aboveToo) && foldedName(a) === foldedName(b);
}

async function placeAt(path: string): Promise<Place> {
  try {
    const info = await Deno.stat(path);
    return { path, device: info.dev, inode: info.ino };
  } catch {
    return { path, device: null, inode: null };
  }
}

function foldedName(path: string): string {
  return foldName(textToName(basename(path)));
}

/**
 * Whether a directory has anything in it that a run would copy, as far as one look tells: `lost+found` and what killed
 * runs left don't count.
 */
export async function holdsEntries(path: string): Promise<boolean> {
  for await (const { name } of Deno.readDir(path)) {
    if (name !== "lost+found" && !isStagedName(textToName(name))) return true;
  }
  return false;
}
