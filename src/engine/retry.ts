/**
 * Retry: entries that failed for a passing reason, tried again after a wait (`--retry`, `--wait`).
 *
 * @module
 */
import { type EntryBlock, NO_PARENT } from "../core/entry_block.ts";
import { type ErrorKind, kindOfStatus } from "../core/error.ts";
import { pause } from "../core/pause.ts";
import type { RelPath } from "../core/rel_path.ts";
import { BatchBuilder, CopyAction, Op, type Results } from "../core/work_batch.ts";
import { checkCancelled, type EngineContext, keepFlags, runNow } from "./context.ts";

/** More than this fail at once: trying each again would only double the wait. */
const MOST = 10_000;
const PASSING: ReadonlySet<ErrorKind> = new Set([
  "io",
  "changed",
  "busy",
  "too_many_files",
  "disconnected",
]);

type Settle = (ok: boolean, results: Results, index: number) => void;

/** A batch of entries to be tried again, each below its directory as it was at first. */
class Again {
  readonly builder = new BatchBuilder(Op.copy, 64);
  /** By item; null for directories that are there for the others alone. */
  readonly settles: (Settle | null)[] = [];
  readonly #directories = new Map<RelPath, number>();

  constructor(context: EngineContext) {
    this.builder.flags = keepFlags(context);
  }

  add(items: EntryBlock, i: number, action: number, settle: Settle): void {
    if (action === CopyAction.parentCreate || action === CopyAction.parentExists) {
      this.settles[this.#directory(items, i)] = settle;
      return;
    }
    const parent = items.parent(i);
    // Whether the directory was made before its batch broke off, nobody heard.
    const index = parent === NO_PARENT ? NO_PARENT : this.#directory(items, parent);
    this.builder.items.addFrom(items, i, index, action);
    this.settles.push(settle);
  }

  #directory(items: EntryBlock, i: number): number {
    const name = items.name(i);
    const known = this.#directories.get(name);
    if (known !== undefined) return known;
    const index = this.builder.items.addFrom(items, i, NO_PARENT, items.action(i));
    this.#directories.set(name, index);
    this.settles.push(null);
    return index;
  }
}

/** Collects failed entries and runs them again. */
export class Retry {
  readonly #context: EngineContext;
  #batches: Again[] = [];
  #count = 0;

  constructor(context: EngineContext) {
    this.#context = context;
  }

  /** Whether a failure of this kind is to be tried again. */
  wants(kind: ErrorKind): boolean {
    return this.#context.options.retries > 0 && PASSING.has(kind) && this.#count < MOST;
  }

  /** Keeps one failed item; `settle` is called once, after the last try. */
  add(items: EntryBlock, i: number, kind: ErrorKind, settle: Settle): void {
    const action = items.action(i);
    // What the far side made before the connection broke may be there: nobody heard of it.
    const again = kind === "disconnected" && action === CopyAction.create
      ? CopyAction.replace
      : action;
    let batch = this.#batches.at(-1);
    if (batch === undefined || batch.builder.isFull) {
      batch = new Again(this.#context);
      this.#batches.push(batch);
    }
    batch.add(items, i, again, settle);
    this.#count++;
  }

  /** Tries everything kept until it works or the tries are used up. */
  async run(): Promise<void> {
    const { options, tally } = this.#context;
    for (let attempt = 1; this.#count > 0; attempt++) {
      const last = attempt >= options.retries;
      tally.emit({
        type: "waiting",
        what: `retry ${attempt} of ${options.retries}: ${this.#count} entries`,
      });
      tally.patient = true;
      await pause(options.retryWaitMs, this.#context.signal);
      tally.patient = false;
      checkCancelled(this.#context);
      const batches = this.#batches;
      this.#batches = [];
      this.#count = 0;
      for (const { builder, settles } of batches) {
        const { batch, results } = await runNow(this.#context, builder);
        for (const [i, settle] of settles.entries()) {
          if (settle === null) continue;
          const status = results.status(i);
          const kind = kindOfStatus(status);
          if (status !== 0 && !last && PASSING.has(kind)) {
            this.add(batch.items, i, kind, settle);
            continue;
          }
          if (status !== 0) {
            tally.failStatus(batch.path(i), status, results.os(i), results.step(i), "destination");
          }
          settle(status === 0, results, i);
        }
      }
    }
  }
}
