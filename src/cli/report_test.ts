import assert from "node:assert/strict";
import { keptTerminal } from "../../tests/support/written.ts";
import type { TransferResult } from "../app/transfer.ts";
import type { ErrorKind } from "../core/error.ts";
import { type ReportOptions, TextReport } from "./report.ts";

/** What a report prints of failures of these kinds. */
async function told(kinds: readonly ErrorKind[], options: Partial<ReportOptions> = {}) {
  const { terminal, text } = keptTerminal();
  terminal.quiet = true;
  const report = new TextReport(terminal, { mode: "copy", ...options }, () => {});
  for (const [i, kind] of kinds.entries()) {
    report.event({ type: "failure", path: `f${i}`, kind, message: `f${i} failed.` });
  }
  const summary = {
    mode: "copy",
    outcome: "failed",
    failures: [],
    copyMethods: {},
    transport: null,
  };
  await report.done({ summary, error: null } as unknown as TransferResult);
  return text();
}

Deno.test("of the entries that a lost connection took along, the first is printed, and how many more", async () => {
  const lost = ["disconnected", "io", ...new Array(3).fill("disconnected")] as const;
  assert.equal(
    await told(lost),
    "error: f0 failed.\nerror: f1 failed.\n" +
      "error: 3 more entries failed for the same reason. -v and --json list them.\n",
  );
  assert.equal(
    await told(["disconnected", "io", "io"]),
    "error: f0 failed.\nerror: f1 failed.\nerror: f2 failed.\n",
  );
});

Deno.test("-v prints each of them", async () => {
  const text = await told(["disconnected", "disconnected"], { verbose: true });
  assert.match(text, /f0 failed\.\nerror: f1 failed\./);
  assert.doesNotMatch(text, /same reason/);
});
