/**
 * The daemon's answer to a stream's token, which comes before the first record: docs/protocol.md, "A stream:
 * preamble".
 *
 * @module
 */
import { BlitError, kindOfStatus, statusFromPeer } from "../core/error.ts";
import { breach } from "./breach.ts";

const ANSWER_BYTES = 8;
/** `BLIT`, and the version. */
const BEGINNING = [0x42, 0x4c, 0x49, 0x54, 1];
const STATUS_AT = 5;

/** Takes the answer off the front of what comes. */
export class AnswerReader {
  readonly #bytes = new Uint8Array(ANSWER_BYTES);
  #filled = 0;

  /**
   * Takes the next bytes.
   *
   * @returns those that follow the answer: records
   * @throws {BlitError} the kind that the daemon refused the stream with; `mismatch` where it is no answer
   */
  take(chunk: Uint8Array): Uint8Array {
    const part = chunk.subarray(0, ANSWER_BYTES - this.#filled);
    if (part.length === 0) return chunk;
    this.#bytes.set(part, this.#filled);
    this.#filled += part.length;
    if (this.#filled === ANSWER_BYTES) this.#check();
    return chunk.subarray(part.length);
  }

  #check(): void {
    const bytes = this.#bytes;
    if (BEGINNING.some((byte, i) => bytes[i] !== byte) || bytes[6] !== 0 || bytes[7] !== 0) {
      throw breach("doesn't answer as a daemon does");
    }
    const status = bytes[STATUS_AT];
    if (status === 0) return;
    const kind = kindOfStatus(statusFromPeer(status));
    throw new BlitError(
      kind,
      `Cannot open a stream to the daemon: it refused it as "${kind}". Run again.`,
      { operation: "open" },
    );
  }
}
