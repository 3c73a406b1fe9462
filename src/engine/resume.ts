/**
 * Resume: what an interrupted run left of its large files, by the journal in its run marker.
 *
 * A marker `.blit-<run>-0` in the destination's root holds one line for each partial file:
 * `staged path <TAB> target path <TAB> size <TAB> mtime ns`, paths in base64.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { type EntryBlock, Kind } from "../core/entry_block.ts";
import { baseOf, joinRel, nameToBytes, type RelPath } from "../core/rel_path.ts";
import type { RunContext, Tree } from "./tree.ts";

/** A journal larger than this is not one of ours. */
const JOURNAL_MOST_BYTES = 16 << 20;

interface Partial {
  readonly staged: RelPath;
  readonly sizeBytes: number;
  readonly mtimeNs: bigint;
}

/** Partial files by the path that they are to become. */
export class Resume {
  readonly #partials = new Map<RelPath, Partial>();
  /** Staged paths that were met, and what removes each, should its file be another by now. */
  readonly #met = new Map<RelPath, () => void>();

  /** Reads the journals of leftover run markers in the destination's root. */
  async read(tree: Tree, markers: readonly RelPath[], run: RunContext): Promise<void> {
    for (const marker of markers) {
      const reader = await tree.openFile(marker, run).catch(() => null);
      if (reader === null) continue;
      const pieces: Uint8Array[] = [];
      let length = 0;
      for (let piece = await reader.read(); piece !== null; piece = await reader.read()) {
        pieces.push(piece);
        length += piece.length;
        if (length > JOURNAL_MOST_BYTES) break;
      }
      await reader.close();
      if (length <= JOURNAL_MOST_BYTES) this.#parse(Buffer.concat(pieces).toString("latin1"));
    }
  }

  /** Bytes of the staged name to go on from, in the target's directory, or null. */
  partialFor(directory: RelPath, source: EntryBlock, i: number): Uint8Array | null {
    if (this.#partials.size === 0 || source.kind(i) !== Kind.file) return null;
    const target = joinRel(directory, source.name(i));
    const partial = this.#partials.get(target);
    if (partial === undefined) return null;
    if (partial.sizeBytes === source.sizeBytes(i) && partial.mtimeNs === source.mtimeNs(i)) {
      return nameToBytes(baseOf(partial.staged));
    }
    this.#partials.delete(target);
    this.#met.get(partial.staged)?.();
    return null;
  }

  /**
   * Whether this staged path may be gone on with, and so must not be swept away.
   *
   * @param sweep called where its file turns out to be another by now
   */
  holds(staged: RelPath, sweep: () => void): boolean {
    for (const partial of this.#partials.values()) {
      if (partial.staged !== staged) continue;
      this.#met.set(staged, sweep);
      return true;
    }
    return false;
  }

  #parse(text: string): void {
    for (const line of text.split("\n")) {
      const [staged, target, size, mtime] = line.split("\t");
      if (mtime === undefined || !/^\d+$/.test(size) || !/^-?\d+$/.test(mtime)) continue;
      this.#partials.set(Buffer.from(target, "base64").toString("latin1"), {
        staged: Buffer.from(staged, "base64").toString("latin1"),
        sizeBytes: Number(size),
        mtimeNs: BigInt(mtime),
      });
    }
  }
}
