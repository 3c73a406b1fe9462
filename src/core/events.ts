/**
 * Events of a run, and its summary: the library's API for progress, the CLI's `--json -p` stream, and
 * what the terminal display is drawn from. All are plain values.
 *
 * @module
 */
import type { ErrorKind } from "./error.ts";
import type { RelPath } from "./rel_path.ts";
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
  | "same";

/** Phases of a run, in order. */
export type Phase = "scan" | "copy" | "link" | "delete" | "finish" | "verify" | "remove-source";

/** One failed entry. */
export interface Failure {
  readonly path: RelPath;
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
  readonly phase: Phase;
  /** True once the source is scanned: the totals are exact. */
  readonly totalsKnown: boolean;
  readonly entriesScanned: number;
  readonly filesTotal: number;
  readonly filesDone: number;
  readonly bytesTotal: number;
  readonly bytesDone: number;
  readonly deletionsTotal: number;
  readonly deletionsDone: number;
  /** Moving average; 0 until known. */
  readonly bytesPerSecond: number;
  readonly etaMs: number | null;
  readonly current: RelPath | null;
  readonly elapsedMs: number;
}

/** How a run ended. */
export type Outcome = "done" | "failed" | "partial" | "interrupted" | "different";

/** The result of a run; with `--json` it is printed whole, in snake_case (see docs/cli). */
export interface Summary {
  readonly schema: typeof EVENT_SCHEMA;
  readonly mode: string;
  readonly source: string;
  readonly destination: string;
  readonly outcome: Outcome;
  readonly dryRun: boolean;
  readonly filesExamined: number;
  readonly directoriesExamined: number;
  readonly filesTransferred: number;
  readonly filesCreated: number;
  readonly filesReplaced: number;
  readonly filesUnchanged: number;
  readonly filesSkipped: number;
  readonly filesResumed: number;
  readonly metadataUpdated: number;
  readonly linksMade: number;
  readonly directoriesCreated: number;
  readonly bytesTransferred: number;
  readonly bytesTotal: number;
  readonly entriesDeleted: number;
  readonly entriesMoved: number;
  readonly entriesProtected: number;
  readonly stagedSkipped: number;
  readonly filesFailed: number;
  /** Differences found by `check`, else 0. */
  readonly differences: number;
  /** The first 1,000; `filesFailed` counts them all. */
  readonly failures: readonly Failure[];
  readonly warnings: readonly string[];
  readonly durationMs: number;
  readonly planningMs: number;
  readonly firstWorkMs: number | null;
  readonly predictedMs: number | null;
  readonly workers: number;
  readonly path: "direct" | "pipeline" | "large" | "rename";
  readonly implementation: string;
  readonly tcpFallback: boolean;
  readonly copyMethods: Readonly<Partial<Record<CopyMethod, { files: number; bytes: number }>>>;
}

/** Whoever listens to a run; called on the engine's own turn, so it must be quick. */
export type RunListener = (event: RunEvent) => void;
