/**
 * Filter: which entries of a tree take part in a run.
 *
 * Four gates, and an entry takes part where all of them let it pass:
 *
 * 1. **Rules** (`--exclude`, `--include`, `--filter-from`; patterns are described in
 *    `filter_pattern.ts`), in order; the first that matches decides. What none matches passes, unless
 *    an `--include` was given on the command line: then a file passes only where an include matches it or
 *    a directory above it. Directories are still entered then. (`+` lines of a rules file don't have that
 *    effect; end the file with `- *` for it.)
 * 2. **gitignore** (`--gitignore`): the `.gitignore` of the transfer's root and of every directory below
 *    it, with git's own meaning. Nothing else is read: not `.git/info/exclude`, not the user's
 *    `core.excludesFile`, no `.gitignore` above the root, so that the result depends on the tree alone. A
 *    directory `.git` is an entry like any other; `--exclude .git` leaves it out. Rules of an outer
 *    repository go on below an inner one.
 * 3. **Size and age**, of regular files only.
 * 4. **`keep`**, a function of the program that uses the library.
 *
 * A hidden directory hides everything below it, as in rsync and git: `--exclude /a --include /a/b` leaves
 * `a/b` out. To keep one subtree of an excluded one, let the directories above it pass:
 * `+ /a/`, `+ /a/b/***`, `- /a/*`.
 *
 * @module
 */
import { Kind } from "../core/entry_block.ts";
import { BlitError } from "../core/error.ts";
import type { FilterRules } from "../core/options.ts";
import { nameToText, type RelPath } from "../core/rel_path.ts";
import { Gitignore } from "./filter_gitignore.ts";
import { compilePattern } from "./filter_pattern.ts";
import { RuleTable } from "./filter_table.ts";

/** What becomes of an entry: it takes part, or it and everything below it is as if it weren't there. */
export type FilterDecision = "keep" | "hide";

/** One `.gitignore` that applies, and those of the directories above. */
interface IgnoreChain {
  readonly rules: Gitignore;
  /** Length of the directory's path and its `/`: where paths relative to it begin. */
  readonly start: number;
  readonly above: IgnoreChain | null;
}

/** What the directories above an entry say of it. Made by {@link Filter.root} and {@link Filter.enter}. */
export interface FilterScope {
  readonly ignore: IgnoreChain | null;
  /** A directory on the way matched an include, so that what is below needs no match of its own. */
  readonly included: boolean;
}

const OUTERMOST: FilterScope = { ignore: null, included: false };

/** The compiled filter of a run. */
export class Filter {
  /** False: every entry takes part, and {@link Filter.decide} needn't be called. */
  readonly active: boolean;
  /** Whether the march is to read `.gitignore` files. */
  readonly gitignore: boolean;
  readonly #rules: FilterRules;
  readonly #table = new RuleTable();
  /** Files that no rule matches are hidden. */
  readonly #onlyIncluded: boolean;

  private constructor(rules: FilterRules) {
    this.#rules = rules;
    this.gitignore = rules.gitignore;
    for (const rule of rules.rules) this.#table.add(compilePattern(rule));
    this.#onlyIncluded = rules.rules.some((rule) =>
      rule.action === "include" && rule.origin === "--include"
    );
    this.active = rules.rules.length > 0 || rules.gitignore ||
      rules.keep !== undefined || this.#hasLimits();
  }

  /**
   * Compiles the rules of a run.
   *
   * @throws {BlitError} `usage`: a pattern that is wrong, with where it was written and what to do; limits
   *   that contradict each other
   */
  static compile(rules: FilterRules): Filter {
    const { minSizeBytes, maxSizeBytes, minAgeSeconds, maxAgeSeconds } = rules;
    if ((minSizeBytes ?? 0) > (maxSizeBytes ?? Infinity)) throw contradiction("size");
    if ((minAgeSeconds ?? 0) > (maxAgeSeconds ?? Infinity)) throw contradiction("age");
    return new Filter(rules);
  }

  /**
   * The scope of the root directory.
   *
   * @param gitignore content of its `.gitignore`, where that is a regular file (git doesn't follow links
   *   there) and {@link Filter.gitignore} is on
   */
  root(gitignore?: Uint8Array | null): FilterScope {
    return this.#withIgnore(OUTERMOST, "", gitignore);
  }

  /**
   * The scope of a directory that {@link Filter.decide} kept.
   *
   * @param scope of its parent
   * @param path of the directory
   * @param name its last component
   * @param gitignore as in {@link Filter.root}
   */
  enter(
    scope: FilterScope,
    path: RelPath,
    name: RelPath,
    gitignore?: Uint8Array | null,
  ): FilterScope {
    if (this.#onlyIncluded && !scope.included && this.#table.find(name, path, true) >= 0) {
      // It was kept, so the rule that matched it is an include.
      scope = { ignore: scope.ignore, included: true };
    }
    return this.#withIgnore(scope, path, gitignore);
  }

  /**
   * Decides over one entry of the directory whose scope is given.
   *
   * @param path from the root
   * @param name its last component
   * @param mtimeSeconds since 1970; only looked at where there is an age limit
   */
  decide(
    scope: FilterScope,
    path: RelPath,
    name: RelPath,
    kind: Kind,
    sizeBytes: number,
    mtimeSeconds: number,
  ): FilterDecision {
    const isDirectory = kind === Kind.directory;
    if (this.#table.count > 0) {
      const found = this.#table.find(name, path, isDirectory);
      if (found >= 0) {
        if (this.#rules.rules[found].action === "exclude") return "hide";
      } else if (this.#onlyIncluded && !isDirectory && !scope.included) return "hide";
    }
    for (let chain = scope.ignore; chain; chain = chain.above) {
      const verdict = chain.rules.judge(name, path.slice(chain.start), isDirectory);
      if (verdict === "ignored") return "hide";
      if (verdict === "kept") break;
    }
    const isFile = kind === Kind.file;
    if (isFile && !this.#withinLimits(sizeBytes, mtimeSeconds)) return "hide";
    const { keep } = this.#rules;
    if (keep === undefined) return "keep";
    const entry = { path: nameToText(path), isDirectory, isFile, sizeBytes, mtimeSeconds };
    return keep({ ...entry, sizeBytes: isFile ? sizeBytes : 0 }) ? "keep" : "hide";
  }

  #withIgnore(scope: FilterScope, path: RelPath, content?: Uint8Array | null): FilterScope {
    if (!this.gitignore || !content || content.length === 0) return scope;
    const rules = new Gitignore(content);
    if (rules.isEmpty) return scope;
    const start = path === "" ? 0 : path.length + 1;
    return { ignore: { rules, start, above: scope.ignore }, included: scope.included };
  }

  #hasLimits(): boolean {
    const { minSizeBytes, maxSizeBytes, minAgeSeconds, maxAgeSeconds } = this.#rules;
    return [minSizeBytes, maxSizeBytes, minAgeSeconds, maxAgeSeconds].some((limit) =>
      limit !== undefined
    );
  }

  /** A time in the future is an age below zero: younger than any limit. */
  #withinLimits(sizeBytes: number, mtimeSeconds: number): boolean {
    const { minSizeBytes, maxSizeBytes, minAgeSeconds, maxAgeSeconds, nowMs } = this.#rules;
    if (minSizeBytes !== undefined && sizeBytes < minSizeBytes) return false;
    if (maxSizeBytes !== undefined && sizeBytes > maxSizeBytes) return false;
    if (minAgeSeconds === undefined && maxAgeSeconds === undefined) return true;
    const ageSeconds = nowMs / 1000 - mtimeSeconds;
    return ageSeconds >= (minAgeSeconds ?? -Infinity) && ageSeconds <= (maxAgeSeconds ?? Infinity);
  }
}

function contradiction(what: "size" | "age"): BlitError {
  return new BlitError(
    "usage",
    `No file can pass: --min-${what} is larger than --max-${what}. Change one of them.`,
    { operation: "use the filter" },
  );
}
