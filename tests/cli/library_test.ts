/**
 * The library of mod.ts: the same transfers without a process of their own.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import {
  BlitError,
  check,
  copy,
  type FilterEntry,
  MemoryFolder,
  mirror,
  move,
  type RunEvent,
} from "../../mod.ts";
import { acquireTrees } from "../../src/app/open.ts";
import { scratch } from "../support/cli.ts";

Deno.test(
  "copy, check, mirror and move go through one API, with typed events",
  scratch(async (dir) => {
    await dir.write({ "src/a": "1", "src/b/c": "2" });
    const cwd = dir.path;
    const events: RunEvent[] = [];
    const listener = (event: RunEvent) => void events.push(event);
    const copied = await copy("src", "dst", { cwd, listener, emitItems: true });
    assert.deepEqual([copied.summary.outcome, copied.error], ["done", null]);
    assert.equal(copied.located.destinationDisplay, join(cwd, "dst/src"));
    const items = events.filter((event) => event.type === "item");
    assert.ok(items.some((item) => item.path === "b/c" && item.reason === "new"));
    assert.equal((await check("src", "dst", { cwd })).summary.outcome, "done");
    await dir.write({ "dst/src/extra": "x" });
    assert.equal((await check("src/", "dst/src", { cwd })).summary.differences, 1);
    await mirror("src", "dst", { cwd });
    await move("src", "moved", { cwd });
    assert.deepEqual(await dir.files(), {
      "dst/src/a": "1",
      "dst/src/b/c": "2",
      "moved/src/a": "1",
      "moved/src/b/c": "2",
    });
  }),
);

Deno.test(
  "transfers at the same time share the native workers, and the last one ends them",
  scratch(async (dir) => {
    await dir.write({ "src/a": "1", "src/b/c": "2" });
    const targets = ["one", "two", "three", "four"];
    await Promise.all(targets.map((target) => copy("src/", target, { cwd: dir.path })));
    for (const target of targets) {
      assert.deepEqual(await dir.files(target), { a: "1", "b/c": "2" });
    }
    // Open workers would keep the process alive, and the sanitizer would say so.
    const trees = await acquireTrees();
    await trees.release();
    await trees.release();
  }),
);

Deno.test(
  "what stops a transfer before it begins is thrown as a BlitError, and nothing is made",
  scratch(async (dir) => {
    await dir.write({ "src/a": "1", "empty/": "" });
    const cwd = dir.path;
    const kinds: [() => Promise<unknown>, string][] = [
      [() => copy("missing", "dst", { cwd }), "not_found"],
      [() => copy("nas:/m", "dst", { cwd }), "unsupported"],
      [() => copy("src/", "src/below", { cwd }), "refused"],
      [() => mirror("empty/", "dst", { cwd }), "refused"],
      [() => move("src", "dst", { cwd, filter: { gitignore: true } }), "usage"],
      [() => check("src", "dst", { cwd }), "not_found"],
    ];
    for (const [run, kind] of kinds) {
      await assert.rejects(run(), (error) => error instanceof BlitError && error.kind === kind);
    }
    assert.deepEqual(await dir.files(), { "src/a": "1", "empty/": "" });
  }),
);

Deno.test(
  "a dry run goes to a place that doesn't exist, and --null writes nowhere",
  scratch(async (dir) => {
    await dir.write({ "src/a": "1", "src/b/c": "22" });
    const cwd = dir.path;
    const dry = await mirror("src", "new/deep", { cwd, dryRun: true });
    assert.deepEqual([dry.summary.dryRun, dry.summary.filesTransferred], [true, 2]);
    const measured = await copy("src/", "new", { cwd, discard: true });
    assert.equal(measured.summary.bytesTransferred, 3);
    assert.deepEqual(await dir.files(), { "src/a": "1", "src/b/c": "22" });
  }),
);

Deno.test(
  "an aborted signal interrupts",
  scratch(async (dir) => {
    await dir.write({ "src/a": "1" });
    const { summary } = await copy("src", "dst", { cwd: dir.path, signal: AbortSignal.abort() });
    assert.equal(summary.outcome, "interrupted");
  }),
);

Deno.test(
  "a filter's function decides last, on both sides, and isn't asked about what is hidden",
  scratch(async (dir) => {
    await dir.write({
      "src/a": "1",
      "src/b/c": "2",
      "src/d.o": "3",
      "dst/a": "0",
      "dst/kept": "x",
    });
    const asked = new Set<string>();
    const keep = ({ path, isDirectory, isFile, sizeBytes }: FilterEntry) => {
      asked.add(`${path} ${isDirectory} ${isFile} ${sizeBytes}`);
      return path !== "b" && path !== "kept";
    };
    const rules = [{ action: "exclude", pattern: "*.o", origin: "test" }] as const;
    const { summary } = await mirror("src/", "dst", { cwd: dir.path, filter: { keep, rules } });
    assert.equal(summary.outcome, "done");
    assert.deepEqual(await dir.files("dst"), { a: "1", kept: "x" });
    assert.deepEqual([...asked].sort(), ["a false true 1", "b true false 0", "kept false true 1"]);
    const options = { cwd: dir.path, filter: { keep } };
    await assert.rejects(move("src", "moved", options), { kind: "usage" });
  }),
);

Deno.test(
  "folders in memory are guarded as those on disk, and are no daemon's",
  scratch(async (dir) => {
    const empty = MemoryFolder.of(), full = MemoryFolder.of({ "a/é": "1", "empty": null });
    const options = { cwd: dir.path };
    await assert.rejects(mirror(empty, full, options), { kind: "refused" });
    await assert.rejects(mirror(full, "/", options), { kind: "refused" });
    await assert.rejects(copy(full, "nas:/photos", options), { kind: "unsupported" });
    await assert.rejects(check(full, "missing", options), { kind: "not_found" });
    assert.equal((await copy(full, "made/here", options)).summary.filesTransferred, 1);
    assert.deepEqual(await dir.files("made"), { "here/a/é": "1", "here/empty/": "" });
    await mirror("made/here", empty, options);
    assert.deepEqual(empty.files(), full.files());
    full.remove("a");
    assert.deepEqual(full.files(), { "empty/": null });
    assert.throws(() => full.bytes("a/é"), { kind: "not_found" });
  }),
);
