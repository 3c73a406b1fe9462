/**
 * Folding: names of a destination where several names are one entry: `A` and `a`, or the two Unicode forms of `é`.
 *
 * There a merge by bytes would take the entry just written for extraneous. So the destination's names of one
 * directory are held by their folded form, and each name of the source looks for its own.
 *
 * @module
 */
import type { EntryBlock } from "../core/entry_block.ts";
import { isUtf8Name, nameToText, type RelPath } from "../core/rel_path.ts";
import type { FsFacts } from "./tree.ts";

/** The form under which a file system finds a name. */
export class Folding {
  readonly #case: boolean;
  readonly #unicode: boolean;

  /** Null where every name is an entry of its own. */
  static of(facts: FsFacts): Folding | null {
    return facts.foldsCase || facts.normalisesUnicode ? new Folding(facts) : null;
  }

  private constructor(facts: FsFacts) {
    this.#case = facts.foldsCase;
    this.#unicode = facts.normalisesUnicode;
  }

  /** The folded form; bytes that aren't UTF-8 are left as they are. */
  fold(name: RelPath): string {
    if (!isUtf8Name(name)) return name;
    const text = this.#unicode ? nameToText(name).normalize("NFC") : nameToText(name);
    return this.#case ? text.toLowerCase() : text;
  }

  /** Whether two names of one entry differ in case, and not in their Unicode form alone, which is the file system's choice. */
  changesCase(from: RelPath, to: RelPath): boolean {
    if (!this.#case || this.fold(from) !== this.fold(to) || !isUtf8Name(from)) return false;
    return nameToText(from).normalize("NFC") !== nameToText(to).normalize("NFC");
  }
}

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
  readonly #folding: Folding;
  readonly #there = new Map<string, FoldedEntry>();
  readonly #claimed = new Map<string, RelPath>();

  constructor(folding: Folding) {
    this.#folding = folding;
  }

  /** Adds an entry of the destination. */
  add(block: EntryBlock, j: number): void {
    this.#there.set(this.#folding.fold(block.name(j)), { block, j, state: "alone" });
  }

  /** Claims the destination's entry for a name of the source that takes part. */
  claim(name: RelPath): FoldedClaim {
    const key = this.#folding.fold(name);
    const entry = this.#there.get(key) ?? null;
    const before = this.#claimed.get(key) ?? null;
    if (before === null) this.#claimed.set(key, name);
    if (entry !== null) entry.state = "taken";
    return { entry, before };
  }

  /** Notes that a hidden name of the source is the destination's entry. */
  hide(name: RelPath): void {
    const entry = this.#there.get(this.#folding.fold(name));
    if (entry?.state === "alone") entry.state = "hidden";
  }

  /** What the source has no name for that takes part. */
  *rest(): Iterable<FoldedEntry> {
    for (const entry of this.#there.values()) if (entry.state !== "taken") yield entry;
  }
}
