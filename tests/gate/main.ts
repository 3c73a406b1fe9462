/**
 * `deno task test` and `deno task ok`: runs every step, whatever the others say, and ends with the
 * skips, what the failures said, and the line `N passed, N failed`.
 *
 * usage: main.ts test|ok [--allowed-skips FILE]
 *
 * A step that fails without a failing test (format, lint, coverage) counts as one failed.
 *
 * @module
 */
import { type Skip, unexpectedSkips } from "./reports.ts";
import { GATE_STEPS, type Step, TEST_STEPS } from "./steps.ts";

/** Runs the steps; returns the exit code. */
export async function runGate(
  steps: readonly Step[],
  allowedSkips: string | null,
): Promise<number> {
  let passed = 0, failed = 0;
  const skips: Skip[] = [];
  const table: string[] = [], failures: string[] = [];
  for (const step of steps) {
    console.log(`\n=== ${step.name}`);
    const start = performance.now();
    const counts = await step.run();
    const seconds = ((performance.now() - start) / 1000).toFixed(1);
    passed += counts.passed;
    failed += counts.failed;
    skips.push(...counts.skips);
    failures.push(...counts.failures.map((words) => `${step.name}: ${words}`));
    table.push(
      `  ${seconds.padStart(6)} s  ${counts.failed === 0 ? "ok    " : "FAILED"}  ${step.name}`,
    );
  }
  console.log(`\n=== summary\n${table.join("\n")}`);
  const print = (title: string, list: readonly Skip[]) => {
    console.log(`${list.length} ${title}${list.length ? ":" : ""}`);
    for (const { name, reason } of list) console.log(`  ${name}: ${reason}`);
  };
  print("skipped", skips);
  if (allowedSkips !== null) {
    const unexpected = unexpectedSkips(skips, allowedSkips);
    if (unexpected.length > 0) {
      print("skipped without being allowed to, counted as failed", unexpected);
    }
    failed += unexpected.length;
  }
  for (const words of failures) console.log(`failed: ${words.replaceAll("\n", "\n    ")}`);
  console.log(`${passed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}

if (import.meta.main) {
  const [what, option, file, ...rest] = Deno.args;
  const steps = { test: TEST_STEPS, ok: GATE_STEPS }[what];
  if (steps === undefined || rest.length || (option && (option !== "--allowed-skips" || !file))) {
    console.error("usage: main.ts test|ok [--allowed-skips FILE]");
    Deno.exit(64);
  }
  Deno.exit(await runGate(steps, file ? Deno.readTextFileSync(file) : null));
}
