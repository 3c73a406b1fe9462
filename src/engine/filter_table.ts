/**
 * An ordered list of rules of which the first that matches decides.
 *
 * Rules without wildcards sit in a map, so that a list of thousands of names costs one lookup an entry.
 *
 * @module
 */
import type { RelPath } from "../core/rel_path.ts";

/** How one rule looks at an entry. */
export type RuleTest =
  /** The name, at any depth. */
  | { readonly kind: "name"; readonly name: RelPath }
  /** The whole path, relative to where the rules stand. */
  | { readonly kind: "path"; readonly path: RelPath }
  | { readonly kind: "test"; readonly test: (name: RelPath, path: RelPath) => boolean };

interface Tested {
  readonly index: number;
  readonly directoriesOnly: boolean;
  readonly test: (name: RelPath, path: RelPath) => boolean;
}

/** Rules in order; indexes are the order of {@link RuleTable.add}. */
export class RuleTable {
  #count = 0;
  readonly #names = new Map<RelPath, number>();
  readonly #directoryNames = new Map<RelPath, number>();
  readonly #paths = new Map<RelPath, number>();
  readonly #directoryPaths = new Map<RelPath, number>();
  readonly #tests: Tested[] = [];

  /** Number of rules. */
  get count(): number {
    return this.#count;
  }

  /**
   * Appends a rule with one or more tests, any of which may match.
   *
   * @returns the rule's index
   */
  add(tests: readonly (RuleTest & { readonly directoriesOnly: boolean })[]): number {
    const index = this.#count++;
    for (const test of tests) {
      const { directoriesOnly } = test;
      if (test.kind === "test") this.#tests.push({ index, directoriesOnly, test: test.test });
      else if (test.kind === "name") {
        const map = directoriesOnly ? this.#directoryNames : this.#names;
        if (!map.has(test.name)) map.set(test.name, index);
      } else {
        const map = directoriesOnly ? this.#directoryPaths : this.#paths;
        if (!map.has(test.path)) map.set(test.path, index);
      }
    }
    return index;
  }

  /** Index of the first rule that matches; -1 where none does. */
  find(name: RelPath, path: RelPath, isDirectory: boolean): number {
    let best = this.#names.get(name) ?? this.#count;
    best = Math.min(best, this.#paths.get(path) ?? best);
    if (isDirectory) {
      best = Math.min(best, this.#directoryNames.get(name) ?? best);
      best = Math.min(best, this.#directoryPaths.get(path) ?? best);
    }
    for (const tested of this.#tests) {
      if (tested.index >= best) break;
      if ((isDirectory || !tested.directoriesOnly) && tested.test(name, path)) return tested.index;
    }
    return best === this.#count ? -1 : best;
  }
}
