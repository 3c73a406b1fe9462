import assert from "node:assert/strict";
import { Kind } from "../../src/core/entry_block.ts";
import { textToName } from "../../src/core/rel_path.ts";
import { REQUEST_MOST_BYTES } from "../../src/core/work_batch.ts";
import type { TreeSpec } from "../../src/tree/memory.ts";
import {
  changes,
  check,
  copy,
  expectDone,
  expectEqualTrees,
  expectNoWork,
  failedPaths,
  failOn,
  injected,
  manyFiles,
  mirror,
  onceBefore,
  recordAccess,
  see,
  treeOf,
} from "./support.ts";

const MiB = 1 << 20;

Deno.test("copy keeps content, kind, mode, owner, times, links, xattrs and empty directories", async () => {
  const source = treeOf({
    "d/run": { content: "x", mode: 0o4755, uid: 7, gid: 8, mtimeNs: 123_456_789_012_345_678n },
    "d/noted": { content: "y", xattrs: { "user.note": "n" } },
    "d/pipe": { special: Kind.fifo, mode: 0o620 },
    "d/disk": { special: Kind.blockDevice, rdev: 0x800000001n },
    link: { link: "d/run", mtimeNs: 5n },
    "empty/": { directory: true, mode: 0o710, mtimeNs: 9n },
    d: { directory: true, mtimeNs: 11n },
  });
  const destination = treeOf();
  expectDone(await copy(source, destination));
  await expectEqualTrees(source, destination);
  assert.equal(destination.fields("d/disk").rdev, 0x800000001n);
  expectNoWork(await copy(source, destination));
});

Deno.test("a file is whole at every moment: it is staged beside its name and renamed", async () => {
  const source = treeOf({ old: "new content", "z/f": "" });
  const destination = treeOf({ old: "old content" });
  const seen = new Set<string>();
  destination.onAccess = () => void seen.add(destination.text("old"));
  expectDone(await copy(source, destination));
  assert.deepEqual([...seen], ["old content", "new content"]);
});

Deno.test("a new file over 1 MiB is staged, a smaller one may be made in place", async () => {
  const source = treeOf({ "d/large": new Uint8Array(MiB + 1), "d/small": new Uint8Array(MiB) });
  const destination = treeOf();
  const log = recordAccess(destination);
  expectDone(await copy(source, destination));
  assert.ok(!log.includes("create d/large"));
  assert.ok(log.includes("rename d/large"));
  assert.ok(log.includes("create d/small"));
});

Deno.test("the fast path for a few files has no run marker, so it stages even small files", async () => {
  const [source, destination] = [treeOf({ a: "1", b: "2" }), treeOf()];
  const log = recordAccess(destination);
  const { summary } = expectDone(await copy(source, destination));
  assert.equal(summary.path, "direct");
  assert.ok(log.includes("rename a") && log.includes("rename b"), log.join("\n"));
  assert.ok(!log.includes("create a"));
});

Deno.test("a replaced file that fails half way keeps its old content and leaves nothing staged", async () => {
  const source = treeOf({ "d/f": "the new content", "d/g": "x" });
  const destination = treeOf({ "d/f": "old" });
  destination.onAccess = (operation, path) =>
    operation === "rename" && path === "d/f" ? injected("io", "rename") : undefined;
  const ran = await copy(source, destination);
  assert.deepEqual(failedPaths(ran), ["d/f"]);
  assert.deepEqual(destination.snapshot(), { "d/": null, "d/f": "old", "d/g": "x" });
});

Deno.test("nothing is asked below a destination directory that doesn't exist", async () => {
  const source = treeOf({ "new/a/b/c": "1", "new/d": "2", "there/e": "3" });
  const destination = treeOf({ "there/x": "" });
  const log = recordAccess(destination);
  expectDone(await copy(source, destination));
  const listed = log.filter((line) => line.startsWith("list "));
  assert.deepEqual(listed.sort(), ["list ", "list there"]);
});

Deno.test("a read-only directory gets its files, later changes to them, and its mode at the end", async () => {
  const source = treeOf({ "d/e/f": "1", d: { directory: true, mode: 0o555 } });
  source.put("d/e", { directory: true, mode: 0o500 });
  const destination = treeOf({}, { isSuperuser: false });
  expectDone(await copy(source, destination));
  assert.deepEqual([destination.fields("d").mode, destination.fields("d/e").mode], [0o555, 0o500]);
  source.put("d/e/f", "changed");
  expectDone(await copy(source, destination));
  assert.equal(destination.text("d/e/f"), "changed");
  assert.deepEqual([destination.fields("d").mode, destination.fields("d/e").mode], [0o555, 0o500]);
  assert.equal(destination.fields("d/e").mtimeNs, source.fields("d/e").mtimeNs);
});

Deno.test("directory times are right after files, links and deletions in them", async () => {
  const source = treeOf({ "a/f": "1", "b/g": { hardlink: "a/f" }, "c/h": "2" });
  for (const name of ["a", "b", "c", ""]) {
    source.put(name || "x", { directory: true, mtimeNs: 42n });
  }
  const destination = treeOf({ "c/old": "", "a/f": "0" });
  expectDone(await mirror(source, destination));
  await expectEqualTrees(source, destination);
});

Deno.test("mode and owner are mended without copying data", async () => {
  const source = treeOf({ f: { content: "x", mode: 0o600, uid: 5, mtimeNs: 1n }, "d/": null });
  const destination = treeOf({ f: { content: "x", mode: 0o644, mtimeNs: 1n }, "d/": null });
  const log = recordAccess(destination);
  const { summary } = expectDone(await copy(source, destination));
  assert.equal(summary.bytesTransferred, 0);
  assert.ok(!log.some((line) => /^(create|rename) f$/.test(line)), log.join("\n"));
  await expectEqualTrees(source, destination);
});

Deno.test("a destination that is newer is a difference, unless --update is given", async () => {
  const source = treeOf({ f: { content: "one", mtimeNs: 10n }, "d/": null });
  const newer = () => treeOf({ f: { content: "two", mtimeNs: 20n }, "d/": null });
  const skipped = newer();
  const ran = expectDone(await copy(source, skipped, { compare: { update: true } }));
  assert.ok(ran.items.includes("skip f (newer-at-destination)"));
  assert.equal(skipped.text("f"), "two");
  const replaced = newer();
  expectDone(await copy(source, replaced));
  assert.equal(replaced.text("f"), "one");
});

Deno.test("--ignore-existing leaves every existing entry alone, whatever its kind", async () => {
  const source = treeOf({ f: "new", l: { link: "new" }, k: "file", "d/n": "1", "x/y": "" });
  const destination = treeOf({
    f: "o",
    l: { link: "old" },
    k: { link: "old" },
    "d/": null,
    x: "file",
  });
  const before = destination.snapshot();
  expectDone(await copy(source, destination, { compare: { ignoreExisting: true } }));
  assert.deepEqual(destination.snapshot(), { ...before, "d/n": "1" });
});

Deno.test("--size-only looks at sizes, --ignore-times and --force copy what looks the same", async () => {
  const source = treeOf({ f: { content: "aa", mtimeNs: 1n }, "d/": null });
  const other = () => treeOf({ f: { content: "bb", mtimeNs: 2n }, "d/": null });
  const bySize = other();
  expectDone(await copy(source, bySize, { compare: { sizeOnly: true } }));
  assert.equal(bySize.text("f"), "bb");
  for (const compare of [{ ignoreTimes: true }, { force: true }]) {
    const same = treeOf({ f: { content: "aa", mtimeNs: 1n }, "d/": null });
    const { summary } = expectDone(await copy(source, same, { compare }));
    assert.equal(summary.filesReplaced, 1);
  }
});

Deno.test("a file that changes while it is read is read again and copied as it then is", async () => {
  const source = treeOf({ "d/f": "first" });
  const destination = treeOf();
  onceBefore(source, (operation, path) => operation === "read" && path === "d/f", () => {
    source.put("d/f", "second, and longer");
  });
  expectDone(await copy(source, destination));
  await expectEqualTrees(source, destination);
});

Deno.test("a file that never stops changing is a failure, and the old one stays", async () => {
  const source = treeOf({ "d/f": "first" });
  const destination = treeOf({ "d/f": "old" });
  let n = 0;
  source.onAccess = (operation, path) => {
    if (operation === "read" && path === "d/f") source.put("d/f", `${"x".repeat(++n)}`);
  };
  const ran = await copy(source, destination);
  assert.deepEqual(ran.summary.failures.map(({ kind }) => kind), ["changed"]);
  assert.equal(destination.text("d/f"), "old");
});

Deno.test("what a destination can't hold is reported, not lost silently", async () => {
  const source = treeOf(
    { "d/pipe": { special: Kind.fifo }, f: "1", "d/": null },
    { display: "/src" },
  );
  const destination = treeOf({}, { traits: { specials: false } });
  const ran = await copy(source, destination);
  assert.deepEqual(failedPaths(ran), ["d/pipe"]);
  // As other failures it names the whole path.
  assert.match(ran.summary.failures[0].message, /^Cannot copy "\/src\/d\/pipe": a FIFO can't/);
  assert.equal(ran.summary.outcome, "partial");
  assert.ok(destination.has("f"));
});

Deno.test("without owners set-id bits are left out and a second run still has nothing to do", async () => {
  const source = treeOf({ f: { content: "x", mode: 0o4755, uid: 3 }, "d/": null });
  const destination = treeOf({}, { isSuperuser: false });
  expectDone(await copy(source, destination));
  assert.equal(destination.fields("f").mode, 0o755);
  expectNoWork(await copy(source, destination));
});

Deno.test("a destination with coarse times is not copied again", async () => {
  const source = treeOf({ f: { content: "x", mtimeNs: 1_500_000_000_123_456_789n }, "d/": null });
  const destination = treeOf({}, { traits: { nanosecondTimes: false } });
  expectDone(await copy(source, destination));
  expectNoWork(await copy(source, destination));
});

Deno.test("holes stay holes", async () => {
  const content = new Uint8Array(4 * MiB);
  content[0] = 1;
  const source = treeOf({ "d/f": { content, allocatedBytes: 4096 } });
  const destination = treeOf();
  expectDone(await copy(source, destination));
  assert.ok(destination.fields("d/f").allocatedBytes! < MiB);
  assert.deepEqual(destination.bytes("d/f"), content);
});

Deno.test("names sort by bytes: emoji and U+FFFF are neither copied twice nor pruned", async () => {
  const names = ["\u{1f600}", "\uffff", "\ue000", "z"].map(textToName);
  const source = treeOf(Object.fromEntries([...names, "\xff\xfe"].map((name) => [name, name])));
  const destination = treeOf({ [textToName("\u{1f601}")]: "old" });
  expectDone(await mirror(source, destination));
  await expectEqualTrees(source, destination);
  expectNoWork(await mirror(source, destination));
});

Deno.test("whatever the order in which listings arrive, the result is the same", async () => {
  const spec = Object.fromEntries(
    Array.from({ length: 60 }, (_, i) => [`d${i % 7}/e${i % 3}/f${i}`, `${i}`]),
  );
  for (let round = 0; round < 8; round++) {
    const source = treeOf({ ...spec, "d0/h": { hardlink: "d1/e1/f1" } });
    const destination = treeOf({ "d3/old/x": "", "d9/y": "", "d1/e1": "file" });
    for (const tree of [source, destination]) {
      tree.onAccess = async (operation) => {
        if (operation === "list") {
          await new Promise((resolve) => setTimeout(resolve, Math.random() * 4));
        }
      };
    }
    expectDone(await mirror(source, destination));
    await expectEqualTrees(source, destination);
  }
});

Deno.test("a directory wider than a block is merged whole", async () => {
  const source = treeOf({ ...manyFiles(9000), "d/": null });
  const destination = treeOf({ ...manyFiles(5000, "e"), f000007: "x", f008999: "longer" });
  expectDone(await mirror(source, destination, { delete: { maxDelete: { kind: "all" } } }));
  assert.equal(Object.keys(destination.snapshot()).length, 9001);
  assert.equal(destination.text("f008999"), "8999");
  expectNoWork(await mirror(source, destination));
});

Deno.test("a directory is finished when its last child is, not at the end of the run", async () => {
  const source = treeOf({ "a/f": "1", "b/g": "2" });
  const destination = treeOf();
  const log = recordAccess(destination);
  let heldBack = true;
  source.onAccess = async (operation, path) => {
    while (operation === "open" && path === "b/g" && heldBack) {
      heldBack = !log.includes("set time of a");
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };
  expectDone(await copy(source, destination, { workers: 2 }));
});

Deno.test("one failed file fails only itself", async () => {
  const source = treeOf({ "d/a": "1", "d/b": "2", "d/c": "3" });
  const destination = treeOf();
  failOn(source, "open", "d/b");
  const ran = await copy(source, destination);
  assert.deepEqual(failedPaths(ran), ["d/b"]);
  assert.match(ran.summary.failures[0].message, /Cannot open ".*d\/b"/);
  assert.deepEqual(Object.keys(destination.snapshot()), ["d/", "d/a", "d/c"]);
});

Deno.test("--one-file-system makes the mount point and stays out of it", async () => {
  const source = treeOf({ "here/f": "1", "mount/f": "2" });
  const list = source.list.bind(source);
  const device = 999n;
  const { EntryBlock, EntryBlockWriter } = await import("../../src/core/entry_block.ts");
  source.list = async function* (directory, options) {
    for await (const block of list(directory, options)) {
      const writer = new EntryBlockWriter(block.count);
      for (let i = 0; i < block.count; i++) {
        const fields = source.fields(
          directory === "" ? block.name(i) : `${directory}/${block.name(i)}`,
        );
        writer.add({
          ...fields,
          name: block.name(i),
          ...(block.name(i) === "mount" ? { device } : {}),
        });
      }
      yield new EntryBlock(writer.finish({ flags: block.bytes[1] }));
    }
  };
  const destination = treeOf({ "mount/theirs": "kept" });
  expectDone(await mirror(source, destination, { oneFileSystem: true }));
  assert.deepEqual(destination.snapshot(), {
    "here/": null,
    "here/f": "1",
    "mount/": null,
    "mount/theirs": "kept",
  });
});

Deno.test("--null reads everything and leaves the destination as it is", async () => {
  const source = treeOf({ "a/f": "12345", b: "file", "c/g": "1", h: { hardlink: "a/f" } });
  const destination = treeOf({ "b/x": "", old: "", c: "file", "a/f": { content: "1", mode: 0 } });
  const before = await see(destination);
  const log = recordAccess(destination);
  const ran = await mirror(source, destination, { discard: true });
  assert.ok(ran.summary.bytesTransferred >= 6);
  assert.deepEqual(changes(log), []);
  assert.deepEqual(await see(destination), before);
});

Deno.test("one entry is copied under another name, symlinks too", async () => {
  const source = treeOf({ f: "1", l: { link: "f" }, p: { special: Kind.fifo } });
  const destination = treeOf({ g: "old!" });
  const single = (from: string, to: string) =>
    copy(source, destination, { request: { single: { source: from, destination: to } } });
  for (const [from, to] of [["f", "g"], ["l", "m"], ["p", "q"], ["l", "m"]]) {
    expectDone(await single(from, to));
  }
  assert.deepEqual(destination.snapshot(), { g: "1", m: "-> f", q: String(Kind.fifo) });
  source.put("l", { link: "elsewhere" });
  expectDone(await single("l", "m"));
  assert.equal(destination.snapshot().m, "-> elsewhere");
  expectNoWork(await single("f", "g"));
});

Deno.test("one entry does not replace a directory", async () => {
  const destination = treeOf({ "g/x": "kept" });
  const request = { single: { source: "f", destination: "g" } };
  const ran = await copy(treeOf({ f: "1" }), destination, { request });
  assert.equal(ran.error?.kind, "is_directory");
  assert.deepEqual(destination.snapshot(), { "g/": null, "g/x": "kept" });
});

Deno.test("one entry takes the place of an empty directory, and of none with --ignore-existing", async () => {
  const request = { single: { source: "f", destination: "g" } };
  const destination = treeOf({ "g/": null });
  const compare = { ignoreExisting: true };
  const kept = expectDone(await copy(treeOf({ f: "1" }), destination, { request, compare }));
  assert.deepEqual([kept.summary.filesSkipped, destination.snapshot()], [1, { "g/": null }]);
  const planned = await copy(treeOf({ f: "1" }), destination, { request, dryRun: true });
  assert.deepEqual([planned.summary.filesCreated, destination.snapshot()], [1, { "g/": null }]);
  expectDone(await copy(treeOf({ f: "1" }), destination, { request }));
  assert.deepEqual(destination.snapshot(), { g: "1" });
});

Deno.test("one entry leaves another kind alone with --ignore-existing", async () => {
  const destination = treeOf({ g: { link: "theirs" } });
  const request = { single: { source: "f", destination: "g" } };
  const compare = { ignoreExisting: true };
  expectDone(await copy(treeOf({ f: "1" }), destination, { request, compare }));
  assert.deepEqual(destination.snapshot(), { g: "-> theirs" });
});

Deno.test("one entry that differs in its mode leaves the other names of what it replaces as they are", async () => {
  const there = { content: "1", mtimeNs: 5n };
  const destination = treeOf({ g: { ...there, mode: 0o600 }, other: { hardlink: "g" } });
  const request = { single: { source: "f", destination: "g" } };
  expectDone(await copy(treeOf({ f: { ...there, mode: 0o644 } }), destination, { request }));
  const seen = await see(destination);
  assert.deepEqual([seen.g.mode, seen.other.mode], [0o644, 0o600]);
});

Deno.test("a filter goes for one entry, too", async () => {
  const request = { single: { source: "f.o", destination: "g" } };
  const rules = [{ action: "exclude", pattern: "/*.o", origin: "--exclude" }] as const;
  for (const filter of [{ rules }, { minSizeBytes: 2 }]) {
    const destination = treeOf();
    const { summary } = expectDone(
      await copy(treeOf({ "f.o": "1" }), destination, { request, filter }),
    );
    assert.deepEqual([summary.filesSkipped, destination.snapshot()], [1, {}]);
  }
});

Deno.test("check finds xattrs that differ; copy with --checksum mends them", async () => {
  const xattrs = { "user.a": "1" };
  const fixed = {
    f: { content: "x", mtimeNs: 1n },
    l: { link: "f", mtimeNs: 2n },
    d: { directory: true, mtimeNs: 3n },
  } as const;
  for (const name of ["f", "l", "d"] as const) {
    const source = treeOf({ ...fixed, [name]: { ...fixed[name], xattrs } });
    const destination = treeOf(fixed);
    const found = await check(source, destination);
    assert.deepEqual([found.summary.outcome, found.items], ["different", [
      `update-metadata ${name} (xattrs)`,
    ]]);
    const { summary } = expectDone(
      await copy(source, destination, { compare: { checksum: true } }),
    );
    assert.equal(summary.metadataUpdated, 1);
    assert.equal((await see(destination))[name].xattrs?.["user.a"], "1");
    expectDone(await check(source, destination));
  }
});

Deno.test("check finds xattrs of a folder that differ; copy with --checksum mends them", async () => {
  const there = { directory: true, mtimeNs: 3n } as const;
  for (const listed of [false, true]) {
    const source = treeOf({ "d/e/f": "x" });
    const destination = treeOf();
    expectDone(await copy(source, destination));
    source.put("d", { ...there, xattrs: { "user.a": "1" } });
    destination.put("d", there);
    const given = () => listed ? { request: { paths: ReadableStream.from(["d/e"]) } } : {};
    assert.equal((await check(source, destination, given())).summary.differences, 1);
    const checksum = () => ({ ...given(), compare: { checksum: true } });
    const { summary } = expectDone(await copy(source, destination, checksum()));
    assert.deepEqual([summary.metadataUpdated, summary.filesTransferred], [1, 0]);
    assert.equal((await see(destination)).d.xattrs?.["user.a"], "1");
    expectNoWork(await copy(source, destination, checksum()));
  }
});

Deno.test("no batch is larger than a tree on another machine takes, however long the names are", async () => {
  const long = (letter: string, i: number) => `${letter.repeat(240)}${i}`;
  const deep = Array.from({ length: 12 }, (_, i) => long("d", i)).join("/");
  const spec: Record<string, TreeSpec[string]> = {};
  for (let i = 0; i < 1500; i++) spec[long("l", i)] = { link: "t".repeat(4000) };
  for (let i = 0; i < 700; i++) spec[`${deep}/${long("e", i)}/f`] = "x";
  const source = treeOf(spec);
  const destination = treeOf({ old: "x" });
  let largest = 0;
  for (const tree of [source, destination]) {
    const { run, hash } = tree;
    tree.run = (batch, from, context) => {
      largest = Math.max(largest, batch.bytes.length);
      return run.call(tree, batch, from, context);
    };
    tree.hash = (batch, context) => {
      largest = Math.max(largest, batch.bytes.length);
      return hash.call(tree, batch, context);
    };
  }
  expectDone(await mirror(source, destination));
  await expectEqualTrees(source, destination);
  expectDone(
    await mirror(treeOf({ left: "x" }), destination, {
      delete: { maxDelete: { kind: "all" } },
    }),
  );
  assert.ok(largest > 1 * MiB && largest <= REQUEST_MOST_BYTES, `${largest} bytes`);
});

Deno.test("a destination that nothing can be written to is named itself, not a file of blit's in it", async () => {
  const source = treeOf(Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`${i}`, "x"])));
  const destination = treeOf({}, { display: "/mnt/disk" });
  destination.onAccess = (operation, path) =>
    path.startsWith(".blit-") ? injected("read_only", operation) : undefined;
  const { error } = await copy(source, destination);
  assert.match(error!.message, /^Cannot write "\/mnt\/disk": Read-only file system/);
});
