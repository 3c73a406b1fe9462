/**
 * Events of a run, and its summary: the library's API for progress, the CLI's `--json -p` stream, and
 * what the terminal display is drawn from. All are plain values.
 *
 * @module
 */
import type { ErrorKind } from "./error.ts";
import type { RelPath } from "./rel_path.ts";
import type { RemoteFacts } from "./run_record.ts";
import type { CopyMethod } from "./work_batch.ts";

/** Version of events and summary; raised when a field changes its meaning or goes away. */
export const EVENT_SCHEMA = 1;

/** What is done to one entry. */
export type ItemAction =
  | "create"
  | "replace"
  | "update-metadata"
  | "link"
  | "delete"
  | "rename"
  | "skip"
  | "keep";

/** Why: the first difference found, or the rule that decided. */
export type ItemReason =
  | "new"
  | "size"
  | "mtime"
  | "content"
  | "kind"
  | "mode"
  | "owner"
  | "target"
  | "device"
  | "hardlink"
  | "xattrs"
  | "forced"
  | "ignore-times"
  | "extraneous"
  | "replaced-by-other-kind"
  | "newer-at-destination"
  | "exists"
  | "filtered"
  | "unreadable"
  | "source-changed"
  | "moved"
  | "case"
  | "same";

/** Phases of a run, in order. */
export type Phase = "scan" | "copy" | "link" | "delete" | "finish" | "verify" | "remove-source";

/** One failed entry. */
export interface Failure {
  /** Path of the entry, relative to the roots of the run. */
  readonly path: RelPath;
  /** What kind of failure it is. */
  readonly kind: ErrorKind;
  /** A whole sentence: what failed, on which path, why, what to do. */
  readonly message: string;
}

/** Something a run reports while it works. */
export type RunEvent =
  | {
    readonly type: "start";
    readonly mode: string;
    readonly source: string;
    readonly destination: string;
    readonly dryRun: boolean;
  }
  /** The path that was chosen, and why. */
  | {
    readonly type: "decision";
    readonly path: "direct" | "pipeline" | "large" | "rename";
    readonly workers: number;
    readonly batchFiles: number;
    readonly batchBytes: number;
    readonly why: string;
    readonly predictedMs?: number;
  }
  /** Another number of workers from now on: a try, or what one has shown. */
  | { readonly type: "workers"; readonly workers: number; readonly why: string }
  /** A flush of planned work that wasn't due to a full batch. */
  | {
    readonly type: "heartbeat";
    readonly reason: "idle" | "starved" | "interval" | "end";
    readonly files: number;
  }
  | { readonly type: "phase"; readonly phase: Phase }
  /** One planned entry (`--dry-run`, `check`, `-v`, or when asked for). */
  | {
    readonly type: "item";
    readonly action: ItemAction;
    readonly reason: ItemReason;
    readonly path: RelPath;
    readonly sizeBytes: number;
  }
  | ({ readonly type: "progress" } & Progress)
  | ({ readonly type: "failure" } & Failure)
  | { readonly type: "warning"; readonly message: string }
  /** Something slow that isn't a stall: `flushing PATH`, a retry's wait. */
  | { readonly type: "waiting"; readonly what: string; readonly path?: RelPath }
  | { readonly type: "summary"; readonly summary: Summary };

/** Counters of a run in flight. */
export interface Progress {
  /** What the run is doing. */
  readonly phase: Phase;
  /** True once the source is scanned: the totals are exact. */
  readonly totalsKnown: boolean;
  /** Entries of any kind that were listed in the source so far. */
  readonly entriesScanned: number;
  /** Entries other than directories that are planned to be copied or renamed so far. */
  readonly filesTotal: number;
  /** How many of them are in place, further names of hardlinks included. */
  readonly filesDone: number;
  /** Content bytes of the files that are planned to be copied so far. */
  readonly bytesTotal: number;
  /** How many of them were moved, those of files in flight included. */
  readonly bytesDone: number;
  /** Destination entries that are recorded for deletion so far; 0 but for a mirror. */
  readonly deletionsTotal: number;
  /** How many of them are deleted; a move counts here what left the source. */
  readonly deletionsDone: number;
  /** Moving average of the content bytes moved in a second; 0 until known. */
  readonly bytesPerSecond: number;
  /** Time left at the present rate, ms; null while the totals or the rate aren't known. */
  readonly etaMs: number | null;
  /** Path of an entry that is being copied; null where none is. */
  readonly current: RelPath | null;
  /** Time since the run began, ms. */
  readonly elapsedMs: number;
}

/** How a run ended. */
export type Outcome = "done" | "failed" | "partial" | "interrupted" | "different";

/** The result of a run; with `--json` it is printed whole, in snake_case (see docs/cli). */
export interface Summary {
  /** Version of this object: {@link EVENT_SCHEMA}. */
  readonly schema: typeof EVENT_SCHEMA;
  /** What the run did: `copy`, `mirror`, `move` or `check`. */
  readonly mode: string;
  /** The source's root, for display. */
  readonly source: string;
  /** The destination's root, for display. */
  readonly destination: string;
  /** How the run ended. */
  readonly outcome: Outcome;
  /** Nothing was changed: the counts say what would have been done. */
  readonly dryRun: boolean;
  /** Source entries other than directories that were compared. */
  readonly filesExamined: number;
  /** Source directories that were walked, the root included; 0 for a single entry. */
  readonly directoriesExamined: number;
  /** Entries other than directories that were made or replaced: created, replaced and linked ones. */
  readonly filesTransferred: number;
  /** Those among them whose name was new at the destination. */
  readonly filesCreated: number;
  /** Those among them that replaced an entry. */
  readonly filesReplaced: number;
  /** Entries other than directories whose content was the same, so that it wasn't copied. */
  readonly filesUnchanged: number;
  /** Source entries that the filter hid (a hidden directory counts once) or an option left alone. */
  readonly filesSkipped: number;
  /** Files that went on from what an interrupted run had left. */
  readonly filesResumed: number;
  /** Entries of which only mode, owner, time, extended attributes, ACLs or the name's case were set anew. */
  readonly metadataUpdated: number;
  /** Further names of hardlinked files that were made. */
  readonly linksMade: number;
  /** Directories that were made. */
  readonly directoriesCreated: number;
  /** Content bytes that were moved. */
  readonly bytesTransferred: number;
  /** Content bytes that were planned to be moved. */
  readonly bytesTotal: number;
  /** Destination entries that a mirror deleted; source entries that a move removed after it had verified them. */
  readonly entriesDeleted: number;
  /** Entries that a move renamed. */
  readonly entriesMoved: number;
  /** Entries only at the destination that stayed, since a filter, a failed listing or the file system's root protects them. */
  readonly entriesProtected: number;
  /** Staged entries (`.blit-...`) of other runs that were met and left out. */
  readonly stagedSkipped: number;
  /** Entries of any kind that failed. */
  readonly filesFailed: number;
  /** Differences found by `check`, else 0. */
  readonly differences: number;
  /** The first 1,000; `filesFailed` counts them all. */
  readonly failures: readonly Failure[];
  /** What was given up without failing an entry, each thing once; the first 100. */
  readonly warnings: readonly string[];
  /** Time of the whole run, ms. */
  readonly durationMs: number;
  /** Time until everything was compared, ms; overlaps with copying. */
  readonly planningMs: number;
  /** Time until the first entry was done, ms; null where none was. */
  readonly firstWorkMs: number | null;
  /** What the predictor expected the run to take, ms; null where it could not tell. */
  readonly predictedMs: number | null;
  /** Batches that were under way at once, at most. */
  readonly workers: number;
  /** The path that the run took; see the `decision` event. */
  readonly path: "direct" | "pipeline" | "large" | "rename";
  /** The destination tree's kind: `native` or `portable`. */
  readonly implementation: string;
  /** What carried the content of a run with a daemon; null where both sides are on this machine. */
  readonly transport: RemoteFacts["transport"] | null;
  /** Streams that were open at once, at most; 0 in a local run. */
  readonly streams: number;
  /** Content went over the control plane for want of a data plane; false in a local run. */
  readonly tcpFallback: boolean;
  /** How regular files were copied: count and bytes by method. */
  readonly copyMethods: Readonly<Partial<Record<CopyMethod, { files: number; bytes: number }>>>;
}

/** Whoever listens to a run; called on the engine's own turn, so it must be quick. */
export type RunListener = (event: RunEvent) => void;
