/**
 * Ending: how a run ends before its time: the caller's signal, a stall, or a start that hangs.
 *
 * @module
 */
import { BlitError } from "../core/error.ts";
import type { Executor } from "./executor.ts";

/** How long an interrupted run waits for its parts to notice: who waits for the kernel hears no signal. */
const QUIET_MS = 500;

/** Ends one run; {@link Ending.close} when it has ended by itself. */
export class Ending {
  /** Aborted by the caller's signal, or by {@link Ending.end}. */
  readonly signal: AbortSignal;
  /** The error that ended a stalled run. */
  stalled: BlitError | null = null;
  readonly #ending = new AbortController();
  readonly #asked: AbortSignal;
  readonly #ended = Promise.withResolvers<never>();
  #executor: Executor | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** @param asked the caller's signal */
  constructor(asked: AbortSignal) {
    this.#asked = asked;
    this.signal = AbortSignal.any([asked, this.#ending.signal]);
    this.#ended.promise.catch(() => {});
    asked.addEventListener("abort", this.#onAsked, { once: true });
    if (asked.aborted) this.#onAsked();
  }

  /** The executor whose waits end with the run. */
  attach(executor: Executor): void {
    this.#executor = executor;
  }

  /** Waits for `work`, but no longer than until the run is ended. */
  race<T>(work: Promise<T>): Promise<T> {
    return Promise.race([work, this.#ended.promise]);
  }

  /**
   * Waits for a question that is asked before anything can be watched.
   *
   * @param what it waits for, as in "Stalled at the start: no answer from ..."
   * @throws {BlitError} `stalled` after `limitMs`; `cancelled`
   */
  async within<T>(work: Promise<T>, limitMs: number, what: string): Promise<T> {
    const timer = setTimeout(() => {
      this.stall(
        new BlitError(
          "stalled",
          `Stalled at the start: no answer within ${Math.round(limitMs / 1000)} s from ${what}. ` +
            "Check the disk or the mount, and run again.",
          { operation: "start" },
        ),
      );
    }, limitMs);
    try {
      return await this.race(work);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Ends the run because nothing moves. */
  readonly stall = (error: BlitError): void => {
    this.stalled ??= error;
    this.end(error);
    this.#release(error);
  };

  /** Stops what still runs: it must not go on behind the summary. */
  end(error: Error): void {
    this.#ending.abort(error);
  }

  /** Stops listening. */
  close(): void {
    clearTimeout(this.#timer);
    this.#asked.removeEventListener("abort", this.#onAsked);
  }

  #onAsked = (): void => {
    this.#timer = setTimeout(
      () => this.#release(new BlitError("cancelled", "Interrupted.")),
      QUIET_MS,
    );
  };

  #release(error: BlitError): void {
    this.#executor?.abandon(error);
    this.#ended.reject(error);
  }
}
