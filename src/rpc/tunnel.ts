/**
 * Tunnel: a stream of the data plane whose bytes go in messages of the control plane.
 *
 * @module
 */
import { create } from "@bufbuild/protobuf";
import { BlitError } from "../core/error.ts";
import {
  type TunnelRequest,
  TunnelRequestSchema,
  type TunnelResponse,
} from "../gen/blit/v1/session_pb.ts";
import { AnswerReader } from "../wire/preamble.ts";
import type { Duplex } from "../wire/record_stream.ts";
import { Outbox } from "./outbox.ts";
import type { Session } from "./session.ts";

/** Most bytes under way in either direction. */
const WINDOW_BYTES = 4 << 20;
/** Most bytes of one message. */
const PIECE_BYTES = 256 << 10;
/** Credit is given in pieces of this size. */
const CREDIT_BYTES = WINDOW_BYTES / 8;

/** The messages of one tunnel; who uses it keeps to the window. */
export class Tunnel {
  readonly #session: Session;
  readonly #outbox = new Outbox<TunnelRequest>();
  readonly #ending = new AbortController();

  /** @param token a one-time token for a stream */
  constructor(session: Session, token: string) {
    this.#session = session;
    this.#outbox.push(create(TunnelRequestSchema, { token }));
  }

  /** Sends bytes, at most 256 KiB, and credit for bytes that were consumed. */
  push(data: Uint8Array, creditBytes = 0n): void {
    this.#outbox.push(create(TunnelRequestSchema, { data, creditBytes }));
  }

  /**
   * What comes, until the daemon closes; asked for once.
   *
   * @throws {BlitError} why it broke
   */
  async *messages(): AsyncGenerator<TunnelResponse, void, undefined> {
    const signal = AbortSignal.any([this.#session.signal, this.#ending.signal]);
    try {
      yield* this.#session.streaming.client.tunnel(this.#outbox, { signal });
    } catch (error) {
      throw this.#ending.signal.aborted ? streamClosed() : this.#session.error(error);
    } finally {
      this.close();
    }
  }

  /** Cuts both directions; later calls do nothing. */
  close(): void {
    this.#outbox.end();
    this.#ending.abort();
  }
}

/** A tunnel as the record codec wants it: past the daemon's answer, and keeping to the window by itself. */
export class TunnelDuplex implements Duplex {
  readonly #tunnel: Tunnel;
  /** Bytes sent that the daemon has not consumed. */
  #underWay = 0;
  #error: BlitError | null = null;
  #room: (() => void)[] = [];

  constructor(tunnel: Tunnel) {
    this.#tunnel = tunnel;
  }

  async send(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
      while (this.#underWay > WINDOW_BYTES - PIECE_BYTES && this.#error === null) {
        await new Promise<void>((resolve) => this.#room.push(resolve));
      }
      if (this.#error !== null) throw this.#error;
      // A copy: the caller may use the memory again before the message is packed.
      const data = bytes.slice(at, at + PIECE_BYTES);
      this.#underWay += data.length;
      this.#tunnel.push(data);
    }
  }

  async *receive(): AsyncGenerator<Uint8Array, void, undefined> {
    let owed = 0;
    const answer = new AnswerReader();
    try {
      for await (const { data, creditBytes } of this.#tunnel.messages()) {
        this.#underWay -= Number(creditBytes);
        if (creditBytes > 0n) this.#wake();
        const records = answer.take(data);
        if (records.length > 0) yield records;
        owed += data.length;
        if (owed < CREDIT_BYTES) continue;
        this.#tunnel.push(NOTHING, BigInt(owed));
        owed = 0;
      }
      this.#fail(streamClosed());
    } catch (error) {
      this.#fail(error instanceof BlitError ? error : streamClosed());
      throw error;
    }
  }

  close(): void {
    this.#fail(streamClosed());
    this.#tunnel.close();
  }

  #fail(error: BlitError): void {
    this.#error ??= error;
    this.#wake();
  }

  #wake(): void {
    for (const wake of this.#room.splice(0)) wake();
  }
}

const NOTHING = new Uint8Array(0);

function streamClosed(): BlitError {
  return new BlitError("disconnected", "The stream to the daemon is closed. Run again.", {
    operation: "send",
  });
}
