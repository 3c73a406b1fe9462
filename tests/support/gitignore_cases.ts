/**
 * Hostile trees with `.gitignore` files, what blit hides of them, and what git says.
 *
 * @module
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { spawnSync } from "node:child_process";
import process from "node:process";
import fc from "fast-check";
import { Kind } from "../../src/core/entry_block.ts";
import { baseOf, nameToBytes, parentOf, type RelPath } from "../../src/core/rel_path.ts";
import { Filter, type FilterScope } from "../../src/engine/filter.ts";

/** A tree as git needs it: `.gitignore` contents by directory, and what is asked about. */
export interface Case {
  /** Directory path to content, both byte strings; these directories are made on disk. */
  readonly ignores: ReadonlyMap<RelPath, string>;
  readonly directories: readonly RelPath[];
  /** Not made on disk: git takes what isn't there for a file. So their names may be any bytes. */
  readonly files: readonly RelPath[];
}

const FILTER = Filter.compile({ rules: [], gitignore: true, nowMs: 0 });

/** What a march with the filter would hide, one answer per path. */
export function hiddenByBlit({ ignores, directories, files }: Case): boolean[] {
  const content = (path: RelPath) => {
    const text = ignores.get(path);
    return text === undefined ? null : nameToBytes(text);
  };
  const scopes = new Map<RelPath, FilterScope | null>([["", FILTER.root(content(""))]]);
  const decide = (path: RelPath, kind: Kind): boolean => {
    const scope = scopeOf(parentOf(path));
    return !scope || FILTER.decide(scope, path, baseOf(path), kind, 0, 0) === "hide";
  };
  const scopeOf = (path: RelPath): FilterScope | null => {
    const known = scopes.get(path);
    if (known !== undefined) return known;
    const hidden = decide(path, Kind.directory);
    const above = scopeOf(parentOf(path));
    const scope = hidden ? null : FILTER.enter(above!, path, baseOf(path), content(path));
    scopes.set(path, scope);
    return scope;
  };
  return [
    ...directories.map((path) => decide(path, Kind.directory)),
    ...files.map((path) => decide(path, Kind.file)),
  ];
}

/** What `git check-ignore` says of the same paths, in an empty repository at `root`. */
export function hiddenByGit({ ignores, directories, files }: Case, root: string): boolean[] {
  try {
    for (const path of directories) Deno.mkdirSync(`${root}/${asText(path)}`, { recursive: true });
    for (const [path, content] of ignores) {
      Deno.writeFileSync(`${root}/${asText(path)}/.gitignore`, nameToBytes(content));
    }
    // "./" keeps a name that begins with ":" from being read as pathspec magic.
    const asked = [...directories, ...files].map((path) => `./${path}`);
    const input = nameToBytes(asked.map((path) => `${path}\0`).join(""));
    const output = git(root, ["check-ignore", "--no-index", "-z", "-v", "-n", "--stdin"], input);
    // Four fields an answer: file, line, pattern, path.
    const fields = output.split("\0");
    return asked.map((path, i) => {
      assert.equal(fields[i * 4 + 3], path);
      const pattern = fields[i * 4 + 2];
      return pattern !== "" && !pattern.startsWith("!");
    });
  } finally {
    for (const { name } of [...Deno.readDirSync(root)]) {
      if (name !== ".git") Deno.removeSync(`${root}/${name}`, { recursive: true });
    }
  }
}

/** Runs git without anybody's settings. */
export function git(cwd: string, args: readonly string[], input?: Uint8Array): string {
  const env = {
    ...process.env,
    GIT_CONFIG_GLOBAL: "/dev/null",
    GIT_CONFIG_NOSYSTEM: "1",
  };
  const run = spawnSync("git", ["-c", "core.excludesFile=", ...args], { cwd, input, env });
  assert.ok(run.status === 0 || run.status === 1, run.stderr.toString());
  return run.stdout.toString("latin1");
}

function asText(path: RelPath): string {
  return Buffer.from(path, "latin1").toString("utf8");
}

/** Byte string of text. */
function asBytes(text: string): RelPath {
  return Buffer.from(text, "utf8").toString("latin1");
}

const directoryName = fc.constantFrom(
  ...["a", "b", "ab", "foo", "A", "a b", "x.d", "[a]", "\\a", "!a", "#a", "é", "a-", "**", " "],
).map(asBytes);
const fileName = fc.oneof(
  { weight: 4, arbitrary: directoryName },
  fc.constantFrom(
    "a.txt",
    "foo.o",
    "b ",
    "a\t",
    "a\r",
    "a\nb",
    "\xff",
    "\xc3",
    "]",
    "-",
    "^",
    "a+b",
    "{a}",
  ),
  fc.string({ minLength: 1, maxLength: 3, unit: fc.constantFrom(...[..."ab[]\\*?!^-:. "]) })
    .filter((name) => name !== "." && name !== ".."),
);

const tree = fc.record({
  directories: fc.uniqueArray(
    fc.array(directoryName, { minLength: 1, maxLength: 3 }).map((parts) => parts.join("/")),
    { minLength: 1, maxLength: 5 },
  ),
  files: fc.array(fc.tuple(fc.nat(), fileName, fc.option(fileName)), {
    minLength: 1,
    maxLength: 8,
  }),
}).map(({ directories, files }) => {
  // Every directory on the way exists too.
  const all = new Set<RelPath>();
  for (const path of directories) {
    for (let above = path; above !== ""; above = parentOf(above)) all.add(above);
  }
  const homes = ["", ...all];
  const paths = new Set<RelPath>();
  for (const [home, name, above] of files) {
    const parts = [homes[home % homes.length], above ?? "", name];
    paths.add(parts.filter((part) => part !== "").join("/"));
  }
  return { directories: [...all], files: [...paths].filter((path) => !all.has(path)) };
});

/** Pieces that a pattern is made of, where it isn't made from a path. */
const piece = fc.oneof(
  fc.constantFrom("a", "b", "o", "foo", "A", ".", " ", "\xc3\xa9", "\xff", "-", "{a}", "+"),
  fc.constantFrom("/", "*", "**", "?", "**/", "/**", "/**/", "***", "\\", "\\ ", "\\/", "!", "#"),
  fc.constantFrom(
    "[a]",
    "[!a]",
    "[^a]",
    "[a-c]",
    "[c-a]",
    "[]a]",
    "[!]a]",
    "[a-]",
    "[-a]",
    "[\\]a]",
  ),
  fc.constantFrom("[[:alpha:]]", "[![:space:]]", "[[:nope:]]", "[[:punct:]a]", "[[:a]", "[[:", "["),
  fc.constantFrom("[a\\-c]", "[\xc3]", "[a/b]", "[*?]", "[\\", "[a-\\c]", "[[:alpha:]-z]", "]"),
);

/** Turns a path into a pattern that has a chance to match it. */
function disguise(path: string, seed: readonly number[]): string {
  let pattern = "";
  for (let i = 0; i < path.length; i++) {
    const char = path[i];
    const die = seed[i % seed.length] % 16;
    if (char === "/") pattern += die < 3 ? "/**/" : die === 4 ? "**/" : die === 5 ? "*/" : "/";
    else if (die === 0) pattern += "*";
    else if (die === 1) pattern += "?";
    else if (die === 2) pattern += `[${char}]`;
    else if (die === 3) pattern += `\\${char}`;
    else if (die === 4) pattern += "**";
    else if (die === 5) pattern += `${char}*`;
    else if (die === 6) pattern += `[!${char}]`;
    else pattern += char;
  }
  return pattern;
}

/** A tree with patterns that are made from its paths, or of pieces that mean something. */
export const hostileCase: fc.Arbitrary<Case> = tree.chain(({ directories, files }) => {
  const pattern = fc.oneof(
    {
      weight: 1,
      arbitrary: fc.array(piece, { minLength: 1, maxLength: 5 }).map((p) => p.join("")),
    },
    {
      weight: 3,
      arbitrary: fc.tuple(
        fc.constantFrom(...directories, ...files),
        fc.nat({ max: 3 }),
        fc.array(fc.nat(), { minLength: 4, maxLength: 12 }),
      ).map(([path, skipped, seed]) =>
        disguise(path.split("/").slice(skipped).join("/") || path, seed)
      ),
    },
  );
  const line = fc.tuple(
    fc.constantFrom("", "", "", "!", "/", "**/", "!/", "#", " "),
    pattern,
    fc.constantFrom(
      "",
      "",
      "",
      "",
      "/",
      "/*",
      "/**",
      " ",
      "  ",
      "\\ ",
      "\t",
      "\r",
      "\0x",
      "\r\r",
      "\\",
    ),
  ).map((parts) => parts.join(""));
  const file = fc.tuple(
    fc.constantFrom("", "", "", "\xef\xbb\xbf"),
    fc.array(line, { minLength: 1, maxLength: 5 }),
    fc.constantFrom("\n", "", "\r\n"),
  ).map(([mark, lines, end]) => mark + lines.join(end === "" ? "\n" : end) + end);
  return fc.record({
    directories: fc.constant(directories),
    files: fc.constant(files),
    ignores: fc.uniqueArray(fc.tuple(fc.constantFrom("", ...directories), file), {
      selector: ([path]) => path,
      minLength: 1,
      maxLength: 3,
    }).map((entries) => new Map(entries)),
  });
});

/** What random cases seldom hit: each pattern with a path that it is about. */
const NAMED: readonly [pattern: string, file: string, directory?: string][] = [
  // "**" that is no whole component is "*", but right behind the literal beginning it is one.
  ["/a**b", "a/x/b"],
  ["?a**b/c", "xa/b/c"],
  ["foo**/bar", "foo/x/bar"],
  ["foo**", "foo/x/y"],
  ["/x/foo**", "x/foo/y"],
  ["a/**", "x", "a"],
  ["**/a", "a"],
  ["a/**/b", "a/b"],
  ["a/**\\/b", "a/b"],
  ["*\n!a/", "a/b", "a"],
  ["a/\n!a/b", "a/b", "a"],
  ["/*\n!/a\n/a/*\n!/a/b", "a/b", "a"],
  ["a/", "a"],
  ["a\\", "a"],
  ["\\a", "a"],
  ["x\\  ", "x "],
  ["x  ", "x"],
  ["x\t", "x\t"],
  ["\\#a", "#a"],
  ["\\!a", "!a"],
  ["x\r", "x\r"],
  ["[[:space:]]", "\v"],
  ["[a-\\c]", "b"],
  ["[]-a]", "^"],
  ["[!]a-]", "-"],
  ["[a/]b", "a/b"],
  ["a[/]b", "a/b"],
  ["*", ".hidden"],
  ["A", "a"],
];

/** Cases that random ones seldom hit. */
export const NAMED_CASES: readonly Case[] = NAMED.map(([pattern, file, directory]) => ({
  ignores: new Map([["", pattern]]),
  directories: directory === undefined ? [] : [directory],
  files: [file],
}));
