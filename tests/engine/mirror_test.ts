import assert from "node:assert/strict";
import { Kind } from "../../src/core/entry_block.ts";
import { BlitError } from "../../src/core/error.ts";
import { isMarkerName, isStagedName, stagedName } from "../../src/core/staged_name.ts";
import {
  changes,
  copy,
  expectDone,
  expectEqualTrees,
  expectNoWork,
  failedPaths,
  failOn,
  manyFiles,
  mirror,
  onceBefore,
  recordAccess,
  see,
  stagedLeft,
  treeOf,
} from "./support.ts";

Deno.test("mirror removes files, links, FIFOs and whole directories that only the destination has", async () => {
  const source = treeOf({ "d/keep": "1" });
  const destination = treeOf({
    "d/keep": "0",
    "d/old": "x",
    "gone/a/b": "x",
    "gone/empty/": null,
    link: { link: "d" },
    pipe: { special: Kind.fifo },
  });
  const { summary } = expectDone(await mirror(source, destination));
  assert.equal(summary.entriesDeleted, 7);
  await expectEqualTrees(source, destination);
});

Deno.test("mirror removes all names of a file with several", async () => {
  const destination = treeOf({ a: "x", b: { hardlink: "a" }, "d/c": { hardlink: "a" }, keep: "" });
  const source = treeOf({ keep: "" });
  expectDone(await mirror(source, destination));
  assert.deepEqual(Object.keys(destination.snapshot()), ["keep"]);
});

Deno.test("mirror keeps an empty directory that the source has", async () => {
  const source = treeOf({ "empty/": null, f: "" });
  const destination = treeOf({ "empty/": null, f: "" });
  expectDone(await mirror(source, destination));
  assert.ok(destination.has("empty"));
});

Deno.test("mirror refuses an empty source and deletes nothing", async () => {
  const destination = treeOf({ a: "x" });
  await assert.rejects(mirror(treeOf(), destination), { kind: "refused" });
  assert.deepEqual(destination.snapshot(), { a: "x" });
});

Deno.test("mirror empties the destination where an empty source is allowed", async () => {
  const destination = treeOf({ a: "x", "d/b": "y" });
  expectDone(await mirror(treeOf(), destination, { delete: { allowEmptySource: true } }));
  assert.deepEqual(destination.snapshot(), {});
});

Deno.test("an unreadable root of the source is no empty source: mirror deletes nothing", async () => {
  const [source, destination] = [treeOf({ a: "" }), treeOf({ b: "x" })];
  failOn(source, "list", "", "io");
  const ran = await mirror(source, destination, { delete: { allowEmptySource: true } });
  assert.equal(ran.summary.outcome, "partial");
  assert.deepEqual(destination.snapshot(), { b: "x" });
});

Deno.test("a copy, which deletes nothing, tells of nothing that it spared", async () => {
  for (const [run, spared] of [[copy, 0], [mirror, 1]] as const) {
    const [source, destination] = [treeOf({ "secret/a": "1", b: "" }), treeOf({ "secret/": null })];
    failOn(source, "list", "secret");
    const ran = await run(source, destination);
    assert.equal(ran.summary.entriesProtected, spared);
  }
  const [source, destination] = [treeOf({ a: "", b: "" }), treeOf({ "a/full": "", b: "1" })];
  const hidden = { action: "exclude", pattern: "b", origin: "--exclude" } as const;
  const filter = { rules: [hidden], gitignore: false, nowMs: 0 };
  const ran = await copy(source, destination, { filter });
  assert.equal(ran.summary.filesFailed, 1);
  assert.equal(ran.summary.entriesProtected, 0);
});

Deno.test("mirror deletes nothing below a source directory that could not be read, and only there", async () => {
  const source = treeOf({ "secret/a": "1", "open/a": "1" });
  const destination = treeOf({ "secret/old": "x", "secret/d/old": "x", "open/old": "x", old: "x" });
  failOn(source, "list", "secret");
  const ran = await mirror(source, destination);
  assert.deepEqual(failedPaths(ran), ["secret"]);
  assert.equal(ran.summary.outcome, "partial");
  assert.deepEqual(Object.keys(destination.snapshot()), [
    "open/",
    "open/a",
    "secret/",
    "secret/d/",
    "secret/d/old",
    "secret/old",
  ]);
});

Deno.test("mirror deletes nothing in a directory whose source listing broke off midway", async () => {
  const source = treeOf({ ...manyFiles(5000, "d/b"), "e/f": "" });
  const destination = treeOf({ "d/a": "x", "d/b000007x": "x", "d/a_dir/f": "x", "e/old": "x" });
  // Moved away while it is listed: the first block is whole, the last one says that it failed.
  let seen = 0;
  source.onAccess = (operation, path) => {
    if (operation === "read metadata of" && path.startsWith("d/") && ++seen === 4500) {
      source.move("d", "elsewhere");
    }
  };
  const ran = await mirror(source, destination);
  assert.ok(ran.events.some((event) => event.type === "failure" && event.path === "d"));
  for (const kept of ["d/a", "d/b000007x", "d/a_dir/f"]) assert.ok(destination.has(kept), kept);
  assert.ok(!destination.has("e/old"));
});

Deno.test("an extraneous directory that could not be read stays, with the directories above it", async () => {
  const source = treeOf({ f: "" });
  const destination = treeOf({ f: "", "x/y/locked/a": "", "x/y/b": "", "x/z/c": "" });
  failOn(destination, "list", "x/y/locked");
  const ran = await mirror(source, destination);
  assert.deepEqual(failedPaths(ran), ["x/y/locked"]);
  assert.deepEqual(Object.keys(destination.snapshot()), [
    "f",
    "x/",
    "x/y/",
    "x/y/locked/",
    "x/y/locked/a",
  ]);
});

Deno.test("an entry of the destination that can't be looked at is a failure and protects its directory", async () => {
  const destination = treeOf({ f: "", "x/bad": "", "x/good": "" });
  failOn(destination, "read metadata of", "x/bad", "io");
  const ran = await mirror(treeOf({ f: "" }), destination);
  assert.deepEqual(failedPaths(ran), ["x/bad"]);
  assert.deepEqual(Object.keys(destination.snapshot()), ["f", "x/", "x/bad"]);
});

Deno.test("a source file that vanished mid-run does not stop deletions elsewhere", async () => {
  const source = treeOf({ "a/f": "1", gone: "2" });
  const destination = treeOf({ old: "x", "a/old": "x" });
  onceBefore(source, (operation, path) => operation === "open" && path === "gone", () => {
    source.drop("gone");
  });
  const ran = await mirror(source, destination);
  assert.deepEqual(failedPaths(ran), ["gone"]);
  assert.deepEqual(destination.snapshot(), { "a/": null, "a/f": "1" });
});

Deno.test("mirror deletes only after all copying is done", async () => {
  const source = treeOf({ "a/f": "new", z: "new" });
  const destination = treeOf({ "a/f": "o", "b/old": "x", "a/old": "x" });
  const log = recordAccess(destination);
  expectDone(await mirror(source, destination));
  const steps = changes(log).map((line) => line.replace(/\.blit-\S+/, "staged"));
  const lastCopied = steps.findLastIndex((line) => /^(rename|create) /.test(line));
  const firstDeleted = steps.findIndex((line) => /^remove (b|a\/old)/.test(line));
  assert.ok(lastCopied >= 0 && lastCopied < firstDeleted, steps.join("\n"));
});

Deno.test("an extraneous file that changed since it was listed is kept and reported", async () => {
  const destination = treeOf({ keep: "", old: "x" });
  onceBefore(destination, (operation, path) => operation === "create" && path === "fresh", () => {
    destination.put("old", "precious");
  });
  const ran = await mirror(treeOf({ keep: "", fresh: "1" }), destination);
  assert.deepEqual(failedPaths(ran), ["old"]);
  assert.equal(destination.text("old"), "precious");
});

Deno.test("mirror refuses to delete over half and over a hundred entries; the copies are kept", async () => {
  const source = treeOf({ "d/new": "1", f000000: "0" });
  const destination = treeOf(manyFiles(150));
  const ran = await mirror(source, destination);
  assert.equal(ran.error?.kind, "refused");
  assert.match(ran.error!.message, /149 of 150 .*--max-delete 149/);
  assert.deepEqual([ran.summary.outcome, ran.summary.entriesDeleted], ["failed", 0]);
  assert.equal(Object.keys(destination.snapshot()).length, 152);
  assert.equal(destination.text("d/new"), "1");
  const { mtimeNs } = source.fields("d");
  assert.equal(destination.fields("d").mtimeNs, mtimeNs);
  assert.deepEqual(stagedLeft(destination), []);
});

Deno.test("up to a hundred deletions need no --max-delete, and neither does up to half", async () => {
  const few = treeOf(manyFiles(101));
  expectDone(await mirror(treeOf({ f000000: "0" }), few));
  const half = treeOf(manyFiles(400));
  expectDone(await mirror(treeOf(manyFiles(200)), half));
  assert.equal(Object.keys(half.snapshot()).length, 200);
});

Deno.test("--max-delete is a limit as a number, a percentage or none, judged on the full plan", async () => {
  const with20 = () => treeOf(manyFiles(20));
  const source = treeOf(manyFiles(10));
  const limited = async (maxDelete: Parameters<typeof mirror>[2]) => {
    const destination = with20();
    const ran = await mirror(source, destination, maxDelete);
    return [ran.error?.kind ?? "done", Object.keys(destination.snapshot()).length];
  };
  assert.deepEqual(await limited({ delete: { maxDelete: { kind: "count", count: 9 } } }), [
    "refused",
    20,
  ]);
  assert.deepEqual(await limited({ delete: { maxDelete: { kind: "count", count: 10 } } }), [
    "done",
    10,
  ]);
  assert.deepEqual(await limited({ delete: { maxDelete: { kind: "percent", percent: 49 } } }), [
    "refused",
    20,
  ]);
  assert.deepEqual(await limited({ delete: { maxDelete: { kind: "percent", percent: 50 } } }), [
    "done",
    10,
  ]);
  assert.deepEqual(await limited({ delete: { maxDelete: { kind: "all" } } }), ["done", 10]);
});

Deno.test("the contents of a directory that a file replaces count towards the limit", async () => {
  const source = treeOf({ d: "file", keep: "" });
  const destination = treeOf({ ...manyFiles(150, "d/f"), keep: "" });
  const ran = await mirror(source, destination);
  assert.equal(ran.error?.kind, "refused");
  assert.ok(destination.has("d/f000149"));
  assert.deepEqual(stagedLeft(destination), []);
});

Deno.test("a file replaces a directory after the copies, and the directory goes last", async () => {
  const source = treeOf({ d: "file", "e/f": "1" });
  const destination = treeOf({ "d/a/b": "x", "d/c": "x" });
  const log = recordAccess(destination);
  expectDone(await mirror(source, destination));
  const at = (pattern: RegExp) => log.findIndex((line) => pattern.test(line));
  const moved = at(/^rename \.blit-[0-9a-f]{16}-\d+$/);
  assert.ok(at(/^create e\/f$/) < moved && moved < at(/^remove \.blit-/), log.join("\n"));
  await expectEqualTrees(source, destination);
});

Deno.test("what was moved aside and can't be removed is a failure, and the next run removes it", async () => {
  const source = treeOf({ "d/f": "new" });
  const destination = treeOf({ d: "old" });
  destination.onAccess = (operation, path) =>
    operation === "remove" && isStagedName(path) && !isMarkerName(path)
      ? new BlitError("no_space", "injected")
      : undefined;
  const ran = await mirror(source, destination, { delete: { maxDelete: { kind: "all" } } });
  assert.deepEqual(failedPaths(ran), stagedLeft(destination).filter((path) => !isMarkerName(path)));
  assert.equal(ran.summary.failures[0].kind, "no_space");
  destination.onAccess = undefined;
  expectDone(await mirror(source, destination, { delete: { maxDelete: { kind: "all" } } }));
  await expectEqualTrees(source, destination);
});

Deno.test("a file that became a directory after it was listed replaces none", async () => {
  const source = treeOf({ d: "file", x: "new" });
  const destination = treeOf({ "d/a": "kept", "gone/b": "", x: "" });
  onceBefore(destination, (operation, path) => operation === "list" && path === "d", () => {
    source.drop("d");
    source.put("d", { directory: true });
  });
  const ran = await mirror(source, destination);
  assert.deepEqual(failedPaths(ran), ["d"]);
  assert.equal(ran.summary.failures[0].kind, "changed");
  assert.deepEqual(destination.snapshot(), { "d/": null, "d/a": "kept", x: "new" });
  expectDone(await mirror(source, destination));
  await expectEqualTrees(source, destination);
});

Deno.test("a directory that holds something unreadable is not replaced by a file", async () => {
  const source = treeOf({ d: "file", x: "" });
  const destination = treeOf({ "d/locked/a": "precious", "d/b": "y" });
  failOn(destination, "list", "d/locked");
  const ran = await mirror(source, destination);
  assert.deepEqual(failedPaths(ran), ["d", "d/locked"]);
  assert.equal(ran.summary.entriesDeleted, 0);
  assert.deepEqual(Object.keys(destination.snapshot()), [
    "d/",
    "d/b",
    "d/locked/",
    "d/locked/a",
    "x",
  ]);
});

Deno.test("a directory replaces a file, and a file of another kind the other", async () => {
  const source = treeOf({ "a/b": "1", l: "file", f: { link: "x" } });
  const destination = treeOf({ a: "file", l: { link: "y" }, f: "file" });
  expectDone(await mirror(source, destination));
  await expectEqualTrees(source, destination);
  assert.deepEqual(stagedLeft(destination), []);
});

Deno.test("a file is not lost to a source directory of its name that can't be read", async () => {
  const source = treeOf({ "d/a": "1", f: "" });
  const destination = treeOf({ d: "precious" });
  failOn(source, "list", "d");
  for (const run of [copy, mirror]) {
    const ran = await run(source, destination);
    assert.deepEqual(failedPaths(ran), ["d"]);
    assert.equal(destination.text("d"), "precious");
  }
});

Deno.test("copy replaces an empty directory by a file, and refuses one that isn't empty", async () => {
  const source = treeOf({ empty: "1", full: "2", "x/": null });
  const destination = treeOf({ "empty/": null, "full/f": "precious" });
  const ran = await copy(source, destination);
  assert.deepEqual(failedPaths(ran), ["full"]);
  assert.deepEqual(destination.snapshot(), {
    empty: "1",
    "full/": null,
    "full/f": "precious",
    "x/": null,
  });
});

Deno.test("at the root of a file system its own folders stay; elsewhere they are like any other", async () => {
  const own = ["lost+found", ".Trash-1000", "System Volume Information"];
  const spec = Object.fromEntries(own.map((name) => [`${name}/f`, "x"]));
  const root = treeOf({ ...spec, "d/lost+found/f": "x", f: "" }, { facts: { isFsRoot: true } });
  expectDone(await mirror(treeOf({ f: "" }), root));
  assert.deepEqual(own.filter((name) => root.has(`${name}/f`)), own);
  assert.ok(!root.has("d"));
  const plain = treeOf({ ...spec, f: "" });
  expectDone(await mirror(treeOf({ f: "" }), plain));
  assert.deepEqual(Object.keys(plain.snapshot()), ["f"]);
});

Deno.test("copy deletes nothing", async () => {
  const destination = treeOf({ "a/old": "x", old: "y" });
  expectDone(await copy(treeOf({ "a/f": "" }), destination));
  assert.deepEqual(destination.snapshot(), { "a/": null, "a/f": "", "a/old": "x", old: "y" });
});

Deno.test("staged names of other runs are swept from directories that are walked, and counted", async () => {
  const staged = stagedName(77n << 20n, 3);
  const source = treeOf({ "d/f": "1", [`d/${staged}`]: "somebody's" });
  const destination = treeOf({ [`d/${staged}`]: "half", "d/f": "1" });
  const { summary } = expectDone(await mirror(source, destination));
  assert.deepEqual(stagedLeft(destination), []);
  assert.deepEqual(stagedLeft(source), [`d/${staged}`]);
  assert.equal(summary.stagedSkipped, 2);
});

Deno.test("a second mirror does nothing and asks for no change", async () => {
  const source = treeOf({ "a/b/c": "1", l: { link: "a" }, "e/": null, h: { hardlink: "a/b/c" } });
  const destination = treeOf({ old: "x" });
  expectDone(await mirror(source, destination));
  const before = await see(destination);
  expectNoWork(await mirror(source, destination));
  assert.deepEqual(await see(destination), before);
});
