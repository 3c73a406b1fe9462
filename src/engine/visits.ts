/**
 * Visits: the directories still to be walked, a stack that spills to a file.
 *
 * @module
 */
import { EntryBlock, EntryBlockWriter, NO_PARENT } from "../core/entry_block.ts";
import type { DirNode } from "./node.ts";
import { ChunkSpool } from "./spool.ts";

/** Directories per chunk: what one wide directory may keep in memory at each level. */
const CHUNK = 512;

/** Bits of a visit. */
export const VisitBit = {
  /** The directory exists in the source. */
  source: 1,
  /** The directory exists in the destination. */
  destination: 2,
  /** Its metadata differs at the destination. */
  metaDiffers: 4,
  /** It is the root of another file system, not entered. */
  boundary: 8,
  /** Something else has its name at the destination. */
  blocked: 16,
  /** At the destination it is the root of another file system, in which nothing is deleted. */
  mounted: 32,
} as const;

/** One directory to walk: its record is `block`'s at `i`; `bits` say on which sides it is. */
export interface Visit {
  readonly node: DirNode;
  readonly block: EntryBlock;
  readonly i: number;
  readonly bits: number;
}

interface Frame {
  readonly node: DirNode;
  readonly block: EntryBlock;
  at: number;
  /** Length of the spool when this frame was taken from it: what is above it is newer. */
  readonly above: number;
}

/** Collects the subdirectories of one directory while it is walked. */
export class Children {
  readonly #writer = new EntryBlockWriter(16);
  readonly #node: DirNode;
  readonly #visits: Visits;

  constructor(node: DirNode, visits: Visits) {
    this.#node = node;
    this.#visits = visits;
  }

  /** Adds a subdirectory; the node waits for it. */
  add(block: EntryBlock, i: number, bits: number, target: Uint8Array = NONE): void {
    this.#node.expect();
    this.#writer.addFrom(block, i, NO_PARENT, bits, undefined, target);
    if (this.#writer.count >= CHUNK) this.flush();
  }

  /** Puts what was collected on the stack. */
  flush(): void {
    if (this.#writer.count === 0) return;
    this.#visits.push(this.#node, this.#writer.finish());
    this.#writer.reset();
  }
}

/** The stack of directories to walk, depth first. */
export class Visits {
  readonly #spool = new ChunkSpool<DirNode>("stack", 4 << 20);
  readonly #frames: Frame[] = [];

  push(node: DirNode, bytes: Uint8Array): void {
    this.#spool.push(bytes, node);
  }

  /** The next directory, the newest first; undefined where none is left. */
  next(): Visit | undefined {
    for (;;) {
      const top = this.#frames.at(-1);
      if (this.#spool.length > (top?.above ?? 0)) {
        const chunk = this.#spool.pop()!;
        this.#frames.push({
          node: chunk.tag,
          block: new EntryBlock(chunk.bytes),
          at: 0,
          above: this.#spool.length,
        });
        continue;
      }
      if (top === undefined) return undefined;
      if (top.at >= top.block.count) {
        this.#frames.pop();
        continue;
      }
      const i = top.at++;
      return { node: top.node, block: top.block, i, bits: top.block.action(i) };
    }
  }

  close(): void {
    this.#spool.close();
  }
}

const NONE = new Uint8Array(0);
