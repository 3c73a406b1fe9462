/**
 * StreamPool: the streams of one run, opened as they are needed and lent to one batch at a time.
 *
 * @module
 */
import { BlitError } from "../core/error.ts";

/** A stream that can be closed. */
export interface Closable {
  close(): void;
}

/** A stream, until it is given back. */
export interface Lease<S> {
  readonly stream: S;
  /** Gives it back; `broken` where its connection is gone. */
  release(broken: boolean): void;
}

/** Lends streams. */
export class StreamPool<S extends Closable> {
  readonly #open: () => Promise<S>;
  readonly #idle: S[] = [];
  /** Streams that are lent, and to how many. */
  readonly #busy = new Map<S, number>();
  readonly #waiters: (() => void)[] = [];
  #opening = 0;
  #limit: number;
  #most = 0;
  #closed = false;

  /**
   * @param limit most streams at once, 1 or more
   * @param open opens one more
   */
  constructor(limit: number, open: () => Promise<S>) {
    this.#limit = limit;
    this.#open = open;
  }

  /** Streams that were open at once, at most. */
  get most(): number {
    return this.#most;
  }

  /** Sets how many streams there may be; those that are too many are closed when they come back. */
  set limit(limit: number) {
    this.#limit = Math.max(1, limit);
    this.#wake(this.#limit);
  }

  /**
   * Takes a stream; waits while all are in use.
   *
   * @param abreast how many may have one stream at once, where there is none that nobody has
   * @throws {BlitError} as opening one does
   */
  async lease(abreast = 1): Promise<Lease<S>> {
    for (;;) {
      if (this.#closed) throw new BlitError("cancelled", "Cannot send: the run has ended.");
      const idle = this.#idle.pop();
      if (idle !== undefined) return this.#lend(idle);
      if (this.#busy.size + this.#opening < this.#limit) return await this.#openOne();
      const shared = this.#leastLent(abreast);
      if (shared !== null) return this.#lend(shared);
      await new Promise<void>((resolve) => this.#waiters.push(resolve));
    }
  }

  /** Opens as many streams as there may be before they are asked for; one that fails is tried again when it is. */
  warm(): void {
    const wanted = this.#limit - this.#idle.length - this.#busy.size - this.#opening;
    for (let i = 0; i < wanted; i++) {
      this.#openOne().then((stream) => stream.release(false), () => {});
    }
  }

  /** Closes every stream: what is under way on them fails. */
  close(): void {
    this.#closed = true;
    for (const stream of [...this.#idle, ...this.#busy.keys()]) stream.close();
    this.#idle.length = 0;
    this.#wake(this.#waiters.length);
  }

  async #openOne(): Promise<Lease<S>> {
    this.#opening++;
    let stream: S;
    try {
      stream = await this.#open();
    } finally {
      this.#opening--;
      this.#wake(1);
    }
    if (this.#closed) {
      stream.close();
      throw new BlitError("cancelled", "Cannot send: the run has ended.");
    }
    return this.#lend(stream);
  }

  /** The stream with the fewest who have it, where that are fewer than `abreast`; the one lent longest ago of several. */
  #leastLent(abreast: number): S | null {
    // While one is opened, that will be the one that nobody has.
    if (abreast === 1 || this.#opening > 0) return null;
    let least: S | null = null, most = abreast;
    for (const [stream, lent] of this.#busy) if (lent < most) [least, most] = [stream, lent];
    return least;
  }

  #lend(stream: S): Lease<S> {
    this.#busy.set(stream, (this.#busy.get(stream) ?? 0) + 1);
    let isLent = true;
    this.#most = Math.max(this.#most, this.#busy.size + this.#idle.length);
    return {
      stream,
      release: (broken) => {
        if (!isLent) return;
        isLent = false;
        const lent = this.#busy.get(stream);
        // One that broke for another who had it is closed already.
        if (lent === undefined) return;
        if (lent > 1 && !broken) this.#busy.set(stream, lent - 1);
        else this.#busy.delete(stream);
        if (lent > 1 && !broken) return this.#wake(1);
        if (broken || this.#closed || this.#busy.size + this.#idle.length >= this.#limit) {
          stream.close();
        } else this.#idle.push(stream);
        this.#wake(1);
      },
    };
  }

  #wake(count: number): void {
    for (const wake of this.#waiters.splice(0, count)) wake();
  }
}
