/**
 * Places on network shares and devices of Windows (`\\server\share\folder`). Deno shows them only to who has every
 * permission, and a local command gives up the network: native code looks at these.
 *
 * @module
 */
import { basename, dirname } from "node:path";
import type { EntryBlock } from "../core/entry_block.ts";
import { BlitError, kindOfStatus } from "../core/error.ts";
import { describeFailure } from "../core/failure.ts";
import { textToName } from "../core/rel_path.ts";
import { STEPS } from "../core/work_batch.ts";
import { infoOf, type LocalInfo, type Place } from "../tree/place.ts";
import { type TreeOpener, withNative } from "./open.ts";

/** Whether a path is on a share or device; `\\?\C:\folder` is a folder of a drive like others. */
export function isOnShare(path: string, os: typeof Deno.build.os = Deno.build.os): boolean {
  return os === "windows" && /^[\\/]{2}/.test(path) && !/^\\\\\?\\[A-Za-z]:/.test(path);
}

/**
 * What is at a path of a share.
 *
 * @param follow whether a link to a folder means what it points to
 * @returns null where nothing is
 * @throws {BlitError} as the system says; `unsupported` without the native library
 */
export async function lookAtShare(path: string, follow: boolean): Promise<LocalInfo | null> {
  return await withNative(path, "it is on a share. Map it to a drive letter.", async (trees) => {
    const above = dirname(path);
    if (follow || above === path) {
      const folder = await lookIn(trees, path, "");
      if (folder !== "not_directory" || above === path) return asInfo(folder, path);
    }
    return asInfo(await lookIn(trees, above, basename(path)), path);
  });
}

/** The place that a path of a share names and all that hold it; see `placesAbove` of `tree/place.ts`. */
export async function placesOnShare(path: string): Promise<readonly Place[]> {
  const places: Place[] = [];
  for (let at = path;; at = dirname(at)) {
    const info = await lookAtShare(at, true);
    places.push({ path: at, device: info?.dev ?? null, inode: info?.ino ?? null });
    if (dirname(at) === at) return places;
  }
}

/** The record of an entry in a folder, `""` for itself, or what prevents it. */
async function lookIn(
  trees: TreeOpener,
  folder: string,
  name: string,
): Promise<EntryBlock | "not_directory" | null> {
  try {
    const tree = await trees.open(folder);
    try {
      return await tree.stat([textToName(name)]);
    } finally {
      await tree.close();
    }
  } catch (error) {
    if (!(error instanceof BlitError)) throw error;
    if (error.kind === "not_found") return null;
    if (error.kind === "not_directory") return error.kind;
    throw error;
  }
}

function asInfo(block: EntryBlock | "not_directory" | null, path: string): LocalInfo | null {
  if (block === null || block === "not_directory") return null;
  const status = block.status(0);
  const kind = status === 0 ? null : kindOfStatus(status);
  if (kind === "not_found" || kind === "not_directory") return null;
  if (kind !== null) {
    const step = STEPS.indexOf("read metadata of");
    throw describeFailure({ status, os: block.os(0), step, path: textToName(path) });
  }
  return infoOf(block);
}
