/**
 * Tally: the counters of a run, its failures and warnings, and the progress and summary made from them.
 *
 * @module
 */
import { type BlitError, kindOfStatus, STATUS } from "../core/error.ts";
import type {
  Failure,
  ItemAction,
  ItemReason,
  Outcome,
  Phase,
  Progress,
  RunEvent,
  RunListener,
  Summary,
} from "../core/events.ts";
import { EVENT_SCHEMA } from "../core/events.ts";
import { describeFailure, wholePath } from "../core/failure.ts";
import type { RelPath } from "../core/rel_path.ts";
import { COPY_METHODS, type CopyMethod, ResultFlag, type Results } from "../core/work_batch.ts";
import type { Tree } from "./tree.ts";

/** Failures kept for the summary; all of them are counted and streamed. */
const FAILURES_KEPT = 1000;
/** Beyond this many, whatever is equal may be taken for moved. */
const SKIPPED_KEPT = 1 << 17;
/** Half-life of the moving average of throughput, ms. */
const RATE_HALF_LIFE_MS = 3000;

/** Counters that only go up. */
export class Tally {
  readonly startedMs = performance.now();
  phase: Phase = "scan";
  totalsKnown = false;
  /** A wait that was asked for is under way: standing still is no stall. */
  patient = false;
  entriesScanned = 0;
  destinationEntries = 0;
  filesExamined = 0;
  directoriesExamined = 0;
  filesPlanned = 0;
  bytesPlanned = 0;
  filesCreated = 0;
  filesReplaced = 0;
  filesUnchanged = 0;
  filesSkipped = 0;
  filesResumed = 0;
  metadataUpdated = 0;
  linksMade = 0;
  directoriesCreated = 0;
  bytesTransferred = 0;
  entriesDeleted = 0;
  deletionsPlanned = 0;
  entriesMoved = 0;
  entriesProtected = 0;
  stagedSkipped = 0;
  failed = 0;
  differences = 0;
  planningMs: number | null = null;
  firstWorkMs: number | null = null;
  readonly failures: Failure[] = [];
  readonly warnings: string[] = [];
  /** What {@link Tally.leave} was told, for a move, which takes nothing away that it didn't bring; else null. */
  leftAlone: Set<RelPath> | null = null;
  readonly #failedPaths = new Set<RelPath>();
  readonly #methods = new Map<number, { files: number; bytes: number }>();
  readonly #listener: RunListener | undefined;
  readonly #emitItems: boolean;
  /** The two trees, for messages: where paths of either side begin, and whose they are. */
  trees: Readonly<Record<"source" | "destination", Pick<Tree, "display" | "kind">>> | undefined;
  /** Whether the run is being interrupted, or ends for another reason. */
  isEnding: () => boolean = () => false;
  /** Live bytes of work in flight, from the trees' counters. */
  liveBytes: () => number = () => this.bytesTransferred;
  current: () => RelPath | null = () => null;
  /** Progress of copying that others do in this run's place. */
  carried: Progress | null = null;
  /** What became of such copying. */
  carriedBy: Summary | null = null;
  #rate = 0;
  #rateBytes = 0;
  #rateAtMs = performance.now();

  constructor(listener: RunListener | undefined, emitItems: boolean) {
    this.#listener = listener;
    this.#emitItems = emitItems;
  }

  /** Whether anybody wants events of single entries. */
  get itemsWanted(): boolean {
    return this.#emitItems && this.#listener !== undefined;
  }

  emit(event: RunEvent): void {
    this.#listener?.(event);
  }

  enter(phase: Phase): void {
    this.phase = phase;
    this.emit({ type: "phase", phase });
  }

  item(action: ItemAction, reason: ItemReason, path: RelPath, sizeBytes: number): void {
    if (this.itemsWanted) this.emit({ type: "item", action, reason, path, sizeBytes });
  }

  /** Counts a directory of which something is to be set; that comes when all below it is done. */
  directoryDiffers(path: RelPath, reason: ItemReason): void {
    this.metadataUpdated++;
    this.item("update-metadata", reason, path, 0);
  }

  /** Counts an entry that the filter hides, or that an option leaves alone. */
  skip(reason: ItemReason, path: RelPath): void {
    this.filesSkipped++;
    this.item("skip", reason, path, 0);
    this.leave(path);
  }

  /** Nothing was left alone but what {@link Tally.leftAlone} holds. */
  get remembersAll(): boolean {
    return this.leftAlone === null || this.leftAlone.size < SKIPPED_KEPT;
  }

  /** Remembers what is left alone, where that matters. */
  leave(path: RelPath): void {
    if (this.leftAlone !== null && this.leftAlone.size < SKIPPED_KEPT) this.leftAlone.add(path);
  }

  /** Reports one failed entry. */
  fail(failure: Failure): void {
    this.failed++;
    if (this.failures.length < FAILURES_KEPT) {
      this.failures.push(failure);
      this.#failedPaths.add(failure.path);
    }
    this.emit({ type: "failure", ...failure });
  }

  /** Whether an entry is known to have failed: it is one of those that are kept. */
  hasFailed(path: RelPath): boolean {
    return this.#failedPaths.has(path);
  }

  /** Reports a failed entry from packed numbers. */
  failStatus(
    path: RelPath,
    status: number,
    os: number,
    step: number,
    side: "source" | "destination",
    advice?: string,
  ): void {
    if (kindOfStatus(status) === "cancelled") {
      // An interrupted entry is no failure of its own: the run as a whole says so.
      if (this.isEnding()) return;
      // Only a peer can say so of a run that nobody interrupted: without a word here it would count as done.
      status = STATUS.peer;
    }
    const kind = kindOfStatus(status);
    this.fail({ path, kind, message: this.describe(path, status, os, step, side, advice).message });
  }

  /**
   * Reports a failed entry that isn't told by packed numbers.
   *
   * @param words what is wrong and what to do, with `{}` where the whole path stands
   */
  failWith(
    path: RelPath,
    kind: Failure["kind"],
    side: "source" | "destination",
    words: string,
  ): void {
    const whole = wholePath({ path, root: this.trees?.[side].display });
    this.fail({ path, kind, message: words.replaceAll("{}", () => `"${whole}"`) });
  }

  /** The error that packed numbers stand for, with the whole path. */
  describe(
    path: RelPath,
    status: number,
    os: number,
    step: number,
    side: "source" | "destination",
    advice?: string,
  ): BlitError {
    const tree = this.trees?.[side];
    const where = { root: tree?.display, isServed: tree?.kind === "remote" };
    return describeFailure({ status, os, step, path, target: side, ...where, advice });
  }

  /** Says something once. */
  warn(message: string): void {
    if (this.warnings.includes(message) || this.warnings.length >= 100) return;
    this.warnings.push(message);
    this.emit({ type: "warning", message });
  }

  /** Counts what one copied entry moved, and how. */
  moved(results: Results, i: number, isFile: boolean): void {
    const bytes = results.bytesMoved(i);
    this.bytesTransferred += bytes;
    this.firstWorkMs ??= performance.now() - this.startedMs;
    const flags = results.flags(i);
    if (flags !== 0) this.noticed(flags);
    if (!isFile) return;
    const method = results.method(i);
    const entry = this.#methods.get(method);
    if (entry === undefined) this.#methods.set(method, { files: 1, bytes });
    else {
      entry.files++;
      entry.bytes += bytes;
    }
  }

  /** Counts and warns as an entry's result flags say. */
  noticed(flags: number): void {
    if ((flags & ResultFlag.resumed) !== 0) this.filesResumed++;
    if ((flags & ResultFlag.xattrsDropped) !== 0) {
      this.warn("The destination keeps no extended attributes or ACLs; they were left out.");
    }
    if ((flags & ResultFlag.ownerDropped) !== 0) {
      this.warn("Owners can't be set here; owner, group and set-id bits were left out.");
    }
    if ((flags & ResultFlag.modeDropped) !== 0) {
      this.warn("The destination doesn't keep permissions as they are set; some were left out.");
    }
    if ((flags & ResultFlag.timeDropped) !== 0) {
      this.warn(
        "The destination doesn't keep all times: the next run takes what lost its own for changed. " +
          "There, --size-only or --checksum help.",
      );
    }
  }

  /** The counters as a person would want them now. */
  progress(): Progress {
    if (this.carried !== null) return this.carried;
    const now = performance.now();
    const bytesDone = Math.max(
      this.bytesTransferred,
      Math.min(this.liveBytes(), this.bytesPlanned),
    );
    const elapsed = now - this.#rateAtMs;
    if (elapsed >= 100) {
      const instant = (bytesDone - this.#rateBytes) * 1000 / elapsed;
      const keep = this.#rate === 0 ? 0 : Math.pow(0.5, elapsed / RATE_HALF_LIFE_MS);
      this.#rate = this.#rate * keep + Math.max(0, instant) * (1 - keep);
      this.#rateBytes = bytesDone;
      this.#rateAtMs = now;
    }
    const remaining = this.bytesPlanned - bytesDone;
    return {
      phase: this.phase,
      totalsKnown: this.totalsKnown,
      entriesScanned: this.entriesScanned,
      filesTotal: this.filesPlanned,
      filesDone: this.filesDone,
      bytesTotal: this.bytesPlanned,
      bytesDone,
      deletionsTotal: this.deletionsPlanned,
      deletionsDone: this.entriesDeleted,
      bytesPerSecond: this.#rate,
      etaMs: this.totalsKnown && this.#rate > 0 ? remaining * 1000 / this.#rate : null,
      current: this.current(),
      elapsedMs: now - this.startedMs,
    };
  }

  /** Counts what others did in this run's place; of its failures and warnings the listener has heard. */
  takeOver(summary: Summary): void {
    this.carriedBy = summary;
    this.filesExamined += summary.filesExamined;
    this.directoriesExamined += summary.directoriesExamined;
    this.filesPlanned += summary.filesTransferred;
    this.bytesPlanned += summary.bytesTotal;
    this.filesCreated += summary.filesCreated;
    this.filesReplaced += summary.filesReplaced;
    this.filesUnchanged += summary.filesUnchanged;
    this.filesSkipped += summary.filesSkipped;
    this.filesResumed += summary.filesResumed;
    this.metadataUpdated += summary.metadataUpdated;
    this.linksMade += summary.linksMade;
    this.directoriesCreated += summary.directoriesCreated;
    this.bytesTransferred += summary.bytesTransferred;
    this.stagedSkipped += summary.stagedSkipped;
    this.failed += summary.filesFailed;
    this.failures.push(...summary.failures);
    for (const { path } of summary.failures) this.#failedPaths.add(path);
    this.warnings.push(...summary.warnings);
    this.planningMs = summary.planningMs;
    this.firstWorkMs = summary.firstWorkMs;
    for (const [method, counts] of Object.entries(summary.copyMethods)) {
      this.#methods.set(Math.max(0, COPY_METHODS.indexOf(method as CopyMethod)), { ...counts });
    }
  }

  /** Copied entries of every kind but directories. */
  get filesDone(): number {
    return this.filesCreated + this.filesReplaced + this.linksMade;
  }

  /** Anything that changes when the run makes progress, for the stall detector. */
  get motion(): number {
    return this.entriesScanned + this.destinationEntries + this.filesDone + this.metadataUpdated +
      this.entriesDeleted + this.entriesMoved + this.failed + this.filesUnchanged;
  }

  summary(
    fixed: Pick<
      Summary,
      | "mode"
      | "source"
      | "destination"
      | "dryRun"
      | "workers"
      | "path"
      | "implementation"
      | "predictedMs"
      | "transport"
      | "streams"
      | "tcpFallback"
    >,
    outcome: Outcome,
  ): Summary {
    const methods: Record<string, { files: number; bytes: number }> = {};
    for (const [method, counts] of this.#methods) {
      methods[COPY_METHODS[method] ?? "none"] = { ...counts };
    }
    const durationMs = performance.now() - this.startedMs;
    return {
      schema: EVENT_SCHEMA,
      ...fixed,
      outcome,
      filesExamined: this.filesExamined,
      directoriesExamined: this.directoriesExamined,
      filesTransferred: this.filesDone,
      filesCreated: this.filesCreated,
      filesReplaced: this.filesReplaced,
      filesUnchanged: this.filesUnchanged,
      filesSkipped: this.filesSkipped,
      filesResumed: this.filesResumed,
      metadataUpdated: this.metadataUpdated,
      linksMade: this.linksMade,
      directoriesCreated: this.directoriesCreated,
      bytesTransferred: this.bytesTransferred,
      bytesTotal: this.bytesPlanned,
      entriesDeleted: this.entriesDeleted,
      entriesMoved: this.entriesMoved,
      entriesProtected: this.entriesProtected,
      stagedSkipped: this.stagedSkipped,
      filesFailed: this.failed,
      differences: this.differences,
      failures: this.failures,
      warnings: this.warnings,
      durationMs,
      planningMs: this.planningMs ?? durationMs,
      firstWorkMs: this.firstWorkMs,
      copyMethods: methods,
    };
  }
}
