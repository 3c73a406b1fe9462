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
import { isBroken, type SessionKeeper } from "./session_keeper.ts";

/** One Read call. */
interface Reading {
  readonly session: Session;
  readonly pieces: AsyncIterator<ReadResponse>;
  readonly ending: AbortController;
  readonly entry: EntryBlock;
}

/** A file that a daemon reads out; where the connection breaks, it is read on where it was. */
export class RemoteFile implements FileReader {
  readonly #keeper: SessionKeeper;
  readonly #open: (session: Session) => Promise<Reading>;
  #reading: Reading;
  /** Bytes given out, and bytes of the present call that are to be passed over. */
  #given = 0;
  #passing = 0;
  #unchanged: boolean | null = null;

  private constructor(
    keeper: SessionKeeper,
    open: (session: Session) => Promise<Reading>,
    reading: Reading,
  ) {
    this.#keeper = keeper;
    this.#open = open;
    this.#reading = reading;
  }

  /**
   * Opens a file.
   *
   * @param root the root's handle in a session
   * @throws {BlitError} as the daemon says
   */
  static async open(
    keeper: SessionKeeper,
    root: (session: Session) => Promise<number>,
    path: RelPath,
  ): Promise<RemoteFile> {
    const open = async (session: Session) => await begin(session, await root(session), path);
    return new RemoteFile(keeper, open, await keeper.retrying(open));
  }

  get entry(): EntryBlock {
    return this.#reading.entry;
  }

  async read(): Promise<Uint8Array | null> {
    for (;;) {
      if (this.#unchanged !== null) return null;
      const piece = await this.#next();
      if (piece === null) return null;
      const fresh = piece.subarray(Math.min(this.#passing, piece.length));
      this.#passing -= piece.length - fresh.length;
      this.#given += fresh.length;
      if (fresh.length > 0) return fresh;
    }
  }

  async close(): Promise<{ readonly unchanged: boolean }> {
    // Read to its end or given up: then nobody asks whether it changed.
    const whole = this.#unchanged ?? await this.#last();
    this.#reading.ending.abort();
    return { unchanged: whole };
  }

  async #next(): Promise<Uint8Array | null> {
    for (;;) {
      const { session, pieces } = this.#reading;
      try {
        const next = await pieces.next();
        const piece = next.done ? undefined : next.value.message;
        if (piece?.case === "piece") return piece.value;
        if (piece?.case !== "unchanged") throw unreadable();
        this.#unchanged = piece.value;
        return null;
      } catch (thrown) {
        const error = session.error(thrown);
        if (!isBroken(error) || !session.signal.aborted) throw error;
        await this.#again();
      }
    }
  }

  /** Opens the file anew, and passes over what was given out. */
  async #again(): Promise<void> {
    const before = this.#reading.entry;
    const reading = await this.#keeper.retrying(this.#open);
    const now = reading.entry;
    this.#reading = reading;
    this.#passing = this.#given;
    const isSame = now.sameInode(0, before, 0) && now.sameSize(0, before, 0) &&
      now.sameMtime(0, before, 0) && now.ctimeNs(0) === before.ctimeNs(0);
    if (isSame) return;
    reading.ending.abort();
    throw new BlitError("changed", "Cannot go on reading a file: it has changed. Run again.", {
      operation: "read",
    });
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

async function begin(session: Session, root: number, path: RelPath): Promise<Reading> {
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
    return { session, pieces, ending, entry };
  } catch (error) {
    throw session.error(error);
  }
}

function unreadable(): BlitError {
  return new BlitError("mismatch", "Cannot read a file: the daemon's answer makes no sense.", {
    operation: "read",
  });
}
