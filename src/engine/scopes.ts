/**
 * Scopes: the filter scope of each directory, with the `.gitignore` of each level.
 *
 * @module
 */
import { Kind } from "../core/entry_block.ts";
import { BlitError } from "../core/error.ts";
import { baseOf, displayName, joinRel, type RelPath } from "../core/rel_path.ts";
import type { Filter, FilterScope } from "./filter.ts";
import type { DirNode } from "./node.ts";
import type { RunContext, Tree } from "./tree.ts";

/** A rules file larger than this is not read: nobody wrote it by hand. */
const RULES_MOST_BYTES = 4 << 20;

/** Scopes by directory; a scope lives as long as its node. */
export class Scopes {
  readonly #tree: Tree;
  readonly #run: RunContext;
  readonly #filter: Filter;
  readonly #known = new WeakMap<DirNode, FilterScope | Promise<FilterScope>>();

  constructor(tree: Tree, run: RunContext, filter: Filter) {
    this.#tree = tree;
    this.#run = run;
    this.#filter = filter;
  }

  /** The scope of a directory, made at the first call. Extraneous ones have no rules of their own. */
  of(node: DirNode): FilterScope | Promise<FilterScope> {
    let scope = this.#known.get(node);
    if (scope === undefined) {
      scope = this.#make(node);
      this.#known.set(node, scope);
    }
    return scope;
  }

  #make(node: DirNode): FilterScope | Promise<FilterScope> {
    if (!this.#filter.active) return this.#filter.root();
    const own = this.#filter.gitignore && !node.extraneous;
    const above = node.parent === null ? null : this.of(node.parent);
    if (!own && !(above instanceof Promise)) return this.#enter(node, above, null);
    return this.#makeSlowly(node, above, own);
  }

  async #makeSlowly(
    node: DirNode,
    above: FilterScope | Promise<FilterScope> | null,
    own: boolean,
  ): Promise<FilterScope> {
    const rules = own ? await this.#rules(node.path) : null;
    return this.#enter(node, await above, rules);
  }

  #enter(node: DirNode, above: FilterScope | null, rules: Uint8Array | null): FilterScope {
    return above === null
      ? this.#filter.root(rules)
      : this.#filter.enter(above, node.path, baseOf(node.path), rules);
  }

  async #rules(directory: RelPath): Promise<Uint8Array | null> {
    const path = joinRel(directory, ".gitignore");
    const entry = await this.#tree.stat([path]);
    if (entry.status(0) !== 0 || entry.kind(0) !== Kind.file) return null;
    if (entry.sizeBytes(0) > RULES_MOST_BYTES) {
      throw new BlitError("usage", `Cannot use "${displayName(path)}": it is over 4 MiB.`, {
        path,
      });
    }
    const reader = await this.#tree.openFile(path, this.#run);
    const bytes = new Uint8Array(entry.sizeBytes(0));
    let length = 0;
    for (let piece = await reader.read(); piece !== null; piece = await reader.read()) {
      const room = bytes.length - length;
      bytes.set(piece.subarray(0, room), length);
      length += Math.min(room, piece.length);
    }
    await reader.close();
    return bytes.subarray(0, length);
  }
}
