/**
 * The control port: HTTP/2, plain or over TLS, and the services on it.
 *
 * @module
 */
import {
  constants,
  createSecureServer,
  createServer,
  type Http2SecureServer,
  type Http2Server,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type ServerHttp2Session,
} from "node:http2";
import type { Socket } from "node:net";
import { setImmediate } from "node:timers";
import {
  Code,
  ConnectError,
  type ConnectRouter,
  type ContextKey,
  createConnectRouter,
  createContextKey,
  createContextValues,
  type HandlerContext,
} from "@connectrpc/connect";
import {
  universalRequestFromNodeRequest,
  universalResponseToNodeResponse,
} from "@connectrpc/connect-node";
import { listenError } from "../net/listen.ts";
import { destroyLater } from "../rpc/destroy_later.ts";
import { toConnectError } from "../rpc/errors.ts";
import { CALLER, HOLD } from "../rpc/service/calls.ts";
import type { ServiceLog } from "../rpc/service/host.ts";
import type { Authority } from "./auth.ts";
import { addressOf, type Connections, UNCOUNTED } from "./connections.ts";

/** Largest message that is taken from a client: a batch of 4 MiB with its envelope. */
const MOST_MESSAGE_BYTES = 5 << 20;
/** Flow control: what a client may send before it is read, for one call and for all of a connection. */
const STREAM_WINDOW_BYTES = 4 << 20, CONNECTION_WINDOW_BYTES = 16 << 20;
const MOST_CALLS = 128;
const MOST_HEADER_BYTES = 16 << 10;

/** What the server stands on. */
export interface ControlServerParts {
  readonly authority: Authority;
  readonly connections: Connections;
  readonly log: ServiceLog;
  /** Registers the services. */
  readonly routes: (router: ConnectRouter) => void;
  /** A call with one request has this long to send it, ms. */
  readonly requestMs: number;
  /** PEM; null: plain. */
  readonly tls: { readonly cert: string; readonly key: string } | null;
}

/** The control port, listening. */
export interface ControlServer {
  readonly port: number;
  /** Closes the port and every connection. */
  close(): Promise<void>;
}

/**
 * Opens the control port.
 *
 * @throws {BlitError} `busy` where the port is taken; `usage` where the address isn't this machine's
 */
export async function openControlServer(
  parts: ControlServerParts,
  bind: string,
  port: number,
): Promise<ControlServer> {
  const settings = {
    initialWindowSize: STREAM_WINDOW_BYTES,
    maxConcurrentStreams: MOST_CALLS,
    maxHeaderListSize: MOST_HEADER_BYTES,
    enablePush: false,
  };
  const handler = requestHandler(parts);
  const server = parts.tls === null
    ? createServer({ settings }, handler)
    : createSecureServer({ settings, ...parts.tls, ALPNProtocols: ["h2"] }, handler);
  follow(server, parts);
  await listening(server, bind, port);
  const address = server.address() as { port: number };
  return {
    port: address.port,
    close: async () => {
      await parts.connections.close();
      // Closing it says goodbye to every session that is left: see Connections.
      await new Promise<void>((resolve) => later(() => server.close(() => resolve())));
    },
  };
}

function follow(server: Http2Server | Http2SecureServer, parts: ControlServerParts): void {
  const { connections, log } = parts;
  // Before the server's own listener, so that what is too much costs nothing.
  server.prependListener("connection", (socket: Socket) => connections.accept(socket));
  server.on("session", (session: ServerHttp2Session) => {
    destroyLater(session);
    const socket = socketOf(session);
    if (!socket || !connections.has(socket)) {
      session.destroy();
      return;
    }
    session.on(
      "error",
      (error: Error) => log.debug("connection: {error}", { error: error.message }),
    );
    later(() => {
      if (!session.destroyed) session.setLocalWindowSize(CONNECTION_WINDOW_BYTES);
    });
  });
  server.on("sessionError", (error: Error) => {
    log.debug("connection: {error}", { error: error.message });
  });
  server.on("tlsClientError", (error: Error) => {
    log.debug("TLS: {error}", { error: error.message });
  });
}

/**
 * Does something to a session from a turn of its own: Deno 2.9's native code takes its memory away from under itself, and
 * the process ends with a signal, where that happens within one of the session's own events, or what they resolve.
 */
function later(work: () => void): void {
  setImmediate(work);
}

function listening(
  server: Http2Server | Http2SecureServer,
  bind: string,
  port: number,
): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (error: Error) => reject(listenError(error, bind, port)));
    server.listen(port, bind, () => {
      server.removeAllListeners("error");
      server.on("error", () => {});
      resolve();
    });
  });
}

/** The client's address, put there before a call's body is read. */
const PEER: ContextKey<string> = createContextKey("");

function requestHandler(parts: ControlServerParts) {
  const { authority, connections, log } = parts;
  const router = createConnectRouter({
    // Listings and results are read once: compressing them costs more than it saves, and a peer's would be a bomb.
    acceptCompression: [],
    readMaxBytes: MOST_MESSAGE_BYTES,
    requestGate: (context) => authenticate(context, authority),
  });
  parts.routes(router);
  const handlers = new Map(router.handlers.map((handler) => [handler.requestPath, handler]));
  const answer = async (request: Http2ServerRequest, response: Http2ServerResponse) => {
    const handler = handlers.get((request.url ?? "").split("?", 1)[0]);
    if (!handler) {
      response.writeHead(404);
      response.end();
      return;
    }
    const socket = socketOf(request.stream.session as ServerHttp2Session | undefined);
    const values = createContextValues();
    values.set(PEER, socket ? addressOf(socket) : "");
    const untaken = () => response.writableLength;
    const call = socket ? connections.call(socket, untaken) : UNCOUNTED;
    values.set(HOLD, call.holds);
    const single = handler.method.methodKind === "unary" ||
      handler.method.methodKind === "server_streaming";
    const timer = single ? setTimeout(() => request.stream.close(), parts.requestMs) : undefined;
    request.once("end", () => {
      clearTimeout(timer);
      call.asked();
    });
    request.once("close", () => {
      clearTimeout(timer);
      call.ended();
    });
    const universal = universalRequestFromNodeRequest(request, response, undefined, values);
    await universalResponseToNodeResponse(await handler(universal), response);
  };
  return (request: Http2ServerRequest, response: Http2ServerResponse) => {
    answer(request, response).catch((error) => {
      // A call whose client went away has nobody to fail to.
      const code = ConnectError.from(error).code;
      if (code !== Code.Aborted) log.debug("call broke: {error}", { error: String(error) });
      // Destroying alone wouldn't tell whoever still waits.
      later(() => request.stream.close(constants.NGHTTP2_PROTOCOL_ERROR));
    });
  };
}

async function authenticate(context: HandlerContext, authority: Authority): Promise<void> {
  try {
    const header = context.requestHeader.get("authorization");
    context.values.set(CALLER, await authority.authenticate(header, context.values.get(PEER)));
  } catch (error) {
    throw toConnectError(error);
  }
}

function socketOf(session: ServerHttp2Session | undefined): Socket | undefined {
  try {
    return session?.socket as Socket | undefined;
  } catch {
    // A destroyed session has none.
    return undefined;
  }
}
