/**
 * Cursor: one directory's listing, block after block, entry after entry.
 *
 * @module
 */
import { ENTRY_STAGED, type EntryBlock } from "../core/entry_block.ts";
import type { RelPath } from "../core/rel_path.ts";

/** Reads a listing in order; `block` and `i` are the present entry while `name` isn't null. */
export class Cursor {
  block: EntryBlock | null = null;
  i = 0;
  name: RelPath | null = null;
  /** 0, or why the listing failed. */
  status = 0;
  os = 0;
  stagedSkipped = 0;
  readonly #blocks: AsyncIterator<EntryBlock>;
  readonly #onStaged: ((block: EntryBlock, i: number) => void) | null;
  #ended = false;

  /** @param onStaged called for each staged entry, which is then left out */
  constructor(
    blocks: AsyncIterable<EntryBlock>,
    onStaged: ((block: EntryBlock, i: number) => void) | null = null,
  ) {
    this.#blocks = blocks[Symbol.asyncIterator]();
    this.#onStaged = onStaged;
  }

  /** Goes to the next entry within the present block; false where a new block is needed. */
  step(): boolean {
    this.i++;
    return this.#settle();
  }

  /** Fetches blocks until there is an entry or the end; the caller then looks at `name`. */
  async fetch(): Promise<void> {
    while (!this.#ended) {
      const next = await this.#blocks.next();
      if (next.done) {
        this.#ended = true;
        break;
      }
      this.block = next.value;
      this.i = 0;
      this.stagedSkipped += next.value.stagedSkipped;
      if (next.value.listStatus !== 0) {
        this.status = next.value.listStatus;
        this.os = next.value.listOs;
      }
      if (this.#settle()) return;
    }
    this.name = null;
  }

  /** Stops reading early. */
  async close(): Promise<void> {
    if (!this.#ended) await this.#blocks.return?.();
    this.#ended = true;
  }

  #settle(): boolean {
    const block = this.block!;
    for (; this.i < block.count; this.i++) {
      if (this.#onStaged !== null && (block.flags(this.i) & ENTRY_STAGED) !== 0) {
        this.#onStaged(block, this.i);
        continue;
      }
      this.name = block.name(this.i);
      return true;
    }
    return false;
  }
}
