import assert from "node:assert/strict";
import { need, needsPrograms, testOrSkip } from "../tests/support/loop_fs.ts";
import { countedFiles, grownCounts, leastCounts, recordedCounts } from "./counts.ts";
import { savedRatio, type SavedResult, worseWhy } from "./gate.ts";

testOrSkip(
  "a copy makes no more calls a file, to the kernel and over the border, than are recorded",
  async () => {
    need(needsPrograms("strace"));
    const before = recordedCounts();
    const now = await leastCounts((least) => grownCounts(least, before).length === 0);
    assert.deepEqual(grownCounts(now, before), []);
    // What is counted is there: an open, a read, a look, a write and a close are the least that a file takes.
    assert.ok(now.systemCallsPerFile > 5 && now.ffiCallsPer1000Files > 1, JSON.stringify(now));
    // One call more would be seen, and fewer are to be recorded (deno task bench:gate --record): else as many more as those
    // could come back unseen.
    const perCall = 1000 / countedFiles();
    const oneMore = { ...now, ffiCallsPer1000Files: now.ffiCallsPer1000Files + perCall };
    assert.equal(grownCounts(oneMore, before).length, 1);
    assert.equal(now.ffiCallsPer1000Files, before.ffiCallsPer1000Files);
  },
);

Deno.test("calls that grow by over 2 % are named, others not", () => {
  const before = { systemCallsPerFile: 11, ffiCallsPer1000Files: 20 };
  assert.deepEqual(
    grownCounts({ systemCallsPerFile: 11.2, ffiCallsPer1000Files: 20.4 }, before),
    [],
  );
  const [one, ...others] = grownCounts(
    { systemCallsPerFile: 11.3, ffiCallsPer1000Files: 1 },
    before,
  );
  assert.match(one, /^systemCallsPerFile: 11\.30, recorded 11\.00/);
  assert.deepEqual(others, []);
});

Deno.test("a ratio is worse where its whole interval lies above the one before", () => {
  const before = { median: 0.9, low: 0.8, high: 1 };
  assert.equal(worseWhy({ median: 1.5, low: 1, high: 2 }, before), null);
  assert.match(worseWhy({ median: 1.5, low: 1.01, high: 2 }, before)!, /1\.50.*before 0\.90/);
  assert.equal(worseWhy({ median: 1.5, low: 0.99, high: 2 }, null), null);
  assert.match(worseWhy({ median: 1.5, low: 1.01, high: 2 }, null)!, /slower in every round/);
});

Deno.test("the ratio before is the newest of the same workload, file system and scale", () => {
  const result = (date: string, low: number, more: Partial<SavedResult> = {}): SavedResult => ({
    date,
    workload: { name: "small", scale: 1 },
    fileSystem: "tmpfs",
    cold: false,
    tools: [{ name: "rsync", ratio: { median: low, low, high: low } }],
    ...more,
  });
  const results = [
    result("2026-01-02", 2),
    result("2026-01-01", 1),
    result("2026-01-03", 3, { fileSystem: "xfs" }),
    result("2026-01-03", 4, { cold: true }),
    result("2026-01-03", 5, { workload: { name: "small", scale: 0.1 } }),
    result("2026-01-04", 6, { tools: [] }),
  ];
  assert.equal(savedRatio(results, "small", "tmpfs", "rsync", 1)?.median, 2);
  assert.equal(savedRatio(results, "small", "tmpfs", "cp", 1), null);
});
