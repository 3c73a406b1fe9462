import assert from "node:assert/strict";
import type { Progress, Summary } from "../core/events.ts";
import { textToName } from "../core/rel_path.ts";
import type { TransferResult } from "../app/transfer.ts";
import { exitOfError, exitOfResult } from "./exit.ts";
import { eventJson, summaryJson } from "./json.ts";
import { itemLine } from "./render_items.ts";
import { progressLine, progressLines } from "./render_progress.ts";
import { summaryText } from "./render_summary.ts";
import { BlitError } from "../core/error.ts";

const SUMMARY: Summary = {
  schema: 1,
  mode: "copy",
  source: "/s",
  destination: "/d",
  outcome: "done",
  dryRun: false,
  filesExamined: 0,
  directoriesExamined: 0,
  filesTransferred: 0,
  filesCreated: 0,
  filesReplaced: 0,
  filesUnchanged: 0,
  filesSkipped: 0,
  filesResumed: 0,
  metadataUpdated: 0,
  linksMade: 0,
  directoriesCreated: 0,
  bytesTransferred: 0,
  bytesTotal: 0,
  entriesDeleted: 0,
  entriesMoved: 0,
  entriesProtected: 0,
  stagedSkipped: 0,
  filesFailed: 0,
  differences: 0,
  failures: [],
  warnings: [],
  durationMs: 1500,
  planningMs: 10.25,
  firstWorkMs: null,
  predictedMs: null,
  workers: 2,
  path: "pipeline",
  implementation: "native",
  transport: null,
  streams: 0,
  tcpFallback: false,
  copyMethods: {},
};

function summary(change: Partial<Summary>): Summary {
  return { ...SUMMARY, ...change };
}

const TEXTS: [Partial<Summary>, string][] = [
  [
    { filesTransferred: 1234, bytesTransferred: 3 << 20, filesUnchanged: 20, entriesDeleted: 3 },
    "Copied 1,234 files (3.00 MiB) in 1.5 s, 2.00 MiB/s. 20 unchanged, 3 deleted.",
  ],
  [{ filesUnchanged: 1 }, "Nothing to do: 1 file the same, in 1.5 s."],
  [{ mode: "move", entriesMoved: 2 }, "Moved 2 entries in 1.5 s."],
  [
    { outcome: "partial", filesTransferred: 1, filesFailed: 2 },
    "Copied 1 file in 1.5 s. 2 entries failed, see above.",
  ],
  [{ outcome: "interrupted", filesTransferred: 1 }, "Interrupted. Copied 1 file in 1.5 s."],
  [{ outcome: "failed" }, "Failed. Copied 0 files in 1.5 s."],
  [
    { dryRun: true, filesTransferred: 2, bytesTotal: 2048, entriesDeleted: 1, filesUnchanged: 5 },
    "Would copy 2 files (2.00 KiB), delete 1. 5 unchanged. Nothing was changed.",
  ],
  [{ mode: "check", filesExamined: 2 }, "The same: 2 files compared in 1.5 s."],
  [
    { mode: "check", filesExamined: 2, differences: 1, outcome: "different" },
    "1 difference: 2 files compared in 1.5 s.",
  ],
  [
    { mode: "check", filesExamined: 2, filesFailed: 1, outcome: "partial" },
    "No difference found, but not all could be compared: 2 files compared in 1.5 s. " +
    "1 entry failed, see above.",
  ],
];

for (const [change, text] of TEXTS) {
  Deno.test(`a summary reads: ${text}`, () => assert.equal(summaryText(summary(change)), text));
}

Deno.test("an item's line says what, where and why, with the name escaped", () => {
  const item = { type: "item", sizeBytes: 2048, path: textToName("a\nö"), reason: "new" } as const;
  assert.equal(itemLine({ ...item, action: "create" }, "copy"), "create   a\\nö  (new, 2.00 KiB)");
  assert.equal(
    itemLine({ ...item, action: "create" }, "check"),
    "missing  a\\nö  (not at the destination, 2.00 KiB)",
  );
});

const PROGRESS: Progress = {
  phase: "copy",
  totalsKnown: true,
  entriesScanned: 10,
  filesTotal: 10,
  filesDone: 10,
  bytesTotal: 4096,
  bytesDone: 4096,
  deletionsTotal: 0,
  deletionsDone: 0,
  bytesPerSecond: 1024,
  etaMs: 3000,
  current: "some/very/long/path/to/a/file.txt",
  elapsedMs: 1000,
};
const length = (text: string) => [...text].length;

Deno.test("100 % is never shown while a run works", () => {
  const [line] = progressLines(
    { progress: PROGRESS, waiting: null, frame: 0, mode: "copy" },
    100,
    length,
  );
  assert.match(line, /^⠋ Copying 99 % · 4\.00 KiB of 4\.00 KiB · 1\.00 KiB\/s · 3 s left/);
});

Deno.test("until the total is known, it is shown as a lower bound", () => {
  const progress = { ...PROGRESS, totalsKnown: false };
  const [line] = progressLines({ progress, waiting: null, frame: 0, mode: "copy" }, 80, length);
  assert.equal(
    line,
    "⠋ Copying 4.00 KiB of at least 4.00 KiB · 1.00 KiB/s · 10 of 10+ files",
  );
});

Deno.test("what is listed and copied at once is called copying, once something was copied", () => {
  const listing = { ...PROGRESS, totalsKnown: false, phase: "scan", filesDone: 0 } as const;
  assert.match(progressLine(listing, "copy"), /^Copying: 4\.00 KiB of at least/);
  assert.match(progressLine({ ...listing, bytesDone: 0 }, "copy"), /^Scanning: 0 B of at least/);
});

Deno.test("no line of the live block is wider than the terminal, however narrow", () => {
  for (let columns = 10; columns < 120; columns++) {
    for (const waiting of [null, { what: "flushing", path: "x".repeat(200) }]) {
      const lines = progressLines(
        { progress: PROGRESS, waiting, frame: 3, mode: "copy" },
        columns,
        length,
      );
      for (const line of lines) assert.ok(length(line) <= columns, `${columns}: ${line}`);
    }
  }
});

Deno.test("wide characters count as wide", () => {
  const progress = { ...PROGRESS, current: textToName("漢".repeat(100)) };
  const wide = (text: string) => [...text].reduce((sum, c) => sum + (c === "漢" ? 2 : 1), 0);
  const lines = progressLines({ progress, waiting: null, frame: 0, mode: "copy" }, 40, wide);
  assert.ok(wide(lines[1]) <= 40);
});

Deno.test("where nothing is to be copied, what was looked at is shown", () => {
  const progress = { ...PROGRESS, filesTotal: 0, bytesTotal: 0, bytesDone: 0, filesDone: 0 };
  assert.equal(progressLine(progress, "check"), "Comparing: 10 entries, 1.00 KiB/s, 3 s left");
});

Deno.test("deletions, and progress without a terminal, read as lines", () => {
  const progress = { ...PROGRESS, phase: "delete", deletionsDone: 1, deletionsTotal: 3 } as const;
  assert.equal(progressLine(progress, "mirror"), "Deleting: 1 of 3 entries");
  assert.match(progressLine(PROGRESS, "copy"), /^Copying: 99 %, 4\.00 KiB of/);
});

function result(change: Partial<Summary>, error: Error | null = null): TransferResult {
  const located = {
    sourceRoot: { kind: "local" as const, path: "/s" },
    destinationRoot: { kind: "local" as const, path: "/d/s" },
    sourcePath: { kind: "local" as const, path: "/s" },
    destinationPath: { kind: "local" as const, path: "/d/s" },
    contents: false,
    sourceDisplay: "s",
    destinationDisplay: "/d/s",
  };
  return { summary: summary(change), record: null, error, located };
}

Deno.test("the JSON summary has v1's names, and a path that isn't UTF-8 twice", () => {
  const failures = [{ path: "bad\xff", kind: "permission", message: "No." }] as const;
  const copyMethods = { copy_file_range: { files: 1, bytes: 2 } };
  const json = summaryJson(result({ failures, copyMethods, outcome: "partial" }), 2);
  const names = "operation destination files_transferred bytes_transferred files_examined " +
    "files_resumed entries_deleted files_failed failures duration_ms dry_run tcp_fallback";
  for (const name of names.split(" ")) assert.ok(name in json, name);
  assert.equal(json.operation, "copy");
  assert.equal(json.destination, "/d/s");
  assert.equal(json.planning_ms, 10);
  assert.equal(json.exit_status, 2);
  assert.deepEqual(json.copy_methods, copyMethods);
  assert.deepEqual(json.failures, [
    { path: "bad\ufffd", path_base64: "YmFk/w==", kind: "permission", message: "No." },
  ]);
});

Deno.test("events are JSON in snake_case with their paths as text", () => {
  const item = {
    type: "item",
    action: "create",
    reason: "new",
    path: textToName("ö"),
    sizeBytes: 1,
  } as const;
  assert.deepEqual(eventJson(item), {
    schema: 1,
    type: "item",
    action: "create",
    reason: "new",
    path: "ö",
    size_bytes: 1,
  });
  const progress = eventJson({ type: "progress", ...PROGRESS });
  assert.equal(progress.current, PROGRESS.current);
  assert.equal(progress.eta_ms, 3000);
});

const STATUSES: [Partial<Summary>, Error | null, number][] = [
  [{}, null, 0],
  [{ outcome: "partial", filesFailed: 1 }, null, 2],
  [{ outcome: "failed" }, new BlitError("no_space", ""), 1],
  [{ outcome: "failed" }, new BlitError("unsupported", ""), 1],
  [{ outcome: "interrupted" }, new BlitError("cancelled", ""), 130],
  [{ mode: "check", outcome: "different", differences: 1 }, null, 1],
  [{ mode: "check", outcome: "different", differences: 1, filesFailed: 1 }, null, 2],
  [{ mode: "check", outcome: "failed" }, new BlitError("io", ""), 2],
];

for (const [change, error, status] of STATUSES) {
  const name = [change.mode ?? "copy", change.outcome ?? "done", error ? "with an error" : ""];
  Deno.test(`${name.join(" ").trim()}, ${change.filesFailed ?? 0} failed: exit ${status}`, () => {
    assert.equal(exitOfResult(result(change, error)), status);
  });
}

Deno.test("errors before a run: usage and unsupported 64, others 1, for check 2", () => {
  assert.equal(exitOfError(new BlitError("usage", ""), "check"), 64);
  assert.equal(exitOfError(new BlitError("unsupported", ""), "copy"), 64);
  assert.equal(exitOfError(new BlitError("not_found", ""), "copy"), 1);
  assert.equal(exitOfError(new BlitError("not_found", ""), "check"), 2);
  assert.equal(exitOfError(new TypeError(""), null), 1);
});
