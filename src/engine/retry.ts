/**
 * Retry: entries that failed for a passing reason, tried again after a wait (`--retry`, `--wait`).
 *
 * @module
 */
import { type EntryBlock, NO_PARENT } from "../core/entry_block.ts";
import { type ErrorKind, kindOfStatus } from "../core/error.ts";
import { nameToBytes, type RelPath } from "../core/rel_path.ts";
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

/** Collects failed entries and runs them again. */
export class Retry {
  readonly #context: EngineContext;
  #builder: BatchBuilder;
  #settles: Settle[] = [];

  constructor(context: EngineContext) {
    this.#context = context;
    this.#builder = this.#newBuilder();
  }

  /** Whether a failure of this kind is to be tried again. */
  wants(kind: ErrorKind): boolean {
    return this.#context.options.retries > 0 && PASSING.has(kind) && this.#settles.length < MOST;
  }

  /** Keeps one failed item; `settle` is called once, after the last try. */
  add(items: EntryBlock, i: number, path: RelPath, kind: ErrorKind, settle: Settle): void {
    const action = items.action(i);
    // What the far side made before the connection broke may be there: nobody heard of it.
    const again = kind === "disconnected" && action === CopyAction.create
      ? CopyAction.replace
      : action;
    this.#builder.items.addFrom(items, i, NO_PARENT, again, nameToBytes(path));
    this.#settles.push(settle);
  }

  /** Tries everything kept until it works or the tries are used up. */
  async run(): Promise<void> {
    const { options, tally } = this.#context;
    for (let attempt = 1; this.#settles.length > 0; attempt++) {
      const last = attempt >= options.retries;
      tally.emit({
        type: "waiting",
        what: `retry ${attempt} of ${options.retries}: ${this.#settles.length} entries`,
      });
      tally.patient = true;
      await sleep(options.retryWaitMs, this.#context.signal);
      tally.patient = false;
      checkCancelled(this.#context);
      const builder = this.#builder;
      const settles = this.#settles;
      this.#builder = this.#newBuilder();
      this.#settles = [];
      const { batch, results } = await runNow(this.#context, builder);
      for (let i = 0; i < results.count; i++) {
        const status = results.status(i);
        if (status !== 0 && !last && PASSING.has(kindOfStatus(status))) {
          this.#builder.items.addFrom(batch.items, i, NO_PARENT, batch.items.action(i));
          this.#settles.push(settles[i]);
          continue;
        }
        if (status !== 0) {
          tally.failStatus(batch.path(i), status, results.os(i), results.step(i), "destination");
        }
        settles[i](status === 0, results, i);
      }
    }
  }

  #newBuilder(): BatchBuilder {
    const builder = new BatchBuilder(Op.copy, 64);
    builder.flags = keepFlags(this.#context);
    return builder;
  }
}

function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    }, { once: true });
  });
}
