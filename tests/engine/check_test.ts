import assert from "node:assert/strict";
import {
  changes,
  check,
  copy,
  expectDone,
  expectNoWork,
  failedPaths,
  failOn,
  type Given,
  mirror,
  recordAccess,
  see,
  treeOf,
} from "./support.ts";

const fixed = (content: string) => ({ content, mtimeNs: 7n });

Deno.test("check says done for equal trees and touches neither", async () => {
  const source = treeOf({ "d/f": fixed("x"), l: { link: "d", mtimeNs: 2n } });
  const destination = treeOf();
  expectDone(await mirror(source, destination));
  const logs = [recordAccess(source), recordAccess(destination)];
  expectNoWork(await check(source, destination));
  assert.deepEqual(logs.map(changes), [[], []]);
});

Deno.test("check finds content that differs behind equal size and time", async () => {
  const source = treeOf({ f: fixed("aaaa"), "d/g": fixed("same") });
  const destination = treeOf({ f: fixed("aaab"), "d/g": fixed("same") });
  for (const tree of [source, destination]) tree.put("d", { directory: true, mtimeNs: 1n });
  const ran = await check(source, destination);
  assert.deepEqual([ran.summary.outcome, ran.summary.differences], ["different", 1]);
  assert.deepEqual(ran.items, ["replace f (content)"]);
});

Deno.test("check counts what is only on one side; --one-way leaves out the destination's own", async () => {
  const source = treeOf({ a: "1", "d/x": fixed("1") });
  const destination = treeOf({ b: "1", "d/x": fixed("1") });
  for (const tree of [source, destination]) tree.put("d", { directory: true, mtimeNs: 1n });
  const both = await check(source, destination);
  assert.deepEqual(both.items, ["create a (new)", "delete b (extraneous)"]);
  assert.equal(both.summary.differences, 2);
  const oneWay = await check(source, destination, { oneWay: true });
  assert.equal(oneWay.summary.differences, 1);
  source.drop("a");
  const extra = await check(source, destination, { oneWay: true });
  assert.deepEqual([extra.summary.outcome, extra.summary.differences], ["done", 0]);
});

Deno.test("check reports what could not be read as errors, not as differences", async () => {
  const source = treeOf({ "d/f": fixed("x") });
  const destination = treeOf();
  expectDone(await mirror(source, destination));
  failOn(destination, "open", "d/f", "io");
  const ran = await check(source, destination);
  assert.deepEqual(failedPaths(ran), ["d/f"]);
  assert.deepEqual([ran.summary.outcome, ran.summary.differences], ["partial", 0]);
});

Deno.test("--checksum copies what differs behind equal size and time, and only that", async () => {
  const source = treeOf({ f: fixed("aaaa"), g: fixed("same"), "d/": null });
  const destination = treeOf({ f: fixed("aaab"), g: fixed("same"), "d/": null });
  expectDone(await copy(source, destination));
  assert.equal(destination.text("f"), "aaab");
  const { summary } = expectDone(await copy(source, destination, { compare: { checksum: true } }));
  assert.equal(destination.text("f"), "aaaa");
  assert.deepEqual([summary.filesReplaced, summary.filesUnchanged], [1, 1]);
});

Deno.test("--checksum does not copy a file whose time alone differs, but mends the time", async () => {
  const source = treeOf({ f: { content: "x", mtimeNs: 1n }, "d/": null });
  const destination = treeOf({ f: { content: "x", mtimeNs: 2n }, "d/": null });
  const { summary } = expectDone(await copy(source, destination, { compare: { checksum: true } }));
  assert.deepEqual([summary.bytesTransferred, destination.fields("f").mtimeNs], [0, 1n]);
});

Deno.test("a dry run touches neither tree, whatever it plans", async () => {
  const source = treeOf({
    "new/f": "1",
    "d/changed": "22",
    file: "3",
    "dir/x": "",
    h: { hardlink: "new/f" },
    moded: { ...fixed("x"), mode: 0o600 },
  });
  const spec = {
    old: "",
    "d/changed": "1",
    "file/x": "",
    dir: "file",
    moded: fixed("x"),
    "gone/x": "",
  };
  const all: Given = { dryRun: true, delete: { maxDelete: { kind: "all" } } };
  for (const run of [mirror, copy]) {
    const destination = treeOf(spec);
    const before = await see(destination);
    const logs = [recordAccess(source), recordAccess(destination)];
    const ran = await run(source, destination, all);
    assert.ok(ran.items.length > 5);
    assert.deepEqual(logs.map(changes), [[], []]);
    assert.deepEqual(await see(destination), before);
  }
});

Deno.test("a dry run says why for each entry", async () => {
  const source = treeOf({ n: "", s: "22", k: "", l: { link: "a" }, "d/": null });
  const destination = treeOf({ s: "1", k: { link: "x" }, l: { link: "b" }, x: "", "d/": null });
  const { items } = await mirror(source, destination, { dryRun: true });
  assert.deepEqual(items.filter((item) => !item.includes(" d ")), [
    "create n (new)",
    "delete x (extraneous)",
    "replace k (kind)",
    "replace l (target)",
    "replace s (size)",
  ]);
});

Deno.test("a dry run of a mirror refuses what the mirror would refuse", async () => {
  const many = Object.fromEntries(Array.from({ length: 150 }, (_, i) => [`f${i}`, ""]));
  const ran = await mirror(treeOf({ f0: "" }), treeOf(many), { dryRun: true });
  assert.equal(ran.error?.kind, "refused");
});

Deno.test("of a full destination a copy warns, and its dry run; a check copies nothing", async () => {
  const facts = { freeBytes: 1, totalBytes: 100 };
  const full = () => treeOf({}, { facts });
  const warned: number[] = [];
  for (const run of [copy, check]) {
    for (const dryRun of run === check ? [false] : [false, true]) {
      const ran = await run(treeOf({ f: "four" }), full(), { dryRun });
      warned.push(ran.summary.warnings.filter((line) => line.includes("will fit")).length);
    }
  }
  assert.deepEqual(warned, [1, 1, 0]);
});
