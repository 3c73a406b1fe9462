/**
 * The summary of a run, in a line or two.
 *
 * @module
 */
import type { Summary } from "../core/events.ts";
import { formatBytes, formatCount, formatDuration, formatRate } from "../core/units.ts";

/** Below this a rate tells of the start, not of the storage. */
const RATED_BYTES = 1 << 20;

const DONE: Readonly<Record<string, string>> = { copy: "Copied", mirror: "Copied", move: "Moved" };

/** Renders a summary as whole sentences. */
export function summaryText(summary: Summary): string {
  if (summary.mode === "check") return checkText(summary);
  const parts = [
    summary.outcome === "interrupted" ? "Interrupted. " : "",
    summary.outcome === "failed" ? "Failed. " : "",
    summary.dryRun ? "" : `${mainClause(summary)}.`,
    summary.dryRun ? dryClause(summary) : restClause(summary),
    summary.filesFailed > 0 ? ` ${failed(summary.filesFailed)}.` : "",
  ];
  return parts.join("");
}

function mainClause(summary: Summary): string {
  const { mode, filesTransferred, entriesMoved, bytesTransferred, durationMs } = summary;
  const files = mode === "move" ? Math.max(entriesMoved, filesTransferred) : filesTransferred;
  const changes = files + summary.metadataUpdated + summary.linksMade + summary.entriesDeleted +
    summary.directoriesCreated;
  const took = formatDuration(durationMs);
  if (changes === 0 && summary.outcome === "done") {
    return `Nothing to do: ${count(summary.filesUnchanged, "file")} the same, in ${took}`;
  }
  const what = count(files, mode === "move" ? "entry" : "file");
  const bytes = bytesTransferred > 0 ? ` (${formatBytes(bytesTransferred)})` : "";
  const rate = bytesTransferred >= RATED_BYTES && durationMs > 0
    ? `, ${formatRate(bytesTransferred / (durationMs / 1000))}`
    : "";
  return `${DONE[mode] ?? mode} ${what}${bytes} in ${took}${rate}`;
}

function restClause(summary: Summary): string {
  const rest = [
    counted(summary.filesUnchanged, "unchanged"),
    counted(summary.filesSkipped, "skipped"),
    counted(summary.metadataUpdated, "with new metadata"),
    counted(summary.linksMade, "linked"),
    counted(summary.filesResumed, "resumed"),
    counted(summary.entriesDeleted, "deleted"),
    counted(summary.entriesProtected, "kept though not seen in the source"),
  ].filter((part) => part !== "");
  const isIdle = rest.length === 1 && summary.filesUnchanged > 0;
  return rest.length === 0 || (isIdle && summary.filesTransferred + summary.entriesMoved === 0)
    ? ""
    : ` ${rest.join(", ")}.`;
}

function dryClause(summary: Summary): string {
  const rest = [
    counted(summary.metadataUpdated, "update"),
    counted(summary.linksMade, "link"),
    counted(summary.entriesDeleted, "delete"),
  ].filter((part) => part !== "").map((part) => part.split(" ").reverse().join(" "));
  const verb = summary.mode === "move" ? "move" : "copy";
  const files = Math.max(
    summary.filesTransferred,
    summary.mode === "move" ? summary.entriesMoved : 0,
  );
  const bytes = Math.max(summary.bytesTotal, summary.bytesTransferred);
  const size = bytes > 0 ? ` (${formatBytes(bytes)})` : "";
  const main = `${verb} ${count(files, "file")}${size}`;
  const same = summary.filesUnchanged > 0
    ? ` ${formatCount(summary.filesUnchanged)} unchanged.`
    : "";
  return `Would ${[main, ...rest].join(", ")}.${same} Nothing was changed.`;
}

function checkText(summary: Summary): string {
  const compared = `${count(summary.filesExamined, "file")} compared in ${
    formatDuration(summary.durationMs)
  }`;
  const verdict = summary.outcome === "interrupted"
    ? "Interrupted"
    : summary.differences > 0
    ? count(summary.differences, "difference")
    : summary.filesFailed > 0
    ? "No difference found, but not all could be compared"
    : "The same";
  const failures = summary.filesFailed > 0 ? ` ${failed(summary.filesFailed)}.` : "";
  return `${verdict}: ${compared}.${failures}`;
}

function failed(files: number): string {
  return `${count(files, "entry")} failed, see above`;
}

function counted(number: number, words: string): string {
  return number > 0 ? `${formatCount(number)} ${words}` : "";
}

/** `1 file`, `2 files`, `3 entries`. */
export function count(number: number, word: string): string {
  if (number === 1) return `1 ${word}`;
  return `${formatCount(number)} ${word.endsWith("y") ? `${word.slice(0, -1)}ies` : `${word}s`}`;
}
