/**
 * A stream of records over whatever carries bytes both ways: one batch after the other, kept alive while
 * one is under way, given up when the other side is silent.
 *
 * @module
 */
import { concatBytes } from "../core/bytes.ts";
import { BlitError } from "../core/error.ts";
import { RecordDecoder } from "./decoder.ts";
import { packRecord } from "./encoder.ts";
import { RecordType, type WireRecord } from "./record.ts";

/** Carries bytes both ways, in order; the daemon's answer has come (see `preamble.ts`). */
export interface Duplex {
  /** Sends bytes, of any number; resolves when it would take more. */
  send(bytes: Uint8Array): Promise<void>;
  /** What comes, cut anywhere, until the other side closes. Asked for once. */
  receive(): AsyncIterable<Uint8Array>;
  /** Cuts both directions: {@link Duplex.receive} ends soon. May be called twice, never throws. */
  close(): void;
}

/** Limits of a {@link RecordStream}. */
export interface StreamLimits {
  /** Longest silence of this side while a batch is under way, ms. */
  readonly aliveMs: number;
  /** Longest silence of the other side while it is listened to, ms. */
  readonly idleMs: number;
}

const LIMITS: StreamLimits = { aliveMs: 5_000, idleMs: 30_000 };
/** What waits to be sent before {@link RecordStream.send} makes its caller wait, bytes. */
const QUEUE_BYTES = 1 << 20;

/** Records both ways over a {@link Duplex}, which it owns. */
export class RecordStream {
  readonly #duplex: Duplex;
  readonly #limits: StreamLimits;
  readonly #decoder = new RecordDecoder();
  readonly #chunks: AsyncIterator<Uint8Array>;
  #records: Iterator<WireRecord> = [][Symbol.iterator]();
  #queue: Uint8Array[] = [];
  #queuedBytes = 0;
  #isSending = false;
  /** Resolves when what is queued goes out. */
  #room = Promise.withResolvers<void>();
  #lastSentMs = 0;
  #isBusy = false;
  #closed: BlitError | null = null;
  /** Called when the stream is closed: for whoever waits. */
  readonly #waiting = new Set<(error: BlitError) => void>();

  constructor(duplex: Duplex, limits: Partial<StreamLimits> = {}) {
    this.#duplex = duplex;
    this.#limits = { ...LIMITS, ...limits };
    this.#chunks = duplex.receive()[Symbol.asyncIterator]();
  }

  /** Whether a batch can be begun. */
  get isOpen(): boolean {
    return this.#closed === null;
  }

  /** @throws {BlitError} why it was closed, where it was */
  expectOpen(): void {
    if (this.#closed) throw this.#closed;
  }

  /** Waits for something else than the stream, for as long as that is open. */
  async whileOpen<T>(event: Promise<T>): Promise<T> {
    this.expectOpen();
    // Not by a race with one promise for all: that would remember every event until the stream ends.
    const either = Promise.withResolvers<T>();
    this.#waiting.add(either.reject);
    event.then(either.resolve, either.reject);
    try {
      return await either.promise;
    } finally {
      this.#waiting.delete(either.reject);
    }
  }

  /**
   * Does one batch's work; the other side hears from this one meanwhile. An error ends the stream, since
   * nobody knows then where the next record begins.
   *
   * @throws {BlitError} `busy` while another batch is under way; what `work` throws
   */
  async batch<T>(work: () => Promise<T>): Promise<T> {
    if (this.#isBusy) throw new BlitError("busy", "Cannot begin a batch: the stream has one.");
    this.#isBusy = true;
    const half = this.#limits.aliveMs / 2;
    this.#lastSentMs = performance.now();
    const timer = setInterval(() => {
      if (!this.#isSending && performance.now() - this.#lastSentMs >= half) {
        // Whoever waits for the other side learns of a broken link by itself.
        this.send(packRecord(RecordType.alive)).catch(() => {});
      }
    }, half);
    try {
      return await work();
    } catch (error) {
      this.close(error);
      throw error;
    } finally {
      clearInterval(timer);
      this.#isBusy = false;
    }
  }

  /** Queues packed records; resolves when more are welcome. @throws {BlitError} `disconnected` */
  async send(records: Uint8Array): Promise<void> {
    this.expectOpen();
    this.#queue.push(records);
    this.#queuedBytes += records.length;
    if (!this.#isSending) void this.#drain();
    while (this.#queuedBytes > QUEUE_BYTES) {
      await this.whileOpen(this.#room.promise);
    }
  }

  /**
   * The next record.
   *
   * @throws {BlitError} `disconnected` where none comes, `mismatch` where it is none
   */
  async next(): Promise<WireRecord> {
    while (true) {
      const next = this.#records.next();
      if (!next.done) return next.value;
      this.#records = this.#decoder.push(await this.#chunk());
    }
  }

  /** Ends the stream; whoever waits on it gets the error. Later calls do nothing. */
  close(error?: unknown): void {
    if (this.#closed) return;
    this.#closed = error instanceof BlitError ? error : disconnected("it was closed", error);
    for (const wake of this.#waiting) wake(this.#closed);
    this.#duplex.close();
    // Ends the duplex's own wait for bytes; it has nobody else to tell.
    Promise.resolve(this.#chunks.return?.()).catch(() => {});
  }

  async #chunk(): Promise<Uint8Array> {
    const { idleMs } = this.#limits;
    const timer = setTimeout(
      () => this.close(disconnected(`the other side was silent for ${idleMs / 1000} s`)),
      idleMs,
    );
    try {
      const chunk = await this.whileOpen(this.#chunks.next());
      if (chunk.done) throw disconnected("the other side ended it");
      return chunk.value;
    } catch (error) {
      throw error instanceof BlitError ? error : disconnected("receiving failed", error);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Sends what is queued, as few large pieces: small records would each be a message of its own. */
  async #drain(): Promise<void> {
    this.#isSending = true;
    try {
      // Whoever queues several records in one go has them sent together.
      await Promise.resolve();
      while (this.#queue.length > 0) {
        const bytes = concatBytes(this.#queue);
        this.#queue = [];
        this.#queuedBytes = 0;
        this.#room.resolve();
        this.#room = Promise.withResolvers();
        await this.#duplex.send(bytes);
        this.#lastSentMs = performance.now();
      }
    } catch (error) {
      this.close(error instanceof BlitError ? error : disconnected("sending failed", error));
    } finally {
      this.#isSending = false;
    }
  }
}

function disconnected(why: string, cause?: unknown): BlitError {
  return new BlitError(
    "disconnected",
    `Cannot go on with the connection: ${why}. Run again: it goes on where it ended.`,
    { cause },
  );
}
