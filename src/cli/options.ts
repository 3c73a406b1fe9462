/**
 * The option table: every option of every command once. Parsing, help, man page and completions all come
 * from it; `commands.ts` says which command takes which.
 *
 * @module
 */
import { flag, type OptionSpec, type OptionValue, retired, value } from "./option_types.ts";
import {
  age,
  fingerprint,
  maxDelete,
  oneOf,
  seconds,
  signedAge,
  signedSize,
  size,
  text,
  whole,
} from "./option_values.ts";

const MANY = Number.MAX_SAFE_INTEGER;

/** Every option. */
export const OPTIONS = {
  checksum: flag({
    long: "checksum",
    short: "c",
    group: "Compare",
    help: "Compare content (BLAKE3), extended attributes and ACLs, whatever size and time say",
  }),
  sizeOnly: flag({
    long: "size-only",
    group: "Compare",
    help: "Compare sizes alone, not times",
  }),
  ignoreTimes: flag({
    long: "ignore-times",
    group: "Compare",
    help: "Copy every file, even where size and time are the same",
  }),
  ignoreExisting: flag({
    long: "ignore-existing",
    group: "Compare",
    help: "Leave files alone that exist at the destination, the same or not",
  }),
  update: flag({
    long: "update",
    group: "Compare",
    help: "Leave files alone that are newer at the destination",
  }),
  force: flag({
    long: "force",
    group: "Compare",
    help: "Copy every file, the same or not",
  }),
  oneWay: flag({
    long: "one-way",
    group: "Compare",
    help: "Entries found only at the destination are no difference",
  }),

  exclude: value(text, {
    long: "exclude",
    value: "GLOB",
    group: "Filter",
    repeat: true,
    help: "Leave out what matches, whatever else takes it; what is below it stays out too",
  }),
  include: value(text, {
    long: "include",
    value: "GLOB",
    group: "Filter",
    repeat: true,
    help: "Take only files that match, or that are in a folder that matches",
  }),
  filterFrom: value(text, {
    long: "filter-from",
    value: "FILE",
    group: "Filter",
    repeat: true,
    path: "file",
    help:
      'Rules from FILE, one a line, the first match decides: "+ GLOB" takes, "- GLOB" leaves out',
  }),
  gitignore: flag({
    long: "gitignore",
    group: "Filter",
    help: "Leave out what the .gitignore files of the source ignore, as git does",
  }),
  noGitignore: flag({
    long: "no-gitignore",
    group: "Filter",
    hidden: true,
    help: "Don't, whatever the settings say",
  }),
  filesFrom: value(text, {
    long: "files-from",
    value: "FILE",
    group: "Filter",
    path: "file",
    help: "Take only the paths that FILE names, by line or separated by NUL; - is standard input",
  }),
  minSize: value(size, {
    long: "min-size",
    value: "SIZE",
    group: "Filter",
    help: "Leave out smaller files",
  }),
  maxSize: value(size, {
    long: "max-size",
    value: "SIZE",
    group: "Filter",
    help: "Leave out larger files",
  }),
  minAge: value(age, {
    long: "min-age",
    value: "AGE",
    group: "Filter",
    help: "Leave out files changed more recently",
  }),
  maxAge: value(age, {
    long: "max-age",
    value: "AGE",
    group: "Filter",
    help: "Leave out files changed longer ago",
  }),
  oneFileSystem: flag({
    long: "one-file-system",
    group: "Filter",
    help: "Don't enter other file systems that are mounted below the source",
  }),

  deleteScope: value(oneOf(["subset", "all"]), {
    long: "delete-scope",
    value: "SCOPE",
    group: "Delete and protect",
    default: "subset",
    words: ["subset", "all"],
    help: "subset leaves at the destination what the filter hides, all deletes it",
  }),
  maxDelete: value(maxDelete, {
    long: "max-delete",
    value: "N|N%|all",
    group: "Delete and protect",
    default: "half of the destination, or 100 entries",
    words: ["all"],
    help: "Refuse to delete more than this",
  }),
  allowEmptySource: flag({
    long: "allow-empty-source",
    group: "Delete and protect",
    help: "Mirror an empty source, which empties the destination",
  }),
  allowRoot: flag({
    long: "allow-root",
    group: "Delete and protect",
    help: "Allow /, the home directory, what holds it, or a folder of the system as target",
  }),
  yes: flag({
    long: "yes",
    short: "y",
    group: "Delete and protect",
    help: "Don't ask before deleting",
  }),
  dryRun: flag({
    long: "dry-run",
    short: "n",
    group: "Delete and protect",
    help: "Change nothing; print what would be done to each entry, and why",
  }),

  resume: flag({
    long: "resume",
    group: "Reliability",
    help: "Go on with large files that an interrupted run left unfinished",
  }),
  retry: value(whole(0, 1000), {
    long: "retry",
    value: "N",
    group: "Reliability",
    default: "0",
    help: "Try entries that failed again, up to N times",
  }),
  wait: value(seconds, {
    long: "wait",
    value: "S",
    group: "Reliability",
    default: "5",
    help: "Wait S seconds before each retry",
  }),
  fsync: flag({
    long: "fsync",
    group: "Reliability",
    help: "Done means on disk: data, names and directories",
  }),
  noFsync: flag({
    long: "no-fsync",
    group: "Reliability",
    hidden: true,
    help: "Don't, whatever the settings say",
  }),

  verbose: flag({
    long: "verbose",
    short: "v",
    group: "Output",
    help: "Print what is done to each entry, and what the planner decides",
  }),
  progress: flag({
    long: "progress",
    short: "p",
    group: "Output",
    help: "Show progress even where no terminal is; with --json, events as NDJSON on stderr",
  }),
  noProgress: flag({
    long: "no-progress",
    group: "Output",
    help: "Show no progress",
  }),
  quiet: flag({
    long: "quiet",
    short: "q",
    group: "Output",
    help: "Print nothing but errors",
  }),
  json: flag({
    long: "json",
    group: "Output",
    help: "Print the result as JSON on stdout",
  }),
  print0: flag({
    long: "print0",
    short: "0",
    group: "Output",
    help: "End each path with NUL, unescaped",
  }),

  recursive: flag({
    long: "recursive",
    short: "r",
    group: "General",
    help: "List what is in subdirectories too",
  }),
  depth: value(whole(0, MANY), {
    long: "depth",
    aliases: ["max-depth"],
    value: "N",
    group: "General",
    default: "0",
    help: "Show directories down to N levels; 0 shows all",
  }),
  name: value(text, {
    long: "name",
    value: "GLOB",
    group: "Filter",
    help: "Names that match; a glob with a / is matched on the whole path",
  }),
  pattern: value(text, {
    long: "pattern",
    value: "GLOB",
    group: "Filter",
    hidden: true,
    help: "Paths or names that match",
  }),
  ignoreCase: flag({
    long: "ignore-case",
    short: "i",
    aliases: ["case-insensitive"],
    group: "Filter",
    help: "Match names whatever their case",
  }),
  type: value(oneOf(["f", "d", "l", "p", "s", "b", "c"]), {
    long: "type",
    value: "TYPE",
    group: "Filter",
    words: ["f", "d", "l", "p", "s", "b", "c"],
    help: "f files, d directories, l symlinks, p FIFOs, s sockets, b and c devices",
  }),
  onlyFiles: flag({ long: "files", group: "Filter", hidden: true, help: "As --type f" }),
  onlyDirectories: flag({ long: "dirs", group: "Filter", hidden: true, help: "As --type d" }),
  size: value(signedSize, {
    long: "size",
    value: "[+-]SIZE",
    group: "Filter",
    help: "Files of at least (+), at most (-) or exactly this size",
  }),
  age: value(signedAge, {
    long: "age",
    value: "[+-]AGE",
    group: "Filter",
    help: "Changed longer ago (+) or more recently (-) than this",
  }),
  limit: value(whole(0, MANY), {
    long: "limit",
    value: "N",
    group: "General",
    help: "Show at most N; 0 shows all",
  }),
  enable: flag({ long: "enable", group: "General", help: "Keep a history of runs (the default)" }),
  disable: flag({ long: "disable", group: "General", help: "Keep no history" }),
  clear: flag({ long: "clear", group: "General", help: "Forget the history" }),

  configDir: value(text, {
    long: "config-dir",
    value: "DIR",
    group: "General",
    path: "directory",
    default: "$XDG_CONFIG_HOME/blit",
    help: "Where settings and history are kept",
  }),
  help: flag({ long: "help", short: "h", group: "General", help: "Print help" }),
  version: flag({ long: "version", short: "V", group: "General", help: "Print the version" }),

  workers: value(whole(1, 256), {
    long: "workers",
    value: "N",
    group: "Debug",
    hidden: true,
    help: "Batches under way at once, instead of what the planner decides",
  }),
  maxThreads: value(whole(1, 64), {
    long: "max-threads",
    value: "N",
    group: "Debug",
    hidden: true,
    help: "Most native threads",
  }),
  discard: flag({
    long: "null",
    group: "Debug",
    hidden: true,
    help: "Read everything, write nothing: a measuring aid",
  }),

  forceGrpcData: flag({
    long: "force-grpc-data",
    aliases: ["force-grpc"],
    group: "Network",
    help: "Send content through the control connection, even where the data port can be reached",
  }),
  fingerprint: value(fingerprint, {
    long: "fingerprint",
    value: "SHA256:…",
    group: "Network",
    help:
      "The certificate's fingerprint, as the daemon printed it; otherwise it is shown and asked about",
  }),
  ca: value(text, {
    long: "ca",
    value: "FILE",
    group: "Network",
    path: "file",
    help:
      "Trust the certificates that the authority in FILE signed, instead of one; - for the system's",
  }),
  plain: flag({
    long: "plain",
    group: "Network",
    help: "Trust a daemon that doesn't encrypt, such as one started with --insecure",
  }),
  tokenFile: value(text, {
    long: "token-file",
    value: "FILE",
    group: "Network",
    path: "file",
    help: "Read the token from FILE, - for standard input; otherwise it is asked for",
  }),
  detach: retired("detach", "Have the system run it on: systemd-run --user blit …, or nohup."),
  recentLimit: retired(
    "recent-limit",
    "All that the daemon keeps is listed: blit jobs list HOST | tail.",
    "N",
  ),
  timeoutSecs: retired(
    "timeout-secs",
    "Have the system end it: timeout 60 blit jobs watch HOST JOB.",
    "N",
  ),
  dropWindowsMetadata: retired(
    "drop-windows-metadata",
    "It isn't needed: what the destination can't keep is left out with one warning.",
  ),
  counterFile: retired(
    "diagnostics-counter-file",
    'Use --json: "copy_methods" in the summary counts files and bytes by method.',
    "PATH",
  ),
} as const satisfies Record<string, OptionSpec>;

/** Key of an option in {@link OPTIONS}. */
export type OptionId = keyof typeof OPTIONS;

/** What was given on the command line, by option. */
export type OptionValues = {
  readonly [K in OptionId]?: OptionValue<(typeof OPTIONS)[K]>;
};

/** The row of an option, with its type widened. */
export function optionSpec(id: OptionId): OptionSpec {
  return OPTIONS[id];
}

/** Options that every command takes, and that may stand before its name. */
export const GLOBAL_OPTIONS = [
  "configDir",
  "help",
  "counterFile",
] as const satisfies readonly OptionId[];
