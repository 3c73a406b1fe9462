import assert from "node:assert/strict";
import type { RunEvent } from "../../src/core/events.ts";
import { pause } from "../../src/core/pause.ts";
import type { RelPath } from "../../src/core/rel_path.ts";
import {
  copy,
  expectDone,
  expectNoWork,
  failedPaths,
  type Given,
  mirror,
  recordAccess,
  treeOf,
} from "./support.ts";

const rule = (action: "include" | "exclude", pattern: string) => ({
  action,
  pattern,
  origin: `--${action}`,
});
const exclude = (...patterns: string[]): Given => ({
  filter: { rules: patterns.map((pattern) => rule("exclude", pattern)) },
});
const SCOPE_ALL = { scope: "all", maxDelete: { kind: "all" } } as const;

async function* names(...paths: RelPath[]): AsyncIterable<RelPath> {
  yield* paths;
}
const from = (...paths: RelPath[]): Given => ({ request: { paths: names(...paths) } });

Deno.test("what the filter hides is not copied, and a hidden directory is never listed", async () => {
  const source = treeOf({ "a.o": "", "a.c": "", "build/x": "", "d/b.o": "", "d/b.c": "" });
  const destination = treeOf();
  const log = recordAccess(source);
  expectDone(await copy(source, destination, exclude("*.o", "build/")));
  assert.deepEqual(Object.keys(destination.snapshot()), ["a.c", "d/", "d/b.c"]);
  assert.ok(!log.includes("list build"));
});

Deno.test("mirror leaves at the destination what the filter hides, and the directories above it", async () => {
  const source = treeOf({ "keep.c": "" });
  const destination = treeOf({ "x/y/z.o": "theirs", "x/y/old.c": "", "x/q/old.c": "", "a.o": "t" });
  expectDone(await mirror(source, destination, exclude("*.o")));
  assert.deepEqual(Object.keys(destination.snapshot()), [
    "a.o",
    "keep.c",
    "x/",
    "x/y/",
    "x/y/z.o",
  ]);
});

Deno.test("--delete-scope all deletes what the filter hides, too", async () => {
  const source = treeOf({ "keep.c": "", "hidden.o": "" });
  const destination = treeOf({ "x/z.o": "", "hidden.o": "", "keep.c": "" });
  expectDone(await mirror(source, destination, { ...exclude("*.o"), delete: SCOPE_ALL }));
  assert.deepEqual(Object.keys(destination.snapshot()), ["keep.c"]);
});

Deno.test("a file does not replace a directory in which the filter may hide something", async () => {
  const destination = treeOf({ "d/x.o": "theirs", "d/old": "" });
  const ran = await mirror(treeOf({ d: "file", f: "" }), destination, exclude("*.o"));
  assert.deepEqual(failedPaths(ran), ["d"]);
  assert.ok(destination.has("d/x.o"));
});

Deno.test(".gitignore of every level is obeyed", async () => {
  const source = treeOf({
    ".gitignore": "*.log\n/out\n",
    "a.log": "",
    "out/x": "",
    "d/out/y": "",
    "d/.gitignore": "!keep.log\n",
    "d/keep.log": "",
    "d/other.log": "",
  });
  const destination = treeOf({ "b.log": "theirs" });
  const given: Given = { filter: { gitignore: true } };
  expectDone(await mirror(source, destination, given));
  assert.deepEqual(Object.keys(destination.snapshot()), [
    ".gitignore",
    "b.log",
    "d/",
    "d/.gitignore",
    "d/keep.log",
    "d/out/",
    "d/out/y",
  ]);
  expectNoWork(
    await mirror(source, destination, given).then((ran) => ({
      ...ran,
      items: ran.items.filter((item) => !item.includes("(filtered)")),
    })),
  );
});

Deno.test("size limits choose among files only", async () => {
  const source = treeOf({ small: "1", large: "12345", "d/": null });
  const destination = treeOf();
  expectDone(await copy(source, destination, { filter: { minSizeBytes: 2, maxSizeBytes: 9 } }));
  assert.deepEqual(Object.keys(destination.snapshot()), ["d/", "large"]);
});

Deno.test("named paths are copied with the directories above them, and nothing else", async () => {
  const source = treeOf({ "a/b/c": "1", "a/b/d": "2", "a/x": "3", e: "4", "f/g": "" });
  source.put("a/b", { directory: true, mode: 0o710, mtimeNs: 5n });
  const destination = treeOf({ other: "kept" });
  expectDone(await copy(source, destination, from("a/b/c", "e", "f")));
  assert.deepEqual(Object.keys(destination.snapshot()), [
    "a/",
    "a/b/",
    "a/b/c",
    "e",
    "f/",
    "other",
  ]);
  const { mode, mtimeNs } = destination.fields("a/b");
  assert.deepEqual([mode, mtimeNs], [0o710, 5n]);
  const again = expectDone(await copy(source, destination, from("a/b/c", "e", "f")));
  assert.equal(again.summary.filesTransferred, 0);
});

Deno.test("what a slow list has named is copied before its end", async () => {
  const destination = treeOf();
  const events: RunEvent[] = [];
  const list = async function* () {
    yield "a";
    const isWaiting = () => events.some(({ type }) => type === "waiting");
    while (destination.snapshot().a === undefined || !isWaiting()) {
      await pause(20, new AbortController().signal);
    }
    yield "b";
  };
  const request = { paths: list(), listener: (event: RunEvent) => void events.push(event) };
  const ran = expectDone(await copy(treeOf({ a: "1", b: "2" }), destination, { request }));
  assert.equal(ran.summary.filesCreated, 2);
  const waits = events.filter(({ type }) => type === "waiting");
  assert.deepEqual(waits, [{ type: "waiting", what: "the list of files" }]);
});

Deno.test("a path that is named twice is copied once, and is no failure", async () => {
  const source = treeOf({ a: "1", "d/b": "2", "d/c": "3" });
  const destination = treeOf();
  const named = from("a", "d", "d/b", "a", "d", "d/b", "a");
  const { summary } = expectDone(await copy(source, destination, named));
  assert.deepEqual([summary.filesCreated, summary.filesExamined], [2, 2]);
  assert.deepEqual(destination.snapshot(), { a: "1", "d/": null, "d/b": "2" });
});

Deno.test("a named path that isn't there is reported, and the others are copied", async () => {
  const destination = treeOf();
  const ran = await copy(treeOf({ a: "1", b: "2" }), destination, from("a", "gone/x", "b"));
  assert.deepEqual(failedPaths(ran), ["gone/x"]);
  assert.deepEqual(destination.snapshot(), { a: "1", b: "2" });
});

Deno.test("what a named path stands in the way of is replaced as without a list, and told in a dry run", async () => {
  const given = from("a/b/c", "empty", "full", "link/x", "same/new");
  const source = treeOf({ "a/b/c": "1", empty: "2", full: "3", "link/x": "4", "same/new/": null });
  source.put("same", { directory: true, mode: 0o710, mtimeNs: 5n });
  const destination = treeOf({ a: "file", "empty/": null, "full/old": "kept", "same/": null });
  destination.put("link", { link: "same" });
  const runs = [];
  for (const dryRun of [true, false]) {
    const paths = from("a/b/c", "empty", "full", "link/x", "same/new");
    const { summary, items, ...ran } = await copy(source, destination, {
      ...given,
      ...paths,
      dryRun,
    });
    assert.deepEqual(failedPaths({ ...ran, summary, items }), ["full"]);
    const { filesCreated, directoriesCreated, metadataUpdated } = summary;
    runs.push({ items, counts: [filesCreated, directoriesCreated, metadataUpdated] });
  }
  assert.deepEqual(runs[1], runs[0]);
  assert.deepEqual(runs[0].counts, [3, 4, 1]);
  const expected = { "a/b/c": "1", empty: "2", "full/old": "kept", "link/x": "4" };
  for (const [path, text] of Object.entries(expected)) assert.equal(destination.text(path), text);
  // What was made in it has changed its time.
  assert.equal(destination.fields("same").mtimeNs, 5n);
});

Deno.test("named paths leave alone what exists, of whatever kind, where they are to", async () => {
  const destination = treeOf({ a: "file", b: "theirs", "c/x": "" });
  const given = { ...from("a/new", "b", "c", "d"), compare: { ignoreExisting: true } };
  const { summary } = expectDone(
    await copy(treeOf({ "a/new": "", b: "ours", c: "ours", d: "1" }), destination, given),
  );
  assert.deepEqual(destination.snapshot(), {
    a: "file",
    b: "theirs",
    "c/": null,
    "c/x": "",
    d: "1",
  });
  assert.deepEqual([summary.filesCreated, summary.filesSkipped], [1, 3]);
});

Deno.test("the root gets its time where a list names nothing that is there, though the marker has touched it", async () => {
  const [source, destination] = [treeOf({ a: "1" }), treeOf()];
  await copy(source, destination, from("gone"));
  assert.equal(destination.fields("").mtimeNs, source.fields("").mtimeNs);
});

Deno.test("mirror over named paths deletes nothing", async () => {
  const destination = treeOf({ old: "x", "d/old": "" });
  expectDone(await mirror(treeOf({ "d/f": "1" }), destination, from("d/f")));
  assert.ok(destination.has("old") && destination.has("d/old"));
});

Deno.test("a filter goes for named paths, too", async () => {
  const source = treeOf({ "a/x.o": "", "a/x.c": "", "build/y.c": "" });
  const destination = treeOf();
  expectDone(
    await copy(source, destination, {
      ...exclude("*.o", "build/"),
      ...from("a/x.o", "a/x.c", "build/y.c"),
    }),
  );
  assert.deepEqual(Object.keys(destination.snapshot()), ["a/", "a/x.c"]);
});
