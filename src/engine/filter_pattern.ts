/**
 * The patterns of `--exclude`, `--include` and `--filter-from`.
 *
 * - Without `/`: the name of an entry, at any depth. `*.o`, `node_modules`.
 * - With a leading `/`: the path from the root of the transfer. `/build`.
 * - With an inner `/`: the end of the path, whole components. `doc/*.pdf` is also `a/doc/x.pdf`.
 * - With a trailing `/`: directories only. `cache/`.
 * - With a trailing `/***`: that directory and everything in it. `a/b/***`.
 *
 * `*` and `?` don't match `/`, `**` does; as a whole component `**` is any number of directories or none.
 * `[a-z]`, `[!a-z]`, `[[:digit:]]` are one character of a set, `{a,b}` is either; a backslash takes the
 * next character literally. A leading dot is a character like any other, case counts, and `/` separates
 * on every system.
 *
 * @module
 */
import { BlitError } from "../core/error.ts";
import type { FilterRule } from "../core/options.ts";
import { displayName, nameToText, textToName } from "../core/rel_path.ts";
import { expandBraces, Glob, type GlobFault } from "./filter_glob.ts";
import type { RuleTest } from "./filter_table.ts";

const ANYWHERE = { doubleStar: "anywhere" } as const;

/** One way in which a pattern matches. */
export type PatternTest = RuleTest & { readonly directoriesOnly: boolean };

/**
 * Compiles one pattern.
 *
 * @param pattern as typed, text
 * @returns its tests, any of which may match, or what is wrong with it
 */
export function parsePattern(pattern: string): readonly PatternTest[] | GlobFault {
  const alternatives = expandBraces(pattern);
  if (!isList(alternatives)) return alternatives;
  const tests: PatternTest[] = [];
  for (const alternative of alternatives) {
    const parsed = parseAlternative(alternative);
    if (!isList(parsed)) return parsed;
    tests.push(...parsed);
  }
  return tests;
}

/**
 * Compiles the pattern of a rule.
 *
 * @param column 1-based column of the pattern in its file's line; left out for the command line
 * @param os where it was written: a backslash between names is a mistake on Windows, and would match nothing
 * @throws {BlitError} `usage` with the pattern, where it was written, what is wrong, and what to do
 */
export function compilePattern(
  rule: FilterRule,
  column?: number,
  os: typeof Deno.build.os = Deno.build.os,
): readonly PatternTest[] {
  const parsed = (os === "windows" ? separatorIn(rule.pattern) : null) ??
    parsePattern(rule.pattern);
  if (isList(parsed)) return parsed;
  const shown = `"${displayName(textToName(rule.pattern))}"`;
  const at = [...rule.pattern.slice(0, parsed.offset)].length;
  const where = column === undefined
    ? `${rule.origin} ${shown}: at character ${at + 1}, ${parsed.problem}`
    : `${rule.origin}:${column + at}: in the pattern ${shown}, ${parsed.problem}`;
  throw new BlitError("usage", `${where}. ${parsed.advice}`, {
    operation: "use the pattern",
    advice: parsed.advice,
  });
}

/** A backslash that escapes nothing which a name of Windows can have. */
function separatorIn(pattern: string): GlobFault | null {
  const offset = pattern.search(/\\(?![[\]{}!#, -])/);
  if (offset === -1) return null;
  const problem = "a backslash is no separator in a pattern: it takes the next character literally";
  return { offset, problem, advice: `Write "${pattern.replaceAll("\\", "/")}".` };
}

function isList<T>(value: readonly T[] | GlobFault): value is readonly T[] {
  return Array.isArray(value);
}

function parseAlternative(pattern: string): PatternTest[] | GlobFault {
  const contents = pattern.endsWith("/***");
  if (contents) pattern = pattern.slice(0, -4);
  const directoriesOnly = contents || pattern.endsWith("/");
  if (!contents && directoriesOnly) pattern = pattern.slice(0, -1);
  const anchored = pattern.startsWith("/");
  if (anchored) pattern = pattern.slice(1);

  if (pattern === "") {
    if (contents) return parseAlternative("/**") as PatternTest[];
    return {
      offset: 0,
      problem: "it names nothing",
      advice: "Give a name or a glob, such as *.tmp or /build/.",
    };
  }
  const odd = pattern.split("/").find((part) => part === "" || part === "." || part === "..");
  if (odd !== undefined) {
    return {
      offset: 0,
      problem: `it has ${odd === "" ? "an empty component" : `the component "${odd}"`}, ` +
        "which no path has",
      advice: "Write it as seen from the root of the transfer: dir/name, or /dir/name.",
    };
  }

  const tests: PatternTest[] = [];
  const whole = patternTest(pattern, anchored);
  if ("problem" in whole) return whole;
  tests.push({ ...whole, directoriesOnly });
  if (contents) {
    // What "a/**" takes is below a; what is in it is one level further down.
    const folder = /(^|\/)\*{2,}$/.test(pattern) ? pattern.replace(/\*+$/, "*") : pattern;
    const below = patternTest(`${folder}/**`, anchored);
    if ("problem" in below) return below;
    tests.push({ ...below, directoriesOnly: false });
  }
  return tests;
}

/** How a pattern without leading and trailing `/` is compared. */
function patternTest(pattern: string, anchored: boolean): RuleTest | GlobFault {
  const onName = !anchored && !pattern.includes("/") && !pattern.includes("**");
  if (!/[*?[\\]/.test(pattern) && (onName || anchored)) {
    const literal = textToName(pattern);
    return onName ? { kind: "name", name: literal } : { kind: "path", path: literal };
  }
  if (onName && /^\*[^*?[\\]*$/.test(pattern)) {
    const ending = textToName(pattern.slice(1));
    return { kind: "test", test: (name) => name.endsWith(ending) };
  }
  // "**/" before an unanchored pattern lets it begin at every component.
  const source = onName || anchored ? pattern : `**/${pattern}`;
  const text = Glob.parse(source, ANYWHERE);
  if (!(text instanceof Glob)) return text;
  // Only "?" and "[...]" care what a character is. All else is matched on bytes, which any name has.
  if (text.countsCharacters) {
    return {
      kind: "test",
      test: (name, path) => text.matches(nameToText(onName ? name : path)),
    };
  }
  const bytes = Glob.parse(textToName(source), ANYWHERE);
  if (!(bytes instanceof Glob)) return bytes;
  return { kind: "test", test: (name, path) => bytes.matches(onName ? name : path) };
}
