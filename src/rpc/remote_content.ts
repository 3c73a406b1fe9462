/**
 * How content comes to and goes from a daemon: over the data plane, or where that can't be reached through the control
 * plane; by native code, or where there is none by TypeScript.
 *
 * @module
 */
import { BlitError } from "../core/error.ts";
import { MOST_STREAMS } from "../core/stream_counts.ts";
import { BatchFlag, type Results, type WorkBatch } from "../core/work_batch.ts";
import type { ContentStreams, LeasedStream, LinkReport, RunContext, Tree } from "../engine/tree.ts";
import type { DataPlane } from "../gen/blit/v1/session_pb.ts";
import { closeStream, dial, setIdle } from "../native/net.ts";
import { NO_RUN_SLOT } from "../native/control.ts";
import type { NativePool } from "../native/pool.ts";
import { openTunnel } from "../native/tunnel.ts";
import { type Closable, type Lease, StreamPool } from "../net/stream_pool.ts";
import type { BatchReceiver } from "../tree/batch_source.ts";
import { canShare, inParts } from "../tree/in_parts.ts";
import { LocalTree } from "../tree/local.ts";
import { LocalRun } from "../tree/local_run.ts";
import { hasBroken } from "../tree/over_stream.ts";
import { getBatch } from "../tree/wire_receive.ts";
import { putBatch } from "../tree/wire_send.ts";
import { RecordStream } from "../wire/record_stream.ts";
import { carryTunnel } from "./native_tunnel.ts";
import type { RemoteRun } from "./remote_run.ts";
import type { RemoteTree } from "./remote_tree.ts";
import type { BegunRoot, Session } from "./session.ts";
import { isBroken } from "./session_keeper.ts";
import { StreamGrants } from "./stream_grants.ts";
import { Tunnel, TunnelDuplex } from "./tunnel.ts";

/** What content moves with. */
export interface ContentOptions {
  /** The native workers; null: TypeScript moves content. */
  readonly pool: NativePool | null;
  /** Content goes over the control plane, whatever could be reached. */
  readonly forceControlPlane: boolean;
  /** Told once where the data plane isn't used. */
  readonly onWarning: (message: string) => void;
}

/** A port that doesn't answer within this time is given up for the session. */
const DIAL_MS = 5_000;

/**
 * Batches on a stream at once: one is sent while the daemon commits the one before, and its results come back.
 */
const BATCHES_ABREAST = 2;

/** A stream of native code. */
interface NativeStream extends Closable {
  readonly handle: number;
}

/** What dialling needs of a run. */
interface StreamRun {
  readonly runId: bigint;
  readonly signal: AbortSignal;
  /** Run slot of the control block. */
  readonly slot: number;
}

/** The streams of one run. */
interface RunStreams {
  /** The run as it was last seen; a stand-in where it hasn't begun. */
  run: StreamRun;
  readonly native: StreamPool<NativeStream>;
  readonly records: StreamPool<RecordStream>;
}

/** Moves the content of one remote tree. */
export class RemoteContent implements ContentStreams {
  readonly #tree: RemoteTree;
  readonly #options: ContentOptions;
  readonly #grants: StreamGrants;
  readonly #runs = new Map<bigint, RunStreams>();
  #count = 1;
  #most = 1;
  #usesControlPlane = false;
  #warned = false;

  constructor(tree: RemoteTree, options: ContentOptions) {
    this.#tree = tree;
    this.#options = options;
    this.#grants = new StreamGrants(tree);
  }

  /** Whether native code moves content to and from local trees. */
  get isNative(): boolean {
    return this.#options.pool !== null;
  }

  async lease(run: RunContext): Promise<LeasedStream> {
    const { stream, release } = await this.#streams(run).native.lease();
    return { handle: stream.handle, release };
  }

  get sharing(): number {
    // One stream fills a loopback link, and a tunnel's streams share one connection.
    const { isLoopback } = this.#tree.keeper.session.connection.dialled;
    return isLoopback || this.#usesControlPlane ? 1 : this.#count;
  }

  warm(run: RunContext): void {
    if (this.isNative) this.#streams(run).native.warm();
  }

  /**
   * Sends the content of a copy batch to the daemon.
   *
   * @returns the daemon's results, and `disconnected` for what has none
   */
  async push(batch: WorkBatch, source: Tree, run: RemoteRun): Promise<Results> {
    if (source instanceof LocalTree && run.local instanceof LocalRun) {
      const { local } = run;
      if (batch.flags & BatchFlag.discard) return await source.run(batch, source, local);
      const carry = (work: WorkBatch) =>
        this.#withNative(local, ({ handle }) => source.send(work, handle, local));
      const { sharing } = this;
      return await (sharing > 1 && canShare(batch) ? inParts(batch, sharing, carry) : carry(batch));
    }
    return await this.#withRecords(
      run,
      (stream) => putBatch({ stream, batch, source, run, observer: run }),
    );
  }

  /** Receives the content of a copy batch into a tree that takes no native streams. */
  async pull(receiver: BatchReceiver): Promise<Results> {
    return await this.#withRecords(receiver.run, (stream) => getBatch({ ...receiver, stream }));
  }

  /** Begins a run on the native side, which counts what it moves; null where there is none. */
  beginRun(runId: bigint, signal: AbortSignal): RunContext | null {
    const { pool } = this.#options;
    return pool === null ? null : new LocalRun(pool, runId, signal);
  }

  /** Takes tokens that came with the session. */
  begin(session: Session, begun: BegunRoot): void {
    this.#grants.begin(session, begun);
    const { forceControlPlane } = this.#options;
    if (!this.isNative || forceControlPlane || begun.tokens.length === 0) return;
    // One stream will be needed in any case, and is there sooner while others still look around.
    this.#streams({ runId: begun.wish.runId, signal: session.signal, slot: NO_RUN_SLOT }).native
      .warm();
  }

  /** Ends a run and its streams. */
  endRun(runId: bigint, local: RunContext | null): void {
    const streams = this.#runs.get(runId);
    if (streams !== undefined) {
      this.#most = this.report().streams;
      this.#runs.delete(runId);
      streams.native.close();
      streams.records.close();
    }
    if (local instanceof LocalRun) local.end();
  }

  /** Sets how many streams there may be. */
  setStreams(count: number): void {
    const most = this.#tree.keeper.session.welcome.dataPlane?.maxStreams || MOST_STREAMS;
    this.#count = Math.max(1, Math.min(count, most, MOST_STREAMS));
    for (const { native, records } of this.#runs.values()) {
      native.limit = this.#count;
      records.limit = this.#count;
    }
    const { pool } = this.#options;
    // Each batch holds a worker; listing and hashing need some beside them.
    const workers = BATCHES_ABREAST * this.#count + navigator.hardwareConcurrency;
    pool?.resize(Math.max(pool.threads, workers));
  }

  /** What carried content so far. */
  report(): Pick<LinkReport, "transport" | "streams"> {
    const runs = [...this.#runs.values()].map(({ native, records }) => native.most + records.most);
    const { isTls } = this.#tree.keeper.session.connection.dialled;
    return {
      transport: this.#usesControlPlane ? "control_plane" : isTls ? "data_plane_tls" : "data_plane",
      streams: Math.max(this.#most, ...runs),
    };
  }

  /** Closes every stream. */
  close(): void {
    for (const runId of [...this.#runs.keys()]) this.endRun(runId, null);
  }

  #streams(run: RunContext | StreamRun): RunStreams {
    const { runId, signal } = run;
    const slot = run instanceof LocalRun ? run.slot : "slot" in run ? run.slot : 0;
    const known = this.#runs.get(runId);
    if (known !== undefined) {
      known.run = { runId, signal, slot };
      return known;
    }
    const streams: RunStreams = {
      run: { runId, signal, slot },
      native: new StreamPool(
        this.#count,
        () => this.#again((on) => this.#openNative(on, streams.run)),
      ),
      records: new StreamPool(
        this.#count,
        () => this.#again((on) => this.#openRecords(on, streams.run)),
      ),
    };
    this.#runs.set(runId, streams);
    return streams;
  }

  async #withNative(
    run: RunContext,
    work: (stream: NativeStream) => Promise<Results>,
  ): Promise<Results> {
    return await using(await this.#streams(run).native.lease(BATCHES_ABREAST), work);
  }

  async #withRecords(
    run: RunContext,
    work: (stream: RecordStream) => Promise<Results>,
  ): Promise<Results> {
    return await using(await this.#streams(run).records.lease(), work);
  }

  /** Opens a stream, again where the session broke meanwhile. */
  #again<S>(open: (session: Session) => Promise<S>): Promise<S> {
    return this.#tree.keeper.retrying(open);
  }

  async #openNative(session: Session, run: StreamRun): Promise<NativeStream> {
    const pool = this.#options.pool!;
    const dataPlane = session.welcome.dataPlane;
    setIdle(pool, this.#tree.keeper.idleMs);
    if (this.#options.forceControlPlane) this.#fallBack("as asked");
    else if (dataPlane === undefined) this.#fallBack("since the daemon has no data port");
    if (!this.#usesControlPlane && dataPlane !== undefined) {
      try {
        const handle = await this.#dial(session, run, pool, dataPlane);
        return endingWith(session, handle, () => closeStream(pool, handle));
      } catch (error) {
        if (!isBroken(error) || session.signal.aborted || run.signal.aborted) throw error;
        this.#fallBack(
          `since nobody answers at its data port ${dataPlane.port}; open it, or let the daemon advertise another`,
        );
      }
    }
    const tunnel = new Tunnel(session, await this.#token(session, run));
    const native = openTunnel(pool);
    carryTunnel(native, tunnel);
    return { handle: native.handle, close: () => native.close() };
  }

  async #dial(
    session: Session,
    run: StreamRun,
    pool: NativePool,
    { port, certificateSha256: pin }: DataPlane,
  ): Promise<number> {
    const once = async () =>
      await dial(pool, {
        address: session.connection.dialled.address,
        port,
        token: await this.#token(session, run),
        timeoutMs: DIAL_MS,
        certificateSha256: pin.length > 0 ? pin : undefined,
        slot: run.slot,
      });
    try {
      return await once();
    } catch (error) {
      if (!(error instanceof BlitError) || error.kind !== "unauthenticated") throw error;
      // The token grew too old, or its session has ended: the daemon tells which where it is asked for another.
      this.#grants.forget();
      return await once();
    }
  }

  async #openRecords(session: Session, run: StreamRun): Promise<RecordStream> {
    const forced = this.#options.forceControlPlane || this.isNative;
    this.#fallBack(forced ? "as asked" : "for want of the native library");
    const tunnel = new Tunnel(session, await this.#token(session, run));
    return new RecordStream(new TunnelDuplex(tunnel), { idleMs: this.#tree.keeper.idleMs });
  }

  #token(session: Session, run: StreamRun): Promise<string> {
    return this.#grants.take(session, run.runId, this.#count);
  }

  #fallBack(why: string): void {
    this.#usesControlPlane = true;
    if (this.#warned) return;
    this.#warned = true;
    const { display } = this.#tree.keeper.session.connection;
    this.#options.onWarning(
      `Content goes through the control connection to ${display}, ${why}. That is slower.`,
    );
  }
}

/**
 * A stream that ends with its session: what is under way on it would wait for a daemon that has let go of it, and whose
 * goodbye may never come.
 */
function endingWith({ signal }: Session, handle: number, end: () => void): NativeStream {
  const close = () => {
    signal.removeEventListener("abort", close);
    end();
  };
  if (signal.aborted) close();
  else signal.addEventListener("abort", close);
  return { handle, close };
}

/** Uses a stream for one batch; it isn't used again where its connection broke. */
async function using<S>(
  { stream, release }: Lease<S>,
  work: (stream: S) => Promise<Results>,
): Promise<Results> {
  let broken = true;
  try {
    const results = await work(stream);
    broken = hasBroken(results);
    return results;
  } finally {
    release(broken);
  }
}
