/**
 * A session as the daemon serves it: one client's roots, runs and streams in one module.
 *
 * @module
 */
import { BlitError } from "../../core/error.ts";
import { asServed } from "../../core/failure.ts";
import type { RelPath } from "../../core/rel_path.ts";
import { LocalRun } from "../../tree/local_run.ts";
import { LocalTree } from "../../tree/local.ts";
import type { LinkReport, RunProgress } from "../../engine/tree.ts";
import type { Caller, ModuleSpec, ServiceHost } from "./host.ts";
import { type Access, moduleWords, requireRight, rightsIn } from "./rights.ts";
import type { BatchTerms } from "./run_rules.ts";

/** Roots that one session may hold. */
const MOST_ROOTS = 16;
/** Runs of one session that may have a slot at once. */
const MOST_RUNS = 4;
/** Run of work that belongs to none: reading without one. */
const NO_RUN = 0n;

/** Pulls of one session at once. */
const MOST_PULLS = 2;
/** Files that it reads at once over the control plane: each may have 5 MiB under way to a client that doesn't read on. */
const MOST_READS = 16;
/** Calls that list, each with a window of its own; a client has one for each root. */
const MOST_LISTINGS = 20;

/** How a session stands. */
export type SessionState = "running" | "done" | "failed" | "cancelled";

/** What a session is opened with. */
export interface SessionInit {
  /** Names it in calls. */
  readonly id: string;
  /** Its number among the daemon's jobs. */
  readonly job: number;
  readonly module: ModuleSpec;
  readonly caller: Caller;
  /** What the client means to do. */
  readonly purpose: string;
  /** Opened with a read grant: the caller has no token, and sees what is below this root alone. */
  readonly granted: boolean;
}

/** A run that the daemon itself makes for the session, from another daemon. */
export interface ActivePull {
  /** Aborted when the client, or the end of the session, ends it. */
  readonly signal: AbortSignal;
  /** Counts what is done for it to the session. */
  count(progress: RunProgress): void;
  /** Says what its content comes over. */
  carriedBy(link: () => LinkReport): void;
  cancel(): void;
  /** Says that nothing of it uses the session's roots any more. */
  end(): void;
}

/** One session; {@link ServedSession.end} says that it is over, {@link ServedSession.release} frees it. */
export class ServedSession implements BatchTerms {
  readonly id: string;
  readonly job: number;
  readonly spec: ModuleSpec;
  readonly caller: Caller;
  readonly purpose: string;
  readonly granted: boolean;
  readonly rights: readonly Access[];
  readonly startedMs = Date.now();
  /** Aborted when the session is over. */
  readonly signal: AbortSignal;
  /** Numbers given to streams so far. */
  streamsGranted = 0;
  /** Streams of the data plane, and of the control plane, that are bound now. */
  streams = 0;
  tunnels = 0;
  /** Batches of its calls that wait for the one before them. */
  batchesWaiting = 0;
  /** Some of its content went over the control plane. */
  usedTunnel = false;
  readonly #host: ServiceHost;
  readonly #base: LocalTree;
  readonly #roots = new Map<number, LocalTree>();
  readonly #runs = new Map<bigint, { readonly run: LocalRun; readonly abort: AbortController }>();
  readonly #pulls = new Map<bigint, Pull>();
  readonly #listings = new Set<{ readonly waiting: number }>();
  #reads = 0;
  readonly #readsWaiting: (() => void)[] = [];
  readonly #openedMs = performance.now();
  readonly #over = new AbortController();
  readonly #past = { bytes: 0, entries: 0 };
  #state: SessionState = "running";
  #reason: BlitError | null = null;
  #released: Promise<void> | null = null;
  #active: { readonly atMs: number; readonly done: number } = { atMs: performance.now(), done: 0 };

  private constructor(host: ServiceHost, base: LocalTree, init: SessionInit) {
    this.#host = host;
    this.#base = base;
    this.id = init.id;
    this.job = init.job;
    this.spec = init.module;
    this.caller = init.caller;
    this.purpose = init.purpose;
    this.granted = init.granted;
    this.rights = rightsIn(init.module, init.caller.access(init.module), init.granted);
    this.signal = this.#over.signal;
  }

  /**
   * Opens a session.
   *
   * @param beneath directory of the module that is all of it to this session; empty: the whole module
   * @throws {BlitError} `not_found`, `permission` and the like where the module's folder can't be opened
   */
  static async open(
    host: ServiceHost,
    init: SessionInit,
    beneath: RelPath = "",
  ): Promise<ServedSession> {
    return new ServedSession(host, await openModule(host, init.module, beneath), init);
  }

  get module(): string {
    return this.spec.name;
  }
  get readOnly(): boolean {
    return this.spec.readOnly;
  }
  get trustMetadata(): boolean {
    return this.spec.trustMetadata;
  }
  get umask(): number {
    return this.#host.umask;
  }
  get state(): SessionState {
    return this.#state;
  }
  /** Why it ended, where that was no wish of the client. */
  get reason(): BlitError | null {
    return this.#reason;
  }
  /** The module's own root. */
  get base(): LocalTree {
    return this.#base;
  }

  /** Opens a directory of the module as a root. */
  async openRoot(
    path: RelPath,
    options: { readonly create: boolean; readonly follow: boolean },
  ): Promise<LocalTree> {
    this.#checkOpen();
    if (options.create) requireRight(this, "write", "make a directory");
    if (this.#roots.size >= MOST_ROOTS) {
      throw new BlitError(
        "busy",
        `Cannot open another root: a session has at most ${MOST_ROOTS}. Close one first.`,
      );
    }
    const tree = await LocalTree.openBeneath(this.#base, path, options).catch((error) => {
      throw error instanceof BlitError ? asServed(error) : error;
    });
    if (this.#released !== null || this.#roots.size >= MOST_ROOTS) {
      await tree.close();
      this.#checkOpen();
      throw new BlitError("busy", "Cannot open another root: others were opened meanwhile.");
    }
    this.#roots.set(tree.root, tree);
    return tree;
  }

  /**
   * A root by its number.
   *
   * @throws {BlitError} `not_found` where the session has none of this number
   */
  root(number: number): LocalTree {
    this.#checkOpen();
    const tree = this.#roots.get(number);
    if (tree) return tree;
    throw new BlitError("not_found", `This session has no root ${number}: open it first.`);
  }

  /** Releases a root; one that isn't there is released already. */
  async closeRoot(number: number): Promise<void> {
    const tree = this.#roots.get(number);
    this.#roots.delete(number);
    await tree?.close();
  }

  /**
   * The slot of one of the client's runs, taken at its first batch.
   *
   * @throws {BlitError} `busy` where the process has no slot left; `cancelled` for a run that was ended
   */
  run(runId: bigint = NO_RUN): LocalRun {
    this.#checkOpen();
    const known = this.#runs.get(runId);
    if (known) {
      // The newest stands last: what is dropped is what was used longest ago.
      this.#runs.delete(runId);
      this.#runs.set(runId, known);
      return known.run;
    }
    if (this.#runs.size >= MOST_RUNS) this.#dropRun(this.#runs.keys().next().value!);
    const abort = new AbortController();
    const run = new LocalRun(this.#host.pool, runId, abort.signal);
    this.#runs.set(runId, { run, abort });
    return run;
  }

  /**
   * Begins a run that the daemon makes itself.
   *
   * @throws {BlitError} `busy` where the session has as many as it may, or one of this number
   */
  beginPull(runId: bigint): ActivePull {
    this.#checkOpen();
    if (this.#pulls.size >= MOST_PULLS || this.#pulls.has(runId)) {
      throw new BlitError("busy", "Cannot begin another copy: the session has one under way.");
    }
    const pull = new Pull(() => {
      this.#pulls.delete(runId);
      this.#past.bytes += pull.bytes();
      this.#past.entries += pull.entries();
    });
    this.#pulls.set(runId, pull);
    return pull;
  }

  /** Ends a run's work; batches that come for it later begin it anew. */
  cancelRun(runId: bigint): void {
    this.#pulls.get(runId)?.cancel();
    this.#runs.get(runId)?.abort.abort();
    this.#dropRun(runId);
  }

  /**
   * Begins a call that lists, whose waiting directories count to the session.
   *
   * @returns says that it has ended
   * @throws {BlitError} `busy` where there are too many
   */
  beginListing(listing: { readonly waiting: number }): () => void {
    if (this.#listings.size >= MOST_LISTINGS) {
      throw new BlitError("busy", `Cannot list: a session lists ${MOST_LISTINGS} times at once.`);
    }
    this.#listings.add(listing);
    return () => void this.#listings.delete(listing);
  }
  /**
   * Begins to read a file, once there is room for one more.
   *
   * @returns says that it has ended
   */
  async beginRead(): Promise<() => void> {
    while (this.#reads >= MOST_READS) {
      await new Promise<void>((resolve) => this.#readsWaiting.push(resolve));
      this.#checkOpen();
    }
    this.#reads++;
    return () => {
      this.#reads--;
      this.#readsWaiting.shift()?.();
    };
  }

  /** Directories that wait to be listed. */
  directoriesWaiting(): number {
    return [...this.#listings].reduce((sum, { waiting }) => sum + waiting, 0);
  }

  /** How long it has been open, s. */
  openSeconds(): number {
    return (performance.now() - this.#openedMs) / 1000;
  }
  /** Content bytes moved so far. */
  bytes(): number {
    let sum = this.#past.bytes;
    for (const { run } of this.#runs.values()) sum += run.bytes();
    for (const pull of this.#pulls.values()) sum += pull.bytes();
    return sum;
  }
  /** Entries done so far. */
  entries(): number {
    let sum = this.#past.entries;
    for (const { run } of this.#runs.values()) sum += run.entries();
    for (const pull of this.#pulls.values()) sum += pull.entries();
    return sum;
  }
  /** What carries its content: streams that it has now, whoever opened them, and whether some go over a control plane. */
  link(): { readonly streams: number; readonly fallback: boolean } {
    const pulls = [...this.#pulls.values()].flatMap(({ link }) => link() ?? []);
    return {
      streams: pulls.reduce((sum, { streams }) => sum + streams, this.streams),
      fallback: this.usedTunnel || pulls.some(({ transport }) => transport === "control_plane"),
    };
  }
  /** What its workers are at. */
  current(): { readonly path: RelPath; readonly doing: string } | null {
    const pulled = [...this.#pulls.values()].flatMap(({ runs }) => [...runs]);
    for (const run of [...[...this.#runs.values()].map(({ run }) => run), ...pulled]) {
      const [first] = run.current();
      if (first) return first;
    }
    return null;
  }

  /** Says that its client asked for something. */
  touch(): void {
    this.#active = { atMs: performance.now(), done: this.bytes() + this.entries() };
  }

  /** When it last did something, ms by `performance.now()`; to be looked at now and then, since work shows only by then. */
  activeMs(): number {
    const done = this.bytes() + this.entries();
    if (done !== this.#active.done || this.current() !== null || this.#pulls.size > 0) this.touch();
    return this.#active.atMs;
  }

  /**
   * Says that the session is over: its calls fail from now on.
   *
   * @param reason why, where the client didn't end it itself
   */
  end(state: Exclude<SessionState, "running">, reason: BlitError | null = null): void {
    if (this.#state !== "running") return;
    this.#state = state;
    this.#reason = reason;
    this.#over.abort(reason ?? new BlitError("cancelled", "The session has ended."));
    for (const { abort } of this.#runs.values()) abort.abort();
    for (const pull of this.#pulls.values()) pull.cancel();
    for (const wake of this.#readsWaiting.splice(0)) wake();
  }

  /** Frees everything that the session holds; later calls wait for the first. */
  release(): Promise<void> {
    this.end("done");
    return this.#released ??= this.#release();
  }

  async #release(): Promise<void> {
    for (const runId of [...this.#runs.keys()]) this.#dropRun(runId);
    // What a pull has begun it takes away itself, and needs its root for that.
    await Promise.all([...this.#pulls.values()].map(({ ended }) => ended));
    const trees = [...this.#roots.values(), this.#base];
    this.#roots.clear();
    await Promise.all(trees.map((tree) => tree.close()));
  }

  #dropRun(runId: bigint): void {
    const known = this.#runs.get(runId);
    if (!known) return;
    this.#runs.delete(runId);
    known.run.end();
    this.#past.bytes += known.run.bytes();
    this.#past.entries += known.run.entries();
  }

  #checkOpen(): void {
    if (this.#state === "running") return;
    throw this.#reason ?? new BlitError("cancelled", "The session has ended. Open another one.");
  }
}

class Pull implements ActivePull {
  readonly runs = new Set<RunProgress>();
  /** What its content comes over; null before that is open. */
  link: () => LinkReport | null = () => null;
  readonly signal: AbortSignal;
  /** Resolves when it has ended. */
  readonly ended: Promise<void>;
  readonly end: () => void;
  readonly #abort = new AbortController();

  constructor(onEnd: () => void) {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.signal = this.#abort.signal;
    this.ended = promise;
    this.end = () => {
      onEnd();
      resolve();
    };
  }

  count(progress: RunProgress): void {
    this.runs.add(progress);
  }
  carriedBy(link: () => LinkReport): void {
    this.link = link;
  }
  cancel(): void {
    this.#abort.abort(new BlitError("cancelled", "The copy was cancelled."));
  }
  bytes(): number {
    return [...this.runs].reduce((sum, run) => sum + run.bytes(), 0);
  }
  entries(): number {
    return [...this.runs].reduce((sum, run) => sum + run.entries(), 0);
  }
}

/** Opens a module's folder, without telling a client where it is. */
async function openModule(
  host: ServiceHost,
  module: ModuleSpec,
  beneath: RelPath,
): Promise<LocalTree> {
  let base: LocalTree;
  try {
    base = await LocalTree.open(module.path, { pool: host.pool });
  } catch (error) {
    if (!(error instanceof BlitError)) throw error;
    host.log.warn("module {module} can't be opened: {kind}", {
      module: module.name,
      kind: error.kind,
    });
    host.log.debug("{message}", { message: error.message });
    throw new BlitError(
      error.kind,
      `Cannot open ${moduleWords(module.name)}: ` +
        "its folder can't be opened on the daemon's machine. The daemon's log says why.",
      { operation: "open" },
    );
  }
  if (beneath === "") return base;
  try {
    return await LocalTree.openBeneath(base, beneath, { create: false, follow: true });
  } finally {
    await base.close();
  }
}
