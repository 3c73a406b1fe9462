/**
 * Comparing what a receiver holds of a file with the file as it is read, so that a transfer goes on where
 * it ended (docs/protocol.md, "Resume").
 *
 * @module
 */
import type { HavePayload, HavePiece } from "../wire/payload.ts";
import { breach } from "../wire/breach.ts";
import { blake3, type Hasher } from "./blake3.ts";

/** Where the answers to an `entry` come from. */
export interface HeldSource {
  /** The next `have` about an item. @throws {BlitError} what the other side says instead */
  have(item: number): Promise<{ readonly have: HavePayload; readonly more: boolean }>;
}

/** What a receiver holds, compared piece by piece. */
export class HeldPieces {
  readonly #source: HeldSource;
  readonly #item: number;
  readonly #pieces: HavePiece[] = [];
  #more = true;
  #rightBytes = 0;
  /** Read content of the piece that is being compared: it may have to be sent. */
  #read: Uint8Array[] = [];
  #readBytes = 0;
  #hasher: Hasher | null = null;

  constructor(source: HeldSource, item: number) {
    this.#source = source;
    this.#item = item;
  }

  /** Bytes from the file's start that the receiver has as they are. */
  get rightBytes(): number {
    return this.#rightBytes;
  }

  /** What was read beyond {@link HeldPieces.rightBytes}, in order. */
  get rest(): readonly Uint8Array[] {
    return this.#read;
  }

  /**
   * Takes the next content of the file.
   *
   * @returns `same` as long as nothing has to be sent; `differs` once what follows has to be, and with it
   *   {@link HeldPieces.rest}
   */
  async take(content: Uint8Array): Promise<"same" | "differs"> {
    for (let at = 0; at < content.length;) {
      const piece = await this.#current();
      if (piece === null) {
        this.#read.push(content.slice(at));
        return "differs";
      }
      const part = content.slice(at, at + piece.lengthBytes - this.#readBytes);
      at += part.length;
      this.#read.push(part);
      this.#readBytes += part.length;
      this.#hasher ??= await blake3();
      this.#hasher.update(part);
      if (this.#readBytes < piece.lengthBytes) continue;
      const digest = this.#hasher.digest();
      this.#hasher = null;
      if (!digest.every((byte, i) => byte === piece.digest[i])) {
        this.#read.push(content.slice(at));
        return "differs";
      }
      this.#rightBytes += piece.lengthBytes;
      this.#pieces.shift();
      this.#read = [];
      this.#readBytes = 0;
    }
    return "same";
  }

  /** The piece that the next content belongs to; null where the receiver has no more. */
  async #current(): Promise<HavePiece | null> {
    while (this.#pieces.length === 0) {
      if (!this.#more) return null;
      const { have, more } = await this.#source.have(this.#item);
      this.#pieces.push(...have.pieces);
      this.#more = more;
    }
    if (this.#pieces[0].offset !== this.#rightBytes) {
      throw breach("holds pieces of a file that don't follow each other");
    }
    return this.#pieces[0];
  }
}
