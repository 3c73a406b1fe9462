import assert from "node:assert/strict";
import { BlitError } from "../../src/core/error.ts";
import type { TreeSpec } from "../../src/tree/memory.ts";
import {
  changes,
  expectDone,
  failedPaths,
  move,
  onceBefore,
  recordAccess,
  runTrees,
  see,
  treeOf,
} from "./support.ts";

function oneVolume(spec: TreeSpec) {
  const volume = treeOf({ "from/": null, "to/": null, ...spec });
  return { volume, source: volume.at("from"), destination: volume.at("to") };
}

Deno.test("move within a file system renames and copies no byte", async () => {
  const { source, destination } = oneVolume({ "from/d/f": "1", "from/g": "2" });
  const inode = source.fields("d/f").inode;
  const { summary } = expectDone(await move(source, destination));
  assert.deepEqual([summary.path, summary.bytesTransferred], ["rename", 0]);
  assert.deepEqual(destination.snapshot(), { "d/": null, "d/f": "1", g: "2" });
  assert.deepEqual(source.snapshot(), {});
  assert.equal(destination.fields("d/f").inode, inode);
});

Deno.test("nothing is moved from a file system that is read-only: it would stay, and be there twice", async () => {
  const source = treeOf({ f: "1" }, { facts: { readOnly: true } });
  const destination = treeOf();
  await assert.rejects(move(source, destination), /read-only, and nothing can leave it. Use copy/);
  assert.deepEqual(destination.snapshot(), {});
});

Deno.test("move merges directories, replaces files and removes the directories it emptied", async () => {
  const { source, destination } = oneVolume({
    "from/d/new": "1",
    "from/d/both": "2",
    "from/d/e/f": "3",
    "to/d/both": "old",
    "to/d/own": "4",
    "to/d/e/": null,
  });
  expectDone(await move(source, destination));
  assert.deepEqual(destination.snapshot(), {
    "d/": null,
    "d/both": "2",
    "d/e/": null,
    "d/e/f": "3",
    "d/new": "1",
    "d/own": "4",
  });
  assert.deepEqual(source.snapshot(), {});
});

Deno.test("a dry run of a move counts the folders that it would empty and the names that it would take away", async () => {
  const { volume, source, destination } = oneVolume({
    "from/d/e/f": "1",
    "from/kept/x": "2",
    "from/name": "3",
    "to/d/e/": null,
    "to/kept/x/": null,
  });
  volume.put("to/name", { hardlink: "from/name" });
  const planned = await move(source, destination, { dryRun: true });
  const ran = await move(source, destination);
  assert.deepEqual([planned.items, planned.summary.failures], [ran.items, ran.summary.failures]);
  for (const { entriesMoved, entriesDeleted, filesExamined } of [planned.summary, ran.summary]) {
    assert.deepEqual([entriesMoved, entriesDeleted, filesExamined], [1, 3, 2]);
  }
});

Deno.test("move leaves every kind alone with --ignore-existing, on either side of a file system", async () => {
  const from = { a: { link: "ours" }, "b/x": "", c: "1", d: "same", e: "1" } as const;
  const to = { a: "theirs", b: "theirs", "c/": null, d: "same" } as const;
  const put = (under: string, spec: TreeSpec): TreeSpec =>
    Object.fromEntries(Object.entries(spec).map(([path, entry]) => [`${under}/${path}`, entry]));
  const one = oneVolume({ ...put("from", from), ...put("to", to) });
  for (const { source, destination } of [one, { source: treeOf(from), destination: treeOf(to) }]) {
    const given = { compare: { ignoreExisting: true } };
    const { summary } = expectDone(await move(source, destination, given));
    const stayed = { a: "-> ours", "b/": null, "b/x": "", c: "1", d: "same" };
    assert.deepEqual([summary.filesSkipped, source.snapshot()], [4, stayed]);
    assert.deepEqual(destination.snapshot(), {
      a: "theirs",
      b: "theirs",
      "c/": null,
      d: "same",
      e: "1",
    });
  }
});

Deno.test("what passed for the same and isn't is told with --update, too", async () => {
  const entry = { mtimeNs: 5n };
  const source = treeOf({ a: { content: "1", ...entry }, b: "x" });
  const destination = treeOf({ a: { content: "2", ...entry } });
  const ran = await move(source, destination, { compare: { update: true } });
  assert.deepEqual([failedPaths(ran), source.snapshot()], [["a"], { a: "1" }]);
});

Deno.test("what a move could not copy fails once", async () => {
  const [source, destination] = [treeOf({ a: "1", b: "2" }), treeOf({ "a/x": "" })];
  const ran = await move(source, destination);
  assert.deepEqual([failedPaths(ran), ran.summary.filesFailed], [["a"], 1]);
  assert.deepEqual(source.snapshot(), { a: "1" });
});

Deno.test("move leaves in the source what would replace another kind, and says so", async () => {
  const spec = { "from/a/x": "", "from/b": "1", "to/a": "file", "to/b/y": "" };
  const { source, destination } = oneVolume(spec);
  const ran = await move(source, destination);
  assert.deepEqual(failedPaths(ran), ["a", "b"]);
  assert.deepEqual(source.snapshot(), { "a/": null, "a/x": "", b: "1" });
  assert.deepEqual(destination.snapshot(), { a: "file", "b/": null, "b/y": "" });
});

Deno.test("move never replaces what came to the destination after it was listed", async () => {
  const { source, destination } = oneVolume({ "from/f": "1", "from/g": "2" });
  onceBefore(destination, (operation, path) => operation === "rename" && path === "f", () => {
    destination.put("f", "theirs");
  });
  const ran = await move(source, destination);
  assert.deepEqual(failedPaths(ran), ["f"]);
  assert.deepEqual([source.text("f"), destination.text("f")], ["1", "theirs"]);
});

Deno.test("two names of one file become one name, as by mv", async () => {
  const { source, destination } = oneVolume({ "from/f": "1", "to/f": { hardlink: "from/f" } });
  expectDone(await move(source, destination));
  assert.deepEqual([source.snapshot(), destination.snapshot()], [{}, { f: "1" }]);
});

Deno.test("one entry moves onto another name of its file", async () => {
  const { source, destination } = oneVolume({ "from/f": "1", "to/g": { hardlink: "from/f" } });
  const request = { single: { source: "f", destination: "g" } };
  expectDone(await move(source, destination, { request }));
  assert.deepEqual([source.snapshot(), destination.snapshot()], [{}, { g: "1" }]);
});

Deno.test("move to another file system copies, reads back, and then empties the source", async () => {
  const source = treeOf({
    "d/f": "1",
    "d/h": { hardlink: "d/f" },
    l: { link: "d" },
    "e/": null,
    "deep/a/b/c": "2",
  });
  const before = await see(source);
  const destination = treeOf();
  const log = recordAccess(destination);
  expectDone(await move(source, destination));
  assert.deepEqual(source.snapshot(), {});
  assert.deepEqual({ ...await see(destination), "": 0 }, { ...before, "": 0 });
  const flushed = log.findIndex((line) => line.startsWith("flush "));
  const readBack = log.indexOf("open d/f");
  assert.ok(flushed >= 0 && flushed < readBack, log.join("\n"));
});

Deno.test("a file changed between copy and verification stays in the source", async () => {
  const source = treeOf({ "d/f": "1", "d/g": "2" });
  const destination = treeOf();
  onceBefore(
    destination,
    (operation, path) => operation === "open" && path.startsWith("d/"),
    () => {
      source.put("d/f", "changed");
    },
  );
  const ran = await move(source, destination);
  assert.deepEqual(failedPaths(ran), ["d/f"]);
  assert.deepEqual(source.snapshot(), { "d/": null, "d/f": "changed" });
});

Deno.test("a file changed after its verification stays in the source", async () => {
  const source = treeOf({ "d/f": "1", "d/g": "2" });
  onceBefore(source, (operation, path) => operation === "remove" && path === "d/f", () => {
    source.put("d/g", "changed");
  });
  const ran = await move(source, treeOf());
  assert.deepEqual(failedPaths(ran), ["d/g"]);
  assert.deepEqual(source.snapshot(), { "d/": null, "d/g": "changed" });
});

Deno.test("a file whose copy rotted at the destination stays in the source", async () => {
  const source = treeOf({ "d/f": "1", "d/g": "2" });
  const destination = treeOf();
  onceBefore(destination, (operation) => operation === "flush", () => {
    const { mtimeNs } = destination.fields("d/f");
    destination.put("d/f", { content: "X", mtimeNs });
  });
  const ran = await move(source, destination);
  assert.deepEqual(failedPaths(ran), ["d/f"]);
  assert.deepEqual(source.snapshot(), { "d/": null, "d/f": "1" });
});

Deno.test("a file created after the scan is not removed", async () => {
  const source = treeOf({ "d/f": "1" });
  const destination = treeOf();
  onceBefore(destination, (operation, path) => operation === "create" && path === "d/f", () => {
    source.put("d/late", "2");
    source.put("e/late", "3");
  });
  const ran = await move(source, destination);
  assert.equal(ran.summary.outcome, "partial");
  assert.deepEqual(source.snapshot(), {
    "d/": null,
    "d/late": "2",
    "e/": null,
    "e/late": "3",
  });
});

Deno.test("an entry that could not be copied stays, and its directories with it", async () => {
  const source = treeOf({ "a/b/f": "1", "a/g": "2" });
  const destination = treeOf({}, { traits: { rawNames: false } });
  source.put("a/b/\xff", "not UTF-8");
  const ran = await move(source, destination);
  assert.ok(failedPaths(ran).includes("a/b/\xff"));
  assert.deepEqual(Object.keys(source.snapshot()), ["a/", "a/b/", "a/b/\xff"]);
});

Deno.test("move with a filter, with named paths or with --null is refused before anything is touched", async () => {
  const source = treeOf({ "d/f": "1" });
  const log = recordAccess(source);
  const rules = [{ action: "exclude", pattern: "*.o", origin: "--exclude" } as const];
  const refusals = [
    { filter: { rules } },
    { filter: { gitignore: true } },
    { filter: { minSizeBytes: 1 } },
    { request: { paths: (async function* () {})() } },
    { discard: true },
  ];
  for (const given of refusals) {
    await assert.rejects(move(source, treeOf(), given), { kind: "usage" });
  }
  assert.deepEqual(changes(log), []);
});

Deno.test("a dry run of a move touches neither side and names every entry", async () => {
  const { source, destination } = oneVolume({ "from/d/f": "1", "from/g": "2", "to/g": "old" });
  const logs = [recordAccess(source), recordAccess(destination)];
  const ran = expectDone(await move(source, destination, { dryRun: true }));
  assert.deepEqual(ran.items, ["rename d (new)", "rename g (forced)"]);
  const far = treeOf({ "d/f": "1" });
  logs.push(recordAccess(far));
  expectDone(await move(far, destination, { dryRun: true }));
  assert.deepEqual(logs.map(changes), [[], [], []]);
});

Deno.test("a listing that breaks off midway is reported by a move, too", async () => {
  const spec = Object.fromEntries(Array.from({ length: 5000 }, (_, i) => [`from/d/f${i}`, ""]));
  const { source, destination } = oneVolume({ ...spec, "to/d/x": "" });
  let seen = 0;
  source.onAccess = (operation, path) => {
    if (operation === "read metadata of" && path.startsWith("d/") && ++seen === 4500) {
      source.move("d", "elsewhere");
    }
  };
  const ran = await move(source, destination);
  assert.ok(ran.events.some((event) => event.type === "failure" && event.path === "d"));
  const files = [source, destination].flatMap((tree) => Object.keys(tree.snapshot()));
  assert.equal(files.filter((path) => /f\d+$/.test(path)).length, 5000);
});

Deno.test("a move run again keeps the times of folders that it had finished", async () => {
  const source = treeOf({ "d/gone": "1", "d/e/left": "2", "d/f/left": "3" });
  const destination = treeOf({});
  const before = await see(source);
  // Interrupted when it has taken one file away.
  const ending = new AbortController();
  onceBefore(source, (operation) => operation === "remove", () => ending.abort());
  const first = await move(source, destination, { request: { signal: ending.signal } });
  assert.equal(first.summary.outcome, "interrupted");
  assert.deepEqual([source.has("d/gone"), source.has("d/e/left")], [false, true]);
  assert.notEqual(source.fields("d").mtimeNs, before["d"].mtimeNs);
  source.put("d/e/more", "4");
  expectDone(await move(source, destination));
  const after = await see(destination);
  for (const path of ["", "d", "d/e", "d/f"]) {
    assert.equal(after[path].mtimeNs, before[path].mtimeNs, path);
  }
  assert.deepEqual([after["d/gone"].content, after["d/e/more"].content], ["1", "4"]);
});

Deno.test("a move killed while it copied gives folders the source's times when it is run again", async () => {
  const source = treeOf({ "d/f": "1", "d/g/h": "2", "i/j": "3" });
  const destination = treeOf({});
  const before = await see(source);
  const ending = new AbortController();
  const options = { request: { signal: ending.signal, cores: 1 } };
  onceBefore(source, (operation, path) => operation === "read" && path === "i/j", () => {
    ending.abort();
  });
  assert.equal((await move(source, destination, options)).summary.outcome, "interrupted");
  expectDone(await move(source, destination));
  const after = await see(destination);
  for (const path of ["", "d", "d/g", "i"]) {
    assert.equal(after[path].mtimeNs, before[path].mtimeNs, path);
  }
});

Deno.test("what others copied for a move is verified before anything leaves the source", async () => {
  const source = treeOf({ "d/whole": "1", "d/altered": "2", "d/late": "3", "e/all": "4" });
  const destination = treeOf();
  const ran = await move(source, destination, {
    request: {
      carry: async (listener) => {
        const copied = await runTrees("move", source, destination, {
          request: { keepsSource: true },
        });
        assert.deepEqual(source.text("d/whole"), "1");
        destination.put("d/altered", "x");
        source.put("d/late", "changed");
        source.put("d/new", "5");
        listener({ type: "warning", message: "as the daemon says" });
        return { ...copied, record: null };
      },
    },
  });
  assert.deepEqual(failedPaths(ran), ["d/altered", "d/late", "d/new"]);
  assert.deepEqual(source.snapshot(), {
    "d/": null,
    "d/altered": "2",
    "d/late": "changed",
    "d/new": "5",
  });
  assert.equal(destination.text("e/all"), "4");
  assert.deepEqual([ran.summary.outcome, ran.summary.filesCreated], ["partial", 4]);
  assert.ok(ran.events.some((event) => event.type === "warning" && /daemon/.test(event.message)));
});

Deno.test("a move whose copying failed removes nothing", async () => {
  const source = treeOf({ f: "1" });
  const ran = await move(source, treeOf({ f: "1" }), {
    request: {
      carry: async () => {
        const copied = await runTrees("copy", treeOf(), treeOf());
        const error = new BlitError("disconnected", "The connection broke.");
        return { ...copied, record: null, error };
      },
    },
  });
  assert.equal(ran.error?.kind, "disconnected");
  assert.deepEqual(source.snapshot(), { f: "1" });
});
