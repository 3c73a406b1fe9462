/**
 * A run as a remote tree sees it: what this machine moves for it, and what the daemon says of its own work.
 *
 * @module
 */
import { bytesToName, type RelPath } from "../core/rel_path.ts";
import type { RunContext, RunProgress } from "../engine/tree.ts";
import type { WorkObserver } from "../tree/store_run.ts";
import { peerText } from "./peer_text.ts";
import type { SessionKeeper } from "./session_keeper.ts";

const LONGEST_WORDS = 64;

/** A {@link RunContext} over a session. */
export class RemoteRun implements RunContext, RunProgress, WorkObserver {
  readonly runId: bigint;
  readonly signal: AbortSignal;
  readonly #keeper: SessionKeeper;
  /** The same run on the local side, which moves the content; null where that isn't native. */
  readonly #local: RunContext | null;
  readonly #cancel: () => void;
  readonly #own = { bytes: 0, entries: 0, current: new Set<{ path: RelPath; doing: string }>() };

  /** What the daemon had moved when it began to copy by itself; null: it doesn't. */
  #base: number | null = null;
  #there = 0;

  /**
   * @param runId names the run's staged entries
   * @param signal its abort is passed to the daemon at once
   * @param local a run of the native side that sends and receives, ended with this one by the tree
   */
  constructor(
    keeper: SessionKeeper,
    runId: bigint,
    signal: AbortSignal,
    local: RunContext | null,
  ) {
    this.runId = runId;
    this.signal = signal;
    this.#keeper = keeper;
    this.#local = local;
    this.#cancel = () => keeper.session.cancelRun(runId);
    if (signal.aborted) this.#cancel();
    else signal.addEventListener("abort", this.#cancel, { once: true });
  }

  get progress(): RunProgress {
    return this;
  }
  /** The run of the native side; see the constructor. */
  get local(): RunContext | null {
    return this.#local;
  }
  bytes(): number {
    return this.#own.bytes + (this.#local?.progress.bytes() ?? 0) + this.#copiedThere();
  }
  entries(): number {
    return this.#own.entries + (this.#local?.progress.entries() ?? 0);
  }
  /** What the daemon has done: it hashes, flushes and deletes without a byte that passes here. */
  motion(): number {
    const alive = this.#keeper.session.alive;
    return alive === null ? 0 : Number(alive.bytes) + Number(alive.entries);
  }
  isWaiting(): boolean {
    return this.#keeper.isWaiting;
  }
  current(): { path: RelPath; doing: string }[] {
    const alive = this.#keeper.session.alive;
    const there = alive === null || alive.doing === ""
      ? []
      : [{ path: bytesToName(alive.path), doing: peerText(alive.doing, LONGEST_WORDS) }];
    return [...there, ...this.#own.current, ...this.#local?.progress.current() ?? []];
  }

  /** Says that the daemon begins to copy by itself: its bytes are this run's. */
  beginThere(): void {
    this.#base ??= this.#aliveBytes();
  }

  /** Counts what the daemon has copied by itself. */
  doneThere(bytes: number, entries: number): void {
    this.#there += bytes;
    this.#own.entries += entries;
  }

  /** Counts what TypeScript itself moved. */
  moved(bytes: number): void {
    this.#own.bytes += bytes;
    this.#keeper.session.counters.bytes = this.bytes();
  }
  /** Counts an entry that is done. */
  done(): void {
    this.#own.entries++;
    this.#keeper.session.counters.entries = this.entries();
  }

  at(path: RelPath, doing: string): () => void {
    const entry = { path, doing };
    this.#own.current.add(entry);
    return () => void this.#own.current.delete(entry);
  }

  /** As its answers have it, or its keepalives, which come while a large file is on its way. */
  #copiedThere(): number {
    return this.#base === null ? 0 : Math.max(this.#there, this.#aliveBytes() - this.#base);
  }

  #aliveBytes(): number {
    return Number(this.#keeper.session.alive?.bytes ?? 0n);
  }

  /** Ends the run; later calls do nothing. */
  end(): void {
    this.signal.removeEventListener("abort", this.#cancel);
  }
}
