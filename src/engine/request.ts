/**
 * What the engine is asked, and what it answers.
 *
 * @module
 */
import type { RunListener, Summary } from "../core/events.ts";
import type { RunOptions } from "../core/options.ts";
import type { RelPath } from "../core/rel_path.ts";
import type { RunRecord } from "../core/run_record.ts";
import type { Tree, Walk } from "./tree.ts";

/** One run over two trees. Both stay the caller's to close. */
export interface EngineRequest {
  readonly source: Tree;
  readonly destination: Tree;
  readonly options: RunOptions;
  /** Names the run, where something was begun for it already; left out, the run names itself. */
  readonly runId?: bigint;
  /** A walk of the whole source of which the first block was looked at; the run goes on with it. */
  readonly walk?: Walk;
  /**
   * Names one entry instead of the whole trees: its path in the source, its path in the destination.
   * Used where SRC is anything but a directory.
   */
  readonly single?: { readonly source: RelPath; readonly destination: RelPath };
  /** Paths named by `--files-from`, relative to the source; the rest does not take part. */
  readonly paths?: AsyncIterable<RelPath>;
  readonly listener?: RunListener;
  /** Warnings that the caller gives the listener itself, before the run and beside it; the summary has them too. */
  readonly notices?: readonly string[];
  /** Send an `item` event for each planned entry; off by default, since it costs. */
  readonly emitItems: boolean;
  /** Aborting ends the run within a second; the summary's outcome is then `interrupted`. */
  readonly signal: AbortSignal;
  /** History of like runs, for the predictor; empty is fine. */
  readonly history: readonly RunRecord[];
  /**
   * Copies for a move in this engine's place, as a daemon does that pulls from another one; what came of it is verified here
   * before anything leaves the source.
   *
   * @param listener told of what is done
   */
  readonly carry?: (listener: RunListener) => Promise<EngineResult>;
  /** A move that only copies, and makes durable: whoever asked for it verifies and removes. */
  readonly keepsSource?: boolean;
  /** Processor count that the planner may use. */
  readonly cores: number;
}

/** How a run ended. The engine throws only for what stopped the whole run before it could begin. */
export interface EngineResult {
  /** What was done, in counts and times. */
  readonly summary: Summary;
  /** For the history; null where the run was too odd to learn from (failed, dry, interrupted). */
  readonly record: RunRecord | null;
  /** The error that ended the run as a whole (stalled, refused, disk full), beside single failures. */
  readonly error: Error | null;
}
