import assert from "node:assert/strict";
import { runGate } from "./main.ts";
import type { Counts } from "./reports.ts";
import type { Step } from "./steps.ts";

function step(name: string, passed: number, failed: number, ...skips: string[]): Step {
  const counts: Counts = {
    passed,
    failed,
    skips: skips.map((skip) => ({ name: skip, reason: "because" })),
    failures: Array.from({ length: failed }, (_, index) => `test ${index}\nat line 1`),
  };
  return { name, run: () => Promise.resolve(counts) };
}

/** Runs the gate and returns its exit code and what it printed. */
async function outcome(steps: Step[], allowedSkips: string | null) {
  const lines: string[] = [];
  const print = console.log;
  console.log = (line: string) => lines.push(...line.split("\n"));
  try {
    return { code: await runGate(steps, allowedSkips), lines };
  } finally {
    console.log = print;
  }
}

Deno.test("the gate ends with the sum over all steps, and runs those after a failure", async () => {
  const { code, lines } = await outcome([step("a", 3, 1), step("b", 4, 0)], null);
  assert.equal(code, 1);
  assert.equal(lines.at(-1), "7 passed, 1 failed");
  assert(lines.some((line) => /FAILED {2}a$/.test(line)));
  assert.deepEqual(lines.slice(-3, -1), ["failed: a: test 0", "    at line 1"]);
});

Deno.test("skips stand before the last line, and fail the gate unless allowed", async () => {
  const steps = [step("a", 3, 0, "on wine", "on btrfs")];
  assert.deepEqual((await outcome(steps, null)).lines.slice(-4), [
    "2 skipped:",
    "  on wine: because",
    "  on btrfs: because",
    "3 passed, 0 failed",
  ]);
  assert.equal((await outcome(steps, "on wine\non btrfs\n")).code, 0);
  const { code, lines } = await outcome(steps, "on wine\n");
  assert.equal(code, 1);
  assert.equal(lines.at(-1), "3 passed, 1 failed");
});
