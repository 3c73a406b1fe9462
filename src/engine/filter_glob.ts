/**
 * Glob matching without regular expressions: one matcher for git's patterns and for blit's own.
 *
 * Names are byte strings, so patterns are matched on bytes; only a pattern with `?` or `[...]` that is
 * meant for people looks at text, a whole character at a time. A match takes at most (length of text)² ×
 * (length of pattern) steps whatever the pattern: filters arrive from the network and `.gitignore` files
 * from strangers, and a backtracking regular expression can be made to run for years.
 *
 * @module
 */

/** Why a pattern can't be compiled: what is wrong, and the 0-based offset in the pattern. */
export interface GlobFault {
  readonly offset: number;
  readonly problem: string;
  readonly advice: string;
}

/** What `**` means. */
export interface GlobDialect {
  /**
   * `git`: `**` crosses `/` only where it is a whole component; elsewhere it is a `*`.
   * `anywhere`: it crosses `/` wherever it stands.
   */
  readonly doubleStar: "git" | "anywhere";
}

/** Literals are code units, 0 and up; what is below 0 is one of these, or `SET - index`. */
const ANY = -1, STAR = -2, DEEP = -3, DIRECTORIES = -4, SET = -5;
const SLASH = 47;

/** A compiled pattern. */
export class Glob {
  readonly #ops: readonly number[];
  readonly #sets: readonly CharSet[];
  /** Whether the pattern has `?` or `[...]`, so that it matters what one character is. */
  readonly countsCharacters: boolean;

  private constructor(ops: readonly number[], sets: readonly CharSet[]) {
    this.#ops = ops;
    this.#sets = sets;
    this.countsCharacters = sets.length > 0 || ops.includes(ANY);
  }

  /**
   * Compiles one pattern without braces.
   *
   * @param pattern in the same form (bytes or text) as what it will be matched on
   * @returns the glob; or why there is none: git's meaning of such a pattern is that it matches nothing
   */
  static parse(pattern: string, dialect: GlobDialect): Glob | GlobFault {
    const ops: number[] = [];
    const sets: CharSet[] = [];
    for (let i = 0; i < pattern.length;) {
      switch (pattern[i]) {
        case "\\":
          if (i + 1 === pattern.length) return trailingBackslash(i);
          ops.push(pattern.charCodeAt(i + 1));
          i += 2;
          break;
        case "?":
          ops.push(ANY);
          i++;
          break;
        case "[": {
          const set = CharSet.parse(pattern, i);
          if (!(set instanceof CharSet)) return set;
          ops.push(SET - sets.length);
          sets.push(set);
          i = set.end;
          break;
        }
        case "*":
          i = pushStars(ops, pattern, i, dialect);
          break;
        default:
          ops.push(pattern.charCodeAt(i));
          i++;
      }
    }
    return new Glob(ops, sets);
  }

  /**
   * Whether the whole of `text`, from `start` on, matches.
   *
   * Keeps two places to go back to: the last `*` and the last `**`. That is enough, since the earliest
   * match of everything before one of them leaves the most room for what follows it.
   */
  matches(text: string, start = 0): boolean {
    const ops = this.#ops;
    const end = text.length;
    let t = start, p = 0;
    let starOp = -1, starAt = 0;
    let deepOp = -1, deepAt = 0;
    for (;;) {
      if (p < ops.length) {
        const op = ops[p];
        if (op >= 0) {
          if (t < end && text.charCodeAt(t) === op) {
            t++;
            p++;
            continue;
          }
        } else if (op === STAR) {
          starOp = ++p;
          starAt = t;
          continue;
        } else if (op === DEEP || op === DIRECTORIES) {
          deepOp = ++p;
          deepAt = t;
          starOp = -1;
          continue;
        } else if (t < end && text.charCodeAt(t) !== SLASH) {
          const char = text.codePointAt(t)!;
          if (op === ANY || this.#sets[SET - op].has(char)) {
            t += char > 0xffff ? 2 : 1;
            p++;
            continue;
          }
        }
      } else if (t === end) return true;

      if (starOp >= 0 && starAt < end && text.charCodeAt(starAt) !== SLASH) {
        starAt += width(text, starAt);
        t = starAt;
        p = starOp;
      } else if (deepOp >= 0) {
        if (ops[deepOp - 1] === DIRECTORIES) {
          deepAt = text.indexOf("/", deepAt) + 1;
          if (deepAt === 0) return false;
        } else {
          if (deepAt >= end) return false;
          deepAt += width(text, deepAt);
        }
        t = deepAt;
        p = deepOp;
        starOp = -1;
      } else return false;
    }
  }
}

/** Appends what a run of `*` at `i` means; returns the offset behind it. */
function pushStars(ops: number[], pattern: string, i: number, dialect: GlobDialect): number {
  let next = i;
  while (pattern[next] === "*") next++;
  if (next - i === 1) {
    ops.push(STAR);
    return next;
  }
  const slashFollows = pattern[next] === "/";
  const isComponent = (i === 0 || pattern[i - 1] === "/") &&
    (next === pattern.length || slashFollows || pattern.startsWith("\\/", next));
  if (isComponent && slashFollows) {
    ops.push(DIRECTORIES);
    return next + 1;
  }
  ops.push(isComponent || dialect.doubleStar === "anywhere" ? DEEP : STAR);
  return next;
}

function width(text: string, at: number): number {
  return text.codePointAt(at)! > 0xffff ? 2 : 1;
}

function trailingBackslash(offset: number): GlobFault {
  return {
    offset,
    problem: "the last backslash has nothing to escape",
    advice: "Write \\\\ for a backslash.",
  };
}

/** ASCII ranges of the named classes; `space` without \v and \f is git's. */
const CLASSES: ReadonlyMap<string, readonly number[]> = new Map([
  ["alnum", [48, 57, 65, 90, 97, 122]],
  ["alpha", [65, 90, 97, 122]],
  ["blank", [9, 9, 32, 32]],
  ["cntrl", [0, 31, 127, 127]],
  ["digit", [48, 57]],
  ["graph", [33, 126]],
  ["lower", [97, 122]],
  ["print", [32, 126]],
  ["punct", [33, 47, 58, 64, 91, 96, 123, 126]],
  ["space", [9, 10, 13, 13, 32, 32]],
  ["upper", [65, 90]],
  ["xdigit", [48, 57, 65, 70, 97, 102]],
]);

/** A bracket expression: single characters, ranges, named classes, negated by `!` or `^`. */
export class CharSet {
  readonly #negated: boolean;
  /** Pairs of lowest and highest code point. */
  readonly #ranges: readonly number[];
  /** Offset behind the closing bracket. */
  readonly end: number;
  /** Offset of a range that runs backwards and so holds nothing; -1 where there is none. */
  readonly backwardsAt: number;

  private constructor(negated: boolean, ranges: number[], end: number, backwardsAt: number) {
    this.#negated = negated;
    this.#ranges = ranges;
    this.end = end;
    this.backwardsAt = backwardsAt;
  }

  /** Parses the bracket expression whose `[` is at `open`. */
  static parse(pattern: string, open: number): CharSet | GlobFault {
    const unclosed: GlobFault = {
      offset: open,
      problem: 'this "[" has no "]"',
      advice: "Close it, or write \\[ for a plain bracket.",
    };
    const ranges: number[] = [];
    let i = open + 1;
    const negated = pattern[i] === "!" || pattern[i] === "^";
    if (negated) i++;
    const first = i;
    let backwardsAt = -1;
    // The character that a following "-" would make a range with; -1: none, "-" is itself.
    let low = -1;
    while (i < pattern.length) {
      const char = pattern[i];
      if (char === "]" && i > first) {
        return new CharSet(negated, ranges, i + 1, backwardsAt);
      }
      if (char === "-" && low >= 0 && i + 1 < pattern.length && pattern[i + 1] !== "]") {
        const at = pattern[i + 1] === "\\" ? i + 2 : i + 1;
        const high = pattern.codePointAt(at);
        if (high === undefined) return unclosed;
        if (high < low) backwardsAt = i - 1;
        else ranges.push(low, high);
        i = at + charWidth(high);
        low = -1;
        continue;
      }
      if (char === "[" && pattern[i + 1] === ":") {
        const close = pattern.indexOf("]", i + 2);
        if (close < 0) return unclosed;
        if (close > i + 2 && pattern[close - 1] === ":") {
          const name = pattern.slice(i + 2, close - 1);
          const members = CLASSES.get(name);
          if (!members) {
            return {
              offset: i,
              problem: `there is no class of characters "[:${name}:]"`,
              advice: `Use one of ${[...CLASSES.keys()].join(", ")}.`,
            };
          }
          ranges.push(...members);
          i = close + 1;
          low = -1;
          continue;
        }
      }
      const at = char === "\\" ? i + 1 : i;
      const code = pattern.codePointAt(at);
      if (code === undefined) return unclosed;
      ranges.push(code, code);
      low = code;
      i = at + charWidth(code);
    }
    return unclosed;
  }

  /** Whether the code point is in the set. */
  has(code: number): boolean {
    const ranges = this.#ranges;
    for (let i = 0; i < ranges.length; i += 2) {
      if (code >= ranges[i] && code <= ranges[i + 1]) return !this.#negated;
    }
    return this.#negated;
  }
}

function charWidth(code: number): number {
  return code > 0xffff ? 2 : 1;
}

/** Most alternatives that the braces of one pattern may stand for. */
const MAX_ALTERNATIVES = 1000;

/**
 * Expands `{a,b}` (nested too; not inside `[...]`, not where escaped).
 *
 * @returns the alternatives, in order, or what is wrong with the pattern
 */
export function expandBraces(pattern: string): readonly string[] | GlobFault {
  const fault = findFault(pattern);
  return fault ?? expand(pattern);
}

/** The first thing wrong with a pattern as it was written, braces and all. */
function findFault(pattern: string): GlobFault | null {
  const open: number[] = [];
  for (let i = 0; i < pattern.length;) {
    const char = pattern[i];
    if (char === "\\") {
      if (i + 1 === pattern.length) return trailingBackslash(i);
      i += 2;
    } else if (char === "[") {
      const set = CharSet.parse(pattern, i);
      if (!(set instanceof CharSet)) return set;
      if (set.backwardsAt >= 0) {
        return {
          offset: set.backwardsAt,
          problem: "this range runs backwards and matches nothing",
          advice: "Write the lower character first.",
        };
      }
      i = set.end;
    } else {
      if (char === "{") open.push(i);
      else if (char === "}" && open.pop() === undefined) {
        return {
          offset: i,
          problem: 'this "}" has no "{"',
          advice: "Write \\} for a plain brace.",
        };
      }
      i++;
    }
  }
  if (open.length > 0) {
    return {
      offset: open[0],
      problem: 'this "{" has no "}"',
      advice: "Close it, or write \\{ for a plain brace.",
    };
  }
  if (countAlternatives(pattern) > MAX_ALTERNATIVES) {
    return {
      offset: pattern.indexOf("{"),
      problem: `the braces stand for more than ${MAX_ALTERNATIVES} patterns`,
      advice: "Use a wildcard, or several rules.",
    };
  }
  return null;
}

/** Where the parts of the outermost braces are. */
interface Braces {
  readonly open: number;
  readonly close: number;
  readonly parts: readonly string[];
}

/** The first outermost braces at or after `from`, in a pattern without faults. */
function firstBraces(pattern: string, from: number): Braces | null {
  let depth = 0, open = -1, partStart = 0;
  const parts: string[] = [];
  for (let i = from; i < pattern.length;) {
    const char = pattern[i];
    if (char === "\\") i += 2;
    else if (char === "[") i = (CharSet.parse(pattern, i) as CharSet).end;
    else {
      if (char === "{" && depth++ === 0) {
        open = i;
        partStart = i + 1;
      } else if (char === "," && depth === 1 || char === "}" && depth === 1) {
        parts.push(pattern.slice(partStart, i));
        partStart = i + 1;
      }
      if (char === "}" && --depth === 0) return { open, close: i, parts };
      i++;
    }
  }
  return null;
}

/** How many alternatives there are, without making them: nested braces can stand for billions. */
function countAlternatives(pattern: string): number {
  let product = 1;
  for (let from = 0;;) {
    const braces = firstBraces(pattern, from);
    if (!braces) return product;
    product *= braces.parts.reduce((sum, part) => sum + countAlternatives(part), 0);
    from = braces.close + 1;
  }
}

function expand(pattern: string): string[] {
  const braces = firstBraces(pattern, 0);
  if (!braces) return [pattern];
  const head = pattern.slice(0, braces.open);
  const tails = expand(pattern.slice(braces.close + 1));
  return braces.parts.flatMap(expand).flatMap((part) => tails.map((tail) => head + part + tail));
}
