/**
 * Places of this machine by their paths: those of `tree/place.ts`, those on shares (`share_place.ts`), and those that Deno
 * can't name, since they have bytes that are not UTF-8 (`nameToPath` of `core/rel_path.ts`). Native code looks at these.
 *
 * @module
 */
import { basename, dirname, join } from "node:path";
import { Kind } from "../core/entry_block.ts";
import { BlitError, kindOfStatus } from "../core/error.ts";
import { describeFailure } from "../core/failure.ts";
import { displayName, hasRawBytes, textToName } from "../core/rel_path.ts";
import { STEPS } from "../core/work_batch.ts";
import * as place from "../tree/place.ts";
import { acquireTrees } from "./open.ts";
import { isOnShare, lookAtShare, placesOnShare } from "./share_place.ts";

/** Whether a path is one that Deno can't name. */
export function isBeyondDeno(path: string): boolean {
  return hasRawBytes(path) || isOnShare(path);
}

/**
 * What is at a path.
 *
 * @param follow whether a symlink means what it points to
 * @returns null where nothing is
 * @throws {BlitError} as the system says; `unsupported` for a symlink that is to be followed under a name that isn't UTF-8
 */
export async function lookAt(path: string, follow: boolean): Promise<place.LocalInfo | null> {
  if (isOnShare(path)) return await lookAtShare(path, follow);
  if (!hasRawBytes(path)) return await place.lookAt(path, follow);
  const info = await lookAtRaw(path);
  if (info?.isSymlink && follow) throw linked(path);
  return info;
}

/** See `placesAbove` of `tree/place.ts`. */
export async function placesAbove(path: string): Promise<readonly place.Place[]> {
  if (isOnShare(path)) return await placesOnShare(path);
  const { clean, below } = split(path);
  const above = await place.placesAbove(clean);
  const places = [...above];
  for (let depth = 1; depth <= below.length; depth++) {
    const parts = below.slice(0, depth);
    const info = await lookAt(join(clean, ...parts), true);
    places.unshift({
      path: join(above[0].path, ...parts),
      device: info?.dev ?? null,
      inode: info?.ino ?? null,
    });
  }
  return places;
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

/** The nearest folder whose path Deno can name, and what is below it. */
function split(path: string): { readonly clean: string; readonly below: string[] } {
  const below: string[] = [];
  let clean = path;
  while (hasRawBytes(clean)) {
    below.unshift(basename(clean));
    clean = dirname(clean);
  }
  return { clean, below };
}

async function lookAtRaw(path: string): Promise<place.LocalInfo | null> {
  const { clean, below } = split(path);
  if ((await place.lookAt(clean, true))?.isDirectory !== true) return null;
  const trees = await acquireTrees();
  try {
    if (trees.kind === "portable") throw withoutNative(path);
    const tree = await trees.open(clean);
    try {
      const block = await tree.stat([textToName(below.join("/"))]);
      const status = block.status(0);
      const kind = status === 0 ? null : kindOfStatus(status);
      if (kind === "not_found" || kind === "not_directory") return null;
      if (kind === "escaped") throw linked(path);
      if (kind !== null) {
        const step = STEPS.indexOf("read metadata of");
        throw describeFailure({ status, os: block.os(0), step, path: textToName(path) });
      }
      return {
        isDirectory: block.kind(0) === Kind.directory,
        isSymlink: block.kind(0) === Kind.symlink,
        dev: Number(block.device(0)),
        ino: Number(block.inode(0)),
        nlink: block.linkCount(0),
      };
    } finally {
      await tree.close();
    }
  } finally {
    await trees.release();
  }
}

function linked(path: string): BlitError {
  const shown = displayName(textToName(path));
  return new BlitError(
    "unsupported",
    `Cannot follow a symlink in "${shown}", whose name isn't UTF-8. Name what it leads to.`,
    { operation: "read", path: shown },
  );
}

function withoutNative(path: string): BlitError {
  const shown = displayName(textToName(path));
  return new BlitError(
    "unsupported",
    `Cannot reach "${shown}" without the native library: its name isn't UTF-8. Name the folder that it is in.`,
    { operation: "read", path: shown },
  );
}
