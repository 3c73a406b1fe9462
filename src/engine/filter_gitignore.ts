/**
 * The rules of one `.gitignore` file, with git's own meaning (gitignore(5)); judged against
 * `git check-ignore` by the test beside this file.
 *
 * Names are compared byte for byte and in their case, whatever `core.ignoreCase` says.
 *
 * @module
 */
import { bytesToName, type RelPath } from "../core/rel_path.ts";
import { Glob } from "./filter_glob.ts";
import { RuleTable, type RuleTest } from "./filter_table.ts";

const GIT = { doubleStar: "git" } as const;
const WILDCARD = /[*?[\\]/;

/** What a `.gitignore` says of an entry: nothing, hide it, or don't. */
export type IgnoreVerdict = "none" | "ignored" | "kept";

/** The rules of one `.gitignore` file. */
export class Gitignore {
  readonly #table = new RuleTable();
  /** By rule index; the rules are kept in reverse, since the last that matches decides. */
  readonly #negated: boolean[] = [];

  /** @param content the file's bytes */
  constructor(content: Uint8Array) {
    // A byte order mark is skipped, as git does.
    const text = bytesToName(content).replace(/^\xef\xbb\xbf/, "");
    for (const line of text.split("\n").reverse()) this.#addLine(line);
  }

  /** Whether the file has no rules. */
  get isEmpty(): boolean {
    return this.#table.count === 0;
  }

  /**
   * Judges one entry.
   *
   * @param name its name
   * @param path its path relative to the directory of the `.gitignore`
   */
  judge(name: RelPath, path: RelPath, isDirectory: boolean): IgnoreVerdict {
    const found = this.#table.find(name, path, isDirectory);
    return found < 0 ? "none" : this.#negated[found] ? "kept" : "ignored";
  }

  #addLine(line: string): void {
    if (line === "" || line.startsWith("#")) return;
    if (line.endsWith("\r")) line = line.slice(0, -1);
    // git reads lines as C strings: a NUL ends one.
    const nul = line.indexOf("\0");
    let pattern = trimTrailingSpaces(nul < 0 ? line : line.slice(0, nul));
    const negated = pattern.startsWith("!");
    if (negated) pattern = pattern.slice(1);
    const directoriesOnly = pattern.endsWith("/");
    if (directoriesOnly) pattern = pattern.slice(0, -1);
    const test = pattern.includes("/") ? pathTest(pattern) : nameTest(pattern);
    if (!test) return;
    this.#table.add([{ ...test, directoriesOnly }]);
    this.#negated.push(negated);
  }
}

/** Drops spaces at the end that no backslash escapes; tabs stay, as git leaves them. */
function trimTrailingSpaces(line: string): string {
  let end = 0;
  for (let i = 0; i < line.length; i++) {
    if (line[i] === "\\") {
      // A backslash that ends the line escapes nothing: git then trims nothing at all.
      if (++i === line.length) return line;
      end = i + 1;
    } else if (line[i] !== " ") end = i + 1;
  }
  return line.slice(0, end);
}

/** A pattern without `/`: it is compared with the name. */
function nameTest(pattern: string): RuleTest | null {
  if (pattern === "") return null;
  if (!WILDCARD.test(pattern)) return { kind: "name", name: pattern };
  const rest = pattern.slice(1);
  if (pattern[0] === "*" && !WILDCARD.test(rest)) {
    return { kind: "test", test: (name) => name.endsWith(rest) };
  }
  const glob = Glob.parse(pattern, GIT);
  return glob instanceof Glob ? { kind: "test", test: (name) => glob.matches(name) } : null;
}

/** A pattern with `/`: it is compared with the path from the `.gitignore` on. */
function pathTest(pattern: string): RuleTest | null {
  if (pattern[0] === "/") pattern = pattern.slice(1);
  const wildcardAt = pattern.search(WILDCARD);
  if (wildcardAt < 0) return pattern === "" ? null : { kind: "path", path: pattern };
  // git compares what stands before the first wildcard literally and matches only the rest as a glob. So
  // in "foo**/bar" the stars begin the glob, and cross "/" as if they were a whole component.
  const prefix = pattern.slice(0, wildcardAt);
  const glob = Glob.parse(pattern.slice(wildcardAt), GIT);
  if (!(glob instanceof Glob)) return null;
  return {
    kind: "test",
    test: (_name, path) => path.startsWith(prefix) && glob.matches(path, prefix.length),
  };
}
