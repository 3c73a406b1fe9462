/**
 * Reading one file of a daemon over the control plane, for trees that take no streams.
 *
 * @module
 */
import { EntryBlock } from "../core/entry_block.ts";
import { BlitError } from "../core/error.ts";
import { nameToBytes, type RelPath } from "../core/rel_path.ts";
import type { FileReader } from "../engine/tree.ts";
import type { ReadResponse } from "../gen/blit/v1/session_pb.ts";
import type { Session } from "./session.ts";

/** A file that a daemon reads out. */
export class RemoteFile implements FileReader {
  readonly entry: EntryBlock;
  readonly #session: Session;
  readonly #pieces: AsyncIterator<ReadResponse>;
  readonly #ending: AbortController;
  #unchanged: boolean | null = null;

  private constructor(
    session: Session,
    pieces: AsyncIterator<ReadResponse>,
    ending: AbortController,
    entry: EntryBlock,
  ) {
    this.#session = session;
    this.#pieces = pieces;
    this.#ending = ending;
    this.entry = entry;
  }

  /**
   * Opens a file.
   *
   * @throws {BlitError} as the daemon says
   */
  static async open(session: Session, root: number, path: RelPath): Promise<RemoteFile> {
    const ending = new AbortController();
    const { client, session: name } = session.streaming;
    try {
      session.signal.throwIfAborted();
      const signal = AbortSignal.any([session.signal, ending.signal]);
      const request = { session: name, root, path: nameToBytes(path) };
      const pieces = client.read(request, { signal })[Symbol.asyncIterator]();
      const first = await pieces.next();
      const piece = first.done ? undefined : first.value.message;
      if (piece?.case !== "entry") throw unreadable();
      const entry = new EntryBlock(piece.value);
      if (entry.count !== 1) throw unreadable();
      return new RemoteFile(session, pieces, ending, entry);
    } catch (error) {
      throw session.error(error);
    }
  }

  async read(): Promise<Uint8Array | null> {
    if (this.#unchanged !== null) return null;
    try {
      const next = await this.#pieces.next();
      const piece = next.done ? undefined : next.value.message;
      if (piece?.case === "piece") return piece.value;
      if (piece?.case !== "unchanged") throw unreadable();
      this.#unchanged = piece.value;
      return null;
    } catch (error) {
      throw this.#session.error(error);
    }
  }

  async close(): Promise<{ readonly unchanged: boolean }> {
    // Read to its end or given up: then nobody asks whether it changed.
    const whole = this.#unchanged ?? await this.#last();
    this.#ending.abort();
    return { unchanged: whole };
  }

  /** The daemon's word on a file that was read to its size, but not to its end. */
  async #last(): Promise<boolean> {
    try {
      const piece = await this.read();
      return piece === null && this.#unchanged === true;
    } catch {
      return false;
    }
  }
}

function unreadable(): BlitError {
  return new BlitError("mismatch", "Cannot read a file: the daemon's answer makes no sense.", {
    operation: "read",
  });
}
