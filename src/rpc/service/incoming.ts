/**
 * Requests of a stream, with a limit on how long one may be waited for.
 *
 * @module
 */
import { BlitError } from "../../core/error.ts";

/** How long a call's first message is waited for. */
export const FIRST_MESSAGE_MS = 30_000;

/** A timer that is so late says that the process was stopped, or its machine. */
const STOOD_STILL_MS = 1_000;

/** Reads a call's requests one by one. */
export class Incoming<T> {
  readonly #iterator: AsyncIterator<T>;

  constructor(requests: AsyncIterable<T>) {
    this.#iterator = requests[Symbol.asyncIterator]();
  }

  /**
   * The next request; null at the end.
   *
   * @param limitMs how long to wait for it; null: for ever
   * @throws {BlitError} `disconnected` where none comes in time: a client that isn't there, or asleep
   */
  async next(limitMs: number | null): Promise<T | null> {
    if (limitMs === null) {
      const step = await this.#iterator.next();
      return step.done ? null : step.value;
    }
    const late = Promise.withResolvers<never>();
    let timer: ReturnType<typeof setTimeout>;
    const wait = () => {
      const dueMs = performance.now() + limitMs;
      timer = setTimeout(() => {
        // It was this process that stood still: what came meanwhile is read first.
        if (performance.now() - dueMs > STOOD_STILL_MS) return wait();
        late.reject(
          new BlitError(
            "disconnected",
            `The client was silent for ${limitMs / 1000} s, so the daemon ended the call. ` +
              "Check the connection, then run again.",
          ),
        );
      }, limitMs);
    };
    wait();
    const next = this.#iterator.next();
    // Should the limit pass first, nobody awaits it any more.
    next.catch(() => {});
    try {
      const step = await Promise.race([next, late.promise]);
      return step.done ? null : step.value;
    } finally {
      clearTimeout(timer!);
    }
  }

  /** The first request. @throws {BlitError} `usage` where there is none; `disconnected` */
  async first(): Promise<T> {
    const first = await this.next(FIRST_MESSAGE_MS);
    if (first === null) throw new BlitError("usage", "A call ended before its first message.");
    return first;
  }
}
