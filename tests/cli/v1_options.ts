/**
 * Every verb and option of v1 (0.1.2), from its `--help`, and what becomes of it.
 *
 * @module
 */

/** What this build does with it. */
export type Fate =
  /** Parses and does the same. */
  | { readonly same: readonly string[] }
  /** Fails with 64, and its message says this. */
  | { readonly successor: string };

/** A row: a command line of v1's, without what comes before its verb. */
export interface V1Row {
  readonly verb: string;
  readonly option: string;
  readonly fate: Fate;
}

const OPTIONS_OF_RUNS: readonly (readonly [option: string, fate: Fate])[] = [
  ["--checksum", { same: ["--checksum"] }],
  ["-c", { same: ["-c"] }],
  ["--size-only", { same: ["--size-only"] }],
  ["--ignore-times", { same: ["--ignore-times"] }],
  ["--ignore-existing", { same: ["--ignore-existing"] }],
  ["--force", { same: ["--force"] }],
  ["--delete-scope", { same: ["--delete-scope", "all"] }],
  ["--resume", { same: ["--resume"] }],
  ["--retry", { same: ["--retry", "2"] }],
  ["--wait", { same: ["--wait", "0"] }],
  ["--dry-run", { same: ["--dry-run"] }],
  ["--verbose", { same: ["--verbose"] }],
  ["-v", { same: ["-v"] }],
  ["--progress", { same: ["--progress"] }],
  ["-p", { same: ["-p"] }],
  ["--yes", { same: ["--yes"] }],
  ["-y", { same: ["-y"] }],
  ["--json", { same: ["--json"] }],
  ["--config-dir", { same: ["--config-dir", "CONFIG"] }],
  ["--drop-windows-metadata", { successor: "isn't needed" }],
  ["--force-grpc", { same: ["--force-grpc"] }],
  ["--detach", { successor: "systemd-run" }],
  ["--diagnostics-counter-file PATH", { successor: "copy_methods" }],
];

const FILTERS: readonly (readonly [option: string, values: readonly string[]])[] = [
  ["--exclude", ["--exclude", "*.tmp"]],
  ["--include", ["--include", "*"]],
  ["--files-from", ["--files-from", "LIST"]],
  ["--min-size", ["--min-size", "0"]],
  ["--max-size", ["--max-size", "1G"]],
  ["--min-age", ["--min-age", "0s"]],
  ["--max-age", ["--max-age", "7d"]],
];

const SAME_ELSEWHERE: readonly (readonly [verb: string, option: string, given: string[]])[] = [
  ["check", "--checksum", ["--checksum"]],
  ["check", "-c", ["-c"]],
  ["check", "--one-way", ["--one-way"]],
  ["check", "--json", ["--json"]],
  ["check", "--config-dir", ["--config-dir", "CONFIG"]],
  ["ls", "--json", ["--json"]],
  ["ls", "--config-dir", ["--config-dir", "CONFIG"]],
  ["du", "--max-depth", ["--max-depth", "1"]],
  ["du", "--json", ["--json"]],
  ["du", "--config-dir", ["--config-dir", "CONFIG"]],
  ["find", "--pattern", ["--pattern", "**/*.txt"]],
  ["find", "--files", ["--files"]],
  ["find", "--dirs", ["--dirs"]],
  ["find", "--case-insensitive", ["--case-insensitive"]],
  ["find", "--limit", ["--limit", "1"]],
  ["find", "--json", ["--json"]],
  ["find", "--config-dir", ["--config-dir", "CONFIG"]],
  ["rm", "--yes", ["--yes"]],
  ["rm", "-y", ["-y"]],
  ["rm", "--json", ["--json"]],
  ["rm", "--config-dir", ["--config-dir", "CONFIG"]],
  ["profile", "--json", ["--json"]],
  ["profile", "--limit", ["--limit", "5"]],
  ["profile", "--config-dir", ["--config-dir", "CONFIG"]],
  ["diagnostics perf", "--limit", ["--limit", "5"]],
  ["diagnostics perf", "--enable", ["--enable"]],
  ["diagnostics perf", "--disable", ["--disable"]],
  ["diagnostics perf", "--clear", ["--clear"]],
  ["diagnostics perf", "--json", ["--json"]],
  ["diagnostics perf", "--config-dir", ["--config-dir", "CONFIG"]],
  ["diagnostics dump", "--json", ["--json"]],
  ["diagnostics dump", "--config-dir", ["--config-dir", "CONFIG"]],
  ["scan", "--wait", ["--wait", "5"]],
  ["scan", "--json", ["--json"]],
  ["scan", "--config-dir", ["--config-dir", "CONFIG"]],
  ["list-modules", "--json", ["--json"]],
  ["list-modules", "--config-dir", ["--config-dir", "CONFIG"]],
  ["df", "--json", ["--json"]],
  ["df", "--config-dir", ["--config-dir", "CONFIG"]],
  ["jobs list", "--json", ["--json"]],
  ["jobs list", "--config-dir", ["--config-dir", "CONFIG"]],
  ["jobs cancel", "--json", ["--json"]],
  ["jobs cancel", "--config-dir", ["--config-dir", "CONFIG"]],
  ["jobs watch", "--json", ["--json"]],
  ["jobs watch", "--config-dir", ["--config-dir", "CONFIG"]],
  ["completions shell", "--config-dir", ["--config-dir", "CONFIG"]],
];

const COUNTERS = "--diagnostics-counter-file PATH";

/** Every row. */
export const V1_ROWS: readonly V1Row[] = [
  ...["copy", "mirror", "move"].flatMap((verb) => [
    ...OPTIONS_OF_RUNS.map(([option, fate]) => ({ verb, option, fate })),
    ...FILTERS.map(([option, given]) => ({
      verb,
      option,
      fate: verb === "move" ? { successor: "Filters don't go with move" } : { same: given },
    })),
    {
      verb,
      option: "--null",
      fate: verb === "copy" ? { same: ["--null"] } : { successor: "--null goes with copy only" },
    },
  ]),
  ...FILTERS.map(([option, given]) => ({ verb: "check", option, fate: { same: given } })),
  ...SAME_ELSEWHERE.map(([verb, option, given]) => ({ verb, option, fate: { same: given } })),
  ...["check", "ls", "du", "find", "rm", "profile", "diagnostics perf", "diagnostics dump"]
    .map((verb) => ({ verb, option: COUNTERS, fate: { successor: "copy_methods" } })),
  { verb: "jobs list", option: "--recent-limit N", fate: { successor: "tail" } },
  { verb: "jobs watch", option: "--timeout-secs N", fate: { successor: "timeout 60" } },
  { verb: "completions remote", option: "", fate: { same: [] } },
];
