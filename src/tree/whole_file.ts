/**
 * A small file of a tree, read whole.
 *
 * @module
 */
import { concatBytes } from "../core/bytes.ts";
import type { RelPath } from "../core/rel_path.ts";
import type { Tree } from "../engine/tree.ts";

/**
 * Reads a file to its end, whatever its size says: the system's own files have none.
 *
 * @throws {BlitError} as `openFile` of the tree does
 */
export async function readWholeFile(tree: Tree, path: RelPath): Promise<Uint8Array> {
  const run = tree.beginRun(0n, new AbortController().signal);
  try {
    const file = await tree.openFile(path, run);
    const pieces: Uint8Array[] = [];
    for (let piece = await file.read(); piece !== null; piece = await file.read()) {
      pieces.push(piece);
    }
    await file.close();
    return concatBytes(pieces);
  } finally {
    tree.endRun(run);
  }
}
