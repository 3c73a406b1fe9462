import assert from "node:assert/strict";
import { BlitError } from "../../src/core/error.ts";
import { Kind, NO_PARENT } from "../../src/core/entry_block.ts";
import { stagedName } from "../../src/core/staged_name.ts";
import { BatchBuilder, Op, WorkBatch } from "../../src/core/work_batch.ts";
import type { MemoryTree } from "../../src/tree/memory.ts";
import {
  copy,
  expectDone,
  expectEqualTrees,
  type Given,
  injected,
  manyFiles,
  mirror,
  recordAccess,
  stagedLeft,
  treeOf,
} from "./support.ts";

const runId = BigInt(Date.now()) << 20n;
const marker = stagedName(runId, 0);

/** Another run's marker, held while `work` runs. */
async function whileAnotherRuns(tree: MemoryTree, work: () => Promise<void>): Promise<void> {
  const other = tree.beginRun(runId, new AbortController().signal);
  const act = async (what: bigint) => {
    const batch = new BatchBuilder(Op.marker, 1);
    batch.items.add({ name: marker, kind: Kind.file, parent: NO_PARENT });
    batch.parameter0 = what;
    await tree.run(new WorkBatch(batch.finish()), null, other);
  };
  await act(1n);
  await work();
  await act(0n);
}

Deno.test("a run marker stands in the destination's root while a run copies, and is gone afterwards", async () => {
  const [source, destination] = [treeOf({ "d/f": "1" }), treeOf()];
  const log = recordAccess(destination);
  expectDone(await copy(source, destination));
  const made = log.findIndex((line) => /^create \.blit-[0-9a-f]{16}-0$/.test(line));
  const gone = log.findIndex((line) => /^remove \.blit-[0-9a-f]{16}-0$/.test(line));
  const file = log.indexOf("create d/f");
  assert.ok(made >= 0 && made < file && file < gone, log.join("\n"));
  assert.deepEqual(stagedLeft(destination), []);
});

Deno.test("after a crash no option takes its leftovers for finished files", async () => {
  const source = treeOf({ f: "whole", "d/": null });
  const options: Given["compare"][] = [{ update: true }, { ignoreExisting: true }, {
    sizeOnly: true,
  }];
  for (const compare of options) {
    // Made in place, its length right, its time not yet stamped: newer than its source.
    const destination = treeOf({ before: "", [marker]: "", f: "whol\0", "d/": null });
    expectDone(await copy(source, destination, { compare }));
    assert.equal(destination.text("f"), "whole", JSON.stringify(compare));
    assert.deepEqual(stagedLeft(destination), []);
    const clean = treeOf({ f: "whol\0", "d/": null });
    expectDone(await copy(source, clean, { compare }));
    assert.equal(clean.text("f"), "whol\0", "without a marker the option is obeyed");
  }
});

Deno.test("files older than the crash are still judged by the options", async () => {
  const source = treeOf({ f: "theirs", "d/": null });
  const destination = treeOf({ f: "mine", "d/": null, [marker]: "" });
  expectDone(await copy(source, destination, { compare: { ignoreExisting: true } }));
  assert.equal(destination.text("f"), "mine");
});

Deno.test("running again after a kill at any write converges", async () => {
  const source = treeOf({
    ...manyFiles(12, "d/f"),
    "e/g": { hardlink: "d/f000001" },
    l: { link: "d" },
  });
  for (let stopAt = 1; stopAt < 60; stopAt += 4) {
    const destination = treeOf({ "d/f000003": "old", old: "x" });
    let writes = 0;
    destination.onAccess = (operation) => {
      if (/^(open|read|list)/.test(operation)) return;
      // As a kill: nothing works from here on, and nothing is tidied up.
      return ++writes >= stopAt ? injected("io", operation) : undefined;
    };
    await mirror(source, destination).catch(() => {});
    destination.onAccess = undefined;
    await destination.close();
    expectDone(await mirror(source, destination, { delete: { maxDelete: { kind: "all" } } }));
    await expectEqualTrees(source, destination);
    assert.deepEqual(stagedLeft(destination), []);
  }
});

Deno.test("staged leftovers are swept; a live run's are left alone", async () => {
  const source = treeOf({ "d/f": "1" });
  const dead = `d/${stagedName(5n << 20n, 1)}`;
  const destination = treeOf({ [dead]: "half", [`${dead}7/x`]: "moved aside" });
  await whileAnotherRuns(destination, async () => {
    expectDone(await copy(source, destination));
    assert.deepEqual(stagedLeft(destination), [marker]);
  });
});

Deno.test("a dry run sweeps nothing", async () => {
  const dead = stagedName(5n << 20n, 1);
  const destination = treeOf({ [dead]: "half" });
  expectDone(await mirror(treeOf({ "d/f": "1" }), destination, { dryRun: true }));
  assert.deepEqual(stagedLeft(destination), [dead]);
});

Deno.test("mirror refuses to work where another run does", async () => {
  const destination = treeOf({ old: "x" });
  await whileAnotherRuns(destination, async () => {
    await assert.rejects(mirror(treeOf({ "d/f": "1" }), destination), { kind: "busy" });
    assert.ok(destination.has("old"));
  });
});

Deno.test("an interrupted run that can't tell what is half written leaves its marker", async () => {
  const abort = new AbortController();
  const source = treeOf({ ...manyFiles(10, "d/f") });
  const destination = treeOf();
  destination.onAccess = async (operation, path) => {
    if (operation !== "write" || path === "" || /-0$/.test(path)) return;
    abort.abort();
    await new Promise(() => {});
  };
  const ran = await copy(source, destination, { request: { signal: abort.signal } });
  assert.equal(ran.summary.outcome, "interrupted");
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(stagedLeft(destination).length, 1);
});

Deno.test("an interrupted run that settled everything takes its marker with it", async () => {
  const abort = new AbortController();
  const source = treeOf({ ...manyFiles(10, "d/f") });
  const destination = treeOf();
  destination.onAccess = (operation, path) => {
    if (operation === "write" && path.startsWith("d/")) abort.abort();
  };
  const ran = await copy(source, destination, { request: { signal: abort.signal } });
  assert.equal(ran.summary.outcome, "interrupted");
  assert.deepEqual(stagedLeft(destination), []);
});

Deno.test("a killed run's marker outlives a run that leaves something out, or fails somewhere", async () => {
  const source = treeOf({ f: "1", "d/g": "2" });
  const destination = treeOf({ before: "", [marker]: "" });
  const rules = [{ action: "exclude", pattern: "d", origin: "--exclude" }] as const;
  const filter = { rules, gitignore: false, nowMs: Date.now() };
  expectDone(await copy(source, destination, { filter }));
  assert.deepEqual(stagedLeft(destination), [marker]);
  expectDone(await copy(source, destination));
  assert.deepEqual(stagedLeft(destination), []);
});

Deno.test("a run that the other side cancels says so, one that is cancelled here has nothing to say", async () => {
  const source = treeOf({ f: "x" });
  const destination = treeOf();
  destination.run = () =>
    Promise.reject(new BlitError("cancelled", "The job was cancelled at nas:9031."));
  const ran = await copy(source, destination);
  assert.equal(ran.summary.outcome, "interrupted");
  assert.equal(ran.error?.message, "The job was cancelled at nas:9031.");
});
