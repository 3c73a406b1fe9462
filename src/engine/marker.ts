/**
 * Marker: the locked file `.blit-<run>-0` in the destination's root while a run works there.
 *
 * A run's id begins with the time it started, so a leftover marker tells since when files may be
 * unfinished though they look whole.
 *
 * @module
 */
import { ENTRY_STAGED, Kind, NO_PARENT } from "../core/entry_block.ts";
import { BlitError, kindOfStatus } from "../core/error.ts";
import type { RelPath } from "../core/rel_path.ts";
import {
  BatchBuilder,
  MarkerAction,
  Op,
  type Results,
  STEPS,
  WorkBatch,
} from "../core/work_batch.ts";
import {
  isMarkerName,
  MARKER_NUMBER,
  runOfStagedName,
  stagedName,
  startOfRun,
} from "../core/staged_name.ts";
import { type EngineContext, plansOnly, runNow } from "./context.ts";

const WRITE = STEPS.indexOf("write");

/** What earlier runs left in the destination's root. */
export interface Leftovers {
  readonly markers: readonly RelPath[];
  /** Start of the earliest, ns since 1970; null where there is none. */
  readonly sinceNs: bigint | null;
  /** Nothing else is in the root. */
  readonly isEmpty: boolean;
}

/** One of the batches that come last, such as a marker's removal. */
export interface LateStep {
  readonly batch: WorkBatch;
  /** To be told what became of it. */
  ended(results: Results): void;
}

/** The marker of one run. */
export class Marker {
  readonly #context: EngineContext;
  #held = false;

  constructor(context: EngineContext) {
    this.#context = context;
  }

  /** Looks for markers of runs that were killed; only where their leftovers could be mistaken. */
  async leftovers(): Promise<Leftovers> {
    const { options, destination } = this.#context;
    const { update, ignoreExisting, sizeOnly } = options.compare;
    const markers: RelPath[] = [];
    let since: bigint | null = null;
    if (!(update || ignoreExisting || sizeOnly || options.resume || options.mode === "move")) {
      return { markers, sinceNs: null, isEmpty: false };
    }
    let isEmpty = true;
    for await (const block of destination.list("", { sorted: false, staged: true })) {
      for (let i = 0; i < block.count; i++) {
        if ((block.flags(i) & ENTRY_STAGED) === 0) {
          isEmpty = false;
          continue;
        }
        const name = block.name(i);
        if (!isMarkerName(name)) continue;
        markers.push(name);
        const startedNs = startOfRun(runOfStagedName(name)!);
        // The destination's clock may be behind the one that named the marker.
        for (const ns of [startedNs, block.mtimeNs(i)]) {
          if (since === null || ns < since) since = ns;
        }
      }
    }
    return { markers, sinceNs: since, isEmpty };
  }

  /**
   * Makes and locks the marker.
   *
   * @param alone refuse where another live run works in this root
   * @returns since when (ns since 1970) files may have lost bytes that their size and time promise: a run was killed, and
   *   the file system taken away before all was written; null where nothing says so
   * @throws {BlitError} `busy` then; what the file system says otherwise
   */
  async create(alone: boolean): Promise<bigint | null> {
    const { results } = await runNow(
      this.#context,
      this.#builder(MarkerAction.create, alone ? 1n : 0n),
      null,
    );
    const status = results.status(0);
    if (status === 0) {
      this.#held = true;
      const lostSinceNs = results.mtimeNs(0);
      return lostSinceNs === 0n ? null : lostSinceNs;
    }
    if (kindOfStatus(status) === "busy") {
      throw new BlitError(
        "busy",
        `Another run of blit works in ${this.#context.destination.display}. Wait for it to end.`,
        { operation: "lock" },
      );
    }
    // The marker's own name would tell nobody anything.
    throw this.#context.tally.describe("", status, results.os(0), WRITE, "destination");
  }

  /** What removes it, for whoever runs that before something else; null where it isn't held. */
  farewell(): LateStep | null {
    if (!this.#held || plansOnly(this.#context.options)) return null;
    return {
      batch: new WorkBatch(this.#builder(MarkerAction.release, 0n).finish()),
      ended: (results) => {
        if (results.count === 0 || results.status(0) === 0) this.#held = false;
      },
    };
  }

  /** Releases the marker where it is held still, and removes it unless its journal is still of use. */
  async release(remove: boolean): Promise<void> {
    if (!this.#held || plansOnly(this.#context.options)) return;
    this.#held = false;
    const { destination, destinationRun } = this.#context;
    // An interrupted run's own context does no more work.
    const run = destination.beginRun(destinationRun.runId, new AbortController().signal);
    try {
      const batch = new WorkBatch(
        this.#builder(remove ? MarkerAction.release : MarkerAction.leave, 0n).finish(),
      );
      await destination.run(batch, null, run);
    } catch {
      // The next run removes it: this one's result stands.
    } finally {
      destination.endRun(run);
    }
  }

  get #name(): RelPath {
    return stagedName(this.#context.destinationRun.runId, MARKER_NUMBER);
  }

  #builder(action: bigint, alone: bigint): BatchBuilder {
    const builder = new BatchBuilder(Op.marker, 1);
    builder.items.add({ name: this.#name, kind: Kind.file, parent: NO_PARENT });
    builder.parameter0 = action;
    builder.parameter1 = alone;
    return builder;
  }
}
