/**
 * Lines for whoever reads them: a pipe that nobody empties holds up nothing but the lines.
 *
 * @module
 */

/** Chars of lines that wait; what comes on top is lost, and counted. */
const MOST_WAITING = 1 << 20;

/** What lines are written to: a part of the bytes at a time. */
export interface LineSink {
  write(bytes: Uint8Array): Promise<number>;
}

/** Writes lines in order, and doesn't have its caller wait. */
export class LineWriter {
  readonly #sink: LineSink;
  readonly #onLost: (count: number) => void;
  readonly #encoder = new TextEncoder();
  #waiting: string[] = [];
  #chars = 0;
  #lost = 0;
  #writing: Promise<void> | null = null;

  /** @param onLost told how many lines found no room, once there is room again */
  constructor(sink: LineSink, onLost: (count: number) => void) {
    this.#sink = sink;
    this.#onLost = onLost;
  }

  /** Writes a line, or counts it as lost. */
  write(line: string): void {
    if (this.#chars + line.length > MOST_WAITING) {
      this.#lost++;
      return;
    }
    this.#chars += line.length;
    this.#waiting.push(`${line}\n`);
    this.#writing ??= this.#writeAll().finally(() => this.#writing = null);
  }

  /** Resolves once everything is written, or after so many ms. */
  async flush(ms: number): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<void>((resolve) => timer = setTimeout(resolve, ms));
    await Promise.race([this.#writing, late]);
    clearTimeout(timer);
  }

  async #writeAll(): Promise<void> {
    while (this.#waiting.length > 0) {
      let bytes = this.#encoder.encode(this.#waiting.join(""));
      this.#waiting = [];
      this.#chars = 0;
      try {
        while (bytes.length > 0) bytes = bytes.subarray(await this.#sink.write(bytes));
      } catch {
        // Nobody is there any more, or their disk is full: there is nowhere to say so.
      }
      const lost = this.#lost;
      this.#lost = 0;
      if (lost > 0) this.#onLost(lost);
    }
  }
}
