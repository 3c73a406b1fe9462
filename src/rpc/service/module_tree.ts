/**
 * ModuleTree: a session's root as the destination of a run that the daemon makes for its client. Whatever the run
 * does, the session's rights and the module's trust decide, as they do for what a client sends.
 *
 * @module
 */
import type { EntryBlock } from "../../core/entry_block.ts";
import { BlitError } from "../../core/error.ts";
import type { RelPath } from "../../core/rel_path.ts";
import { BatchFlag, Op, type Results, WorkBatch } from "../../core/work_batch.ts";
import type {
  FileReader,
  FsFacts,
  ListOptions,
  RunContext,
  Traits,
  Tree,
} from "../../engine/tree.ts";
import type { LocalTree } from "../../tree/local.ts";
import { metaWithXattrs } from "../../tree/local_xattrs.ts";
import { movesContent } from "../../tree/over_stream.ts";
import { distrustAttributes, markDropped } from "./attribute_rules.ts";
import { requireRight } from "./rights.ts";
import { admitBatch } from "./run_rules.ts";
import type { ActivePull, ServedSession } from "./served_session.ts";

const NO_ATTRIBUTES: ReadonlyMap<string, Uint8Array> = new Map();

/** A {@link Tree} that does no more than its session may. */
export class ModuleTree implements Tree {
  readonly kind = "native";
  readonly display: string;
  readonly traits: Traits;
  readonly #inner: LocalTree;
  readonly #session: ServedSession;
  readonly #pull: ActivePull;

  /**
   * @param inner a root of the session, which closes it
   * @param pull counts what is done
   * @param display the root as the client's user writes it
   */
  constructor(inner: LocalTree, session: ServedSession, pull: ActivePull, display: string) {
    this.display = display;
    this.traits = { ...inner.traits, owners: inner.traits.owners && session.trustMetadata };
    this.#inner = inner;
    this.#session = session;
    this.#pull = pull;
  }

  probe(): Promise<FsFacts> {
    return this.#inner.probe();
  }
  list(directory: RelPath, options: ListOptions): AsyncIterable<EntryBlock> {
    return this.#inner.list(directory, options);
  }
  stat(paths: readonly RelPath[]): Promise<EntryBlock> {
    return this.#inner.stat(paths);
  }
  hash(batch: WorkBatch, run: RunContext): Promise<Results> {
    return this.#inner.hash(batch, run);
  }
  openFile(path: RelPath, run: RunContext): Promise<FileReader> {
    return this.#inner.openFile(path, run);
  }
  xattrs(path: RelPath): Promise<ReadonlyMap<string, Uint8Array>> {
    return this.#inner.xattrs(path);
  }

  beginRun(runId: bigint, signal: AbortSignal): RunContext {
    const run = this.#inner.beginRun(runId, signal);
    this.#pull.count(run.progress);
    return run;
  }
  endRun(run: RunContext): void {
    this.#inner.endRun(run);
  }

  canRenameFrom(source: Tree): boolean {
    return source === this;
  }

  async run(batch: WorkBatch, source: Tree | null, run: RunContext): Promise<Results> {
    if (source === this || source === null) {
      return await this.#admitted(batch, source === this ? this.#inner : null, run);
    }
    if (batch.op === Op.copy && movesContent(batch)) return await this.#receive(batch, source, run);
    if (batch.op === Op.rename) {
      throw new BlitError("cross_device", "Cannot rename between trees of different kind.");
    }
    if (batch.op !== Op.meta) return await this.#admitted(batch, null, run);
    return await metaWithXattrs(
      batch,
      source,
      this.#inner.pool.threads * 2,
      (work) => this.#admitted(work, null, run),
    );
  }

  /** Nothing to release: the root is the session's. */
  close(): Promise<void> {
    return Promise.resolve();
  }

  async #admitted(batch: WorkBatch, source: LocalTree | null, run: RunContext): Promise<Results> {
    const inner = this.#inner;
    const admitted = admitBatch(batch.bytes, this.#session, source !== null);
    if (this.#session.trustMetadata) return await inner.run(admitted, source, run);
    const { batch: trusted, dropped } = await distrustAttributes(
      admitted,
      (path) => inner.xattrs(path).catch(() => NO_ATTRIBUTES),
    );
    const results = await inner.run(trusted, source, run);
    markDropped(results, dropped);
    return results;
  }

  async #receive(batch: WorkBatch, source: Tree, run: RunContext): Promise<Results> {
    requireRight(this.#session, "write", "copy");
    if (source.content === undefined) {
      throw new BlitError("bug", "Cannot copy from another daemon: its tree has no streams.");
    }
    const trust = this.#session.trustMetadata;
    const bytes = batch.bytes.slice();
    const ownerRefused = !trust && (batch.flags & BatchFlag.owner) !== 0;
    if (ownerRefused) {
      new DataView(bytes.buffer).setUint32(FLAGS_AT, batch.flags & ~BatchFlag.owner, true);
    }
    const work = new WorkBatch(bytes);
    return await this.#inner.receive(work, source.content, run, { metadata: trust, ownerRefused });
  }
}

/** Where a request's header has its flags. */
const FLAGS_AT = 4;
