/**
 * The run context of trees without native code: counters in plain fields.
 *
 * @module
 */
import type { RelPath } from "../core/rel_path.ts";
import type { RunContext, RunProgress } from "../engine/tree.ts";
import { MARKER_NUMBER, stagedName } from "../core/staged_name.ts";

/** Where work reports how far it is. */
export interface WorkObserver {
  /** Content bytes that were read or written since the last call. */
  moved(bytes: number): void;
  /** One more entry is done, well or not. */
  done(): void;
  /** Says what is worked on, until the returned function is called. */
  at(path: RelPath, doing: string): () => void;
}

/** A run of a {@link import("./store_tree.ts").StoreTree}. */
export class StoreRun implements RunContext, WorkObserver {
  readonly runId: bigint;
  readonly signal: AbortSignal;
  readonly progress: RunProgress;
  #bytes = 0;
  #entries = 0;
  #staged = MARKER_NUMBER;
  readonly #current = new Set<{ readonly path: RelPath; readonly doing: string }>();

  constructor(runId: bigint, signal: AbortSignal) {
    this.runId = runId;
    this.signal = signal;
    this.progress = {
      bytes: () => this.#bytes,
      entries: () => this.#entries,
      current: () => [...this.#current],
    };
  }

  /** The run itself, or a stand-in for one that was begun on a tree of another kind. */
  static of(run: RunContext): StoreRun {
    return run instanceof StoreRun ? run : new StoreRun(run.runId, run.signal);
  }

  moved(bytes: number): void {
    this.#bytes += bytes;
  }
  done(): void {
    this.#entries++;
  }
  at(path: RelPath, doing: string): () => void {
    const entry = { path, doing };
    this.#current.add(entry);
    return () => void this.#current.delete(entry);
  }
  /** A name for a staged entry that this run has not used yet. */
  nextStagedName(): RelPath {
    return stagedName(this.runId, ++this.#staged);
  }
}
