/**
 * Decide: which path a run takes, with how many workers and what batches, by what a first look shows and by
 * what the predictor learned; and what the history keeps of the run that followed.
 *
 * @module
 */
import { Kind } from "../core/entry_block.ts";
import type { Summary } from "../core/events.ts";
import {
  type RemoteFacts,
  RUN_RECORD_SCHEMA,
  type RunProfile,
  type RunRecord,
} from "../core/run_record.ts";
import type { FirstLook } from "./look.ts";
import { type PlanFacts, Predictor, rttClassOf, type RunSize } from "./predict.ts";
import type { EngineRequest } from "./request.ts";
import type { FsFacts, LinkReport, Tree } from "./tree.ts";

/** A decision, with what to record of the run that followed it. */
export interface RunDecision {
  readonly path: "direct" | "pipeline" | "large" | "rename";
  readonly workers: number;
  readonly batchFiles: number;
  readonly batchBytes: number;
  readonly why: string;
  readonly predictedMs?: number;
}

/** A decision and the predictor behind it. */
export interface Decided {
  readonly decision: RunDecision;
  /** The history's record of the run that ended so; the prediction is for its true size. */
  record(summary: Summary): RunRecord;
}

/** Decides how to begin. */
export function decideRun(
  request: EngineRequest,
  sourceFacts: FsFacts,
  destinationFacts: FsFacts,
  first: FirstLook,
): Decided {
  const { options, source, destination } = request;
  const link = linkOf(request);
  const profile: RunProfile = {
    sourceFs: sourceFacts.type,
    destinationFs: destinationFacts.type,
    implementation: isNative(source) && isNative(destination) ? "native" : "portable",
    mode: options.mode,
    checksum: options.compare.checksum,
    fsync: options.fsync,
    discard: options.discard,
    ...(link === null ? {} : { remote: destination.link ? "push" : "pull" }),
  };
  const predictor = new Predictor(request.history, profile, request.cores, link);
  const facts = planFacts(request, first);
  let decision: RunDecision = predictor.decide(facts);
  if (options.mode === "move" && destination.canRenameFrom(source)) {
    decision = { ...decision, path: "rename", why: "one file system: renames, no copies" };
  }
  const limit = Math.min(options.workers ?? Infinity, options.maxThreads ?? Infinity);
  if (limit !== Infinity) {
    decision = {
      ...decision,
      workers: Math.max(1, options.workers ?? Math.min(decision.workers, limit)),
      why: `${decision.why}; limited by a debug option`,
    };
  }
  return {
    decision,
    record: (summary) => {
      const size: RunSize = {
        entries: summary.filesExamined + summary.directoriesExamined,
        files: summary.filesTransferred,
        bytes: summary.bytesTransferred,
      };
      const predicted = predictor.predict(size);
      return {
        schema: RUN_RECORD_SCHEMA,
        atMs: Date.now(),
        profile,
        entriesExamined: size.entries,
        filesCopied: size.files,
        bytesCopied: size.bytes,
        entriesDeleted: summary.entriesDeleted,
        planningMs: summary.planningMs,
        transferMs: Math.max(0, summary.durationMs - (summary.firstWorkMs ?? summary.durationMs)),
        durationMs: summary.durationMs,
        workers: summary.workers,
        batchFiles: decision.batchFiles,
        batchBytes: decision.batchBytes,
        path: decision.path,
        predictedPlanningMs: predicted.planningMs,
        predictedTransferMs: predicted.transferMs,
        predictedDurationMs: predicted.durationMs,
        ...(link === null ? {} : { remote: remoteFacts(linkOf(request)!) }),
      };
    },
  };
}

/** The link of a run, as it is now; null where both sides are near. */
export function linkOf(request: Pick<EngineRequest, "source" | "destination">): LinkReport | null {
  return request.destination.link?.() ?? request.source.link?.() ?? null;
}

/** Whether native code moves a tree's content. */
function isNative(tree: Tree): boolean {
  return tree.kind === "native" || tree.content !== undefined;
}

function remoteFacts(link: LinkReport): RemoteFacts {
  const { handshakeMs, transport, streams, retries, hostHash } = link;
  return { handshakeMs, rttClass: rttClassOf(link), transport, streams, retries, hostHash };
}

function planFacts(request: EngineRequest, first: FirstLook): PlanFacts {
  const { options } = request;
  const mustMarch = options.compare.checksum || options.mode === "check" ||
    (options.mode === "mirror" && request.single === undefined);
  if (first.single !== null) {
    const bytes = first.single.kind(0) === Kind.file ? first.single.sizeBytes(0) : 0;
    // One entry needs no march, whatever is compared.
    return { size: { entries: 1, files: 1, bytes }, complete: true, mustMarch: false };
  }
  if (first.few !== null) {
    const { files, bytes } = first.few;
    return { size: { entries: files + 1, files, bytes }, complete: true, mustMarch };
  }
  return { size: { entries: 1, files: 0, bytes: 0 }, complete: false, mustMarch };
}
