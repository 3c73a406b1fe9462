/**
 * Whether directories of two trees are one and the same, by whatever way they were named.
 *
 * @module
 */
import { BlitError } from "../core/error.ts";
import type { EntryBlock } from "../core/entry_block.ts";
import type { RelPath } from "../core/rel_path.ts";
import type { EngineContext } from "./context.ts";
import type { Tree } from "./tree.ts";

/** A directory of a tree. */
export interface DirectoryOf {
  readonly tree: Tree;
  readonly path: RelPath;
}

/**
 * Whether both trees may lie on one machine, so that their device and inode numbers mean the same: one daemon's, this
 * machine's, or one of each where the daemon is reached without leaving the machine.
 */
export function mayShareMachine(source: Tree, destination: Tree): boolean {
  const links = [source.link?.(), destination.link?.()].filter((link) => link !== undefined);
  if (links.length === 0) return destination.canRenameFrom(source);
  return links.every(({ isLoopback }) => isLoopback) || destination.canRenameFrom(source);
}

/**
 * Whether two directories with the same numbers are one. A tunnel that ends on this machine may lead to a copy of it, which has
 * the same numbers too, but hasn't changed its directory at the same nanosecond.
 */
export async function isSameDirectory(a: DirectoryOf, b: DirectoryOf): Promise<boolean> {
  const looks: EntryBlock[] = [];
  // A run may be writing into it: what the second look shows lies between the first and the third.
  for (const { tree, path } of [a, b, a]) looks.push(await tree.stat([path]));
  const [before, there, after] = looks;
  if (looks.some((look) => look.status(0) !== 0)) return false;
  if (before.inode(0) !== there.inode(0) || before.device(0) !== there.device(0)) return false;
  const ctimeNs = there.ctimeNs(0);
  return before.ctimeNs(0) <= ctimeNs && ctimeNs <= after.ctimeNs(0);
}

/**
 * Refuses a directory of one tree that is the other tree's root: by whatever way they were named, one is inside the other.
 *
 * @param side whose directory it is
 * @param path it, in that tree
 * @param block its record, at `i`
 * @returns nothing where its numbers alone tell that it isn't
 * @throws {BlitError} `refused`
 */
export function refuseRoot(
  context: EngineContext,
  side: "source" | "destination",
  path: RelPath,
  block: EntryBlock,
  i: number,
): Promise<void> | undefined {
  const other = side === "source" ? context.destinationFacts : context.sourceFacts;
  if (block.inode(i) !== other.rootInode || block.device(i) !== other.device) return undefined;
  const { mode, oneFileSystem } = context.options;
  if (mode === "check") return undefined;
  // What is on another file system isn't entered.
  if (side === "source" && oneFileSystem && block.device(i) !== context.sourceFacts.device) {
    return undefined;
  }
  const { source, destination } = context;
  if (!mayShareMachine(source, destination)) return undefined;
  return refuseSame(source, destination, side, path);
}

async function refuseSame(
  source: Tree,
  destination: Tree,
  side: "source" | "destination",
  path: RelPath,
): Promise<void> {
  const [tree, other] = side === "source" ? [source, destination] : [destination, source];
  const isCertain = destination.canRenameFrom(source);
  if (!isCertain && !await isSameDirectory({ tree, path }, { tree: other, path: "" })) return;
  const inside = side === "source"
    ? "destination is inside the source"
    : "source is inside the destination";
  throw new BlitError(
    "refused",
    `"${source.display}" and "${destination.display}" overlap: the ${inside}. Choose another destination.`,
    { operation: "start", path: destination.display },
  );
}
