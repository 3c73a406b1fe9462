/**
 * Predictor: from the history of like runs to the time a run will take, and to its first decisions.
 *
 * Pure and deterministic: the same history and the same facts give the same answer. What is measured
 * during a run overrides what was decided here.
 *
 * @module
 */
import {
  profileKey,
  type RemoteFacts,
  type RunProfile,
  type RunRecord,
} from "../core/run_record.ts";
import { FAR_STREAMS, FIRST_STREAMS, MOST_STREAMS } from "../core/stream_counts.ts";
import type { LinkReport } from "./tree.ts";

/** How much a run has to do, as far as it is known. */
export interface RunSize {
  /** Entries of any kind to look at. */
  readonly entries: number;
  /** Files to copy. */
  readonly files: number;
  /** Content bytes to copy. */
  readonly bytes: number;
}

/** How long a run will take. */
export interface Prediction {
  readonly planningMs: number;
  readonly transferMs: number;
  /** Of the whole run: planning and transfer overlap. */
  readonly durationMs: number;
  /** How many runs it was learned from; 0: these are the fixed priors. */
  readonly runs: number;
  /** By how much the last learned run's duration was missed, as a share of it; null before the first. */
  readonly lastError: number | null;
}

/** What a run knows before it begins. */
export interface PlanFacts {
  /** What a first look at the source showed. */
  readonly size: RunSize;
  /** That is all there is; false: at least that much. */
  readonly complete: boolean;
  /** Both trees must be marched through whole: a mirror that may delete, a checksum run. */
  readonly mustMarch: boolean;
}

/** How to begin a run. */
export interface Decision {
  readonly path: "direct" | "pipeline" | "large";
  readonly workers: number;
  /** A batch is full at this many files, or this many content bytes. */
  readonly batchFiles: number;
  readonly batchBytes: number;
  /** Why, for `-v` and the events. */
  readonly why: string;
  /** Of the whole run; left out where neither the source nor the history says how large it is. */
  readonly predictedMs?: number;
}

/** A copy of at most this much goes without the pipeline. */
export const DIRECT_FILES = 8;
/** See {@link DIRECT_FILES}. */
export const DIRECT_BYTES = 100 << 20;
/** A single file from this size on is the large-file worker's. */
export const LARGE_BYTES = 2 ** 30;

/** Bounds of a batch. */
export const BATCH_BOUNDS = {
  leastFiles: 32,
  mostFiles: 2048,
  leastBytes: 4 << 20,
  mostBytes: 64 << 20,
} as const;

/** What one file and one MiB cost where nothing is known yet, ms. */
export const PRIOR_FILE_MS = 0.05;
/** See {@link PRIOR_FILE_MS}. */
export const PRIOR_MIB_MS = 0.01;
/** How a run's fixed cost weighs against its files when an error is shared out, ms. */
const FIXED_SCALE_MS = 2;

/** How far one run moves the average: usually, and after an error over {@link ERROR_LIMIT}. */
const ALPHA = 0.3;
const ALPHA_FAST = 0.7;
const ERROR_LIMIT = 0.25;
/** Shorter times are below what a clock tells, and no base for a share. */
const LEAST_MS = 0.01;

/** A batch is meant to take about this long: short enough to cancel and to share out evenly. */
const BATCH_MS = 50;
/** Shorter transfers say nothing about worker counts. */
const LEAST_TELLING_MS = 20;
/** A gain smaller than this is noise. */
const TELLING_GAIN = 1.1;
/** After so many runs in a row with the fastest worker count, the next one may try a neighbour of it. */
const EXPLORE_AFTER = 6;
/** A worker count that was used in the last so many runs isn't tried again. */
const EXPLORED_FOR = 30;
/** A run that is expected to take longer tries nothing: it finds out while it runs. */
const EXPLORE_MOST_MS = 30_000;
/** Runs with each path before the history may overrule a fast path. */
const TELLING_RUNS = 3;

/** Content of a batch over a far link: what a stream has left when the others are done is all that the link then carries. */
const FAR_BATCH_BYTES = 4 << 20;
/**
 * The same for a push where a round trip isn't longer than it takes to send one: a stream sends the next batch while the
 * results of one are on their way. Eight streams with two each hold what 1 Gbit/s does in 130 ms.
 */
const WAN_PUSH_BATCH_BYTES = 1 << 20;

/** Round-trip times up to these, ms, are of a class. */
const RTT_CLASSES = [["lan", 2], ["metro", 15], ["wan", 100]] as const;

/** What the planner knows of a link before the run. */
export type LinkTraits = Pick<LinkReport, "rttMs" | "isLoopback" | "hostHash">;

/** The class of a link's round-trip time. */
export function rttClassOf({ rttMs, isLoopback }: LinkTraits): RemoteFacts["rttClass"] {
  if (isLoopback) return "local";
  return RTT_CLASSES.find(([, most]) => rttMs <= most)?.[0] ?? "far";
}

/** Whether a round trip takes long enough that streams must make up for it. */
function isFar(link: LinkTraits): boolean {
  const rttClass = rttClassOf(link);
  return rttClass === "wan" || rttClass === "far";
}

const NETWORK_FS = /^(nfs|cifs|smb|fuse|9p|ceph|gluster|afs)/;

/**
 * One time as a sum of costs, each learned as an exponential moving average.
 *
 * A run's error is shared out over the costs by how much each took part in its prediction, so a run of many
 * small files teaches what a file costs and a run of one large file what a MiB costs. For runs of one size
 * the prediction itself is the moving average.
 */
class CostModel {
  /** Cost of one unit in the scale of the prior; the first is the fixed cost, which begins at 0. */
  readonly #scale: readonly number[];
  readonly #factors: number[];
  #lastError: number | null = null;

  /** @param priorMs cost of one unit of each feature after the first */
  constructor(priorMs: readonly number[]) {
    this.#scale = [FIXED_SCALE_MS, ...priorMs];
    this.#factors = [0, ...priorMs.map(() => 1)];
  }

  get lastError(): number | null {
    return this.#lastError;
  }

  /** Cost of one unit of a feature, ms. */
  cost(feature: number): number {
    return this.#scale[feature + 1] * this.#factors[feature + 1];
  }

  predict(features: readonly number[]): number {
    return this.#parts(features).reduce((sum, part, i) => sum + part * this.#factors[i], 0);
  }

  learn(features: readonly number[], actualMs: number): void {
    const parts = this.#parts(features);
    const missedMs = actualMs - this.predict(features);
    const isFirst = this.#lastError === null;
    const alpha = isFirst || this.#lastError! > ERROR_LIMIT ? ALPHA_FAST : ALPHA;
    this.#lastError = Math.abs(missedMs) / Math.max(actualMs, LEAST_MS);
    // A cost that is 0 can't take its share of an overestimate, so the others take it.
    const movable = parts.map((part, i) => missedMs > 0 || this.#factors[i] > 0 ? part : 0);
    const norm = movable.reduce((sum, part) => sum + part * part, 0);
    if (norm === 0) return;
    for (let i = 0; i < movable.length; i++) {
      this.#factors[i] = Math.max(0, this.#factors[i] + alpha * missedMs * movable[i] / norm);
    }
  }

  #parts(features: readonly number[]): number[] {
    return this.#scale.map((scale, i) => scale * (i === 0 ? 1 : features[i - 1]));
  }
}

/** Learns from a history once; then answers for one run. */
export class Predictor {
  readonly #cores: number;
  readonly #profile: RunProfile;
  readonly #runs: readonly RunRecord[];
  readonly #link: LinkTraits | null;
  readonly #planning = new CostModel([PRIOR_FILE_MS]);
  readonly #transfer = new CostModel([PRIOR_FILE_MS, PRIOR_MIB_MS]);
  /** An entry that is only looked at, a file that is copied, a MiB. */
  readonly #duration = new CostModel([PRIOR_FILE_MS, PRIOR_FILE_MS, PRIOR_MIB_MS]);

  /**
   * @param history records in the order they were made; those of other profiles are left out
   * @param profile of the run to come
   * @param cores processors that may be used, 1 or more
   * @param link what is known of the link to the far side; null where both are near
   */
  constructor(
    history: readonly RunRecord[],
    profile: RunProfile,
    cores: number,
    link: LinkTraits | null = null,
  ) {
    this.#link = link;
    this.#cores = Math.max(1, Math.floor(cores));
    this.#profile = profile;
    const key = profileKey(profile);
    // A rename moves no bytes: it says nothing about what copying costs.
    const like = history.filter((run) =>
      run.path !== "rename" && profileKey(run.profile) === key && this.#isLikeLink(run)
    );
    const same = like.filter((run) => run.remote?.hostHash === link?.hostHash);
    // Another host behind a link of that kind is better than nothing.
    this.#runs = same.length > 0 ? same : like;
    for (const run of this.#runs) {
      const size = sizeOf(run);
      this.#planning.learn(planningFeatures(size), run.planningMs);
      this.#transfer.learn(transferFeatures(size), run.transferMs);
      this.#duration.learn(durationFeatures(size), run.durationMs);
    }
  }

  /** Predicts the times of a run of the given size; also the base of its ETA. */
  predict(size: RunSize): Prediction {
    return {
      planningMs: this.#planning.predict(planningFeatures(size)),
      transferMs: this.#transfer.predict(transferFeatures(size)),
      durationMs: this.#duration.predict(durationFeatures(size)),
      runs: this.#runs.length,
      lastError: this.#duration.lastError,
    };
  }

  /** Decides how to begin a run. */
  decide(facts: PlanFacts): Decision {
    const { size, complete } = facts;
    const [path, whyPath] = this.#path(facts);
    const total = this.#total(facts);
    const [workers, whyWorkers] = path === "pipeline"
      ? this.#workers(total.predictedMs)
      : path === "large" && this.#link !== null
      ? this.#streams()
      : [1, null];
    const { leastFiles, mostFiles, leastBytes } = BATCH_BOUNDS;
    const mostBytes = this.#mostBatchBytes();
    // Two batches a worker at least, where the whole is known: the last one is then not waited for alone.
    const share = (all: number) => complete ? Math.ceil(all / (workers * 2)) : Infinity;
    const files = Math.min(batchOf(this.#transfer.cost(0)), share(size.files));
    const bytes = Math.min(batchOf(this.#transfer.cost(1)) * 2 ** 20, share(size.bytes));
    const runs = this.#runs.length;
    const learned = runs === 0 ? "no history of such runs" : `${runs} such run${s(runs)} known`;
    return {
      path,
      workers,
      batchFiles: Math.round(clamp(files, leastFiles, mostFiles)),
      batchBytes: Math.round(clamp(bytes, leastBytes, mostBytes)),
      why: [whyPath, whyWorkers, learned].filter((why) => why !== null).join("; "),
      ...total,
    };
  }

  #mostBatchBytes(): number {
    const link = this.#link;
    if (link === null || !isFar(link)) return BATCH_BOUNDS.mostBytes;
    const isPush = this.#profile.remote === "push";
    return isPush && rttClassOf(link) === "wan" ? WAN_PUSH_BATCH_BYTES : FAR_BATCH_BYTES;
  }

  /** Where the size isn't known yet, that of earlier runs stands for it: most runs are repeated. */
  #total({ size, complete }: PlanFacts): { predictedMs?: number } {
    if (complete) return { predictedMs: this.predict(size).durationMs };
    if (this.#runs.length === 0) return {};
    let { entries, files, bytes } = sizeOf(this.#runs[0]);
    for (const run of this.#runs.slice(1)) {
      entries += ALPHA * (run.entriesExamined - entries);
      files += ALPHA * (run.filesCopied - files);
      bytes += ALPHA * (run.bytesCopied - bytes);
    }
    return { predictedMs: this.predict({ entries, files, bytes }).durationMs };
  }

  #path({ size, complete, mustMarch }: PlanFacts): [Decision["path"], string] {
    if (mustMarch) return ["pipeline", "both trees are compared whole"];
    if (!complete) return ["pipeline", `more than ${DIRECT_FILES} files, or folders`];
    const fast = size.files === 1 && size.bytes >= LARGE_BYTES
      ? "large"
      : size.files <= DIRECT_FILES && size.bytes <= DIRECT_BYTES
      ? "direct"
      : null;
    if (fast === null) return ["pipeline", `more than ${DIRECT_FILES} files or 100 MiB`];
    const gain = this.#score((run) => run.path === "pipeline") /
      this.#score((run) => run.path === fast);
    if (gain > TELLING_GAIN) {
      return ["pipeline", `it was ${gain.toFixed(1)} times as fast as the ${fast} path here`];
    }
    return fast === "large"
      ? ["large", "one file of 1 GiB or more"]
      : ["direct", `${size.files} file${s(size.files)}, at most 100 MiB`];
  }

  /**
   * How much faster than the model the transfers of these runs were, the latest weighing most; NaN where
   * there are too few to tell, which compares as no gain.
   */
  #score(among: (run: RunRecord) => boolean, leastRuns = TELLING_RUNS): number {
    let score = NaN, runs = 0;
    for (const run of this.#runs) {
      if (!among(run) || run.transferMs <= 0) continue;
      const ratio = this.#transfer.predict(transferFeatures(sizeOf(run))) / run.transferMs;
      score = runs++ === 0 ? ratio : score + ALPHA * (ratio - score);
    }
    return runs < leastRuns ? NaN : score;
  }

  /** Whether a run went over the same kind of link. */
  #isLikeLink({ remote }: RunRecord): boolean {
    const link = this.#link;
    return link === null ? remote === undefined : remote?.rttClass === rttClassOf(link);
  }

  /** Streams where nothing was learned yet. */
  #streams(): [number, string] {
    if (this.#link?.isLoopback) {
      return [this.#cores, `${this.#cores} stream${s(this.#cores)}, one per core`];
    }
    const streams = this.#link !== null && isFar(this.#link) ? FAR_STREAMS : FIRST_STREAMS;
    return [streams, `${streams} streams to begin with`];
  }

  #workers(predictedMs: number | undefined): [number, string] {
    const most = this.#link === null ? this.#cores * 2 : MOST_STREAMS;
    const telling = (run: RunRecord) =>
      run.path === "pipeline" && run.transferMs >= LEAST_TELLING_MS && run.workers <= most;
    const counts = this.#runs.filter(telling).map((run) => run.workers);
    if (counts.length === 0) {
      if (this.#link !== null) return this.#streams();
      const waits = NETWORK_FS.test(this.#profile.sourceFs) ||
        NETWORK_FS.test(this.#profile.destinationFs);
      return waits
        ? [most, `${most} workers, since the file system answers over a network`]
        : [this.#cores, `${this.#cores} worker${s(this.#cores)}, one per core`];
    }
    const usual = usualOf(counts.slice(-EXPLORE_AFTER));
    let best = usual, bestScore = this.#scoreOf(usual, telling);
    for (const workers of new Set(counts)) {
      const score = this.#scoreOf(workers, telling);
      // What is usual stays unless another count was clearly faster, or it would flutter.
      if (score > bestScore * (best === usual ? TELLING_GAIN : 1)) {
        best = workers;
        bestScore = score;
      }
    }
    const isShort = predictedMs !== undefined && predictedMs <= EXPLORE_MOST_MS;
    const other = isShort ? unexplored(counts, best, most) : null;
    return other === null
      ? [best, `${best} worker${s(best)}, the fastest so far`]
      : [other, `${other} worker${s(other)}, to see whether that is faster than ${best}`];
  }

  #scoreOf(workers: number, telling: (run: RunRecord) => boolean): number {
    return this.#score((run) => run.workers === workers && telling(run), 1);
  }
}

/** The count that was used most often; of several the latest. */
function usualOf(counts: readonly number[]): number {
  const times = (count: number) => counts.filter((other) => other === count).length;
  return counts.reduce((best, count) => times(count) >= times(best) ? count : best);
}

/** A neighbour of the best worker count that is worth one run; null where there is none, or not yet. */
function unexplored(counts: readonly number[], best: number, most: number): number | null {
  const row = counts.slice(-EXPLORE_AFTER);
  if (row.length < EXPLORE_AFTER || row.some((count) => count !== best)) return null;
  const recent = counts.slice(-EXPLORED_FOR);
  return [best + 1, best - 1].find((count) =>
    count >= 1 && count <= most && !recent.includes(count)
  ) ?? null;
}

function sizeOf(run: RunRecord): RunSize {
  return { entries: run.entriesExamined, files: run.filesCopied, bytes: run.bytesCopied };
}

function planningFeatures({ entries }: RunSize): number[] {
  return [entries];
}

function transferFeatures({ files, bytes }: RunSize): number[] {
  return [files, bytes / 2 ** 20];
}

function durationFeatures({ entries, files, bytes }: RunSize): number[] {
  return [Math.max(0, entries - files), files, bytes / 2 ** 20];
}

/** How many units of this cost make a batch of the right length. */
function batchOf(costMs: number): number {
  return costMs > 0 ? BATCH_MS / costMs : Infinity;
}

function clamp(value: number, least: number, most: number): number {
  return Math.min(most, Math.max(least, value));
}

function s(count: number): string {
  return count === 1 ? "" : "s";
}
