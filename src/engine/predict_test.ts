import assert from "node:assert/strict";
import fc from "fast-check";
import { RUN_RECORD_SCHEMA, type RunProfile, type RunRecord } from "../core/run_record.ts";
import { BATCH_BOUNDS, type PlanFacts, Predictor, type RunSize } from "./predict.ts";

const MIB = 2 ** 20;
const PROFILE: RunProfile = {
  sourceFs: "ext4",
  destinationFs: "ext4",
  implementation: "native",
  mode: "copy",
  checksum: false,
  fsync: false,
  discard: false,
};

/** A machine whose runs cost a fixed time, and so much a file and a MiB. */
interface Machine {
  readonly fixedMs: number;
  readonly fileMs: number;
  readonly mibMs: number;
}

function runOn(
  machine: Machine,
  size: RunSize,
  noise: number,
  more: Partial<RunRecord> = {},
): RunRecord {
  const { fixedMs, fileMs, mibMs } = machine;
  const transferMs = (fixedMs + fileMs * size.files + mibMs * size.bytes / MIB) * noise;
  const planningMs = (fixedMs / 2 + fileMs / 4 * size.entries) * noise;
  return {
    schema: RUN_RECORD_SCHEMA,
    atMs: 1,
    profile: PROFILE,
    entriesExamined: size.entries,
    filesCopied: size.files,
    bytesCopied: size.bytes,
    entriesDeleted: 0,
    planningMs,
    transferMs,
    durationMs: transferMs + planningMs / 3,
    workers: 2,
    batchFiles: 1000,
    batchBytes: 64 * MIB,
    path: "pipeline",
    predictedPlanningMs: null,
    predictedTransferMs: null,
    predictedDurationMs: null,
    ...more,
  };
}

function facts(files: number, bytes: number, more: Partial<PlanFacts> = {}): PlanFacts {
  return { size: { entries: files, files, bytes }, complete: true, mustMarch: false, ...more };
}

const machines: fc.Arbitrary<Machine> = fc.record({
  fixedMs: fc.double({ min: 0, max: 50, noNaN: true }),
  fileMs: fc.double({ min: 0.005, max: 5, noNaN: true }),
  mibMs: fc.double({ min: 0.05, max: 50, noNaN: true }),
});
const noises = (width: number) =>
  fc.array(fc.double({ min: 1 - width, max: 1 + width, noNaN: true }), {
    minLength: 10,
    maxLength: 10,
  });

Deno.test("by the tenth like run every prediction is within 25 % on noisy machines", () => {
  fc.assert(
    fc.property(
      machines,
      fc.integer({ min: 1, max: 200_000 }),
      fc.integer({ min: 0, max: 4_000_000 }),
      fc.integer({ min: 0, max: 50_000 }),
      noises(0.08),
      noises(0.03),
      (machine, files, meanBytes, others, noise, growth) => {
        const runs = noise.map((factor, i) => {
          const count = Math.max(1, Math.round(files * growth[i]));
          const size = { entries: count + others, files: count, bytes: count * meanBytes };
          return runOn(machine, size, factor);
        });
        const tenth = runs[9];
        const predicted = new Predictor(runs.slice(0, 9), PROFILE, 2).predict({
          entries: tenth.entriesExamined,
          files: tenth.filesCopied,
          bytes: tenth.bytesCopied,
        });
        for (const time of ["planningMs", "transferMs", "durationMs"] as const) {
          // Below a millisecond a share means nothing.
          const error = Math.abs(predicted[time] - tenth[time]) / Math.max(tenth[time], 1);
          assert.ok(error < 0.25, `${time}: ${predicted[time]} for ${tenth[time]}`);
        }
        assert.equal(predicted.runs, 9);
      },
    ),
    { numRuns: Number(Deno.env.get("BLIT_PROPERTY_RUNS") ?? 300) },
  );
});

Deno.test("without a history the fixed priors predict", () => {
  const predictor = new Predictor([], PROFILE, 2);
  const predicted = predictor.predict({ entries: 1000, files: 1000, bytes: 100 * MIB });
  assert.deepEqual(predicted, {
    planningMs: 50,
    transferMs: 51,
    durationMs: 51,
    runs: 0,
    lastError: null,
  });
});

Deno.test("a machine that became slower is followed within four runs", () => {
  const size = { entries: 1000, files: 1000, bytes: 10 * MIB };
  const before = { fixedMs: 5, fileMs: 0.1, mibMs: 1 };
  const after = { fixedMs: 5, fileMs: 1, mibMs: 10 };
  const slow = runOn(after, size, 1);
  const runs = [...Array(20).fill(runOn(before, size, 1)), ...Array(4).fill(slow)];
  const { transferMs, lastError } = new Predictor(runs, PROFILE, 2).predict(size);
  assert.ok(Math.abs(transferMs - slow.transferMs) / slow.transferMs < 0.1, `${transferMs}`);
  assert.ok(lastError! < 0.25);
});

Deno.test("one odd run moves the prediction less than a lasting change", () => {
  const size = { entries: 1000, files: 1000, bytes: 10 * MIB };
  const usual = runOn({ fixedMs: 5, fileMs: 0.1, mibMs: 1 }, size, 1);
  const odd = { ...usual, transferMs: usual.transferMs * 5 };
  const once = new Predictor([...Array(10).fill(usual), odd], PROFILE, 2).predict(size);
  const twice = new Predictor([...Array(10).fill(usual), odd, odd], PROFILE, 2).predict(size);
  assert.ok(once.transferMs < usual.transferMs * 2.5);
  assert.ok(twice.transferMs > usual.transferMs * 3.5);
});

Deno.test("runs of other profiles and renames teach nothing", () => {
  const size = { entries: 100, files: 100, bytes: MIB };
  const machine = { fixedMs: 50, fileMs: 5, mibMs: 50 };
  const runs = [
    runOn(machine, size, 1, { profile: { ...PROFILE, destinationFs: "nfs" } }),
    runOn(machine, size, 1, { profile: { ...PROFILE, fsync: true } }),
    runOn(machine, size, 1, { path: "rename" }),
  ];
  const empty = new Predictor([], PROFILE, 2);
  assert.deepEqual(new Predictor(runs, PROFILE, 2).predict(size), empty.predict(size));
});

Deno.test("small files teach what a file costs, a large one what a MiB costs", () => {
  const machine = { fixedMs: 5, fileMs: 0.5, mibMs: 2 };
  const small = { entries: 10_000, files: 10_000, bytes: 10_000 * 1000 };
  const large = { entries: 1, files: 1, bytes: 2048 * MIB };
  const runs = [1, 2, 3, 4].flatMap(() => [runOn(machine, small, 1), runOn(machine, large, 1)]);
  const predictor = new Predictor(runs, PROFILE, 2);
  for (const size of [small, large]) {
    const actual = runOn(machine, size, 1).transferMs;
    assert.ok(Math.abs(predictor.predict(size).transferMs - actual) / actual < 0.25);
  }
});

Deno.test("the path follows from what there is to do", async (t) => {
  const predictor = new Predictor([], PROFILE, 4);
  const table: [string, PlanFacts, string][] = [
    ["8 files, 100 MiB", facts(8, 100 * MIB), "direct"],
    ["9 files", facts(9, 9), "pipeline"],
    ["over 100 MiB", facts(8, 100 * MIB + 1), "pipeline"],
    ["one file under 1 GiB", facts(1, 1024 * MIB - 1), "pipeline"],
    ["one file of 1 GiB", facts(1, 1024 * MIB), "large"],
    ["two files of 1 GiB", facts(2, 2048 * MIB), "pipeline"],
    ["8 files so far", facts(8, 8, { complete: false }), "pipeline"],
    ["mirror, checksum: few files", facts(1, 1, { mustMarch: true }), "pipeline"],
    ["mirror, checksum: large file", facts(1, 2048 * MIB, { mustMarch: true }), "pipeline"],
  ];
  for (const [name, given, path] of table) {
    await t.step(name, () => {
      const decision = predictor.decide(given);
      assert.equal(decision.path, path);
      assert.equal(decision.workers, path === "pipeline" ? 4 : 1);
      assert.match(decision.why, /no history of such runs$/);
    });
  }
});

Deno.test("two seeded histories make the same tree take different worker counts", () => {
  const size = { entries: 5000, files: 5000, bytes: 50 * MIB };
  const machine = { fixedMs: 5, fileMs: 0.2, mibMs: 1 };
  const history = (fast: number) =>
    [1, 2, 4, 1, 2, 4].map((workers) => {
      return runOn(machine, size, workers === fast ? 0.5 : 1, { workers });
    });
  const one = new Predictor(history(1), PROFILE, 2).decide(facts(5000, 50 * MIB));
  const four = new Predictor(history(4), PROFILE, 2).decide(facts(5000, 50 * MIB));
  assert.equal(one.workers, 1);
  assert.equal(four.workers, 4);
  assert.match(four.why, /4 workers, the fastest so far; 6 such runs known/);
});

Deno.test("two seeded histories make the same tree take different paths", () => {
  const size = { entries: 8, files: 8, bytes: 80 * MIB };
  const machine = { fixedMs: 1, fileMs: 0.2, mibMs: 2 };
  const history = (direct: number, pipeline: number) =>
    [1, 2, 3].flatMap(() => [
      runOn(machine, size, direct, { path: "direct", workers: 1 }),
      runOn(machine, size, pipeline, { path: "pipeline" }),
    ]);
  const even = new Predictor(history(1, 1), PROFILE, 2).decide(facts(8, 80 * MIB));
  const slowDirect = new Predictor(history(2, 1), PROFILE, 2).decide(facts(8, 80 * MIB));
  assert.equal(even.path, "direct");
  assert.equal(slowDirect.path, "pipeline");
  assert.match(slowDirect.why, /^it was 2\.\d times as fast as the direct path here/);
  const mirrored = new Predictor(history(1, 2), PROFILE, 2);
  assert.equal(mirrored.decide(facts(8, 80 * MIB, { mustMarch: true })).path, "pipeline");
});

Deno.test("a worker count is kept unless another was clearly faster", () => {
  const size = { entries: 5000, files: 5000, bytes: 50 * MIB };
  const machine = { fixedMs: 5, fileMs: 0.2, mibMs: 1 };
  const history = (gain: number) => [
    runOn(machine, size, 1 / gain, { workers: 4 }),
    runOn(machine, size, 1, { workers: 2 }),
    runOn(machine, size, 1, { workers: 2 }),
  ];
  assert.equal(new Predictor(history(1.05), PROFILE, 2).decide(facts(99, 99)).workers, 2);
  assert.equal(new Predictor(history(1.2), PROFILE, 2).decide(facts(99, 99)).workers, 4);
});

/** The worker counts of fifty runs in a row, where a run's time depends on its count. */
function usedInARow(timeOf: (workers: number) => number, sizeFiles = 5000): number[] {
  const size = { entries: sizeFiles, files: sizeFiles, bytes: 50 * MIB };
  const machine = { fixedMs: 5, fileMs: 0.2, mibMs: 1 };
  const history: RunRecord[] = [], used: number[] = [];
  while (used.length < 50) {
    const { workers } = new Predictor(history, PROFILE, 2).decide(facts(size.files, size.bytes));
    used.push(workers);
    history.push(runOn(machine, size, timeOf(workers), { workers }));
  }
  return used;
}

Deno.test("now and then a run tries a neighbour of the fastest worker count", () => {
  const even = usedInARow(() => 1);
  assert.deepEqual(even.slice(0, 14), [2, 2, 2, 2, 2, 2, 3, 2, 2, 2, 2, 2, 2, 1]);
  const tries = even.filter((workers) => workers !== 2);
  assert.deepEqual(tries, [3, 1, 3, 1], "each neighbour once in thirty runs");
  const four = usedInARow((workers) => 1 / workers);
  assert.deepEqual(new Set(four.slice(0, 16)), new Set([2, 3, 4]));
  assert.ok(four.slice(20, 40).filter((workers) => workers === 4).length >= 18);
  const one = usedInARow((workers) => workers);
  assert.ok(one.slice(20, 40).filter((workers) => workers === 1).length >= 18);
});

Deno.test("a try is explained, and a long run tries nothing", () => {
  const size = { entries: 5000, files: 5000, bytes: 50 * MIB };
  const machine = { fixedMs: 5, fileMs: 0.2, mibMs: 1 };
  const six = Array.from({ length: 6 }, () => runOn(machine, size, 1));
  const { why } = new Predictor(six, PROFILE, 2).decide(facts(5000, 50 * MIB));
  assert.match(why, /3 workers, to see whether that is faster than 2; 6 such runs known/);
  assert.deepEqual(new Set(usedInARow(() => 1, 500_000)), new Set([2]));
});

Deno.test("decisions stay within their bounds whatever the history says", () => {
  const record = fc.record({
    files: fc.integer({ min: 0, max: 1e7 }),
    bytes: fc.integer({ min: 0, max: 1e13 }),
    workers: fc.integer({ min: 1, max: 4096 }),
    path: fc.constantFrom("direct", "pipeline", "large", "rename"),
    ms: fc.constantFrom(0, 0.001, 1, 1000, 1e9, 3e12),
  });
  fc.assert(fc.property(
    fc.array(record, { maxLength: 12 }),
    fc.integer({ min: 1, max: 64 }),
    fc.integer({ min: 0, max: 1e7 }),
    fc.integer({ min: 0, max: 1e13 }),
    fc.boolean(),
    (history, cores, files, bytes, complete) => {
      const runs = history.map((run) => ({
        ...runOn({ fixedMs: 0, fileMs: 0, mibMs: 0 }, { ...run, entries: run.files }, 0),
        workers: run.workers,
        path: run.path as RunRecord["path"],
        planningMs: run.ms,
        transferMs: run.ms,
        durationMs: run.ms,
      }));
      const predictor = new Predictor(runs, PROFILE, cores);
      const decision = predictor.decide(facts(files, bytes, { complete }));
      const { leastFiles, mostFiles, leastBytes, mostBytes } = BATCH_BOUNDS;
      assert.ok(decision.workers >= 1 && decision.workers <= cores * 2);
      assert.ok(decision.batchFiles >= leastFiles && decision.batchFiles <= mostFiles);
      assert.ok(decision.batchBytes >= leastBytes && decision.batchBytes <= mostBytes);
      const { predictedMs = 0 } = decision;
      assert.ok(Number.isFinite(predictedMs) && predictedMs >= 0);
      assert.deepEqual(
        new Predictor(runs, PROFILE, cores).decide(facts(files, bytes, { complete })),
        decision,
      );
    },
  ));
});

Deno.test("while the size is unknown, earlier runs stand for it", () => {
  const size = { entries: 5000, files: 5000, bytes: 50 * MIB };
  const usual = runOn({ fixedMs: 5, fileMs: 0.2, mibMs: 1 }, size, 1);
  const given = facts(0, 0, { complete: false });
  assert.equal(new Predictor([], PROFILE, 2).decide(given).predictedMs, undefined);
  const predictedMs = new Predictor(Array(9).fill(usual), PROFILE, 2).decide(given).predictedMs!;
  assert.ok(Math.abs(predictedMs - usual.durationMs) / usual.durationMs < 0.05);
});

Deno.test("a file system behind a network begins with more workers", () => {
  const behind = new Predictor([], { ...PROFILE, destinationFs: "nfs4" }, 4);
  assert.equal(behind.decide(facts(1000, 1000)).workers, 8);
});

Deno.test("a far link begins with more streams and smaller batches than a near one, and the loopback with one stream per core", () => {
  const begin = (rttMs: number, isLoopback = false, remote: "push" | "pull" = "push") => {
    const link = { rttMs, isLoopback, hostHash: "h" };
    const profile = { ...PROFILE, remote };
    return new Predictor([], profile, 2, link).decide(facts(0, 0, { complete: false }));
  };
  const [loopback, lan, wan, far] = [begin(0.1, true), begin(1), begin(50), begin(300)];
  assert.deepEqual([loopback, lan, wan, far].map(({ workers }) => workers), [2, 4, 8, 8]);
  assert.equal(lan.batchBytes, BATCH_BOUNDS.mostBytes);
  assert.equal(wan.batchBytes, MIB);
  // A round trip passes between two batches of a pull's stream, and a longer one holds more.
  assert.equal(begin(50, false, "pull").batchBytes, 4 * MIB);
  assert.equal(far.batchBytes, 4 * MIB);
  assert.match(far.why, /8 streams to begin with/);
});
