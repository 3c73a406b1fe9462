/**
 * DirNode: a directory of the run in flight, kept from its visit until everything below it is settled.
 *
 * @module
 */
import type { RelPath } from "../core/rel_path.ts";

/** Only directories with work below them have a node, so nodes are bounded by depth and queue limits. */
export class DirNode {
  readonly parent: DirNode | null;
  /** Path in the source, relative to its root. */
  readonly path: RelPath;
  /** The source directory's record as a block of one, for its finishing; null for extraneous ones. */
  readonly record: Uint8Array | null;
  /** Things still to settle: its own listing, each file in flight, each subdirectory. */
  pending = 1;
  /** Made by this run, or to be made with its first entry. */
  created = false;
  /** A batch names it, and so makes it where it is missing. */
  placed = false;
  /** It was created, and that has been counted. */
  counted = false;
  /** Its metadata must be stamped when all below is done. */
  touched = false;
  /** Something changes it after the copies (links, deletions): stamped at the very end. */
  late = false;
  /** It lies on another file system of the destination, in which nothing is deleted. */
  mounted = false;
  /** Something below it stays, so it can't be deleted. */
  kept = false;
  /** Extraneous directories: where the removal will find it; differs from `path` when moved aside. */
  readonly removalPath: RelPath;
  readonly extraneous: boolean;
  readonly #settle: (node: DirNode) => void;

  constructor(
    parent: DirNode | null,
    path: RelPath,
    record: Uint8Array | null,
    settle: (node: DirNode) => void,
    extraneous = false,
    removalPath = path,
  ) {
    this.parent = parent;
    this.path = path;
    this.record = record;
    this.#settle = settle;
    this.extraneous = extraneous;
    this.removalPath = removalPath;
  }

  /** One more thing to wait for. */
  expect(): void {
    this.pending++;
  }

  /** One thing is settled; the last one finishes the directory, and then its parent has one less. */
  done(): void {
    this.pending--;
    if (this.pending === 0) {
      this.#settle(this);
      this.parent?.done();
    }
  }

  /** Marks this and every directory above as kept. */
  keep(): void {
    this.kept = true;
    for (let node = this.parent; node !== null && !node.kept; node = node.parent) node.kept = true;
  }
}
