/**
 * What a listing has shown of a directory before its connection broke, so that another listing can go on behind it.
 *
 * @module
 */
import { BLOCK_LAST, BLOCK_SORTED, EntryBlock, EntryBlockWriter } from "../core/entry_block.ts";
import { STATUS } from "../core/error.ts";
import type { RelPath } from "../core/rel_path.ts";

/** Names in order, as their number, their last and a hash of them all. */
class Names {
  count = 0;
  last: RelPath = "";
  #hash = 0x811c9dc5;

  add(name: RelPath): void {
    this.count++;
    this.last = name;
    // FNV-1a; no name has a slash.
    for (const text of [name, "/"]) {
      for (let k = 0; k < text.length; k++) {
        this.#hash = Math.imul(this.#hash ^ text.charCodeAt(k), 0x01000193);
      }
    }
  }

  isSame(other: Names): boolean {
    return this.count === other.count && this.#hash === other.#hash;
  }
}

/** Notes what a sorted listing shows; after {@link ShownPart.again} leaves that out of the next one. */
export class ShownPart {
  readonly #shown = new Names();
  /** What the present listing has had of what was shown; null: it is behind that. */
  #passed: Names | null = null;
  #staged = 0;
  #stagedPassed = 0;
  #isSorted = true;
  #hasEnded = false;

  /** Whether the listing ended as {@link ShownPart.rest} says, before its last block. */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }
  /** Whether another listing can go on behind what was shown. */
  get canGoOn(): boolean {
    return this.#isSorted;
  }

  /** Another listing of the directory begins. */
  again(): void {
    this.#passed = this.#shown.count === 0 ? null : new Names();
    this.#stagedPassed = 0;
  }

  /**
   * What of a block is new; null where nothing is.
   *
   * Where what was shown isn't there in the same way any more, an entry may have come that nobody would hear of, or may have
   * got a name that was passed: the listing ends with the status `changed`, and what depends on it is left alone.
   */
  rest(block: EntryBlock): EntryBlock | null {
    if (this.#passed === null || block.listStatus !== 0) return this.#note(block, 0);
    const shown = this.#shown;
    let i = 0;
    while (i < block.count && block.name(i) <= shown.last) this.#passed.add(block.name(i++));
    this.#stagedPassed += block.stagedSkipped;
    if (i === block.count && !block.last) return null;
    if (!block.sorted || !this.#passed.isSame(shown)) {
      this.#hasEnded = true;
      return changed();
    }
    this.#passed = null;
    return this.#note(block, i);
  }

  #note(block: EntryBlock, from: number): EntryBlock {
    if (!block.sorted) this.#isSorted = false;
    for (let i = from; i < block.count; i++) this.#shown.add(block.name(i));
    const staged = this.#stagedPassed === 0
      ? block.stagedSkipped
      : Math.max(0, this.#stagedPassed - this.#staged);
    this.#stagedPassed = 0;
    this.#staged += staged;
    if (from === 0) return block;
    const writer = new EntryBlockWriter(block.count - from);
    for (let i = from; i < block.count; i++) writer.copy(block, i);
    const flags = BLOCK_SORTED | (block.last ? BLOCK_LAST : 0);
    return new EntryBlock(writer.finish({ flags, stagedSkipped: staged }));
  }
}

function changed(): EntryBlock {
  const flags = BLOCK_SORTED | BLOCK_LAST;
  return new EntryBlock(new EntryBlockWriter(1).finish({ flags, status: STATUS.changed }));
}
