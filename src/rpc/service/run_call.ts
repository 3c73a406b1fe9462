/**
 * The call `Run`: batches that move no content between machines, one after the other.
 *
 * @module
 */
import { BlitError } from "../../core/error.ts";
import { Op, type WorkBatch } from "../../core/work_batch.ts";
import type { RunRequest } from "../../gen/blit/v1/session_pb.ts";
import type { LocalTree } from "../../tree/local.ts";
import { distrustAttributes, markDropped } from "./attribute_rules.ts";
import { admitAcross, admitBatch, MOST_BATCH_BYTES } from "./run_rules.ts";
import type { DurationObserver } from "./host.ts";
import type { ServedSession } from "./served_session.ts";

/** Batches that one call may have behind its first. */
const MOST_THEN = 16;

const NOTHING_DROPPED: ReadonlySet<number> = new Set();
const NO_ATTRIBUTES: ReadonlyMap<string, Uint8Array> = new Map();

/** Whose call it is. */
export interface RunParts {
  readonly session: ServedSession;
  /** The session that the source root belongs to. */
  readonly other: ServedSession;
  readonly observer: DurationObserver | null;
}

/**
 * Runs a call's batches in order, once all of them were admitted.
 *
 * @throws {BlitError} as `admitBatch`; `usage` where they are too many or too large together
 */
export async function runBatches(
  request: RunRequest,
  { session, other, observer }: RunParts,
): Promise<{ results: Uint8Array; then: Uint8Array[] }> {
  const tree = session.root(request.root);
  const source = request.sourceRoot === 0 ? null : other.root(request.sourceRoot);
  const together = request.then.reduce((sum, { length }) => sum + length, request.batch.length);
  if (request.then.length > MOST_THEN || (request.then.length > 0 && together > MOST_BATCH_BYTES)) {
    throw new BlitError(
      "usage",
      `Cannot run ${1 + request.then.length} batches of ${together} bytes in one call: ` +
        `at most ${1 + MOST_THEN}, of ${MOST_BATCH_BYTES} together, are taken. ` +
        "Use a client of the same version.",
      { operation: "run a batch" },
    );
  }
  const first = admitBatch(request.batch, session, source !== null);
  const further = request.then.map((bytes) => admitBatch(bytes, session));
  if (other !== session) admitAcross(first, other, session);
  const { runId } = request;
  let waiting = further.length;
  session.batchesWaiting += waiting;
  try {
    const results = await timed(first, { session, tree, source, runId }, observer);
    const then: Uint8Array[] = [];
    for (const batch of further) {
      waiting--;
      session.batchesWaiting--;
      then.push(await timed(batch, { session, tree, source: null, runId }, observer));
    }
    return { results, then };
  } finally {
    session.batchesWaiting -= waiting;
  }
}

interface Place {
  readonly session: ServedSession;
  readonly tree: LocalTree;
  readonly source: LocalTree | null;
  readonly runId: bigint;
}

const OPERATIONS = new Map(Object.entries(Op).map(([name, op]) => [op, name]));

async function timed(
  batch: WorkBatch,
  place: Place,
  observer: DurationObserver | null,
): Promise<Uint8Array> {
  const begunMs = performance.now();
  try {
    return await runBatch(batch, place);
  } finally {
    observer?.batchEnded(OPERATIONS.get(batch.op)!, (performance.now() - begunMs) / 1000);
  }
}

async function runBatch(
  admitted: WorkBatch,
  { session, tree, source, runId }: Place,
): Promise<Uint8Array> {
  const { batch, dropped } = session.trustMetadata
    ? { batch: admitted, dropped: NOTHING_DROPPED }
    : await distrustAttributes(
      admitted,
      (path) => tree.xattrs(path).catch(() => NO_ATTRIBUTES),
    );
  const run = session.run(runId);
  const results = batch.op === Op.hash
    ? await tree.hash(batch, run)
    : await tree.run(batch, batch.op === Op.rename ? source ?? tree : source, run);
  markDropped(results, dropped);
  return results.bytes;
}
