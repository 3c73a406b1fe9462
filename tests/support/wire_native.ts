/**
 * A native daemon's end of a stream of records, in this process: a tunnel that is bound to a native tree.
 *
 * @module
 */
import { BatchFlag } from "../../src/core/work_batch.ts";
import { NO_RUN_SLOT } from "../../src/native/control.ts";
import { bind } from "../../src/native/net.ts";
import { openTunnel, type Tunnel } from "../../src/native/tunnel.ts";
import type { LocalTree } from "../../src/tree/local.ts";
import { AnswerReader } from "../../src/wire/preamble.ts";
import type { Duplex } from "../../src/wire/record_stream.ts";

/** Most bytes fed without credit. */
const WINDOW_BYTES = 4 << 20;
const PIECE_BYTES = 256 << 10;
/** Every flag of a batch. */
const ALL_FLAGS = Object.values(BatchFlag).reduce((all: number, flag) => all | flag, 0);

/**
 * Opens a link to native code that serves a tree.
 *
 * @param ended takes the promise that the serving has ended
 * @param idleMs longest silence of the client
 */
export function nativeLink(
  tree: LocalTree,
  runId: bigint,
  ended: (serving: Promise<unknown>) => void,
  { trustMetadata = true, idleMs = 30_000 } = {},
): Duplex {
  const tunnel = openTunnel(tree.pool);
  const terms = { root: tree.root, read: true, write: true, flags: ALL_FLAGS };
  const serving = bind(tree.pool, tunnel.handle, {
    ...terms,
    trustMetadata,
    runId,
    slot: NO_RUN_SLOT,
    idleMs,
  });
  ended(serving);
  return new TunnelEnd(tunnel);
}

class TunnelEnd implements Duplex {
  readonly #tunnel: Tunnel;
  #underWay = 0;
  #isClosed = false;
  #room = Promise.withResolvers<void>();

  constructor(tunnel: Tunnel) {
    this.#tunnel = tunnel;
  }

  async send(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
      const piece = bytes.slice(at, at + PIECE_BYTES);
      while (this.#underWay + piece.length > WINDOW_BYTES && !this.#isClosed) {
        await this.#room.promise;
      }
      this.#underWay += piece.length;
      this.#tunnel.feed(piece);
    }
  }

  async *receive(): AsyncGenerator<Uint8Array, void> {
    const answer = new AnswerReader();
    for await (const { data, creditBytes } of this.#tunnel.outgoing) {
      this.#underWay -= creditBytes;
      if (creditBytes > 0) this.#stir();
      if (data.length === 0) continue;
      yield answer.take(data);
      this.#tunnel.ack(data.length);
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#stir();
    this.#tunnel.close();
  }

  #stir(): void {
    this.#room.resolve();
    this.#room = Promise.withResolvers();
  }
}
