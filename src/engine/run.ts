/**
 * Run: one run of the engine over two trees, from the first question to the summary.
 *
 * March, copies, retries, links, then (mirror) judgement and deletions, then what had to wait: the same
 * order whatever the trees are.
 *
 * @module
 */
import { BlitError } from "../core/error.ts";
import type { Outcome, Summary } from "../core/events.ts";
import { newRunId } from "../core/staged_name.ts";
import type { CompareContext } from "./compare.ts";
import { ContentCompare } from "./content.ts";
import {
  checkCancelled,
  type EngineContext,
  plansOnly,
  syncAll,
  touchesNothing,
} from "./context.ts";
import { type Decided, decideRun, linkOf, type RunDecision } from "./decide.ts";
import { Ending } from "./ending.ts";
import { Executor } from "./executor.ts";
import { Filter } from "./filter.ts";
import { Judge } from "./judge.ts";
import { Hardlinks } from "./links.ts";
import { LinkTable } from "./link_table.ts";
import { March } from "./march.ts";
import { type FirstLook, lookFirst } from "./look.ts";
import { Marker } from "./marker.ts";
import { move } from "./move.ts";
import { walkPaths } from "./paths.ts";
import { Planner } from "./plan.ts";
import { Prune } from "./prune.ts";
import type { EngineRequest, EngineResult } from "./request.ts";
import { Recase } from "./recase.ts";
import { Resume } from "./resume.ts";
import { Room } from "./room.ts";
import { planSingle } from "./single.ts";
import { Tally } from "./tally.ts";
import { Tuning } from "./tuning.ts";
import type { FsFacts, Tree } from "./tree.ts";
import { STALL_MS, Watch } from "./watch.ts";
import { Way } from "./way.ts";

/** The parts of one run that plan and carry out work. */
export interface RunParts {
  readonly planner: Planner;
  readonly links: Hardlinks;
  readonly content: ContentCompare;
  readonly resume: Resume;
  readonly judge: Judge;
  readonly prune: Prune;
  readonly way: Way;
  readonly recase: Recase;
  readonly filter: Filter;
}

/**
 * Runs a request to its end.
 *
 * @throws {BlitError} what stopped the run before it began: `usage`, `refused`, `not_found`, ...
 */
export async function run(request: EngineRequest): Promise<EngineResult> {
  const { source, destination, options } = request;
  const filter = Filter.compile(options.filter);
  const { runId = newRunId() } = request;
  const ending = new Ending(request.signal);
  const { signal } = ending;
  const sourceRun = source.beginRun(runId, signal);
  const destinationRun = destination.beginRun(runId, signal);
  const tally = new Tally(request.listener, request.emitItems);
  tally.trees = { source, destination };
  tally.isEnding = () => signal.aborted;
  let parts: RunParts | null = null;
  let watch: Watch | null = null;
  try {
    tally.emit({
      type: "start",
      mode: options.mode,
      source: source.display,
      destination: destination.display,
      dryRun: options.dryRun,
    });
    const places = `${source.display} or ${destination.display}`;
    const [sourceFacts, destinationFacts] = await ending.within(
      Promise.all([source.probe(), destination.probe()]),
      STALL_MS,
      places,
    );
    if (options.mode === "move" && sourceFacts.readOnly) throw nothingLeaves(source);
    // One at least: what a stream takes to be there, the look at a far source takes too.
    if (!plansOnly(options)) source.content?.warm(sourceRun);
    const first = await ending.within(lookFirst(request, filter), STALL_MS, source.display);
    const decided = decideRun(request, sourceFacts, destinationFacts, first);
    const { decision } = decided;
    tally.emit({ type: "decision", ...decision });
    destination.setWorkers?.(decision.workers);
    // A far source's streams end in the near side's workers: it has the last word on those.
    if (source.link) source.setWorkers?.(decision.workers);
    if (!plansOnly(options) && request.carry === undefined) {
      source.content?.warm(sourceRun);
      destination.content?.warm(destinationRun);
    }
    let staged = 0;
    const context: EngineContext = {
      source,
      destination,
      sourceFacts,
      destinationFacts,
      sourceRun,
      destinationRun,
      options,
      compare: compareContext(request, sourceFacts, destinationFacts),
      tally,
      room: new Room(
        tally,
        sourceFacts,
        destinationFacts,
        destination.display,
        options.mode !== "check" && !options.discard,
      ),
      executor: new Executor(decision.workers),
      tuning: tuningOf(request, decision),
      signal,
      filtered: filter.active || request.paths !== undefined || request.single !== undefined,
      batchFiles: decision.batchFiles,
      batchBytes: decision.batchBytes,
      merged: null,
      nextStaged: () => PLANNER_STAGED + staged++,
    };
    tally.liveBytes = () => destinationRun.progress.bytes();
    tally.current = () => destinationRun.progress.current()[0]?.path ?? null;
    ending.attach(context.executor);
    let lastPath = () => "";
    const body = async () => {
      const copy = (copying: EngineContext) =>
        transfer(request, copying, decision, filter, first, ending, (made, march) => {
          parts = made;
          lastPath = () => march.lastPath;
          (watch as Watch | null)?.stop();
          watch = new Watch(context, made.planner, lastPath, ending.stall);
        });
      if (options.mode !== "move") return await copy(context);
      watch = new Watch(context, null, lastPath, ending.stall);
      await move(request, context, copy);
    };
    let error: Error | null = null;
    try {
      await ending.race(body());
    } catch (cause) {
      error = ending.stalled ?? asError(cause);
      ending.end(error);
      error = await toldBy([source, destination], error);
    }
    if (error !== null && isUsage(error) && tally.filesDone === 0) throw error;
    return finish(request, context, decided, error);
  } finally {
    (watch as Watch | null)?.stop();
    ending.close();
    closeParts(parts);
    source.endRun(sourceRun);
    destination.endRun(destinationRun);
  }
}

/** What ended a run: where a connection broke, whoever has the tree knows better, and which daemon it is. */
async function toldBy(trees: readonly Tree[], error: Error): Promise<Error> {
  if (!(error instanceof BlitError && error.kind === "disconnected")) return error;
  const told: (BlitError | null)[] = await Promise.all(
    trees.map((tree) => tree.farewell?.() ?? null),
  );
  return told.find((reason) => reason !== null) ?? error;
}

function nothingLeaves({ display }: Tree): BlitError {
  const why = "its file system is read-only, and nothing can leave it. Use copy.";
  return new BlitError("read_only", `Cannot move from ${display}: ${why}`, {
    operation: "move from",
    path: display,
  });
}

/** How long an interrupted run waits for what is in flight. */
const QUIET_MS = 500;
/** How long a failed one does: nobody asked it to hurry, and a full disk is slow to say so. */
const FAILED_QUIET_MS = 5000;

/** Staged names that the planner gives out are numbered from here; native code counts from 1. */
const PLANNER_STAGED = 1_000_000_000;

/** Makes the parts of a run over `context`; a `table` of hardlink groups that fills up costs further passes. */
export function makeParts(
  context: EngineContext,
  filter: Filter,
  table = new LinkTable(),
): RunParts {
  const planner = new Planner(context);
  const links = new Hardlinks(context, table);
  const content = new ContentCompare(context);
  const resume = new Resume();
  const judge = new Judge(context, planner, links, content, resume);
  const prune = new Prune(context);
  const way = new Way(context, prune);
  const recase = new Recase(context);
  context.executor.onIdle = () => {
    content.flush();
    planner.flush("idle");
  };
  return { planner, links, content, resume, judge, prune, way, recase, filter };
}

/** Copy, mirror and check. */
async function transfer(
  request: EngineRequest,
  base: EngineContext,
  decision: RunDecision,
  filter: Filter,
  first: FirstLook,
  ending: Ending,
  onParts: (parts: RunParts, march: March) => void,
): Promise<void> {
  const { options } = request;
  const marker = new Marker(base);
  const leftovers = await marker.leftovers();
  const moves = options.mode === "move" && request.single === undefined;
  const merges = moves && leftovers.sinceNs === null && !leftovers.isEmpty;
  const context: EngineContext = {
    ...base,
    compare: { ...base.compare, suspectSinceNs: leftovers.sinceNs },
    merged: merges ? await base.destination.stat([""]) : null,
  };
  const parts = makeParts(context, filter);
  if (options.resume) {
    await parts.resume.read(context.destination, leftovers.markers, context.destinationRun);
  }
  const deletes = request.single === undefined && request.paths === undefined &&
    (options.mode === "mirror" || (options.mode === "check" && !options.oneWay));
  const march = new March(context, parts, filter, deletes, first);
  onParts(parts, march);
  // A move's marker also tells that directories may be unfinished.
  const unmarked = (decision.path === "direct" && !moves) || request.single !== undefined ||
    touchesNothing(options);
  parts.planner.stageAll = unmarked;
  // Nothing is written or compared before it is there; what is listed meanwhile saves a far side a round trip.
  if (!unmarked) {
    base.executor.hold(
      marker.create(options.mode === "mirror").then((sinceNs) => {
        context.compare.lostSinceNs = sinceNs;
      }),
    );
  }
  let whole = false;
  let refusal: BlitError | null = null;
  try {
    await copyAll(request, context, parts, march, first);
    if (deletes && options.mode === "mirror") refusal = await pruneAll(context, parts);
    await finishUp(context, parts);
    // From here on the marker isn't there to say that a directory has no time yet.
    if (moves && !touchesNothing(options)) await parts.planner.finishLate();
    whole = true;
  } catch (error) {
    // Whatever still runs must not go on behind the summary.
    ending.end(asError(error));
    throw error;
  } finally {
    march.close();
    if (!whole) {
      await base.executor.released().catch(() => {});
      // While something may still be half written, the marker must stay to say so.
      const patience = request.signal.aborted ? QUIET_MS : FAILED_QUIET_MS;
      const quiet = await base.executor.quiet(patience);
      await marker.release(quiet && !(options.resume || moves));
    }
  }
  try {
    if (!touchesNothing(options)) await parts.planner.finishLate(marker.farewell());
  } finally {
    // An interruption keeps no run from taking its marker away.
    await marker.release(true);
  }
  if (options.fsync && !touchesNothing(options)) await syncAll(context);
  if (refusal !== null) throw refusal;
}

/** Plans and copies everything, links last. */
export async function copyAll(
  request: EngineRequest,
  context: EngineContext,
  parts: RunParts,
  march: March,
  first: FirstLook,
): Promise<void> {
  const { tally } = context;
  if (request.single !== undefined) {
    await planSingle(context, parts, request.single, first.single!);
  } else if (request.paths !== undefined) {
    await context.executor.released();
    await walkPaths(context, parts, request.paths);
  } else await march.run(true, !parts.planner.stageAll);
  tally.totalsKnown = true;
  tally.planningMs = performance.now() - tally.startedMs;
  tally.enter("copy");
  await copyPlanned(context, parts);
  tally.enter("link");
  await linkPlanned(context, parts);
}

/** Copies what is planned; what failed for a passing reason is tried again. */
async function copyPlanned(context: EngineContext, parts: RunParts): Promise<void> {
  await settle(context, parts);
  await parts.planner.retry.run();
}

/** Makes the links that waited for the copies. */
async function linkPlanned(context: EngineContext, parts: RunParts): Promise<void> {
  await parts.links.run((node, source, i, destination, j) => {
    parts.judge.entry(node, source, i, destination, j);
  }, () => copyPlanned(context, parts));
}

/** Waits until nothing planned is left, whatever settling one thing has planned anew. */
export async function settle(context: EngineContext, parts: RunParts): Promise<void> {
  await context.executor.released();
  for (;;) {
    parts.content.flush();
    parts.planner.flush("end");
    if (context.executor.inFlight === 0) break;
    await context.executor.drain();
  }
  await context.executor.drain();
  checkCancelled(context);
}

/** Deletes what was recorded, or returns why not: then what was copied stays, and so does the rest. */
async function pruneAll(context: EngineContext, parts: RunParts): Promise<BlitError | null> {
  const { tally, options } = context;
  tally.enter("delete");
  if (tally.deletionsPlanned === 0) return null;
  const refusal = parts.prune.refusal();
  if (refusal !== null) return refusal;
  await parts.way.run(parts.judge);
  await copyPlanned(context, parts);
  await linkPlanned(context, parts);
  if (options.dryRun) tally.entriesDeleted = tally.deletionsPlanned;
  else if (!options.discard) await parts.prune.run();
  return null;
}

async function finishUp(context: EngineContext, parts: RunParts): Promise<void> {
  if (touchesNothing(context.options)) return;
  context.tally.enter("finish");
  await settle(context, parts);
  await parts.recase.run();
  await parts.prune.sweep();
}

/** Only the native workers of this machine can be more or fewer while they work. */
function tuningOf(request: EngineRequest, { path, workers }: RunDecision): Tuning | null {
  const { options, destination } = request;
  const limited = options.workers ?? options.maxThreads;
  const canTune = path === "pipeline" && limited === undefined && linkOf(request) === null &&
    destination.setWorkers !== undefined && !plansOnly(options);
  return canTune ? new Tuning(workers, request.cores * 2) : null;
}

/** What a daemon takes from everybody but the owner; older ones don't say. */
const USUAL_UMASK = 0o022;

/** The owner's own bits are never taken: write protection would be lost among them. */
function umaskOf({ source, destination }: EngineRequest): number | null {
  if (source.traits.modes || !destination.traits.modes) return null;
  return (destination.traits.umask ?? USUAL_UMASK) & 0o077;
}

function compareContext(
  request: EngineRequest,
  sourceFacts: FsFacts,
  destinationFacts: FsFacts,
): CompareContext {
  const { source, destination, options } = request;
  const exact = source.traits.nanosecondTimes && destination.traits.nanosecondTimes;
  const grain = Math.max(
    sourceFacts.timeGrainNs,
    destinationFacts.timeGrainNs,
    exact ? 1 : 1_000_000,
  );
  const checks = options.mode === "check" || options.compare.checksum;
  return {
    options: options.mode === "check" ? { ...options.compare, checksum: true } : options.compare,
    owners: source.traits.owners && destination.traits.owners && !destination.traits.losesOwners,
    modes: source.traits.modes && destination.traits.modes && !destination.traits.losesModes,
    writeBit: !destination.traits.losesWriteBit,
    umask: umaskOf(request),
    timeGrainNs: BigInt(grain),
    unknownGrain: {
      source: sourceFacts.timeGrainNs === 0,
      destination: destinationFacts.timeGrainNs === 0,
    },
    symlinkTimes: source.traits.symlinkTimes && destination.traits.symlinkTimes,
    xattrs: checks && source.traits.xattrs && destination.traits.xattrs,
    // What the destination's markers tell of both is learned when the run begins to write.
    suspectSinceNs: null,
    lostSinceNs: null,
  };
}

function finish(
  request: EngineRequest,
  context: EngineContext,
  { decision, record }: Decided,
  error: Error | null,
): EngineResult {
  const { tally, options } = context;
  if (options.mode === "check") {
    tally.differences = tally.filesPlanned + tally.metadataUpdated + tally.directoriesCreated +
      tally.deletionsPlanned;
  }
  const interrupted = request.signal.aborted ||
    (error instanceof BlitError && error.kind === "cancelled");
  const outcome: Outcome = interrupted
    ? "interrupted"
    : error !== null
    ? "failed"
    : tally.failed > 0
    ? "partial"
    : tally.differences > 0
    ? "different"
    : "done";
  const link = linkOf(request);
  const by = tally.carriedBy;
  const counted = tally.summary({
    mode: options.mode,
    source: context.source.display,
    destination: context.destination.display,
    dryRun: options.dryRun,
    workers: by?.workers ?? context.tuning?.workers ?? decision.workers,
    path: by?.path ?? decision.path,
    implementation: by?.implementation ?? context.destination.kind,
    predictedMs: decision.predictedMs ?? null,
    transport: (by ?? link)?.transport ?? null,
    streams: (by ?? link)?.streams ?? 0,
    tcpFallback: (by ?? link)?.transport === "control_plane",
  }, outcome);
  const { notices = [] } = request;
  const summary: Summary = { ...counted, warnings: [...notices, ...counted.warnings] };
  tally.emit({ type: "progress", ...tally.progress() });
  tally.emit({ type: "summary", summary });
  const learn = outcome === "done" && !plansOnly(options) && !options.discard;
  return {
    summary,
    record: learn ? record(summary) : null,
    // Whoever interrupted it here knows why; where the other side ended it, the user has to be told.
    error: request.signal.aborted ? null : error,
  };
}

function closeParts(parts: RunParts | null): void {
  if (parts === null) return;
  parts.planner.close();
  parts.links.close();
  parts.prune.close();
  parts.way.close();
  parts.recase.close();
}

function asError(cause: unknown): Error {
  return cause instanceof Error ? cause : new BlitError("bug", String(cause), { cause });
}

function isUsage(error: Error): boolean {
  return error instanceof BlitError && (error.kind === "usage" || error.kind === "busy");
}
