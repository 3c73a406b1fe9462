/**
 * A stream whose bytes the caller carries, in messages of the control plane.
 *
 * @module
 */
import { BlitError, STATUS } from "../core/error.ts";
import { checkCode } from "./errors.ts";
import { FrameType } from "./layout.ts";
import { closeStream } from "./net.ts";
import type { NativePool } from "./pool.ts";

const NOTHING = new Uint8Array(new ArrayBuffer(0));

/** One side of a tunnel, as whoever carries its bytes sees it. */
export interface Tunnel {
  /** The stream's handle: for batches at the client, for binding at the daemon. */
  readonly handle: number;
  /**
   * What to carry to the other side, in order; ends when the stream is closed. At most 4 MiB come without
   * {@link Tunnel.ack}. To be read once.
   */
  readonly outgoing: AsyncIterable<Outgoing>;
  /**
   * Hands over what came from the other side.
   *
   * @throws {BlitError} `mismatch` where the other side sent more than it had credit for: the tunnel is
   *   closed then. Bytes for a tunnel that is closed already are dropped.
   */
  feed(bytes: Uint8Array): void;
  /**
   * Says that the other side consumed bytes of {@link Tunnel.outgoing}.
   *
   * @throws {BlitError} `mismatch` where it says more than it got
   */
  ack(bytes: number): void;
  /** Says that the other side sends no more. */
  end(): void;
  /** Closes the stream: the work on it ends with `disconnected`; later calls do nothing. */
  close(): void;
}

/** One thing to tell the other side. */
export interface Outgoing {
  /** Bytes of the stream; may be empty. */
  readonly data: Uint8Array<ArrayBuffer>;
  /** How many more of the bytes fed were consumed: the other side's credit. */
  readonly creditBytes: number;
}

/**
 * Makes a tunnel.
 *
 * @throws {BlitError} `usage` or `cancelled` where the pool is closed
 */
export function openTunnel(pool: NativePool): Tunnel {
  const outgoing = new OutgoingQueue();
  const out = new Uint32Array(new ArrayBuffer(4));
  const code = pool.begin((id) => pool.symbols.blit_net_tunnel(id, out), 0, {
    frame(type, payload) {
      if (type === FrameType.credit) {
        const creditBytes = Number(new DataView(payload.buffer).getBigUint64(0, true));
        outgoing.push({ data: NOTHING, creditBytes });
      } else if (payload.length > 0) {
        outgoing.push({ data: payload, creditBytes: 0 });
      }
    },
    end: () => outgoing.end(),
  });
  checkCode(code, "make a tunnel");
  const handle = out[0];
  const feed = (bytes: Uint8Array<ArrayBuffer>, credit: number) => {
    const length = BigInt(bytes.length);
    const code = pool.symbols.blit_net_feed(handle, bytes, length, BigInt(credit));
    if (-code === STATUS.disconnected) return;
    if (-code === STATUS.mismatch) {
      throw new BlitError(
        "mismatch",
        "Cannot go on with a tunnel: the other side doesn't keep to its credit.",
      );
    }
    checkCode(code, "feed a tunnel");
  };
  return {
    handle,
    outgoing,
    feed: (bytes) => {
      // Without bytes it would mean the end.
      if (bytes.length > 0) feed(bytes as Uint8Array<ArrayBuffer>, 0);
    },
    ack: (bytes) => {
      if (bytes > 0) feed(NOTHING, bytes);
    },
    end: () => feed(NOTHING, 0),
    close: () => closeStream(pool, handle),
  };
}

/** What waits to be carried; native code bounds it. */
class OutgoingQueue implements AsyncIterable<Outgoing> {
  readonly #waiting: Outgoing[] = [];
  #ended = false;
  #wake: (() => void) | null = null;

  push(piece: Outgoing): void {
    this.#waiting.push(piece);
    this.#wake?.();
  }

  end(): void {
    this.#ended = true;
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Outgoing> {
    while (true) {
      const next = this.#waiting.shift();
      if (next) yield next;
      else if (this.#ended) return;
      else await new Promise<void>((resolve) => this.#wake = resolve);
    }
  }
}
