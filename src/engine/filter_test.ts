import assert from "node:assert/strict";
import { Kind } from "../core/entry_block.ts";
import { BlitError } from "../core/error.ts";
import type { FilterRule, FilterRules } from "../core/options.ts";
import { baseOf, parentOf, textToName } from "../core/rel_path.ts";
import { Filter, type FilterDecision, type FilterScope } from "./filter.ts";
import { parseFilterFile } from "./filter_file.ts";
import { Glob } from "./filter_glob.ts";
import { compilePattern } from "./filter_pattern.ts";

const NOW_MS = 1_700_000_000_000;

/** Rules written as options are: `-x` excludes, `+x` includes, both from the command line. */
function options(...written: readonly string[]): FilterRule[] {
  return written.map((text) => ({
    action: text[0] === "+" ? "include" : "exclude",
    pattern: text.slice(1),
    origin: text[0] === "+" ? "--include" : "--exclude",
  }));
}

function compile(rules: readonly FilterRule[], more: Partial<FilterRules> = {}): Filter {
  return Filter.compile({ rules, gitignore: false, nowMs: NOW_MS, ...more });
}

/** Which paths a march would see; a path that ends in `/` is a directory. */
function seen(filter: Filter, paths: readonly string[], ignores: Record<string, string> = {}) {
  const content = (path: string) =>
    path in ignores ? new TextEncoder().encode(ignores[path]) : null;
  const scope = (path: string): FilterScope | null => {
    if (path === "") return filter.root(content(""));
    const above = scope(parentOf(path));
    if (!above || decide(above, path, Kind.directory) === "hide") return null;
    return filter.enter(above, path, baseOf(path), content(path));
  };
  const decide = (above: FilterScope, path: string, kind: Kind): FilterDecision =>
    filter.decide(above, path, baseOf(path), kind, 0, 0);
  return paths.filter((path) => {
    const isDirectory = path.endsWith("/");
    const name = textToName(isDirectory ? path.slice(0, -1) : path);
    const above = scope(parentOf(name));
    return above && decide(above, name, isDirectory ? Kind.directory : Kind.file) === "keep";
  });
}

const TREE = [
  "a/",
  "a/b/",
  "a/b/c.txt",
  "a/d.o",
  "b/",
  "b/a",
  "x.txt",
  ".env",
  "doc/a/b/",
  "doc/a/b/e",
];

Deno.test("a pattern hides what it names", async (t) => {
  const table: [string, readonly string[]][] = [
    ["*.txt", ["a/b/c.txt", "x.txt"]],
    ["a", ["a/", "a/b/", "a/b/c.txt", "a/d.o", "b/a", "doc/a/b/", "doc/a/b/e"]],
    ["a/", ["a/", "a/b/", "a/b/c.txt", "a/d.o", "doc/a/b/", "doc/a/b/e"]],
    ["/a", ["a/", "a/b/", "a/b/c.txt", "a/d.o"]],
    ["a/b", ["a/b/", "a/b/c.txt", "doc/a/b/", "doc/a/b/e"]],
    ["/a/b", ["a/b/", "a/b/c.txt"]],
    ["a/*", ["a/b/", "a/b/c.txt", "a/d.o", "doc/a/b/", "doc/a/b/e"]],
    ["/*/*.o", ["a/d.o"]],
    ["/**.txt", ["a/b/c.txt", "x.txt"]],
    ["/a**txt", ["a/b/c.txt"]],
    ["/a/**/c.txt", ["a/b/c.txt"]],
    ["/a/b/**/c.txt", ["a/b/c.txt"]],
    ["**/b/**", ["a/b/c.txt", "b/a", "doc/a/b/e"]],
    ["/a/b/***", ["a/b/", "a/b/c.txt"]],
    ["/a/**/***", ["a/b/", "a/b/c.txt"]],
    ["?.txt", ["a/b/c.txt", "x.txt"]],
    ["[!c].txt", ["x.txt"]],
    ["[[:alpha:]].{o,txt}", ["a/b/c.txt", "a/d.o", "x.txt"]],
    ["{/a/{b,d*},x.*}", ["a/b/", "a/b/c.txt", "a/d.o", "x.txt"]],
    ["*", TREE],
    ["**", TREE],
    [".*", [".env"]],
    ["X.TXT", []],
  ];
  // On Windows that is taken for a separator, and refused.
  if (Deno.build.os !== "windows") {
    table.push(["\\a", ["a/", "a/b/", "a/b/c.txt", "a/d.o", "b/a", "doc/a/b/", "doc/a/b/e"]]);
  }
  for (const [pattern, hidden] of table) {
    await t.step(`--exclude ${pattern}`, () => {
      const kept = seen(compile(options(`-${pattern}`)), TREE);
      assert.deepEqual(kept, TREE.filter((path) => !hidden.includes(path)));
    });
  }
});

Deno.test("the first rule that matches decides", () => {
  const rules = options("+keep.log", "-*.log");
  const withoutIncludeEffect = rules.map((rule) => ({ ...rule, origin: "rules:1" }));
  const paths = ["keep.log", "drop.log", "other"];
  assert.deepEqual(seen(compile(withoutIncludeEffect), paths), ["keep.log", "other"]);
  assert.deepEqual(seen(compile(withoutIncludeEffect.toReversed()), paths), ["other"]);
});

Deno.test("with --include only what is included takes part, and directories are still entered", () => {
  const paths = ["a/", "a/x.txt", "a/x.md", "y.txt", "y.md", "docs/", "docs/deep/", "docs/deep/z"];
  assert.deepEqual(
    seen(compile(options("+*.txt")), paths),
    ["a/", "a/x.txt", "y.txt", "docs/", "docs/deep/"],
  );
  assert.deepEqual(
    seen(compile(options("+docs", "+y.md")), paths),
    ["a/", "y.md", "docs/", "docs/deep/", "docs/deep/z"],
  );
  assert.deepEqual(
    seen(compile(options("-z", "+docs/")), paths),
    ["a/", "docs/", "docs/deep/"],
  );
});

Deno.test("an include does not bring back what lies below an excluded directory", () => {
  const paths = ["a/", "a/b/", "a/b/c", "a/d"];
  const file = (text: string) => parseFilterFile(new TextEncoder().encode(text), "rules");
  assert.deepEqual(seen(compile(file("+ /a/b\n- /a\n")), paths), []);
  assert.deepEqual(
    seen(compile(file("+ /a/\n+ /a/b/***\n- *\n")), paths),
    ["a/", "a/b/", "a/b/c"],
  );
});

Deno.test("names are matched in bytes, and by whole characters where a pattern counts them", () => {
  const raw = "caf\xe9.txt";
  const decide = (pattern: string, name: string) => {
    const filter = compile(options(`-${pattern}`));
    return filter.decide(filter.root(), name, name, Kind.file, 0, 0);
  };
  assert.equal(decide("caf*.txt", raw), "hide");
  assert.equal(decide("caf?.txt", raw), "hide");
  assert.equal(decide("café.txt", textToName("café.txt")), "hide");
  assert.equal(decide("café.txt", raw), "keep");
  assert.equal(decide("?", textToName("é")), "hide");
  assert.equal(decide("?", textToName("😀")), "hide");
  assert.equal(decide("??", textToName("😀")), "keep");
  assert.equal(decide("[à-ü😀]", textToName("😀")), "hide");
  assert.equal(decide("a*b", "a\nb"), "hide");
});

Deno.test("size and age limits apply to regular files alone", () => {
  const filter = compile([], {
    minSizeBytes: 10,
    maxSizeBytes: 20,
    minAgeSeconds: 60,
    maxAgeSeconds: 120,
  });
  const scope = filter.root();
  const decide = (kind: Kind, size: number, age: number) =>
    filter.decide(scope, "x", "x", kind, size, NOW_MS / 1000 - age);
  assert.equal(decide(Kind.file, 10, 60), "keep");
  assert.equal(decide(Kind.file, 20, 120), "keep");
  assert.equal(decide(Kind.file, 9, 60), "hide");
  assert.equal(decide(Kind.file, 21, 60), "hide");
  assert.equal(decide(Kind.file, 15, 59), "hide");
  assert.equal(decide(Kind.file, 15, 121), "hide");
  assert.equal(decide(Kind.file, 15, -5), "hide");
  assert.equal(decide(Kind.symlink, 0, 0), "keep");
  assert.equal(decide(Kind.directory, 0, 0), "keep");
});

Deno.test("limits that contradict each other are refused", () => {
  assert.throws(() => compile([], { minSizeBytes: 2, maxSizeBytes: 1 }), /--min-size is larger/);
  assert.throws(() => compile([], { minAgeSeconds: 2, maxAgeSeconds: 1 }), /--min-age is larger/);
});

Deno.test("a filter without rules and limits is inactive", () => {
  assert.equal(compile([]).active, false);
  assert.equal(compile(options("-a")).active, true);
  assert.equal(compile([], { gitignore: true }).active, true);
  assert.equal(compile([], { maxSizeBytes: 0 }).active, true);
});

Deno.test("gitignore and rules must both let an entry pass", () => {
  const filter = compile(options("+*.txt"), { gitignore: true });
  const paths = ["a.txt", "b.txt", "c.md", ".git/", "sub/", "sub/b.txt", "sub/d.txt"];
  assert.deepEqual(
    seen(filter, paths, { "": "b.txt\n", sub: "!b.txt\n/d.txt\n" }),
    ["a.txt", ".git/", "sub/", "sub/b.txt"],
  );
});

Deno.test("gitignore files are not looked at where they were not asked for", () => {
  const filter = compile(options("-z"));
  assert.deepEqual(seen(filter, ["a"], { "": "a\n" }), ["a"]);
});

Deno.test("a wrong pattern is refused with its place, what is wrong, and what to do", async (t) => {
  const table: [string, RegExp][] = [
    ["a[b", /^--exclude "a\[b": at character 2, this "\[" has no "\]"\. Close it/],
    ["a{b,c", /character 2, this "{" has no "}"\. Close it/],
    ["ab}", /character 3, this "}" has no "{"/],
    ["ab\\", /character 3, (the last backslash has nothing to escape|a backslash is no separator)/],
    ["[[:nope:]]", /character 2, there is no class of characters "\[:nope:\]"\. Use one of alnum/],
    ["[z-a]", /runs backwards/],
    ["😀[", /character 2, this "\["/],
    ["", /names nothing/],
    ["/", /names nothing/],
    ["a//b", /an empty component/],
    ["../x", /the component "\.\."/],
    ["./x", /the component "\."/],
    ["{a,b}".repeat(12), /more than 1000 patterns/],
    ["{a,{b,{c,d}}}".repeat(30), /more than 1000 patterns/],
  ];
  for (const [pattern, message] of table) {
    await t.step(pattern.slice(0, 20), () => {
      assert.throws(() => compile(options(`-${pattern}`)), (error) => {
        assert.ok(error instanceof BlitError);
        assert.equal(error.kind, "usage");
        assert.match(error.message, message);
        return true;
      });
    });
  }
});

Deno.test("matching stays quick for patterns made to be slow", () => {
  const deep = "a/".repeat(1500) + "a";
  const started = performance.now();
  for (
    const pattern of ["**/a/".repeat(20) + "b", "*a".repeat(30) + "b", "**a**".repeat(20) + "b"]
  ) {
    const glob = Glob.parse(pattern, { doubleStar: "anywhere" });
    assert.ok(glob instanceof Glob);
    assert.equal(glob.matches(deep), false);
    assert.equal(glob.matches("a".repeat(3000)), false);
  }
  assert.ok(performance.now() - started < 2000);
});

Deno.test("on Windows a backslash between names is refused: it would match nothing, and protect nothing", () => {
  const refusal = (pattern: string, os: typeof Deno.build.os = "windows") => {
    try {
      compilePattern({ action: "exclude", pattern, origin: "--exclude" }, undefined, os);
    } catch (error) {
      return (error as Error).message;
    }
    return null;
  };
  for (const pattern of ["data\\keep", "cache\\", "sub\\*.txt", "a\\\\b", "\\build"]) {
    const wanted = pattern.replaceAll("\\", "/");
    assert.ok(refusal(pattern)?.endsWith(`Write "${wanted}".`), `${refusal(pattern)}`);
  }
  assert.match(refusal("sub\\x")!, /at character 4, a backslash is no separator in a pattern/);
  for (const pattern of ["a\\[1\\].txt", "\\{x\\}", "\\!important", "data/keep"]) {
    assert.equal(refusal(pattern), null, pattern);
  }
  assert.equal(refusal("sub\\x", "linux"), null);
});
