import assert from "node:assert/strict";
import { Walk } from "../../src/engine/tree.ts";
import { defaultOptions } from "../../src/core/options.ts";
import type { EngineContext } from "../../src/engine/context.ts";
import { Executor } from "../../src/engine/executor.ts";
import { Filter } from "../../src/engine/filter.ts";
import { Room } from "../../src/engine/room.ts";
import { LinkTable } from "../../src/engine/link_table.ts";
import { March } from "../../src/engine/march.ts";
import { copyAll, makeParts } from "../../src/engine/run.ts";
import { Tally } from "../../src/engine/tally.ts";
import type { MemoryTree, TreeSpec } from "../../src/tree/memory.ts";
import { expectEqualTrees, expectNoWork, mirror, treeOf } from "./support.ts";

/** Copies with a table of hardlink groups as small as given. */
async function copyWith(table: LinkTable, source: MemoryTree, destination: MemoryTree) {
  const options = defaultOptions("copy");
  const { signal } = new AbortController();
  const [sourceFacts, destinationFacts] = [await source.probe(), await destination.probe()];
  const filter = Filter.compile(options.filter);
  const tally = new Tally(undefined, false);
  const context: EngineContext = {
    source,
    destination,
    sourceFacts,
    destinationFacts,
    sourceRun: source.beginRun(1n, signal),
    destinationRun: destination.beginRun(1n, signal),
    options,
    compare: {
      options: options.compare,
      owners: true,
      modes: true,
      writeBit: true,
      unknownGrain: { source: false, destination: false },
      timeGrainNs: 1n,
      symlinkTimes: true,
      xattrs: false,
      suspectSinceNs: null,
      lostSinceNs: null,
      umask: null,
    },
    tally,
    room: new Room(tally, sourceFacts, destinationFacts, "memory"),
    executor: new Executor(2),
    signal,
    batchFiles: 64,
    batchBytes: 1 << 20,
    filtered: false,
    merged: null,
    tuning: null,
    nextStaged: () => 1,
  };
  const parts = makeParts(context, filter, table);
  const root = await source.stat([""]);
  const first = { single: null, empty: false, few: null, walk: new Walk(), root };
  const march = new March(context, parts, filter, false, first);
  const request = {
    source,
    destination,
    options,
    emitItems: false,
    signal,
    history: [],
    cores: 2,
  };
  await copyAll(request, context, parts, march, first);
  await parts.planner.finishLate();
  assert.deepEqual(tally.failures, []);
  march.close();
  for (const part of [parts.planner, parts.links, parts.prune, parts.way]) part.close();
  return tally;
}

const GROUPS = 60;
const spec: TreeSpec = Object.fromEntries([
  ...Array.from({ length: GROUPS }, (_, i) => [`a/f${i}`, `${i}`] as const),
  ...Array.from({ length: GROUPS }, (_, i) => [`b/g${i}`, { hardlink: `a/f${i}` }] as const),
  ...Array.from({ length: GROUPS }, (_, i) => [`c/d/h${i}`, { hardlink: `a/f${i}` }] as const),
]);

Deno.test("groups that find no place in the table are linked in later passes", async () => {
  const [source, destination] = [treeOf(spec), treeOf()];
  const tally = await copyWith(new LinkTable(8), source, destination);
  await expectEqualTrees(source, destination);
  assert.deepEqual([tally.filesCreated, tally.linksMade], [GROUPS, 2 * GROUPS]);
  expectNoWork(await mirror(source, destination));
});

Deno.test("later passes compare what is at the destination, and leave it where it is right", async () => {
  const [source, destination] = [treeOf(spec), treeOf()];
  await copyWith(new LinkTable(1 << 10), source, destination);
  const tally = await copyWith(new LinkTable(8), source, destination);
  assert.deepEqual([tally.filesCreated, tally.filesReplaced, tally.linksMade], [0, 0, 0]);
  await expectEqualTrees(source, destination);
});

Deno.test("later passes mend groups that are wrong at the destination", async () => {
  const source = treeOf(spec);
  const destination = treeOf(
    Object.fromEntries(Object.keys(spec).map((path) => [path, path.replace(/\D/g, "")])),
  );
  await copyWith(new LinkTable(8), source, destination);
  await expectEqualTrees(source, destination);
});
