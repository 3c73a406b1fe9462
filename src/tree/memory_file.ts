/**
 * Open files of the memory tree.
 *
 * @module
 */
import type { EntryFields } from "../core/entry_block.ts";
import type { ReadableFile, WritableFile } from "./entry_store.ts";
import { type MemoryNode, type MemoryVolume, setContent } from "./memory_volume.ts";

const PIECE_BYTES = 1 << 20;

/** A file being written. */
export class MemoryWritableFile implements WritableFile {
  readonly #volume: MemoryVolume;
  readonly #node: MemoryNode;
  readonly #access: () => Promise<void>;
  #buffer = new Uint8Array(0);
  #length = 0;
  #holeBytes = 0;
  #isClosed = false;

  /** @param access called before each write: may fail or wait */
  constructor(volume: MemoryVolume, node: MemoryNode, access: () => Promise<void>) {
    this.#volume = volume;
    this.#node = node;
    this.#access = access;
  }

  async write(piece: Uint8Array): Promise<void> {
    await this.#access();
    this.#reserve(piece.length);
    this.#buffer.set(piece, this.#length);
    this.#length += piece.length;
    this.#publish();
  }

  skip(lengthBytes: number): Promise<void> {
    this.#reserve(lengthBytes);
    this.#length += lengthBytes;
    this.#holeBytes += lengthBytes;
    return Promise.resolve();
  }

  restart(): Promise<void> {
    this.#buffer = new Uint8Array(0);
    this.#length = this.#holeBytes = 0;
    this.#publish();
    return Promise.resolve();
  }

  async complete(_durable: boolean): Promise<void> {
    await this.#access();
    this.#publish();
  }

  close(): void {
    if (!this.#isClosed) this.#node.isLocked = false;
    this.#isClosed = true;
  }

  #reserve(moreBytes: number): void {
    const needed = this.#length + moreBytes;
    if (needed <= this.#buffer.length) return;
    const larger = new Uint8Array(Math.max(needed, this.#buffer.length * 2));
    larger.set(this.#buffer.subarray(0, this.#length));
    this.#buffer = larger;
  }

  // What is written so far is there for every reader, as on a disk.
  #publish(): void {
    setContent(this.#volume, this.#node, this.#buffer.subarray(0, this.#length));
    this.#node.allocatedBytes = this.#length - this.#holeBytes;
  }
}

/**
 * Opens a node for reading. Pieces come from the content as it is at each read, so that a change
 * between two reads shows, as on a disk.
 */
export function readMemoryFile(
  { node, fields, access }: {
    readonly node: MemoryNode;
    readonly fields: () => EntryFields;
    readonly access: () => Promise<void>;
  },
): ReadableFile {
  let at = 0;
  return {
    fields: fields(),
    read: async () => {
      await access();
      const piece = node.content.slice(at, at + PIECE_BYTES);
      at += piece.length;
      return piece.length === 0 ? null : piece;
    },
    stat: () => Promise.resolve(fields()),
    close: () => Promise.resolve(),
  };
}
