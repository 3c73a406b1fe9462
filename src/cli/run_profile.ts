/**
 * profile.
 *
 * @module
 */
import { isHistoryEnabled, listHistory } from "../app/history.ts";
import { profileKey, type RunProfile, type RunRecord } from "../core/run_record.ts";
import { formatCount, formatDuration } from "../core/units.ts";
import { Predictor } from "../engine/predict.ts";
import type { Invocation } from "./invocation.ts";
import { snakeKeys } from "./json.ts";

const MANY_FILES = 10_000, MANY_BYTES = 2 ** 30;

/** What was learned of one profile. */
interface Learned {
  readonly profile: RunProfile;
  readonly runs: number;
  /** What it would take to copy 10,000 empty files, and 1 GiB in one. */
  readonly manyFilesMs: number;
  readonly manyBytesMs: number;
  /** Share by which the last prediction missed; null before the second run. */
  readonly lastError: number | null;
}

/** Shows what the predictor has learned. */
export async function run({ values, configDir, terminal }: Invocation): Promise<number> {
  const { records } = await listHistory(configDir, values.limit ?? 0);
  const learned = learn(records);
  if (values.json) {
    const profiles = learned.map(({ profile, runs, manyFilesMs, manyBytesMs, lastError }) => ({
      profile: snakeKeys(profile),
      runs,
      predicted_ms_10000_files: Math.round(manyFilesMs),
      predicted_ms_1_gib: Math.round(manyBytesMs),
      last_error: lastError,
    }));
    const fields = {
      schema: 1,
      enabled: isHistoryEnabled(configDir),
      profiles,
      records: records.map(snakeKeys),
    };
    terminal.out(JSON.stringify(fields, null, 2));
    return 0;
  }
  if (learned.length === 0) {
    terminal.out("Nothing learned yet: predictions come from fixed priors.");
    return 0;
  }
  terminal.out("runs 10,000 files      1 GiB last error  profile");
  for (const { profile, runs, manyFilesMs, manyBytesMs, lastError } of learned) {
    terminal.out(
      [
        formatCount(runs).padStart(4),
        formatDuration(manyFilesMs).padStart(12),
        formatDuration(manyBytesMs).padStart(10),
        (lastError === null ? "-" : `${Math.round(lastError * 100)} %`).padStart(10),
        ` ${profileText(profile)}`,
      ].join(" "),
    );
  }
  return 0;
}

function learn(records: readonly RunRecord[]): Learned[] {
  const groups = Map.groupBy(records, (record) => profileKey(record.profile));
  return [...groups.values()].map((group) => {
    const { profile } = group[0];
    const predictor = new Predictor(group, profile, navigator.hardwareConcurrency);
    const files = predictor.predict({ entries: MANY_FILES, files: MANY_FILES, bytes: 0 });
    const bytes = predictor.predict({ entries: 1, files: 1, bytes: MANY_BYTES });
    return {
      profile,
      runs: files.runs,
      manyFilesMs: files.durationMs,
      manyBytesMs: bytes.durationMs,
      lastError: files.lastError,
    };
  });
}

function profileText(profile: RunProfile): string {
  const { mode, sourceFs, destinationFs, implementation, checksum, fsync, discard } = profile;
  const marks = [
    checksum ? "checksum" : "",
    fsync ? "fsync" : "",
    discard ? "null" : "",
    profile.remote ?? "",
  ].filter((mark) => mark !== "");
  return [`${mode} ${sourceFs} → ${destinationFs}`, implementation, ...marks].join(", ");
}
