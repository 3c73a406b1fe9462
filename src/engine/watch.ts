/**
 * Watch: the clocks of a run: the heartbeat that flushes what is planned, the progress events, and the
 * stall detector that ends a run where nothing moves.
 *
 * @module
 */
import { BlitError } from "../core/error.ts";
import type { RelPath } from "../core/rel_path.ts";
import { displayName } from "../core/rel_path.ts";
import type { EngineContext } from "./context.ts";
import type { Planner } from "./plan.ts";
import { TUNE_MS } from "./tuning.ts";

/** What is planned is flushed this often. */
const HEARTBEAT_MS = 1000;
/** And this often while workers starve. */
const STARVED_MS = 500;
/** Without progress for this long the run ends. */
export const STALL_MS = 10_000;
/** A flush (fsync, syncfs, close) may take this long. */
export const FLUSH_MS = 120_000;
const PROGRESS_MS = 100;
const FLUSHING: ReadonlySet<string> = new Set(["flush"]);

/** Limits of the stall detector, shorter in tests. */
export interface WatchLimits {
  readonly stallMs: number;
  readonly flushMs: number;
}

/** Runs the clocks; {@link Watch.stop} ends them. */
export class Watch {
  readonly #context: EngineContext;
  readonly #timers: ReturnType<typeof setInterval>[] = [];
  readonly #lastPath: () => RelPath;
  readonly #limits: WatchLimits;
  #motion = -1;
  /** How long nothing has moved while this process ran. */
  #stillMs = 0;
  #lookedAtMs = performance.now();
  #flushShown = "";

  /**
   * @param planner null where nothing is batched
   * @param lastPath the path that planning reached, for the stall's message
   * @param onStall told of the stall; everything that waits must end
   */
  constructor(
    context: EngineContext,
    planner: Planner | null,
    lastPath: () => RelPath,
    onStall: (error: BlitError) => void,
    limits: WatchLimits = { stallMs: STALL_MS, flushMs: FLUSH_MS },
  ) {
    this.#context = context;
    this.#lastPath = lastPath;
    this.#limits = limits;
    const { tally } = context;
    if (planner !== null) {
      let beat = 0;
      this.#every(STARVED_MS, () => {
        beat += STARVED_MS;
        if (context.executor.starved) planner.flush("starved");
        else if (beat % HEARTBEAT_MS === 0) planner.flush("interval");
      });
    }
    if (planner !== null && context.tuning !== null) {
      const { tuning } = context;
      this.#every(TUNE_MS, () => tuning.tick(context, performance.now()));
    }
    this.#every(PROGRESS_MS, () => tally.emit({ type: "progress", ...tally.progress() }));
    const lookMs = Math.min(500, limits.stallMs / 4);
    this.#every(lookMs, () => {
      const error = this.#check(lookMs);
      if (error !== null) onStall(error);
    });
  }

  stop(): void {
    for (const timer of this.#timers.splice(0)) clearInterval(timer);
  }

  #every(ms: number, tick: () => void): void {
    this.#timers.push(setInterval(tick, ms));
  }

  #check(everyMs: number): BlitError | null {
    const { tally, sourceRun, destinationRun } = this.#context;
    const runs = [sourceRun.progress, destinationRun.progress];
    const motion = runs.reduce(
      (sum, run) => sum + run.bytes() + run.entries() + (run.motion?.() ?? 0),
      tally.motion,
    );
    const now = performance.now();
    // Between Ctrl-Z and fg nothing could move; that shows as a look that comes much too late.
    this.#stillMs += Math.min(now - this.#lookedAtMs, 2 * everyMs);
    this.#lookedAtMs = now;
    const waits = tally.patient || runs.some((run) => run.isWaiting?.());
    if (motion !== this.#motion || waits) {
      this.#motion = motion;
      this.#stillMs = 0;
      this.#flushShown = "";
      return null;
    }
    const still = this.#stillMs;
    const at = [...destinationRun.progress.current(), ...sourceRun.progress.current()];
    const flushing = at.find((work) => FLUSHING.has(work.doing));
    if (flushing !== undefined) {
      if (still > 1000 && this.#flushShown !== flushing.path) {
        this.#flushShown = flushing.path;
        tally.emit({ type: "waiting", what: "flushing", path: flushing.path });
      }
      if (still < this.#limits.flushMs) return null;
    } else if (still < this.#limits.stallMs) return null;
    const waited = at.length > 0
      ? at.slice(0, 3).map((work) => `${work.doing} "${displayName(work.path)}"`).join(", ")
      : "the listing of a directory";
    const last = at[0]?.path ?? this.#lastPath();
    return new BlitError(
      "stalled",
      `Stalled in phase ${tally.phase}: no progress for ${Math.round(still / 1000)} s at "${
        displayName(last)
      }", waiting for: ${waited}. Check the disk or the mount, and run again: it goes on where it ended.`,
      { operation: tally.phase, path: displayName(last) },
    );
  }
}
