/**
 * From what was typed, and the settings, to the engine's options.
 *
 * @module
 */
import { SETTINGS_FILE } from "../app/settings.ts";
import { defaultOptions, type FilterRule, type Mode, type RunOptions } from "../core/options.ts";
import type { Invocation } from "./invocation.ts";
import { OPTIONS } from "./options.ts";

/**
 * Builds the options of a run.
 *
 * @param mode what the command does
 * @param readRules reads a `--filter-from` file
 * @throws {BlitError} what reading a rule file says
 */
export function runOptions(
  call: Pick<Invocation, "values" | "given" | "settings">,
  mode: Mode,
  readRules: (file: string) => readonly FilterRule[],
): RunOptions {
  const { values, settings } = call;
  // A move hides nothing: what its filter left behind could be lost with the source.
  const defaults = mode === "move" ? {} : settings;
  const base = defaultOptions(mode);
  return {
    ...base,
    dryRun: values.dryRun ?? false,
    compare: {
      checksum: values.checksum ?? mode === "check",
      sizeOnly: values.sizeOnly ?? false,
      ignoreTimes: values.ignoreTimes ?? false,
      ignoreExisting: values.ignoreExisting ?? false,
      update: values.update ?? false,
      force: values.force ?? false,
    },
    filter: {
      ...base.filter,
      rules: [...givenRules(call.given, readRules), ...settingsRules(defaults.exclude)],
      gitignore: values.gitignore ?? (!values.noGitignore && defaults.gitignore === true),
      minSizeBytes: values.minSize,
      maxSizeBytes: values.maxSize,
      minAgeSeconds: values.minAge,
      maxAgeSeconds: values.maxAge,
    },
    delete: {
      scope: values.deleteScope ?? "subset",
      maxDelete: values.maxDelete ?? { kind: "default" },
      allowEmptySource: values.allowEmptySource ?? false,
      allowRoot: values.allowRoot ?? false,
    },
    oneWay: values.oneWay ?? false,
    resume: values.resume ?? false,
    fsync: values.fsync ?? (!values.noFsync && settings.fsync === true),
    oneFileSystem: values.oneFileSystem ?? false,
    retries: values.retry ?? 0,
    retryWaitMs: values.wait ?? Number(OPTIONS.wait.default) * 1000,
    discard: values.discard ?? false,
    workers: values.workers,
    maxThreads: values.maxThreads,
  };
}

function givenRules(
  given: Invocation["given"],
  readRules: (file: string) => readonly FilterRule[],
): FilterRule[] {
  const rules = given.flatMap(({ id, value }): readonly FilterRule[] => {
    if (id === "filterFrom") return readRules(value as string);
    if (id !== "exclude" && id !== "include") return [];
    return [{ action: id, pattern: value as string, origin: `--${id}` }];
  });
  // An --exclude beats an --include wherever it stands, as it always has; a rules file keeps its order.
  const first = (rule: FilterRule) => rule.origin === "--exclude";
  return [...rules.filter(first), ...rules.filter((rule) => !first(rule))];
}

function settingsRules(patterns: readonly string[] = []): FilterRule[] {
  return patterns.map((pattern) => ({ action: "exclude", pattern, origin: SETTINGS_FILE }));
}
