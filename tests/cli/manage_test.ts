/**
 * ls, du, find, rm, diagnostics and profile from the command line.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { scratch } from "../support/cli.ts";
import { need, needsSymlinks } from "../support/needs.ts";

const isWindows = Deno.build.os === "windows";
const hasLinks = needsSymlinks() === null;
/** What not every system can have. */
const SOME: Readonly<Record<string, string>> = {
  ...(hasLinks ? { "t/l": "-> a.txt" } : {}),
  ...(isWindows ? {} : { "t/n\nl": "" }),
};
const TREE = { "t/a.txt": "12345", "t/d/b.TXT": "1", "t/d/e/c": "", ...SOME };
const SOME_COUNT = Object.keys(SOME).length;

/** Those of these that this system can have. */
function possible<T extends string>(...names: T[]): T[] {
  return names.filter((name) =>
    (hasLinks || !/^(t\/)?l( ->|$)/.test(name)) && (!isWindows || !/\n|\\n/.test(name))
  );
}

Deno.test(
  "ls lists a folder in name order, with names escaped",
  scratch(async (dir) => {
    await dir.write(TREE);
    const { status, stdout } = await dir.blit("ls", "t");
    assert.equal(status, 0);
    const lines = stdout.trimEnd().split("\n");
    assert.deepEqual(
      lines.map((line) => line.split(" ").slice(-3).join(" ").replace(/.*:\d\d /, "")),
      possible("a.txt", "d/", "l -> a.txt", "n\\nl"),
    );
    assert.match(lines[0], /^-rw-r--r-- +\d+:\d+ +5 \d{4}-\d\d-\d\d \d\d:\d\d a\.txt$/);
  }),
);

Deno.test(
  "ls --json has v1's names, --recursive goes down, a file is listed itself",
  scratch(async (dir) => {
    await dir.write(TREE);
    const entries = (await dir.blit("ls", "--json", "-r", "t/")).json();
    assert.deepEqual(
      entries.map((entry: { name: string }) => entry.name).sort(),
      possible("a.txt", "d", "d/b.TXT", "d/e", "d/e/c", "l", "n\nl"),
    );
    const [first] = (await dir.blit("ls", "--json", "t/a.txt")).json();
    assert.deepEqual([first.name, first.is_dir, first.size], ["a.txt", false, 5]);
    assert.equal(typeof first.mtime_seconds, "number");
    assert.equal((await dir.blit("ls", "missing")).status, 1);
  }),
);

Deno.test(
  "du sums content and space, once for a hardlinked file, down to a depth",
  scratch(async (dir) => {
    await dir.write(TREE);
    await Deno.link(join(dir.path, "t/a.txt"), join(dir.path, "t/d/again"));
    const usage = (await dir.blit("du", "--json", "t")).json();
    // deno-lint-ignore no-explicit-any
    const of = (path: string) => usage.find((row: any) => row.path === path);
    assert.deepEqual([of("").apparent_bytes, of("").files, of("").directories], [
      6 + (hasLinks ? "a.txt".length : 0),
      4 + SOME_COUNT,
      2,
    ]);
    assert.ok(of("").allocated_bytes >= of("d").allocated_bytes);
    assert.ok(of("d/e"));
    const shallow = (await dir.blit("du", "--json", "--max-depth", "1", "t")).json();
    assert.deepEqual(shallow.map((row: { path: string }) => row.path), ["d", ""]);
    assert.match((await dir.blit("du", "t")).stdout, / t\/d\n.* t\n$/);
  }),
);

const FINDS: [args: string[], found: string[]][] = [
  [["--name", "*.txt"], ["t/a.txt"]],
  [["--name", "*.txt", "-i"], ["t/a.txt", "t/d/b.TXT"]],
  [["--name", "*.{txt,TXT}"], ["t/a.txt", "t/d/b.TXT"]],
  [["--name", "d/**"], ["t/d/b.TXT", "t/d/e", "t/d/e/c"]],
  [["--pattern", "e"], ["t/d/e"]],
  [["--type", "d"], ["t/d", "t/d/e"]],
  [["--dirs"], ["t/d", "t/d/e"]],
  [["--type", "l"], ["t/l"]],
  [["--size", "+2"], ["t/a.txt"]],
  [["--size", "1"], ["t/d/b.TXT"]],
  [["--type", "f", "--age", "+1h"], []],
  [["--type", "l", "--age", "-1h"], ["t/l"]],
  [["--type", "d", "--limit", "1"], ["t/d"]],
];

for (const [args, found] of FINDS) {
  Deno.test(
    `find ${args.join(" ")}`,
    scratch(async (dir) => {
      await dir.write(TREE);
      const ran = await dir.blit("find", "t", ...args);
      assert.equal(ran.status, 0, ran.stderr);
      assert.deepEqual(ran.stdout.split("\n").slice(0, -1).sort(), possible(...found));
    }),
  );
}

Deno.test(
  "find -0 ends paths with NUL and leaves them as they are; --json is an array",
  scratch(async (dir) => {
    need(isWindows ? "names that Windows refuses" : null);
    await dir.write(TREE);
    assert.equal((await dir.blit("find", "t", "--name", "n*", "-0")).stdout, "t/n\nl\0");
    assert.equal((await dir.blit("find", "t", "--name", "n*")).stdout, "t/n\\nl\n");
    assert.deepEqual((await dir.blit("find", "t", "--name", "x*", "--json")).json(), []);
    const [found] = (await dir.blit("find", "t", "--name", "n*", "--json")).json();
    assert.equal(found.path, "t/n\nl");
    assert.equal((await dir.blit("find", "t", "--name", "[")).status, 64);
  }),
);

Deno.test(
  "rm deletes a folder with everything in it, hardlinks, links and odd names too",
  scratch(async (dir) => {
    await dir.write({ ...TREE, keep: "x", ...(hasLinks ? { "t/abs": "-> /etc" } : {}) });
    for (const name of ["h1", "h2", "d/h3"]) {
      await Deno.link(join(dir.path, "t/a.txt"), join(dir.path, "t", name));
    }
    if (!isWindows) await Deno.chmod(join(dir.path, "t/d/e"), 0o700);
    const ran = await dir.blit("rm", "-y", "t");
    assert.equal(ran.status, 0, ran.stderr);
    assert.match(ran.stdout, new RegExp(`^Deleted ${9 + SOME_COUNT + (hasLinks ? 1 : 0)} entries`));
    assert.deepEqual(await dir.files(), { keep: "x" });
  }),
);

Deno.test(
  "rm --dry-run lists and deletes nothing; --json counts",
  scratch(async (dir) => {
    await dir.write(TREE);
    const dry = await dir.blit("rm", "-n", "t");
    assert.match(
      dry.stdout,
      /^delete {2}t\/d\/e\/c$[^]*^delete {2}t$[^]*^Would delete \d+ entries/m,
    );
    assert.ok(dry.stdout.includes(`Would delete ${6 + SOME_COUNT} entries`), dry.stdout);
    assert.deepEqual(await dir.files(), TREE);
    const json = (await dir.blit("rm", "-y", "--json", "t/d")).json();
    assert.deepEqual([json.operation, json.entries_deleted, json.files_failed], ["rm", 4, 0]);
  }),
);

Deno.test(
  "rm removes a link, never what it points to",
  scratch(async (dir) => {
    await dir.write({ "real/x": "1", link: "-> real" });
    const slash = await dir.blit("rm", "-y", "link/");
    assert.deepEqual([slash.status, /leave the slash out/.test(slash.stderr)], [1, true]);
    assert.equal((await dir.blit("rm", "-y", "link")).status, 0);
    assert.deepEqual(await dir.files(), { "real/x": "1" });
  }),
);

Deno.test(
  "rm refuses the root, the home directory, what holds it, and dots",
  scratch(async (dir) => {
    await dir.write({ "home/user/x": "1", "a/b": "1" });
    const home = join(dir.path, "home/user");
    const env = { HOME: home, USERPROFILE: home };
    for (const target of ["/", "home/user", "home", ".", "..", "a/.", "a/b/.."]) {
      const ran = await dir.blitWith({ env }, "rm", "-y", target);
      assert.equal(ran.status, 1, target);
      assert.match(ran.stderr, /Refusing to delete/, target);
    }
    assert.equal((await dir.blitWith({ env }, "rm", "-y", "--allow-root", "home")).status, 0);
    assert.deepEqual(await dir.files(), { "a/b": "1" });
  }),
);

Deno.test(
  "diagnostics perf shows predicted against actual, and can be turned off and cleared",
  scratch(async (dir) => {
    await dir.write({ "s/a": "1" });
    await dir.blit("copy", "s", "d");
    const perf = (await dir.blit("diagnostics", "perf", "--json")).json();
    assert.deepEqual([perf.enabled, perf.records.length], [true, 1]);
    assert.equal(perf.records[0].files_copied, 1);
    assert.ok("predicted_duration_ms" in perf.records[0]);
    assert.match((await dir.blit("diagnostics", "perf")).stdout, /predicted +actual\n.*copy/);
    // Without the library the names of file systems are longer than most; the columns hold all the same.
    await dir.blitWith({ env: { BLIT_NO_NATIVE: "1" } }, "copy", "s", "portable");
    const [, ...table] = (await dir.blit("diagnostics", "perf")).stdout.trimEnd().split("\n");
    assert.deepEqual(new Set(table.map((line) => line.length)).size, 1, table.join("\n"));
    await dir.blit("diagnostics", "perf", "--disable");
    await dir.blit("copy", "s", "d2");
    assert.equal((await dir.blit("diagnostics", "perf", "--json")).json().records.length, 2);
    assert.equal((await dir.blit("diagnostics", "perf", "--clear", "--enable")).status, 0);
    const after = (await dir.blit("diagnostics", "perf", "--json")).json();
    assert.deepEqual([after.enabled, after.records], [true, []]);
    assert.equal((await dir.blit("diagnostics", "perf", "--enable", "--disable")).status, 64);
  }),
);

Deno.test(
  "profile shows what was learned",
  scratch(async (dir) => {
    await dir.write({ "s/a": "1" });
    assert.match((await dir.blit("profile")).stdout, /Nothing learned yet/);
    await dir.blit("copy", "s", "d");
    assert.match((await dir.blit("profile")).stdout, /^ +1 .* copy \S+ → \S+, (native|portable)$/m);
    const { profiles } = (await dir.blit("profile", "--json")).json();
    assert.deepEqual([profiles.length, profiles[0].runs, profiles[0].profile.mode], [1, 1, "copy"]);
  }),
);

Deno.test(
  "diagnostics dump shows how a copy would go about it, and copies nothing",
  scratch(async (dir) => {
    await dir.write({ "s/a": "1" });
    const ran = await dir.blit("diagnostics", "dump", "s", "d");
    assert.equal(ran.status, 0, ran.stderr);
    assert.match(ran.stdout, /^s → .*[\\/]d[\\/]s$[^]*file system: [^]*^path: \w+, because: /m);
    const dump = (await dir.blit("diagnostics", "dump", "--json", "s", "s")).json();
    assert.match(dump.refused, /same directory|inside/);
    assert.equal(dump.source.facts.device, String(dump.source.facts.device));
    assert.deepEqual(await dir.files(), { "s/a": "1" });
  }),
);
