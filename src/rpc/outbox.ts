/**
 * Outbox: messages on their way into a call, as the iterable that Connect sends from.
 *
 * @module
 */

/** A queue with one reader. */
export class Outbox<T> implements AsyncIterable<T> {
  readonly #waiting: T[] = [];
  #ended = false;
  #wake: (() => void) | null = null;

  /** Whether {@link Outbox.end} was called. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Adds a message; after the end it is dropped. */
  push(message: T): void {
    if (this.#ended) return;
    this.#waiting.push(message);
    this.#wake?.();
  }

  /** No further message comes. */
  end(): void {
    this.#ended = true;
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    for (;;) {
      while (this.#waiting.length > 0) yield this.#waiting.shift()!;
      if (this.#ended) return;
      await new Promise<void>((resolve) => this.#wake = resolve);
      this.#wake = null;
    }
  }
}
