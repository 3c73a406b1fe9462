/**
 * What `find` looks for.
 *
 * @module
 */
import { type EntryBlock, Kind } from "../core/entry_block.ts";
import { BlitError } from "../core/error.ts";
import { baseOf, displayName, nameToText, type RelPath, textToName } from "../core/rel_path.ts";
import { expandBraces, Glob } from "../engine/filter_glob.ts";

/** Letters of `--type`. */
export const KIND_OF_LETTER: Readonly<Record<string, Kind>> = {
  f: Kind.file,
  d: Kind.directory,
  l: Kind.symlink,
  p: Kind.fifo,
  s: Kind.socket,
  b: Kind.blockDevice,
  c: Kind.charDevice,
};

/** A limit: at least, at most, or exactly. */
export interface Limit {
  readonly sign: "+" | "-" | "";
  readonly amount: number;
}

/** What an entry must be; what is left out doesn't matter. */
export interface Criteria {
  /** Glob for the name, or where it has a `/` for the whole path. */
  readonly name?: string;
  /** Glob that the name or the whole path may match. */
  readonly pattern?: string;
  readonly ignoreCase: boolean;
  readonly kind?: Kind;
  /** Bytes; files only. */
  readonly size?: Limit;
  /** Seconds since the last change. */
  readonly age?: Limit;
  readonly nowMs: number;
}

/** Whether an entry is what is looked for. */
export type Matcher = (path: RelPath, block: EntryBlock, index: number) => boolean;

/**
 * Compiles criteria.
 *
 * @throws {BlitError} `usage` for a glob that is wrong
 */
export function compileCriteria(criteria: Criteria): Matcher {
  const { kind, size, age, nowMs, ignoreCase } = criteria;
  const tests: Matcher[] = [];
  if (kind !== undefined) tests.push((_, block, i) => block.kind(i) === kind);
  if (size) {
    tests.push((_, block, i) => block.kind(i) === Kind.file && within(block.sizeBytes(i), size));
  }
  if (age) {
    tests.push((_, block, i) => within(Math.floor(nowMs / 1000 - block.mtimeSeconds(i)), age));
  }
  if (criteria.name !== undefined) {
    const matches = compileGlob(criteria.name, "--name", ignoreCase);
    const whole = criteria.name.includes("/");
    tests.push((path) => matches(whole ? path : baseOf(path)));
  }
  if (criteria.pattern !== undefined) {
    const matches = compileGlob(criteria.pattern, "--pattern", ignoreCase);
    tests.push((path) => matches(path) || matches(baseOf(path)));
  }
  return (path, block, index) => tests.every((test) => test(path, block, index));
}

function within(amount: number, { sign, amount: limit }: Limit): boolean {
  return sign === "+" ? amount >= limit : sign === "-" ? amount <= limit : amount === limit;
}

function compileGlob(
  pattern: string,
  option: string,
  ignoreCase: boolean,
): (path: RelPath) => boolean {
  const folded = ignoreCase ? pattern.toLowerCase() : pattern;
  const alternatives = expandBraces(folded);
  if (!Array.isArray(alternatives)) throw badGlob(pattern, option, alternatives);
  const globs = (alternatives as readonly string[]).map((alternative) => {
    const glob = Glob.parse(alternative, { doubleStar: "anywhere" });
    return glob instanceof Glob ? glob : badGlob(pattern, option, glob);
  });
  for (const glob of globs) if (glob instanceof BlitError) throw glob;
  const compiled = globs as Glob[];
  return (path) => {
    const text = nameToText(path);
    const subject = ignoreCase ? text.toLowerCase() : text;
    return compiled.some((glob) => glob.matches(subject));
  };
}

function badGlob(pattern: string, option: string, fault: unknown): BlitError {
  const { problem, advice } = fault as { problem: string; advice: string };
  const shown = displayName(textToName(pattern));
  return new BlitError("usage", `${option} "${shown}": ${problem}. ${advice}`, { advice });
}
