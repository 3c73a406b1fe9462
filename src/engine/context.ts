/**
 * EngineContext: what the parts of one run share.
 *
 * @module
 */
import { BlitError } from "../core/error.ts";
import type { EntryBlock } from "../core/entry_block.ts";
import type { RunOptions } from "../core/options.ts";
import { BatchBuilder, BatchFlag, Op, type Results, WorkBatch } from "../core/work_batch.ts";
import type { CompareContext } from "./compare.ts";
import type { Executor } from "./executor.ts";
import type { Room } from "./room.ts";
import type { Tally } from "./tally.ts";
import type { Tuning } from "./tuning.ts";
import type { FsFacts, RunContext, Tree } from "./tree.ts";

/** Fixed at the start of a run, but for what the counters count. */
export interface EngineContext {
  readonly source: Tree;
  readonly destination: Tree;
  readonly sourceFacts: FsFacts;
  readonly destinationFacts: FsFacts;
  /** Work of this run on each side; their signals end it. */
  readonly sourceRun: RunContext;
  readonly destinationRun: RunContext;
  readonly options: RunOptions;
  readonly compare: CompareContext;
  readonly tally: Tally;
  readonly room: Room;
  readonly executor: Executor;
  /** Null where the worker count stays as it was decided. */
  readonly tuning: Tuning | null;
  readonly signal: AbortSignal;
  /** Batch limits that the predictor chose. */
  readonly batchFiles: number;
  readonly batchBytes: number;
  /** Something of the source does not take part, by a rule or a list. */
  readonly filtered: boolean;
  /**
   * What the destination's root was before a move merges into it; null: directories get the source's times.
   *
   * A move that was killed while it took files away has changed the times of the source's directories, and has
   * stamped the destination's before: those that are there keep theirs.
   */
  readonly merged: EntryBlock | null;
  /** Numbers staged names of this run that the planner itself gives out. */
  nextStaged(): number;
}

/** Whether the run plans only: nothing is touched. */
export function plansOnly(options: RunOptions): boolean {
  return options.dryRun || options.mode === "check";
}

/** Whether the run leaves both trees as they are: it plans only, or reads only. */
export function touchesNothing(options: RunOptions): boolean {
  return plansOnly(options) || options.discard;
}

/** Flags that copies and metadata of this run carry. */
export function keepFlags(context: EngineContext): number {
  const { source, destination, options } = context;
  return (context.compare.owners ? BatchFlag.owner : 0) |
    (source.traits.xattrs && destination.traits.xattrs ? BatchFlag.xattrs : 0) |
    (options.fsync ? BatchFlag.fsync : 0) |
    (options.discard ? BatchFlag.discard : 0) |
    (options.resume ? BatchFlag.keepPartial : 0);
}

/** Runs one small batch on the destination and waits for it, outside of the executor's queue. */
export async function runNow(
  context: EngineContext,
  builder: BatchBuilder,
  source: Tree | null = context.source,
): Promise<{ batch: WorkBatch; results: Results }> {
  const batch = new WorkBatch(builder.finish());
  const results = await context.destination.run(batch, source, context.destinationRun);
  return { batch, results };
}

/** Runs small batches on the destination one after the other, and waits for them. */
export async function runInOrder(
  { destination, source, destinationRun }: EngineContext,
  batches: readonly WorkBatch[],
): Promise<Results[]> {
  if (batches.length === 0) return [];
  if (destination.runInOrder && batches.length > 1) {
    return await destination.runInOrder(batches, source, destinationRun);
  }
  const results: Results[] = [];
  for (const batch of batches) results.push(await destination.run(batch, source, destinationRun));
  return results;
}

/** Makes everything that this run wrote durable; where there is no such call, each batch did so itself. */
export async function syncAll(context: EngineContext): Promise<void> {
  if (!context.destination.traits.syncsWhole) return;
  await runNow(context, new BatchBuilder(Op.sync, 1), null);
}

/** Throws `cancelled` once the run's signal is aborted. */
export function checkCancelled(context: { readonly signal: AbortSignal }): void {
  if (!context.signal.aborted) return;
  const reason = context.signal.reason;
  throw reason instanceof BlitError ? reason : new BlitError("cancelled", "Interrupted.");
}

/** A remove, meta or link batch with this run's flags. */
export function builderFor(context: EngineContext, op: Op): BatchBuilder {
  const builder = new BatchBuilder(op, 256);
  builder.flags = op === Op.meta ? keepFlags(context) & ~BatchFlag.fsync : 0;
  if (op !== Op.meta && context.options.fsync) builder.flags |= BatchFlag.fsync;
  return builder;
}
