/**
 * RemoteTree: a directory of a daemon's module as a tree.
 *
 * Listings, metadata and everything that moves no content go over the control plane; content goes over streams.
 *
 * @module
 */
import type { EntryBlock } from "../core/entry_block.ts";
import { BlitError } from "../core/error.ts";
import { nameToBytes, type RelPath } from "../core/rel_path.ts";
import { MarkerAction, Op, type Results, type WorkBatch } from "../core/work_batch.ts";
import type {
  ContentStreams,
  FileReader,
  FsFacts,
  LinkReport,
  ListOptions,
  RunContext,
  Traits,
  Tree,
} from "../engine/tree.ts";
import type { BatchReceiver, BatchSource } from "../tree/batch_source.ts";
import { metaWithXattrs } from "../tree/local_xattrs.ts";
import { movesContent } from "../tree/over_stream.ts";
import { factsFromMessage, traitsFromMessage } from "./convert.ts";
import { ranFromPeer, statFromPeer } from "./peer_data.ts";
import { type ContentOptions, RemoteContent } from "./remote_content.ts";
import { RemoteFile } from "./remote_file.ts";
import { RemoteLister } from "./remote_lister.ts";
import { openRoot, RemoteRoot, type RootOptions } from "./remote_root.ts";
import { RemoteRun } from "./remote_run.ts";
import { RemoteStat } from "./remote_stat.ts";
import { attributesFromPeer, RemoteXattrs } from "./remote_xattrs.ts";
import { runTrain } from "./run_train.ts";
import { settleAgain } from "./settle_again.ts";
import type { Session } from "./session.ts";
import { isBroken, type SessionKeeper } from "./session_keeper.ts";
import { allFailed, brokenResults, totalOf } from "./whole_results.ts";

/** How a {@link RemoteTree} is opened. */
export interface RemoteTreeOptions extends RootOptions {
  /** The root as a person would write it: `nas:/backup/photos`. */
  readonly display: string;
  /** Make the directory, and missing parents. */
  readonly create?: boolean;
  /** Salted hash of the host's name, for the history. */
  readonly hostHash: string;
  /** What content moves with. */
  readonly content: ContentOptions;
}

/** Entries whose attributes are asked for at a time. */
const XATTRS_ABREAST = 32;

/** A remote {@link Tree}. */
export class RemoteTree implements Tree, BatchSource {
  readonly kind = "remote";
  readonly display: string;
  readonly traits: Traits;
  readonly keeper: SessionKeeper;
  readonly #content: RemoteContent;
  readonly #options: RemoteTreeOptions;
  readonly #stat: RemoteStat;
  readonly #xattrs: RemoteXattrs;
  readonly #runs = new Map<RunContext, RemoteRun>();
  readonly #facts: FsFacts;
  readonly #root: RemoteRoot;
  readonly #lister: RemoteLister;

  private constructor(
    keeper: SessionKeeper,
    options: RemoteTreeOptions,
    root: RemoteRoot,
    facts: FsFacts,
    traits: Traits,
  ) {
    this.keeper = keeper;
    this.display = options.display;
    this.traits = traits;
    this.#options = options;
    this.#facts = facts;
    this.#root = root;
    this.#lister = new RemoteLister(keeper, root);
    this.#stat = new RemoteStat((paths) => this.#askStat(paths));
    this.#xattrs = new RemoteXattrs((paths) => this.#askXattrs(paths));
    this.#content = new RemoteContent(this, options.content);
  }

  /**
   * Opens a directory as a tree.
   *
   * @throws {BlitError} `not_found`, `not_directory`, `permission` and the like, as the daemon says
   */
  static async open(keeper: SessionKeeper, options: RemoteTreeOptions): Promise<RemoteTree> {
    return await keeper.retrying(async (session) => {
      const begun = session.takeBegun(options.path);
      const { root, facts, traits } = begun?.root ??
        await openRoot(session, options, options.create ?? false);
      const tree = new RemoteTree(
        keeper,
        options,
        new RemoteRoot(options, session, root),
        factsFromMessage(facts),
        traitsFromMessage(traits),
      );
      if (begun !== null) tree.#content.begin(session, begun);
      return tree;
    });
  }

  /** The root's handle in the session as it is now. */
  root(session: Session): Promise<number> {
    return this.#root.handle(session);
  }

  get content(): ContentStreams | undefined {
    return this.#content.isNative ? this.#content : undefined;
  }

  probe(): Promise<FsFacts> {
    // The facts that came with the root are those of a moment ago.
    return Promise.resolve(this.#facts);
  }

  list(directory: RelPath, options: ListOptions): AsyncGenerator<EntryBlock> {
    return this.#lister.list(directory, options);
  }

  stat(paths: readonly RelPath[]): Promise<EntryBlock> {
    return this.#stat.stat(paths);
  }

  beginRun(runId: bigint, signal: AbortSignal): RemoteRun {
    const local = this.#content.beginRun(runId, signal);
    const run = new RemoteRun(this.keeper, runId, signal, local);
    this.#runs.set(run, run);
    return run;
  }

  endRun(run: RunContext): void {
    const own = this.#runs.get(run);
    if (own === undefined) return;
    this.#runs.delete(run);
    own.end();
    this.#content.endRun(own.runId, own.local);
  }

  async run(batch: WorkBatch, source: Tree | null, run: RunContext): Promise<Results> {
    const own = this.#runOf(run);
    if (own.signal.aborted) return allFailed(batch, "cancelled");
    const from = this.#onSameDaemon(source) ? source : null;
    if (batch.op === Op.copy && source !== null && from === null && movesContent(batch)) {
      return await this.#content.push(batch, source, own)
        .catch((error) => brokenResults(error, batch));
    }
    if (batch.op === Op.rename && from === null) {
      throw new BlitError("cross_device", "Cannot rename between trees of different kind.");
    }
    if (batch.op === Op.meta && source !== null && from === null) {
      const call = (work: WorkBatch) => this.#run(work, null, own);
      return await metaWithXattrs(batch, source, XATTRS_ABREAST, call);
    }
    if (batch.op !== Op.copy) return await this.#run(batch, from, own);
    if (from !== null) own.beginThere();
    // Its content is lost with the connection; which items it was is for the caller to try again.
    const results = await this.keeper.live()
      .then((session) => this.#runOn(session, batch, from, own))
      .catch((error) => brokenResults(error, batch));
    if (from !== null) own.doneThere(totalOf(results), batch.items.count);
    return results;
  }

  async runInOrder(
    batches: readonly WorkBatch[],
    source: Tree | null,
    run: RunContext,
  ): Promise<Results[]> {
    const own = this.#runOf(run);
    const from = source instanceof RemoteTree && source.keeper === this.keeper ? source : null;
    const session = await this.keeper.live();
    const look = (paths: readonly RelPath[]) => this.stat(paths);
    const eachAlone = async (isAgain: boolean) => {
      const results: Results[] = [];
      for (const batch of batches) {
        const result = await this.run(batch, source, run);
        results.push(isAgain ? await settleAgain(batch, result, look) : result);
      }
      return results;
    };
    if (own.signal.aborted || from !== null || !session.agreement.capabilities.has("run-then")) {
      return await eachAlone(false);
    }
    try {
      return await this.#train(session, batches, source, own);
    } catch (error) {
      if (!isBroken(error) || !session.signal.aborted) throw error;
      return await eachAlone(true);
    }
  }

  async #train(
    session: Session,
    batches: readonly WorkBatch[],
    source: Tree | null,
    own: RemoteRun,
  ): Promise<Results[]> {
    const root = await this.root(session);
    return await runTrain(batches, {
      attributes: source,
      parallel: XATTRS_ABREAST,
      host: session.connection.display,
      call: async ([batch, ...then]) => {
        const answer = await session.call((client, name, signal) =>
          client.run({ session: name, root, runId: own.runId, batch, then }, { signal })
        );
        if (batches.some(({ op }) => op === Op.marker)) this.#root.release(own.runId);
        return [answer.results, ...answer.then];
      },
    });
  }

  sendBatch(receiver: BatchReceiver): Promise<Results> {
    return this.#content.pull(receiver)
      .catch((error) => brokenResults(error, receiver.batch));
  }

  setWorkers(count: number): void {
    this.#content.setStreams(count);
  }

  hash(batch: WorkBatch, run: RunContext): Promise<Results> {
    const own = this.#runOf(run);
    if (own.signal.aborted) return Promise.resolve(allFailed(batch, "cancelled"));
    return this.#run(batch, null, own);
  }

  canRenameFrom(source: Tree): boolean {
    return this.#onSameDaemon(source) && source.#facts.device === this.#facts.device;
  }

  openFile(path: RelPath, _run: RunContext): Promise<FileReader> {
    return RemoteFile.open(this.keeper, (session) => this.root(session), path);
  }

  async xattrs(path: RelPath): Promise<ReadonlyMap<string, Uint8Array>> {
    const { capabilities } = this.keeper.session.agreement;
    if (capabilities.has("xattrs")) return await this.#xattrs.xattrs(path);
    const { xattrs } = await this.#ask((client, session, root, signal) =>
      client.xattrs({ session, root, path: nameToBytes(path) }, { signal })
    );
    return attributesFromPeer(xattrs);
  }

  farewell(): Promise<BlitError | null> {
    return this.keeper.session.farewell();
  }

  link(): LinkReport {
    const { dialled } = this.keeper.session.connection;
    return {
      handshakeMs: this.keeper.handshakeMs,
      rttMs: dialled.rttMs,
      isLoopback: dialled.isLoopback,
      retries: this.keeper.attempts,
      hostHash: this.#options.hostHash,
      ...this.#content.report(),
    };
  }

  async close(): Promise<void> {
    for (const run of this.#runs.values()) this.endRun(run);
    this.#lister.close();
    this.#content.close();
    await this.#root.close(this.keeper.session);
  }

  async #askStat(paths: readonly RelPath[]): Promise<EntryBlock> {
    const { block } = await this.#ask((client, session, root, signal) =>
      client.stat({ session, root, paths: paths.map(nameToBytes) }, { signal })
    );
    return statFromPeer(block, paths, this.keeper.session.connection.display);
  }

  async #askXattrs(paths: readonly RelPath[]) {
    const { entries } = await this.#ask((client, session, root, signal) =>
      client.xattrs({ session, root, paths: paths.map(nameToBytes) }, { signal })
    );
    return entries;
  }

  /** Asks a question, again where the connection broke. */
  #ask<T>(
    work: (
      client: Parameters<Parameters<Session["call"]>[0]>[0],
      session: string,
      root: number,
      signal: AbortSignal,
    ) => Promise<T>,
  ): Promise<T> {
    return this.keeper.retrying(async (session) => {
      const root = await this.root(session);
      return await session.call((client, name, signal) => work(client, name, root, signal));
    });
  }

  /** Runs a batch, again where the connection broke: everything but content can be. */
  async #run(batch: WorkBatch, source: RemoteTree | null, run: RemoteRun): Promise<Results> {
    for (let brokeThere = false;; brokeThere = true) {
      try {
        return await this.keeper.retrying(async (session, isAgain) => {
          const results = await this.#runOn(session, batch, source, run);
          return isAgain || brokeThere
            ? await settleAgain(batch, results, (paths) => this.stat(paths))
            : results;
        });
      } catch (error) {
        const other = source === null || source.keeper === this.keeper ? null : source.keeper;
        // The session of the source's module has a connection of its own.
        if (!isBroken(error) || this.keeper.session.signal.aborted || !other?.mayRetry) throw error;
      }
    }
  }

  /** Whether the daemon can take from that tree itself: from this module, or from another one of its own. */
  #onSameDaemon(source: Tree | null): source is RemoteTree {
    if (!(source instanceof RemoteTree)) return false;
    if (source.keeper === this.keeper) return true;
    const [there, here] = [source.keeper.session, this.keeper.session];
    // An instance alone could be said by any host, and its word would be given the other one's session.
    return here.welcome.instance !== "" && here.welcome.instance === there.welcome.instance &&
      here.connection.display.toLowerCase() === there.connection.display.toLowerCase() &&
      (here.welcome.trustMetadata || !there.welcome.trustMetadata);
  }

  async #runOn(
    session: Session,
    batch: WorkBatch,
    source: RemoteTree | null,
    run: RemoteRun,
  ): Promise<Results> {
    const root = await this.root(session);
    const there = source === null || source.keeper === this.keeper
      ? session
      : await source.keeper.live();
    const sourceRoot = source === null ? 0 : await source.root(there);
    const sourceSession = there === session ? "" : there.welcome.session;
    const { results } = await session.call((client, name, signal) =>
      client.run(
        { session: name, root, sourceRoot, sourceSession, runId: run.runId, batch: batch.bytes },
        { signal },
      )
    ).catch((error) => {
      there.signal.throwIfAborted();
      throw error;
    });
    if (batch.op === Op.marker) {
      if (batch.parameter0 === MarkerAction.create) this.#root.hold(run.runId, batch.bytes);
      else this.#root.release(run.runId);
    }
    return ranFromPeer(results, batch, session.connection.display);
  }

  #runOf(run: RunContext): RemoteRun {
    if (run instanceof RemoteRun) return run;
    const known = this.#runs.get(run);
    if (known !== undefined) return known;
    const local = this.#content.beginRun(run.runId, run.signal);
    const standIn = new RemoteRun(this.keeper, run.runId, run.signal, local);
    this.#runs.set(run, standIn);
    return standIn;
  }
}
