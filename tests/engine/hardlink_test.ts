import assert from "node:assert/strict";
import {
  check,
  copy,
  expectDone,
  expectEqualTrees,
  expectNoWork,
  failedPaths,
  failOn,
  injected,
  mirror,
  see,
  treeOf,
} from "./support.ts";

const same = { content: "same", mtimeNs: 7n };

Deno.test("names of one file stay names of one file; a second run does nothing", async () => {
  const source = treeOf({ a: "1", "d/b": { hardlink: "a" }, "e/f/c": { hardlink: "a" }, x: "2" });
  const destination = treeOf();
  const { summary } = expectDone(await copy(source, destination));
  assert.deepEqual([summary.filesCreated, summary.linksMade], [2, 2]);
  await expectEqualTrees(source, destination);
  expectNoWork(await mirror(source, destination));
});

Deno.test("a name that an option leaves alone stays, and the others are names of one file", async () => {
  const theirs = { content: "theirs", mtimeNs: 2n ** 62n };
  for (const kept of ["a", "b"]) {
    for (const option of ["ignoreExisting", "update"]) {
      const source = treeOf({ a: "1", b: { hardlink: "a" }, c: { hardlink: "a" } });
      const destination = treeOf({ [kept]: theirs });
      const given = { compare: { [option]: true } };
      const { summary } = expectDone(await copy(source, destination, given));
      assert.deepEqual([summary.filesCreated, summary.linksMade, summary.filesSkipped], [1, 1, 1]);
      const seen = await see(destination);
      const [first, second] = ["a", "b", "c"].filter((name) => name !== kept);
      assert.deepEqual([seen[kept].content, seen[first].content], ["theirs", "1"]);
      assert.equal(seen[second].group, first, `${option}, ${kept}`);
    }
  }
});

Deno.test("where the first name fails, the next takes its place", async () => {
  const source = treeOf({ a: "1", b: { hardlink: "a" }, "d/c": { hardlink: "a" } });
  const destination = treeOf();
  failOn(destination, "create", "a", "io");
  const ran = await mirror(source, destination);
  assert.deepEqual(failedPaths(ran), ["a"]);
  const seen = await see(destination);
  assert.deepEqual([seen.b.content, seen["d/c"].group], ["1", "b"]);
  expectDone(await mirror(source, destination));
  await expectEqualTrees(source, destination);
});

Deno.test("where no name can be read, each is reported and nothing is linked", async () => {
  const source = treeOf({ a: "11", b: { hardlink: "a" }, "d/": null });
  const destination = treeOf({ a: "2", b: "3", "d/": null });
  source.onAccess = (operation, path) =>
    operation === "open" && "ab".includes(path) ? injected("io", "open") : undefined;
  const ran = await copy(source, destination);
  assert.deepEqual(failedPaths(ran), ["a", "b"]);
  assert.deepEqual(destination.snapshot(), { a: "2", b: "3", "d/": null });
});

Deno.test("a name whose content could not be compared is never linked to old content", async () => {
  const source = treeOf({ a: { content: "new!", mtimeNs: 7n }, b: { hardlink: "a" }, "d/": null });
  const destination = treeOf({ a: same, b: { content: "old2", mtimeNs: 7n }, "d/": null });
  let reads = 0;
  source.onAccess = (operation, path) =>
    operation === "read" && path === "a" && reads++ === 0 ? injected("io", "read") : undefined;
  const ran = await copy(source, destination, { compare: { checksum: true } });
  assert.deepEqual(failedPaths(ran), ["a"]);
  assert.deepEqual([destination.text("a"), destination.text("b")], ["same", "new!"]);
});

Deno.test("a dry run and a check touch nothing where a group could not be compared", async () => {
  const source = treeOf({ a: same, b: { hardlink: "a" }, "d/": null });
  const destination = treeOf({ a: same, b: same, "d/": null });
  const before = await see(destination);
  for (const run of [check, copy]) {
    failOn(source, "read", "a", "io");
    await run(source, destination, { dryRun: run === copy, compare: { checksum: true } });
    assert.deepEqual(await see(destination), before);
  }
});

Deno.test("names that should be one file and aren't are linked", async () => {
  const source = treeOf({ a: same, b: { hardlink: "a" }, "d/": null });
  const destination = treeOf({ a: same, b: same, "d/": null });
  const { summary } = expectDone(await mirror(source, destination));
  assert.deepEqual([summary.linksMade, summary.bytesTransferred], [1, 0]);
  await expectEqualTrees(source, destination);
});

Deno.test("names that are one file and shouldn't be are taken apart", async () => {
  const source = treeOf({ a: same, b: same, c: same, "d/": null });
  const destination = treeOf({ a: same, b: { hardlink: "a" }, c: { hardlink: "a" }, "d/": null });
  expectDone(await mirror(source, destination));
  await expectEqualTrees(source, destination);
  expectNoWork(await mirror(source, destination));
});

Deno.test("groups that are mixed up at the destination are mended", async () => {
  for (const compare of [{}, { checksum: true }]) {
    const source = treeOf({
      a: same,
      b: { hardlink: "a" },
      c: same,
      d: { hardlink: "c" },
      "e/": null,
    });
    const destination = treeOf({
      a: same,
      c: { hardlink: "a" },
      b: same,
      d: { hardlink: "b" },
      "e/": null,
    });
    expectDone(await mirror(source, destination, { compare }));
    await expectEqualTrees(source, destination);
    expectNoWork(await mirror(source, destination, { compare }));
  }
});

Deno.test("metadata of one file is not mended through a name that another file has too", async () => {
  const source = treeOf({ a: { ...same, mode: 0o600 }, "d/": null });
  const destination = treeOf({
    a: { ...same, mode: 0o644 },
    theirs: { hardlink: "a" },
    "d/": null,
  });
  expectDone(await copy(source, destination));
  assert.equal(destination.fields("a").mode, 0o600);
  assert.equal(destination.fields("theirs").mode, 0o644);
});

Deno.test("a symlink's time is not mended through a name that another symlink has too", async () => {
  const there = { link: "x", mtimeNs: 5n };
  const destination = treeOf({ a: there, other: { hardlink: "a" } });
  expectDone(await copy(treeOf({ a: { ...there, mtimeNs: 6n } }), destination));
  const seen = await see(destination);
  assert.deepEqual([seen.a.mtimeNs, seen.other.mtimeNs], [6n, 5n]);
});

Deno.test("a changed file is copied once and linked again under all its names", async () => {
  const source = treeOf({ a: "1", b: { hardlink: "a" }, "d/c": { hardlink: "a" } });
  const destination = treeOf();
  expectDone(await mirror(source, destination));
  source.put("a", "longer");
  const { summary } = expectDone(await mirror(source, destination));
  assert.deepEqual([summary.filesReplaced, summary.linksMade], [1, 2]);
  assert.equal(summary.bytesTransferred, 6);
  await expectEqualTrees(source, destination);
});

Deno.test("one name of a group replaces a directory", async () => {
  const source = treeOf({ a: "1", z: { hardlink: "a" }, "d/y": { hardlink: "a" } });
  for (const replaced of ["a", "z", "d/y"]) {
    const destination = treeOf({ [`${replaced}/old`]: "x" });
    expectDone(await mirror(source, destination));
    await expectEqualTrees(source, destination);
  }
});

Deno.test("with --checksum groups wait for their content's comparison", async () => {
  const source = treeOf({ a: { content: "new!", mtimeNs: 7n }, b: { hardlink: "a" }, "d/": null });
  const destination = treeOf({ a: same, b: { hardlink: "a" }, "d/": null });
  const { summary } = expectDone(
    await mirror(source, destination, { compare: { checksum: true } }),
  );
  assert.deepEqual([summary.filesReplaced, summary.linksMade], [1, 1]);
  await expectEqualTrees(source, destination);
});

Deno.test("a destination without hardlinks gets copies", async () => {
  const source = treeOf({ a: "1", b: { hardlink: "a" }, "d/": null });
  const destination = treeOf({}, { traits: { hardlinks: false } });
  expectDone(await copy(source, destination));
  assert.deepEqual(destination.snapshot(), { a: "1", b: "1", "d/": null });
  expectNoWork(await copy(source, destination));
});

Deno.test("where links are refused each name gets a copy, in the first run alone", async () => {
  for (const kind of ["permission", "unsupported"] as const) {
    const source = treeOf({
      a: "1",
      b: { hardlink: "a" },
      "d/c": { hardlink: "a" },
      x: "2",
      y: { hardlink: "x" },
    });
    const destination = treeOf({ y: "old" });
    destination.onAccess = (operation) =>
      operation === "link" ? injected(kind, operation) : undefined;
    const { summary } = expectDone(await mirror(source, destination));
    assert.deepEqual([summary.filesCreated, summary.filesReplaced, summary.linksMade], [4, 1, 0]);
    assert.match(summary.warnings[0], /^Not every hardlink could be made/);
    assert.deepEqual(destination.snapshot(), {
      a: "1",
      b: "1",
      "d/": null,
      "d/c": "1",
      x: "2",
      y: "2",
    });
    const again = expectDone(await mirror(source, destination));
    assert.deepEqual([again.summary.bytesTransferred, again.summary.filesExamined], [0, 5]);
  }
});
