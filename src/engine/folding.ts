/**
 * Folding: names of a destination where several names are one entry: `A` and `a`, the two Unicode forms of `é`, or `a.`
 * and `a`.
 *
 * There a merge by bytes would take the entry just written for extraneous. So the destination's names of one
 * directory are held by their folded form, and each name of the source looks for its own.
 *
 * @module
 */
import type { EntryBlock } from "../core/entry_block.ts";
import { foldName, type Folds, foldsNames } from "../core/name_folding.ts";
import type { RelPath } from "../core/rel_path.ts";

/** One entry of the destination. */
export interface FoldedEntry {
  readonly block: EntryBlock;
  readonly j: number;
  /** A name of the source, taking part or hidden by the filter, is this entry. */
  state: "alone" | "taken" | "hidden";
}

/** What a name of the source finds: its entry, if any, and the source's name that has it already. */
export interface FoldedClaim {
  readonly entry: FoldedEntry | null;
  readonly before: RelPath | null;
}

/** The names of one directory of the destination, and those of the source that became theirs. */
export class FoldedNames {
  readonly #folds: Folds;
  readonly #there = new Map<string, FoldedEntry>();
  readonly #claimed = new Map<string, RelPath>();

  /** Null where every name is an entry of its own. */
  static of(folds: Folds): FoldedNames | null {
    return foldsNames(folds) ? new FoldedNames(folds) : null;
  }

  private constructor(folds: Folds) {
    this.#folds = folds;
  }

  /** Adds an entry of the destination. */
  add(block: EntryBlock, j: number): void {
    this.#there.set(foldName(block.name(j), this.#folds), { block, j, state: "alone" });
  }

  /** Claims the destination's entry for a name of the source that takes part. */
  claim(name: RelPath): FoldedClaim {
    const key = foldName(name, this.#folds);
    const entry = this.#there.get(key) ?? null;
    const before = this.#claimed.get(key) ?? null;
    if (before === null) this.#claimed.set(key, name);
    if (entry !== null) entry.state = "taken";
    return { entry, before };
  }

  /** Notes that a hidden name of the source is the destination's entry. */
  hide(name: RelPath): void {
    const entry = this.#there.get(foldName(name, this.#folds));
    if (entry?.state === "alone") entry.state = "hidden";
  }

  /** What the source has no name for that takes part. */
  *rest(): Iterable<FoldedEntry> {
    for (const entry of this.#there.values()) if (entry.state !== "taken") yield entry;
  }
}
