import assert from "node:assert/strict";
import { textToName } from "../../src/core/rel_path.ts";
import type { TreeSpec } from "../../src/tree/memory.ts";
import { copy, expectDone, expectNoWork, failedPaths, mirror, treeOf } from "./support.ts";

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
