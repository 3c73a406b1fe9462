import assert from "node:assert/strict";
import { textToName } from "../../src/core/rel_path.ts";
import type { TreeSpec } from "../../src/tree/memory.ts";
import { BlitError } from "../../src/core/error.ts";
import {
  copy,
  expectDone,
  expectNoWork,
  failedPaths,
  mirror,
  move,
  runTrees,
  treeOf,
} from "./support.ts";

const composed = textToName("caf\u00e9");
const decomposed = textToName("cafe\u0301");

Deno.test("a file that differs from its destination in case alone is neither pruned nor copied again", async () => {
  const source = treeOf({ "README": "new", "Docs/Guide": "1" });
  const destination = treeOf({ "readme": "old!", "docs/GUIDE": "0!" }, { foldsCase: true });
  expectDone(await mirror(source, destination));
  assert.equal(Object.keys(destination.snapshot()).length, 3);
  assert.deepEqual([destination.text("README"), destination.text("Docs/Guide")], ["new", "1"]);
  expectNoWork(await mirror(source, destination));
});

Deno.test("the two Unicode forms of a name are one entry where the destination says so", async () => {
  const source = treeOf({ [composed]: "new", "d/": null });
  const destination = treeOf({ [decomposed]: "old!", "d/": null }, { normalisesUnicode: true });
  expectDone(await mirror(source, destination));
  assert.equal(destination.text(composed), "new");
  expectNoWork(await mirror(source, destination));
  const exact = treeOf({ [decomposed]: "old!", "d/": null });
  expectDone(await mirror(source, exact));
  assert.deepEqual(Object.keys(exact.snapshot()), [composed, "d/"]);
});

Deno.test("a name that ends in dots is its entry's on a destination that leaves them out", async () => {
  const source = treeOf({ "R.E.M./Green": "1", "etc.": "new" });
  const destination = treeOf({}, { foldsCase: true, dropsFinalDots: true });
  expectDone(await mirror(source, destination));
  assert.deepEqual(destination.snapshot(), { "R.E.M/": null, "R.E.M/Green": "1", etc: "new" });
  expectNoWork(await mirror(source, destination));
  const both = treeOf({ "etc": "1", "etc.": "2" });
  const ran = await mirror(both, treeOf({}, { dropsFinalDots: true }));
  assert.deepEqual(failedPaths(ran), ["etc."]);
});

Deno.test("two source names that land on one entry are an error for the second", async () => {
  const source = treeOf({ "d/A": "1", "d/a": "2", "E/x": "3", "e/y": "4" });
  for (const spec of [{}, { "d/a": "0!" }] as TreeSpec[]) {
    const destination = treeOf(spec, { foldsCase: true });
    const ran = await mirror(source, destination);
    assert.deepEqual(failedPaths(ran), ["d/a", "e"]);
    assert.match(
      ran.summary.failures.map(({ message }) => message).join(),
      /takes its name for "A"/,
    );
    assert.equal(destination.text("d/a"), "1");
    assert.ok(destination.has("E/x") && !destination.has("E/y"));
  }
});

Deno.test("a name that isn't UTF-8 is no other name's on a folding destination", async () => {
  // Its bytes are the characters of the other one.
  const raw = "caf\xe9";
  const source = treeOf({ [composed]: "new", [raw]: "other" });
  const destination = treeOf({ [raw]: "old!" }, { foldsCase: true, normalisesUnicode: true });
  expectDone(await mirror(source, destination));
  assert.deepEqual([destination.text(composed), destination.text(raw)], ["new", "other"]);
});

Deno.test("what only a folding destination has is still deleted", async () => {
  const destination = treeOf({ Old: "", "dir/x": "", f: "" }, { foldsCase: true });
  expectDone(await mirror(treeOf({ F: "" }), destination));
  assert.deepEqual(Object.keys(destination.snapshot()), ["F"]);
});

Deno.test("a hidden source name protects the entry that it folds to", async () => {
  const rules = [{ action: "exclude", pattern: "README", origin: "--exclude" } as const];
  const source = treeOf({ README: "hidden", f: "" });
  const destination = treeOf({ readme: "theirs", f: "" }, { foldsCase: true });
  expectDone(await mirror(source, destination, { filter: { rules } }));
  assert.equal(destination.text("readme"), "theirs");
  const all = { scope: "all" } as const;
  expectDone(await mirror(source, destination, { filter: { rules }, delete: all }));
  assert.ok(!destination.has("readme"));
});

Deno.test("a directory whose source listing fails is protected on a folding destination, too", async () => {
  const source = treeOf({ "D/f": "", g: "" });
  source.onAccess = (operation, path) => {
    if (operation === "list" && path === "D") source.drop("D");
  };
  const destination = treeOf({ "d/old": "", g: "" }, { foldsCase: true });
  const ran = await copy(source, destination);
  assert.deepEqual(failedPaths(ran), ["D"]);
  assert.ok(destination.has("d/old"));
});

Deno.test("a folding destination ends with the source's case, whether or not content is copied", async () => {
  const T = 1_500_000_000_000_000_000n;
  const file = { content: "same", mtimeNs: T };
  const spec = { "Docs/GUIDE": file, "Docs/Sub/new": "1", "README": "new", "same": file };
  for (const run of [copy, mirror]) {
    const source = treeOf(spec);
    const destination = treeOf({
      "docs/guide": file,
      "docs/SUB/old": "0",
      "readme": "old!",
      "same": file,
    }, { foldsCase: true });
    const planned = await run(source, destination, { dryRun: true });
    const recased = ["rename Docs (case)", "rename Docs/GUIDE (case)", "rename Docs/Sub (case)"];
    assert.deepEqual(
      planned.items.filter((item) => item.startsWith("rename")),
      [...recased, "rename README (case)"],
    );
    assert.ok(destination.snapshot()["docs/"] === null);
    const ran = expectDone(await run(source, destination));
    const kept = run === copy ? { "Docs/Sub/old": "0" } : {};
    assert.deepEqual(
      destination.snapshot(),
      { ...treeOf(spec).snapshot(), ...kept },
      JSON.stringify(ran.items),
    );
    assert.equal(destination.fields("Docs").mtimeNs, source.fields("Docs").mtimeNs);
    expectNoWork(await run(source, destination));
  }
});

Deno.test("a file system that keeps a name's case is left with it, and that is no failure", async () => {
  const destination = treeOf({ "readme": "old!", "docs/f": "1" }, { foldsCase: true });
  destination.onAccess = (operation, path) =>
    operation === "rename" && /README|Docs/.test(path) && !path.includes(".blit")
      ? new BlitError("exists", "File exists")
      : undefined;
  const source = treeOf({ "README": { content: "old!", mtimeNs: 5n }, "Docs/f": "1" });
  expectDone(await copy(source, destination, { compare: { sizeOnly: true } }));
  assert.deepEqual(Object.keys(destination.snapshot()), ["docs/", "docs/f", "readme"]);
});

Deno.test("options that leave what is there alone leave its name alone", async () => {
  const destination = treeOf({ "readme": "old!" }, { foldsCase: true });
  expectDone(
    await copy(treeOf({ "README": "new" }), destination, { compare: { ignoreExisting: true } }),
  );
  assert.deepEqual(destination.snapshot(), { readme: "old!" });
});

Deno.test("move spells a name anew, of a file, of one with two names, of a folder", async () => {
  for (const name of ["file", "linked", "folder"]) {
    const tree = treeOf({
      "file": "1",
      "linked": "2",
      "other": { hardlink: "linked" },
      "folder/x": "3",
    }, { foldsCase: true });
    const single = { source: name, destination: name.toUpperCase() };
    const ran = expectDone(await runTrees("move", tree, tree, { request: { single } }));
    assert.deepEqual([ran.summary.entriesMoved, ran.items], [1, [
      `rename ${single.destination} (case)`,
    ]]);
    const names = Object.keys(tree.snapshot());
    assert.ok(names.some((found) => found.startsWith(single.destination)), `${names}`);
    assert.equal(names.length, 5);
  }
});

Deno.test("where a name keeps its case, move says so and does nothing", async () => {
  const tree = treeOf({ "file": "1" }, { foldsCase: true });
  tree.onAccess = (operation) =>
    operation === "rename" ? new BlitError("exists", "File exists") : undefined;
  const single = { source: "file", destination: "FILE" };
  const { error } = await runTrees("move", tree, tree, { request: { single } });
  assert.match(error!.message, /keeps the case of a name/);
  assert.deepEqual(tree.snapshot(), { file: "1" });
});

Deno.test("a move into a folding destination replaces and merges what has the name in another case", async () => {
  const volume = treeOf({
    "from/README": "new",
    "from/Docs/a": "1",
    "to/readme": "old",
    "to/docs/b": "2",
  }, { foldsCase: true });
  expectDone(await move(volume.at("from"), volume.at("to")));
  const there = volume.at("to");
  assert.deepEqual(
    [there.text("readme"), there.text("docs/a"), there.text("docs/b")],
    ["new", "1", "2"],
  );
  assert.deepEqual(volume.at("from").snapshot(), {});
  // Across file systems what was copied is found again, too, and leaves the source.
  const source = treeOf({ "README": "new", "Docs/a": "1" });
  const other = treeOf({ "readme": "old", "docs/b": "2" }, { foldsCase: true });
  expectDone(await move(source, other));
  assert.deepEqual(other.snapshot(), {
    "Docs/": null,
    "Docs/a": "1",
    "Docs/b": "2",
    "README": "new",
  });
  assert.deepEqual(source.snapshot(), {});
});
