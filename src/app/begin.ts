/**
 * What a daemon's session begins with: the root that a transfer will open there, made where that can't be wrong, and
 * the streams of its run. It goes with the greeting, instead of two round trips behind it.
 *
 * @module
 */
import type { RunOptions } from "../core/options.ts";
import { FAR_STREAMS } from "../core/stream_counts.ts";
import type { BeginWish } from "../rpc/session.ts";
import { holdsEntries } from "../tree/place.ts";
import { isBeyondDeno, lookAt } from "./local_place.ts";
import { type Named, readArgument } from "./locate.ts";
import { type Location, locationIn, nameOf, type RemoteLocation } from "./location.ts";

/** The arguments and options that tell. */
interface Beginning {
  readonly source: string;
  readonly destination: string;
  readonly cwd: string;
  readonly options: RunOptions;
}

/**
 * Tells what the session of a transfer's daemon begins with.
 *
 * @param ready resolves when this machine's own side can work: nothing is made for a run that can't begin
 * @returns never rejects: what is wrong is said by whoever needs it
 */
export function beginnings(
  request: Beginning,
  runId: bigint,
  ready: () => Promise<unknown>,
): (location: RemoteLocation) => Promise<BeginWish | null> {
  const { mode, dryRun, discard } = request.options;
  const plans = dryRun || mode === "check";
  // As many as a far link is begun with: what that is isn't known yet.
  const streams = plans || discard ? 0 : FAR_STREAMS;
  return async (location) => {
    try {
      const from = readArgument(request.source, request.cwd);
      const to = readArgument(request.destination, request.cwd);
      if (from.location.kind === to.location.kind) return null;
      if (from.location.kind === "remote") {
        const { path } = location;
        return { path, create: false, follow: true, orAbove: true, runId, streams };
      }
      const root = await destinationRoot(from, to);
      if (root === null) return null;
      // A move asks first, and looks at its source for what must never be moved away.
      const writes = !plans && !discard && mode !== "move";
      const create = root.isCertain && writes && await mayMake(from.location, request.options);
      if (create) await ready();
      const { path, follow, orAbove } = root;
      return { path, create, follow, orAbove, runId, streams };
    } catch {
      return null;
    }
  };
}

/** The directory of the module that will be the destination, as far as the source alone tells. */
async function destinationRoot(from: Named, to: Named) {
  if (from.location.kind !== "local" || to.location.kind !== "remote") return null;
  const info = await lookAt(from.location.path, from.isFolder);
  if (info === null || (from.isFolder && !info.isDirectory)) return null;
  const { path } = to.location;
  if (!info.isDirectory) {
    // A file's name, unless a folder has it.
    return { path, follow: true, orAbove: !to.isFolder, isCertain: to.isFolder };
  }
  const name = nameOf(from.location);
  if (from.isFolder || name === "") {
    return { path, follow: true, orAbove: false, isCertain: true };
  }
  // A link of that name would be refused: it isn't followed here.
  const below = locationIn(to.location, name) as RemoteLocation;
  return { path: below.path, follow: false, orAbove: false, isCertain: false };
}

/** Whether nothing at the source speaks against making the destination: an empty one isn't mirrored. */
async function mayMake(source: Location, options: RunOptions): Promise<boolean> {
  if (source.kind !== "local") return false;
  if (options.mode !== "mirror" || !(await lookAt(source.path, true))?.isDirectory) return true;
  // A tree that Deno can't name is looked at when it is open.
  return !isBeyondDeno(source.path) && await holdsEntries(source.path);
}
