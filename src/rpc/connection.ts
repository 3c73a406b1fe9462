/**
 * Connection: one HTTP/2 connection to a daemon, and the clients of its services.
 *
 * @module
 */
import type { DescService } from "@bufbuild/protobuf";
import { type Client, createClient, type Interceptor, type Transport } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { BlitError } from "../core/error.ts";
import {
  type AskUnknown,
  dial,
  type Dialled,
  hostDisplay,
  type HostName,
  type HostTrust,
  shutError,
} from "./dial.ts";
import { fromConnectError, isAnswer, isStreamError } from "./errors.ts";
import { originOf } from "./reach.ts";

/** Longest message that is taken from a daemon: a batch of results or a block with long names. */
const MOST_MESSAGE_BYTES = 16 << 20;

/** What is needed to connect. */
export interface ConnectRequest {
  readonly name: HostName;
  /** What is known of the host; null: nothing. */
  readonly trust: HostTrust | null;
  /** The user's token; null where there is none. It goes to a host that is trusted, and over plain links only to this machine's. */
  readonly token: string | null;
  /** Decides about an unknown host; left out, the answer is no. */
  readonly ask?: AskUnknown;
  /** Its abort ends connecting; left out, only time does. */
  readonly signal?: AbortSignal;
}

/** A connection; {@link Connection.close} ends it. */
export class Connection {
  /** The host as a person writes it. */
  readonly display: string;
  readonly dialled: Dialled;
  readonly #transport: Transport;
  #broken = false;

  private constructor(display: string, dialled: Dialled, token: string | null) {
    this.display = display;
    this.dialled = dialled;
    const session = dialled.http2;
    const baseUrl = originOf(display, dialled.isTls);
    // Deno 2.9 leaves the brackets of an IPv6 address out, and then it is no URL over there.
    const authority = new URL(baseUrl).host;
    this.#transport = createConnectTransport({
      baseUrl,
      httpVersion: "2",
      sessionManager: {
        authority: baseUrl,
        request: (method, path, headers, options) => {
          if (this.isGone) return Promise.reject(this.#gone());
          const named = { ...headers, ":method": method, ":path": path, ":authority": authority };
          return Promise.resolve(session.request(named, options));
        },
        notifyResponseByteRead() {},
      },
      interceptors: token === null ? [] : [withToken(token)],
      // What is listed and hashed is read once: compressing it costs more than a local link does.
      acceptCompression: [],
      readMaxBytes: MOST_MESSAGE_BYTES,
    });
  }

  /**
   * Connects.
   *
   * @throws {BlitError} as {@link dial}; `unauthenticated` where a token would go over an open link
   */
  static async open({ name, trust, token, ask, signal }: ConnectRequest): Promise<Connection> {
    const display = hostDisplay(name);
    const dialled = await dial(name, trust, { ask, signal });
    if (token !== null && !dialled.isTls && !dialled.isLoopback) {
      dialled.http2.destroy();
      throw new BlitError(
        "unauthenticated",
        `${display} doesn't encrypt: your token for it was not sent. Turn TLS on there, or run blit logout for that host.`,
        { operation: "connect to" },
      );
    }
    return new Connection(display, dialled, token);
  }

  /** A client of one of the daemon's services; what it throws goes through {@link Connection.error}. */
  client<T extends DescService>(service: T): Client<T> {
    return createClient(service, this.#transport);
  }

  /** Whether the connection has ended: no call on it can succeed any more. */
  get isGone(): boolean {
    const { http2 } = this.dialled;
    return this.#broken || http2.closed || http2.destroyed;
  }

  /** What a call failed with, as blit's own error. */
  error(thrown: unknown): BlitError {
    const error = fromConnectError(thrown, this.display);
    if (isAnswer(thrown)) return error;
    if (!this.dialled.isAnswered()) return this.#noDaemon(thrown);
    // A call may hear of a broken socket before the HTTP/2 session does.
    if (error.kind === "disconnected") this.#broken = true;
    // A stream that went away under its call reads as unknown, or as if somebody had cancelled it.
    const wentAway = error.kind === "cancelled" ||
      (error.kind === "mismatch" && (this.isGone || isStreamError(thrown)));
    return wentAway ? this.#gone(thrown) : error;
  }

  /** Ends the connection and every call on it. */
  close(): void {
    this.dialled.http2.destroy();
  }

  #noDaemon(cause: unknown): BlitError {
    if (this.dialled.isShut()) return shutError(this.display, cause);
    return new BlitError(
      "mismatch",
      `${this.display} doesn't answer as a blit daemon does. Check the port.`,
      { operation: "connect to", cause },
    );
  }

  #gone(cause?: unknown): BlitError {
    if (!this.dialled.isAnswered()) return this.#noDaemon(cause);
    return new BlitError(
      "disconnected",
      `The connection to ${this.display} is gone. Run again: it goes on where it ended.`,
      { operation: "call", cause },
    );
  }
}

function withToken(token: string): Interceptor {
  return (next) => (request) => {
    request.header.set("authorization", `Bearer ${token}`);
    return next(request);
  };
}
