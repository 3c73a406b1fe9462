/**
 * The command table: each command's words, arguments and options, and the module that runs it, loaded only
 * when it is called.
 *
 * @module
 */
import type { CommandRun } from "./invocation.ts";
import type { OptionSpec, ValueOption } from "./option_types.ts";
import { type OptionId, optionSpec } from "./options.ts";

/** A positional argument. */
export interface ArgumentSpec {
  readonly name: string;
  readonly help: string;
  readonly optional?: boolean;
  /** For completions. */
  readonly words?: readonly string[];
  readonly path?: "file" | "directory";
}

/** One command. */
export interface CommandSpec {
  /** Its words: `copy`, `diagnostics perf`. */
  readonly name: string;
  /** One line without a full stop. */
  readonly summary: string;
  /** Paragraphs for help and man page. */
  readonly about?: readonly string[];
  readonly arguments: readonly ArgumentSpec[];
  readonly options: readonly OptionId[];
  /** What an option means to this command, where that isn't what the table of options says. */
  readonly instead?: { readonly [K in OptionId]?: Pick<ValueOption<unknown>, "help" | "default"> };
  /** Options that it takes, since v1 did, but that have nothing to do or only a better answer. */
  readonly accepts?: readonly OptionId[];
  /** Command line and what it does. */
  readonly examples?: readonly (readonly [line: string, does: string])[];
  readonly hidden?: boolean;
  /** It always has to do with a daemon; others only where an argument names one. */
  readonly network?: true;
  readonly load: () => Promise<{ readonly run: CommandRun }>;
}

const SOURCE: ArgumentSpec = {
  name: "SRC",
  path: "file",
  help: "What to read. SRC/ means what is in it, SRC the entry itself",
};
const DESTINATION: ArgumentSpec = {
  name: "DST",
  path: "file",
  help: "Where it goes. A folder SRC lands as DST/name, whether or not DST exists",
};

const HOST: ArgumentSpec = {
  name: "HOST",
  help: "Name or address of the daemon's machine, with :PORT where it isn't 9031",
};
const JOB: ArgumentSpec = { name: "JOB", help: "Its number, as jobs list shows it" };

const FILTERS = [
  "exclude",
  "include",
  "filterFrom",
  "gitignore",
  "noGitignore",
  "filesFrom",
  "minSize",
  "maxSize",
  "minAge",
  "maxAge",
] as const satisfies readonly OptionId[];

const COMPARE = [
  "checksum",
  "sizeOnly",
  "ignoreTimes",
  "ignoreExisting",
  "update",
  "force",
] as const satisfies readonly OptionId[];

const RUN = [
  "dryRun",
  "resume",
  "retry",
  "wait",
  "fsync",
  "noFsync",
] as const satisfies readonly OptionId[];

const OUTPUT = [
  "verbose",
  "progress",
  "noProgress",
  "quiet",
  "json",
  "workers",
  "maxThreads",
] as const satisfies readonly OptionId[];

const NETWORK = ["forceGrpcData"] as const satisfies readonly OptionId[];

const OF_V1 = ["detach", "dropWindowsMetadata"] as const satisfies readonly OptionId[];

const PATHS = [
  "SRC/ (or SRC/.) means what is in SRC: it goes into DST. A folder SRC without the slash lands as " +
  "DST/name. A file goes into DST where that is a folder or ends in a slash, else becomes DST. The same " +
  "holds whether or not DST exists, so a second run does what the first did. The line on standard error " +
  "says where things go before anything is touched.",
  "A place of a daemon is written host:/module/path, host://path below its default root; with another port than " +
  "9031, host:port:/module/path.",
];

const transfer = () => import("./run_transfer.ts");

/** Every command, in the order that help lists them. */
export const COMMANDS: readonly CommandSpec[] = [
  {
    name: "copy",
    summary: "Copy files and folders",
    about: [
      ...PATHS,
      "Kept are content, kind, permissions, times, symlinks, hardlinks, holes, extended attributes and " +
      "ACLs; owners too where blit runs as root. Nothing is deleted.",
    ],
    arguments: [SOURCE, DESTINATION],
    options: [
      ...COMPARE,
      ...FILTERS,
      "oneFileSystem",
      ...RUN,
      ...NETWORK,
      ...OUTPUT,
      "discard",
    ],
    accepts: ["yes", "deleteScope", ...OF_V1],
    examples: [
      ["blit copy photos/ /mnt/nas/photos", "what is in photos goes into /mnt/nas/photos"],
      ["blit copy photos /mnt/nas", "photos lands as /mnt/nas/photos"],
    ],
    load: transfer,
  },
  {
    name: "mirror",
    summary: "Make a folder the same as another, deleting what is only at the destination",
    about: [
      ...PATHS,
      "Deletions come last, and only where every listing that they depend on succeeded. An empty source, " +
      "/ or the home directory as target, and deleting more than half of the destination are refused " +
      "unless an option allows them. blit asks once before it begins.",
    ],
    arguments: [SOURCE, DESTINATION],
    options: [
      ...COMPARE,
      ...FILTERS,
      "oneFileSystem",
      "deleteScope",
      "maxDelete",
      "allowEmptySource",
      "allowRoot",
      "yes",
      ...RUN,
      ...NETWORK,
      ...OUTPUT,
    ],
    accepts: ["discard", ...OF_V1],
    examples: [
      ["blit mirror --dry-run photos/ /mnt/nas/photos", "look first"],
      ["blit mirror --yes photos/ /mnt/nas/photos", "don't ask"],
    ],
    load: transfer,
  },
  {
    name: "move",
    summary: "Move files and folders",
    about: [
      ...PATHS,
      "Within a file system entries are renamed. Across two they are copied, put on disk, read back and " +
      "compared, and only then removed from the source. Filters don't go with move.",
    ],
    arguments: [SOURCE, DESTINATION],
    options: [...COMPARE, "oneFileSystem", "allowRoot", "yes", ...RUN, ...NETWORK, ...OUTPUT],
    accepts: [...FILTERS, "deleteScope", "discard", ...OF_V1],
    load: transfer,
  },
  {
    name: "check",
    summary: "Compare two trees by content",
    about: [
      "Takes the arguments of the copy or mirror that it verifies, and compares content, kinds, " +
      "permissions, times, links, extended attributes and ACLs. For a quick look by size and time, use mirror " +
      "--dry-run. Exit status: 0 the same, 1 different, 2 something could not be compared.",
    ],
    arguments: [SOURCE, DESTINATION],
    options: [
      "oneWay",
      ...FILTERS,
      "oneFileSystem",
      ...NETWORK,
      ...OUTPUT,
    ],
    // Content is compared with or without.
    accepts: ["checksum"],
    load: transfer,
  },
  {
    name: "ls",
    summary: "List a folder",
    arguments: [{ name: "PATH", help: "A folder or another entry", path: "file" }],
    options: ["recursive", "json"],
    load: () => import("./run_ls.ts"),
  },
  {
    name: "du",
    summary: "Show the space that folders take",
    arguments: [{ name: "PATH", help: "A folder or another entry", path: "file" }],
    options: ["depth", "oneFileSystem", "json"],
    load: () => import("./run_du.ts"),
  },
  {
    name: "find",
    summary: "Find entries by name, kind, size or age",
    arguments: [{ name: "PATH", help: "Where to look", path: "file" }],
    options: [
      "name",
      "pattern",
      "ignoreCase",
      "type",
      "onlyFiles",
      "onlyDirectories",
      "size",
      "age",
      "oneFileSystem",
      "limit",
      "json",
      "print0",
    ],
    examples: [
      ["blit find . --name '*.iso' --size +1G", "large disk images"],
      ["blit find . --type f --age -1h -0 | xargs -0 ls -l", "files changed within the hour"],
    ],
    load: () => import("./run_find.ts"),
  },
  {
    name: "rm",
    summary: "Delete a file, or a folder with everything in it",
    about: ["Never leaves the file system that PATH is on. blit asks once before it begins."],
    arguments: [{ name: "PATH", help: "What to delete", path: "file" }],
    options: ["yes", "dryRun", "allowRoot", "verbose", "quiet", "json"],
    load: () => import("./run_rm.ts"),
  },
  {
    name: "scan",
    summary: "Find daemons that announce themselves on the local network",
    about: [
      "An announcement is a hint that anybody on the network can make; who a daemon is, its certificate says.",
    ],
    arguments: [],
    options: ["wait", "json"],
    instead: { wait: { help: "Wait S seconds for answers", default: "2" } },
    network: true,
    load: () => import("./run_scan.ts"),
  },
  {
    name: "df",
    summary: "Show how full a file system is",
    arguments: [{ name: "PATH", help: "Any place on it", path: "file" }],
    options: ["json"],
    load: () => import("./run_df.ts"),
  },
  {
    name: "list-modules",
    summary: "List the modules of a daemon",
    arguments: [HOST],
    options: ["json"],
    network: true,
    load: () => import("./run_modules.ts"),
  },
  {
    name: "jobs list",
    summary: "List what a daemon is doing, and what it did last",
    arguments: [HOST],
    options: ["json"],
    accepts: ["recentLimit"],
    network: true,
    load: () => import("./run_jobs.ts"),
  },
  {
    name: "jobs watch",
    summary: "Follow a job of a daemon until it ends",
    arguments: [HOST, JOB],
    options: ["json"],
    accepts: ["timeoutSecs"],
    network: true,
    load: () => import("./run_jobs.ts"),
  },
  {
    name: "jobs cancel",
    summary: "End a job of a daemon",
    arguments: [HOST, JOB],
    options: ["quiet", "json"],
    network: true,
    load: () => import("./run_jobs.ts"),
  },
  {
    name: "login",
    summary: "Make a daemon known, and keep the token for it",
    about: [
      "Connects, shows the certificate's fingerprint and asks whether to trust it, unless --fingerprint says which one it " +
      "is. Then asks for the token, without showing what is typed. Host and token are kept in the configuration folder, " +
      "readable by you alone; a daemon that later shows another certificate is refused.",
    ],
    arguments: [HOST],
    options: ["fingerprint", "ca", "plain", "tokenFile", "quiet", "json"],
    examples: [
      ["blit login nas", "asks for what it needs"],
      ["blit login nas --fingerprint SHA256:… --token-file token", "in a script"],
    ],
    network: true,
    load: () => import("./run_login.ts"),
  },
  {
    name: "logout",
    summary: "Forget a daemon, and the token for it",
    arguments: [HOST],
    options: ["quiet"],
    load: () => import("./run_logout.ts"),
  },
  {
    name: "diagnostics perf",
    summary: "Show the history of runs, predicted against actual time",
    arguments: [],
    options: ["limit", "enable", "disable", "clear", "json"],
    load: () => import("./run_perf.ts"),
  },
  {
    name: "diagnostics dump",
    summary: "Show how a copy would go about it; copies nothing",
    arguments: [SOURCE, DESTINATION],
    options: ["json"],
    load: () => import("./run_dump.ts"),
  },
  {
    name: "profile",
    summary: "Show what the predictor has learned on this machine",
    arguments: [],
    options: ["limit", "json"],
    instead: { limit: { help: "Learn from the last N runs alone; 0 for all" } },
    load: () => import("./run_profile.ts"),
  },
  {
    name: "completions remote",
    summary: "Print what a word that names a daemon can go on to",
    arguments: [{ name: "WORD", help: "As typed so far" }],
    options: [],
    hidden: true,
    network: true,
    load: () => import("./run_complete.ts"),
  },
  {
    name: "completions",
    summary: "Print the completion script of a shell",
    arguments: [{
      name: "SHELL",
      help: "bash, zsh, fish or powershell",
      words: ["bash", "zsh", "fish", "powershell"],
    }],
    options: [],
    examples: [
      ["blit completions bash > ~/.local/share/bash-completion/completions/blit", ""],
      ['blit completions zsh > "${fpath[1]}/_blit"', ""],
      ["blit completions fish > ~/.config/fish/completions/blit.fish", ""],
      ["blit completions powershell >> $PROFILE", ""],
    ],
    load: () => import("./run_completions.ts"),
  },
  {
    name: "man",
    summary: "Print a manual page",
    about: [
      "For machines where no pages were installed. On a terminal the page is text, elsewhere the form that man(1) formats.",
    ],
    arguments: [{
      name: "TOPIC",
      help: "A command, with a hyphen for a space: mirror, jobs-list. Left out, the overview",
      optional: true,
      get words() {
        return COMMANDS.filter(({ hidden }) => !hidden).map(({ name }) =>
          name.replaceAll(" ", "-")
        );
      },
    }],
    options: [],
    examples: [["blit man mirror | man -l -", "reads it, where man is man-db's"]],
    load: () => import("./run_man.ts"),
  },
];

/** The row of an option as a command means it. */
export function optionOf(command: CommandSpec, id: OptionId): OptionSpec {
  return { ...optionSpec(id), ...command.instead?.[id] } as OptionSpec;
}

/** First words that are no command by themselves. */
export const COMMAND_GROUPS: ReadonlyMap<string, string> = new Map([
  ["diagnostics", "Look at how blit works"],
  ["jobs", "Look at what a daemon does"],
]);

/** Environment variables, for help and man page. */
export const ENVIRONMENT: readonly (readonly [name: string, does: string])[] = [
  ["BLIT_DEBUG", "1: print where an internal error came from"],
  ["BLIT_DISABLE_PERF_HISTORY", "1: keep no history of runs"],
  ["BLIT_FORCE_GRPC_DATA", "1: as --force-grpc-data"],
  [
    "BLIT_IDLE_SECONDS",
    "how long a daemon may be silent before the link counts as broken, 5 to 3600; else 30",
  ],
  ["BLIT_NATIVE_LIB", "path of the native library, instead of the one beside the program"],
  ["BLIT_NO_NATIVE", "1: do without the native library"],
  ["NO_COLOR", "set to anything: no colours"],
  [
    "XDG_CONFIG_HOME",
    "settings, history, known hosts and tokens are in its folder blit; else in ~/.config/blit",
  ],
];

/** Exit statuses, for help and man page. */
export const EXIT_STATUSES: readonly (readonly [status: number, meaning: string])[] = [
  [0, "done; check: the same"],
  [1, "failed, or answered no; check: different"],
  [2, "finished, but some entries failed, each of which is listed; check: errors"],
  [64, "wrong usage: nothing was touched"],
  [130, "interrupted"],
];
