/**
 * Options of a run as values: what the engine needs to know, and nothing of how they were typed.
 *
 * @module
 */

/** What a run does with the two trees. */
export type Mode = "copy" | "mirror" | "move" | "check";

/** How an existing destination file is judged against its source. */
export interface CompareOptions {
  /** Compare BLAKE3 of content, and xattrs and ACLs, whatever size and time say. */
  readonly checksum: boolean;
  /** Size alone decides. */
  readonly sizeOnly: boolean;
  /** Copy even what looks the same. */
  readonly ignoreTimes: boolean;
  /** Leave every existing destination file alone. */
  readonly ignoreExisting: boolean;
  /** Leave a destination file alone that is newer than its source. */
  readonly update: boolean;
  /** Copy every file, the same or not. */
  readonly force: boolean;
}

/** One include or exclude rule, in command-line order; the first that matches decides. */
export interface FilterRule {
  /** What becomes of an entry that matches. */
  readonly action: "include" | "exclude";
  /** The glob as text; its meaning is in `engine/filter.ts`. */
  readonly pattern: string;
  /** Where it was written, for messages: `--exclude`, or `FILE:LINE`. */
  readonly origin: string;
}

/** An entry as {@link FilterRules.keep} sees it. */
export interface FilterEntry {
  /** Path from the root of the transfer, as text. */
  readonly path: string;
  /** A directory; leaving it out leaves out what is below. */
  readonly isDirectory: boolean;
  /** A regular file; neither this nor a directory: a symlink or something special. */
  readonly isFile: boolean;
  /** 0 for anything but a file. */
  readonly sizeBytes: number;
  /** Time of the last change, s since 1970. */
  readonly mtimeSeconds: number;
}

/** Which entries take part. */
export interface FilterRules {
  /** Rules in order. */
  readonly rules: readonly FilterRule[];
  /** Obey `.gitignore` files of every level, with git's own meaning. */
  readonly gitignore: boolean;
  /** Smaller files are left out. */
  readonly minSizeBytes?: number;
  /** Larger files are left out. */
  readonly maxSizeBytes?: number;
  /** Files changed more recently, counted back from {@link FilterRules.nowMs}, are left out, s. */
  readonly minAgeSeconds?: number;
  /** Files changed longer ago are left out, s. */
  readonly maxAgeSeconds?: number;
  /** The moment that ages count from, ms since 1970. */
  readonly nowMs: number;
  /**
   * For programs: asked of each entry that the rules above let pass, on both sides, so its answer must not change. False
   * leaves the entry out, a directory with all below. It must be quick.
   */
  readonly keep?: (entry: FilterEntry) => boolean;
}

/** How many entries a mirror may delete. */
export type MaxDelete =
  | { readonly kind: "default" }
  | { readonly kind: "count"; readonly count: number }
  | { readonly kind: "percent"; readonly percent: number }
  | { readonly kind: "all" };

/** What a mirror deletes, and when it refuses. */
export interface DeleteOptions {
  /** `subset` leaves what the filter hides; `all` deletes it too. */
  readonly scope: "subset" | "all";
  /** Over this the mirror deletes nothing. */
  readonly maxDelete: MaxDelete;
  /** Mirror an empty source, which empties the destination. */
  readonly allowEmptySource: boolean;
  /** Allow `/`, the home directory, what holds it, or a folder of the system as a target. */
  readonly allowRoot: boolean;
}

/** Everything the engine is told about a run. */
export interface RunOptions {
  /** What to do. */
  readonly mode: Mode;
  /** Change nothing, only say what would be done. */
  readonly dryRun: boolean;
  /** How existing files are judged. */
  readonly compare: CompareOptions;
  /** Which entries take part. */
  readonly filter: FilterRules;
  /** What a mirror deletes, and when it refuses. */
  readonly delete: DeleteOptions;
  /** `check` only: entries found only in the destination are no difference. */
  readonly oneWay: boolean;
  /** Go on with partial files that an interrupted run left. */
  readonly resume: boolean;
  /** On disk before done. */
  readonly fsync: boolean;
  /** Don't enter other file systems mounted below the source; their directories are made, empty. */
  readonly oneFileSystem: boolean;
  /** How often an entry that failed for a passing reason is tried again; 0: never. */
  readonly retries: number;
  /** Wait before each retry, ms. */
  readonly retryWaitMs: number;
  /** Read everything, write nothing: a measuring aid. */
  readonly discard: boolean;
  /** Debug limiter: batches under way at once, 1 or more; undefined: the planner decides. */
  readonly workers?: number;
  /** Debug limiter: most native threads, 1 to 64; undefined: by the number of processors. */
  readonly maxThreads?: number;
}

/** The defaults of every option, for `mode`. */
export function defaultOptions(mode: Mode): RunOptions {
  return {
    mode,
    dryRun: false,
    compare: {
      checksum: false,
      sizeOnly: false,
      ignoreTimes: false,
      ignoreExisting: false,
      update: false,
      force: false,
    },
    filter: { rules: [], gitignore: false, nowMs: Date.now() },
    delete: {
      scope: "subset",
      maxDelete: { kind: "default" },
      allowEmptySource: false,
      allowRoot: false,
    },
    oneWay: false,
    resume: false,
    fsync: false,
    oneFileSystem: false,
    retries: 0,
    retryWaitMs: 1000,
    discard: false,
  };
}
