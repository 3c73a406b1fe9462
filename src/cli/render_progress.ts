/**
 * The lines of the live block, from counters.
 *
 * @module
 */
import type { Phase, Progress } from "../core/events.ts";
import { displayName, type RelPath } from "../core/rel_path.ts";
import { formatBytes, formatCount, formatDuration, formatRate } from "../core/units.ts";

const SPINNER = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];

const PHASE_WORDS: Readonly<Record<Phase, string>> = {
  scan: "Scanning",
  copy: "Copying",
  link: "Linking",
  delete: "Deleting",
  finish: "Finishing",
  verify: "Verifying",
  "remove-source": "Removing the source",
};

/** How wide a text is in columns. */
export type Measure = (text: string) => number;

/** What the live block shows beside the counters. */
export interface ProgressState {
  readonly progress: Progress;
  /** What a slow step waits for. */
  readonly waiting: { readonly what: string; readonly path?: RelPath } | null;
  readonly frame: number;
  /** `check` compares in the phase in which the others copy. */
  readonly mode: string;
}

/**
 * Renders the live block.
 *
 * @param columns width that no line may exceed
 * @param measure width of a text in columns
 */
export function progressLines(state: ProgressState, columns: number, measure: Measure): string[] {
  const { progress, waiting, frame, mode } = state;
  const lines = [fit([SPINNER[frame % SPINNER.length], ...progressParts(progress, mode)], columns)];
  const path = waiting ? waiting.path ?? null : progress.current;
  const what = waiting ? `${waiting.what} ` : "";
  if (what !== "" || path) {
    lines.push(shorten(`  ${what}${path ? displayName(path) : ""}`, columns, measure));
  }
  return lines;
}

/** Renders the counters in one line, for where there is no terminal to draw on. */
export function progressLine(progress: Progress, mode: string): string {
  const [phase, ...rest] = progressParts(progress, mode);
  return `${phase}: ${rest.join(", ")}`;
}

/** Parts in order of importance. */
function progressParts(progress: Progress, mode: string): string[] {
  const { totalsKnown, filesDone, filesTotal, bytesDone, bytesTotal } = progress;
  // Copying begins long before the source is listed whole.
  const phase = progress.phase === "scan" && (bytesDone > 0 || filesDone > 0)
    ? "copy"
    : progress.phase;
  const parts = [mode === "check" && phase === "copy" ? "Comparing" : PHASE_WORDS[phase]];
  if (phase === "delete") {
    const { deletionsDone, deletionsTotal } = progress;
    parts.push(`${formatCount(deletionsDone)} of ${formatCount(deletionsTotal)} entries`);
    return parts;
  }
  if (filesTotal === 0 && bytesTotal === 0) {
    // Nothing to copy was found so far: what is looked at is all there is to show.
    parts.push(`${formatCount(progress.entriesScanned)} entries`, ...speed(progress));
    return parts;
  }
  if (totalsKnown) {
    parts.push(percent(progress));
    parts.push(`${formatBytes(bytesDone)} of ${formatBytes(bytesTotal)}`);
    parts.push(...speed(progress));
    parts.push(`${formatCount(filesDone)} of ${formatCount(filesTotal)} files`);
  } else {
    parts.push(`${formatBytes(bytesDone)} of at least ${formatBytes(bytesTotal)}`);
    parts.push(
      ...speed(progress),
      `${formatCount(filesDone)} of ${formatCount(filesTotal)}+ files`,
    );
  }
  return parts;
}

/** 100 % is for the summary: until the last commit something can still fail. */
function percent({ bytesDone, bytesTotal, filesDone, filesTotal }: Progress): string {
  const done = bytesTotal > 0
    ? bytesDone / bytesTotal
    : filesTotal > 0
    ? filesDone / filesTotal
    : 0;
  return `${Math.max(0, Math.min(99, Math.floor(done * 100)))} %`;
}

function speed({ bytesPerSecond, etaMs, totalsKnown }: Progress): string[] {
  const parts = bytesPerSecond > 0 ? [formatRate(bytesPerSecond)] : [];
  if (totalsKnown && etaMs !== null) parts.push(`${etaText(etaMs)} left`);
  return parts;
}

/** Whole seconds: an estimate knows no more. */
function etaText(ms: number): string {
  const seconds = Math.ceil(ms / 1000);
  return seconds < 60 ? `${seconds} s` : formatDuration(seconds * 1000);
}

/** Joins as many parts as fit; all of them are ASCII but for the spinner, which is one column. */
function fit(parts: readonly string[], columns: number): string {
  let line = parts[0];
  for (const [i, part] of parts.slice(1).entries()) {
    const next = `${line}${i < 2 ? " " : " · "}${part}`;
    if (next.length > columns) break;
    line = next;
  }
  return line;
}

/** Cuts the middle out of a text that is too wide: name and folder matter most. */
function shorten(text: string, columns: number, measure: Measure): string {
  if (measure(text) <= columns) return text;
  const chars = [...text];
  let head = Math.ceil(columns / 3), tail = columns - head - 1;
  const cut = () =>
    tail > 0 ? `${chars.slice(0, head).join("")}…${chars.slice(-tail).join("")}` : "";
  while ((head > 0 || tail > 0) && measure(cut()) > columns) {
    if (tail > head) tail--;
    else head--;
  }
  return cut();
}
