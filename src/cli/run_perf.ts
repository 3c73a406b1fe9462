/**
 * diagnostics perf.
 *
 * @module
 */
import { clearHistory, isHistoryEnabled, listHistory, setHistoryEnabled } from "../app/history.ts";
import { BlitError } from "../core/error.ts";
import type { RunRecord } from "../core/run_record.ts";
import { formatBytes, formatCount, formatDuration } from "../core/units.ts";
import type { Invocation } from "./invocation.ts";
import { snakeKeys } from "./json.ts";
import { count } from "./render_summary.ts";

const DEFAULT_LIMIT = 50;

/** Shows or changes the history of runs. */
export async function run({ values, configDir, terminal }: Invocation): Promise<number> {
  if (values.enable && values.disable) {
    throw new BlitError("usage", "--enable and --disable contradict each other: give one.");
  }
  const changes = [
    ...(values.clear
      ? [clearHistory(configDir) ? "The history is cleared." : "The history was empty."]
      : []),
    ...(values.enable ? ["The history is kept from now on."] : []),
    ...(values.disable ? ["No history is kept from now on. --clear removes what is there."] : []),
  ];
  if (values.enable || values.disable) setHistoryEnabled(configDir, values.enable === true);
  const enabled = isHistoryEnabled(configDir);
  if (changes.length > 0 && !values.json) {
    for (const change of changes) terminal.out(change);
    if (values.enable && !enabled) {
      terminal.warning("BLIT_DISABLE_PERF_HISTORY=1 is set, so none is kept after all.");
    }
    return 0;
  }
  const { records, skipped } = await listHistory(configDir, values.limit ?? DEFAULT_LIMIT);
  if (values.json) {
    const fields = { schema: 1, enabled, skipped, records: records.map(snakeKeys) };
    terminal.out(JSON.stringify(fields, null, 2));
    return 0;
  }
  terminal.out(
    `The history is ${enabled ? "on" : "off"}: ${count(records.length, "run")} shown.`,
  );
  const width = Math.max(15, ...records.map((record) => fileSystems(record).length));
  if (records.length > 0) {
    const heads = "ended            mode    path      ".concat("file systems".padEnd(width));
    terminal.out(`${heads}    files       bytes predicted   actual`);
  }
  for (const record of records) terminal.out(recordLine(record, width));
  if (skipped > 0) {
    terminal.note(`${formatCount(skipped)} lines are no records and were passed over.`);
  }
  return 0;
}

function fileSystems({ profile }: RunRecord): string {
  return `${profile.sourceFs} → ${profile.destinationFs}`;
}

function recordLine(record: RunRecord, width: number): string {
  const { profile, atMs, path, filesCopied, bytesCopied, durationMs, predictedDurationMs } = record;
  return [
    new Date(atMs).toISOString().slice(0, 16).replace("T", " "),
    profile.mode.padEnd(7),
    path.padEnd(9),
    fileSystems(record).padEnd(width),
    formatCount(filesCopied).padStart(8),
    formatBytes(bytesCopied).padStart(11),
    (predictedDurationMs === null ? "-" : formatDuration(predictedDurationMs)).padStart(9),
    formatDuration(durationMs).padStart(8),
  ].join(" ");
}
