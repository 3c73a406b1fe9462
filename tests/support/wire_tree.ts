/**
 * A tree behind a stream of records: everything but content goes to the tree itself, content goes the way of
 * the fallback.
 *
 * @module
 */
import { Kind } from "../../src/core/entry_block.ts";
import type { RelPath } from "../../src/core/rel_path.ts";
import { BatchFlag, Op, type Results, type WorkBatch } from "../../src/core/work_batch.ts";
import type { ListOptions, RunContext, Tree } from "../../src/engine/tree.ts";
import type { BatchReceiver, BatchSource } from "../../src/tree/batch_source.ts";
import { StoreRun } from "../../src/tree/store_run.ts";
import { getBatch } from "../../src/tree/wire_receive.ts";
import { putBatch } from "../../src/tree/wire_send.ts";
import type { Duplex } from "../../src/wire/record_stream.ts";
import { RecordStream } from "../../src/wire/record_stream.ts";

/** Opens links to whatever serves `far`'s content, one for each batch of a run. */
export type OpenLink = (runId: bigint) => Promise<Duplex>;

/** See the module's comment. */
export class WireTree implements Tree, BatchSource {
  readonly kind = "remote";
  readonly display: string;
  /** What lies behind the stream. */
  readonly far: Tree;
  readonly #open: OpenLink;

  constructor(far: Tree, open: OpenLink) {
    this.far = far;
    this.display = `wire:${far.display}`;
    this.#open = open;
  }
  get traits() {
    return this.far.traits;
  }
  probe() {
    return this.far.probe();
  }
  list(directory: RelPath, options: ListOptions) {
    return this.far.list(directory, options);
  }
  stat(paths: readonly RelPath[]) {
    return this.far.stat(paths);
  }
  beginRun(runId: bigint, signal: AbortSignal): RunContext {
    return new StoreRun(runId, signal);
  }
  endRun(): void {}
  async run(batch: WorkBatch, source: Tree | null, run: RunContext): Promise<Results> {
    const behind = source instanceof WireTree ? source.far : source;
    if (batch.op !== Op.copy || !source || !movesContent(batch)) {
      return await this.far.run(batch, behind, run);
    }
    const stream = new RecordStream(await this.#open(run.runId));
    try {
      const observer = StoreRun.of(run);
      return await putBatch({ stream, batch, source, run, observer });
    } finally {
      stream.close();
    }
  }
  async sendBatch(receiver: BatchReceiver): Promise<Results> {
    const stream = new RecordStream(await this.#open(receiver.run.runId));
    try {
      return await getBatch({ ...receiver, stream });
    } finally {
      stream.close();
    }
  }
  hash(batch: WorkBatch, run: RunContext) {
    return this.far.hash(batch, run);
  }
  canRenameFrom(source: Tree): boolean {
    return this.far.canRenameFrom(source instanceof WireTree ? source.far : source);
  }
  openFile(path: RelPath, run: RunContext) {
    return this.far.openFile(path, run);
  }
  xattrs(path: RelPath) {
    return this.far.xattrs(path);
  }
  close() {
    return this.far.close();
  }
}

function movesContent(batch: WorkBatch): boolean {
  if (batch.flags & BatchFlag.discard) return true;
  for (let i = 0; i < batch.items.count; i++) {
    if (batch.items.kind(i) !== Kind.directory) return true;
  }
  return false;
}
