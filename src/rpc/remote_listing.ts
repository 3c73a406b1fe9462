/**
 * One directory's listing on its way from a daemon to whoever asked for it.
 *
 * @module
 */
import type { EntryBlock } from "../core/entry_block.ts";
import type { BlitError } from "../core/error.ts";
import type { RelPath } from "../core/rel_path.ts";

/** A block that waits to be read. */
export interface Held {
  readonly block: EntryBlock;
  /** It came unasked: credit is owed for it. */
  readonly isOwed: boolean;
}

/** Blocks of one directory: they come in, and are read once, in order. */
export class RemoteListing {
  readonly path: RelPath;
  /** Staged entries are listed too. */
  readonly staged: boolean;
  /** Some block has come. */
  begun = false;
  /** The last block has come. */
  complete = false;
  /** Nobody reads it any more. */
  abandoned = false;
  /** Somebody waits for its next block. */
  waiting = false;
  /** Bytes that came and were not read. */
  heldBytes = 0;
  /** Those among them that came unasked: credit is owed for them. */
  owedBytes = 0;
  readonly #blocks: Held[] = [];
  #error: BlitError | null = null;
  #wake: (() => void) | null = null;

  constructor(path: RelPath, staged: boolean) {
    this.path = path;
    this.staged = staged;
  }

  /** Takes a block in; `isOwed`: it came unasked. */
  push(block: EntryBlock, isOwed: boolean): void {
    this.begun = true;
    if (block.last) this.complete = true;
    this.#blocks.push({ block, isOwed });
    this.heldBytes += block.bytes.length;
    if (isOwed) this.owedBytes += block.bytes.length;
    this.#wake?.();
  }

  /** Puts back what was read first; no credit is owed for it any more. */
  unread(block: EntryBlock): void {
    this.#blocks.unshift({ block, isOwed: false });
    this.heldBytes += block.bytes.length;
  }

  /** Drops what is held and what comes; returns the bytes that credit is owed for. */
  abandon(): number {
    const owed = this.owedBytes;
    this.abandoned = true;
    this.#blocks.length = 0;
    this.heldBytes = this.owedBytes = 0;
    return owed;
  }

  /** Ends it: whoever reads it hears why. */
  fail(error: BlitError): void {
    this.#error = error;
    this.#wake?.();
  }

  /**
   * The next block; null at the end.
   *
   * @throws {BlitError} why there will be none
   */
  async next(): Promise<Held | null> {
    for (;;) {
      const held = this.#blocks.shift();
      if (held !== undefined) {
        this.heldBytes -= held.block.bytes.length;
        if (held.isOwed) this.owedBytes -= held.block.bytes.length;
        return held;
      }
      if (this.complete) return null;
      if (this.#error !== null) throw this.#error;
      this.waiting = true;
      await new Promise<void>((resolve) => this.#wake = resolve);
      this.#wake = null;
      this.waiting = false;
    }
  }
}
