/**
 * LocalTree: a file tree of this machine, over the native pool.
 *
 * @module
 */
import { EntryBlock, EntryBlockWriter, Kind, NO_PARENT } from "../core/entry_block.ts";
import { BlitError, STATUS } from "../core/error.ts";
import {
  bytesToName,
  displayName,
  nameToBytes,
  type RelPath,
  textToName,
} from "../core/rel_path.ts";
import {
  BatchBuilder,
  BatchFlag,
  Op,
  type Results,
  ResultsWriter,
  type WorkBatch,
} from "../core/work_batch.ts";
import type {
  ContentStreams,
  FileReader,
  FsFacts,
  ListOptions,
  RunContext,
  Traits,
  Tree,
} from "../engine/tree.ts";
import { NO_RUN_SLOT } from "../native/control.ts";
import type { NativePool } from "../native/pool.ts";
import { NativeRoot } from "../native/root.ts";
import { canShare, inParts } from "./in_parts.ts";
import { fsFacts, localTraits } from "./local_facts.ts";
import { LocalFile } from "./local_file.ts";
import { Lister } from "./local_list.ts";
import { LocalRun } from "./local_run.ts";
import { LocalSink } from "./local_sink.ts";
import { metaWithXattrs, readXattrs } from "./local_xattrs.ts";
import { hasBroken, movesContent, overStream } from "./over_stream.ts";
import type { WorkObserver } from "./store_run.ts";
import { streamCopy } from "./stream_copy.ts";

/** How a {@link LocalTree} is opened. */
export interface LocalTreeOptions {
  /** The process's worker pool. */
  readonly pool: NativePool;
  /** Make the directory, and missing parents, where it doesn't exist. */
  readonly create?: boolean;
}

/** What is taken of what another machine says of the entries that it sends, beside the batch's flags. */
export interface PeerTrust {
  /** Devices, and attributes of the system. */
  readonly metadata: boolean;
  /** Owners were asked for and aren't set: the results are to say where that makes a difference. */
  readonly ownerRefused: boolean;
}

const FULL_TRUST: PeerTrust = { metadata: true, ownerRefused: false };

/** A local {@link Tree}. */
export class LocalTree implements Tree {
  readonly kind = "native";
  readonly display: string;
  readonly traits: Traits;
  readonly pool: NativePool;
  readonly #root: NativeRoot;
  readonly #lister: Lister;
  /** Runs by the context they are known by; a run begun on a tree of another kind has a stand-in. */
  readonly #runs = new Map<RunContext, LocalRun>();
  #closed: Promise<void> | null = null;

  private constructor(pool: NativePool, root: NativeRoot, display: string, traits: Traits) {
    this.pool = pool;
    this.display = display;
    this.traits = traits;
    this.#root = root;
    this.#lister = new Lister(pool, root.handle);
  }

  /**
   * Opens a directory as a tree.
   *
   * @param path text, or the system's bytes where the name isn't UTF-8
   * @throws {BlitError} `not_found`, `not_directory`, `permission` and the like, as the system says
   */
  static async open(path: string | Uint8Array, options: LocalTreeOptions): Promise<LocalTree> {
    const bytes = typeof path === "string" ? nameToBytes(textToName(path)) : path;
    const root = await NativeRoot.open(options.pool.symbols, bytes, options.create ?? false);
    try {
      const traits = localTraits(await root.probe());
      return new LocalTree(options.pool, root, displayName(bytesToName(bytes)), traits);
    } catch (error) {
      root.close();
      throw error;
    }
  }

  /**
   * Opens a directory of another local tree as a tree of its own, without leaving that one.
   *
   * @param path its path there; empty: its root
   * @param options `create` makes it and missing parents; `follow` resolves links as far as they stay beneath
   * @throws {BlitError} `escaped` where the path leads out; `not_found`, `not_directory`, `permission` and the like
   */
  static async openBeneath(
    parent: LocalTree,
    path: RelPath,
    options: { readonly create: boolean; readonly follow: boolean },
  ): Promise<LocalTree> {
    const root = await parent.#root.openAt(nameToBytes(path), options);
    try {
      const traits = localTraits(await root.probe());
      return new LocalTree(parent.pool, root, displayName(path), traits);
    } catch (error) {
      root.close();
      throw error;
    }
  }

  /** Handle of the root, for requests. */
  get root(): number {
    return this.#root.handle;
  }

  async probe(): Promise<FsFacts> {
    return fsFacts(await this.#root.probe());
  }

  list(directory: RelPath, options: ListOptions): AsyncIterableIterator<EntryBlock> {
    return this.#lister.list(directory, options);
  }

  async stat(paths: readonly RelPath[]): Promise<EntryBlock> {
    if (paths.length === 0) return new EntryBlock(new EntryBlockWriter(1).finish());
    const batch = new BatchBuilder(Op.stat, paths.length);
    for (const name of paths) batch.items.add({ name, kind: Kind.unknown, parent: NO_PARENT });
    const { payload } = await this.pool.call(batch.finish(), {
      source: this.root,
      slot: NO_RUN_SLOT,
    });
    if (payload === null) {
      throw new BlitError("bug", "Cannot read metadata: native code answered without any.");
    }
    return new EntryBlock(payload);
  }

  beginRun(runId: bigint, signal: AbortSignal): LocalRun {
    const run = new LocalRun(this.pool, runId, signal);
    this.#runs.set(run, run);
    return run;
  }

  endRun(run: RunContext): void {
    this.#runs.get(run)?.end();
    this.#runs.delete(run);
  }

  async run(batch: WorkBatch, source: Tree | null, run: RunContext): Promise<Results> {
    const own = this.#runOf(run);
    if (source === null || source instanceof LocalTree) {
      return await this.#call(batch, own, source?.root ?? 0, this.root);
    }
    if (batch.op === Op.copy) {
      // Directories alone are made from what the batch says: nothing is asked of the source.
      if (!movesContent(batch)) return await this.#call(batch, own, 0, this.root);
      const { content } = source;
      return content !== undefined
        ? await this.receive(batch, content, own, FULL_TRUST)
        : await this.#streamCopy(batch, source, own);
    }
    if (batch.op === Op.rename) {
      throw new BlitError("cross_device", "Cannot rename between trees of different kind.");
    }
    const call = (work: WorkBatch) => this.#call(work, own, 0, this.root);
    return batch.op === Op.meta
      ? await metaWithXattrs(batch, source, this.pool.threads * 2, call)
      : await call(batch);
  }

  /**
   * Sends the content of a copy batch over a stream, whose other side makes what the batch says.
   *
   * @param stream the stream's handle
   */
  send(batch: WorkBatch, stream: number, run: RunContext): Promise<Results> {
    return this.#call(overStream(batch, Op.send, stream), this.#runOf(run), this.root, 0);
  }

  /** Makes what a copy batch says of content that comes over streams. */
  receive(
    batch: WorkBatch,
    streams: ContentStreams,
    run: RunContext,
    trust: PeerTrust,
  ): Promise<Results> {
    const carry = (work: WorkBatch) => this.#receiveOne(work, streams, this.#runOf(run), trust);
    const { sharing } = streams;
    return sharing > 1 && canShare(batch) ? inParts(batch, sharing, carry) : carry(batch);
  }

  setWorkers(count: number): void {
    this.pool.resize(count);
  }

  hash(batch: WorkBatch, run: RunContext): Promise<Results> {
    return this.#call(batch, this.#runOf(run), this.root, 0);
  }

  canRenameFrom(source: Tree): boolean {
    return source instanceof LocalTree && source.#root.device === this.#root.device;
  }

  openFile(path: RelPath, run: RunContext): Promise<FileReader> {
    return LocalFile.open(this, path, this.#runOf(run).slot);
  }

  xattrs(path: RelPath): Promise<ReadonlyMap<string, Uint8Array>> {
    return readXattrs(this.pool, this.root, path);
  }

  close(): Promise<void> {
    return this.#closed ??= this.#close();
  }

  async #close(): Promise<void> {
    for (const run of this.#runs.values()) run.end();
    this.#runs.clear();
    await this.#lister.close();
    this.#root.close();
  }

  async #call(batch: WorkBatch, run: LocalRun, source: number, destination: number) {
    const { slot, runId } = run;
    try {
      const { results } = await this.pool.call(batch.bytes, { source, destination, runId, slot });
      return results;
    } catch (error) {
      if (!(error instanceof BlitError && error.kind === "escaped")) throw error;
      // One name that leads out of the root refuses the whole request: nothing of it was touched.
      const refused = new ResultsWriter(batch.items.count);
      for (let i = 0; i < batch.items.count; i++) refused.set(i, { status: STATUS.escaped });
      return refused.finish();
    }
  }

  async #receiveOne(
    batch: WorkBatch,
    streams: ContentStreams,
    run: LocalRun,
    trust: PeerTrust,
  ): Promise<Results> {
    const stream = await streams.lease(run);
    let isBroken = true;
    try {
      const work = overStream(batch, Op.receive, stream.handle, trustBits(trust));
      const results = await this.#call(work, run, 0, this.root);
      isBroken = hasBroken(results);
      return results;
    } finally {
      stream.release(isBroken);
    }
  }

  #streamCopy(batch: WorkBatch, source: Tree, run: LocalRun): Promise<Results> {
    const { pool, root } = this;
    const { runId, slot } = run;
    const sink = new LocalSink({ pool, root, runId, slot, flags: batch.flags });
    // What is written is counted by native code, what is only read by nobody else.
    const observer = batch.flags & BatchFlag.discard ? run : UNOBSERVED;
    return streamCopy({ batch, source, sink, run, observer, parallel: pool.threads * 2 });
  }

  #runOf(run: RunContext): LocalRun {
    if (run instanceof LocalRun) return run;
    const known = this.#runs.get(run);
    if (known) return known;
    const standIn = new LocalRun(this.pool, run.runId, run.signal);
    this.#runs.set(run, standIn);
    return standIn;
  }
}

/** The upper half of a receive's parameter 0: docs/native.md. */
function trustBits({ metadata, ownerRefused }: PeerTrust): number {
  return (metadata ? 0 : 1) | (ownerRefused ? 2 : 0);
}

const UNOBSERVED: WorkObserver = { moved() {}, done() {}, at: () => () => {} };
