/**
 * Peers of a daemon that connect and say nothing, half of something, a byte a second, or read nothing of what they are
 * told, and how soon each has to be cut off.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { type ClientHttp2Session, connect as connectHttp2 } from "node:http2";
import { connect } from "node:net";
import { connect as connectTls } from "node:tls";
import { Kind, NO_PARENT } from "../../src/core/entry_block.ts";
import { BatchBuilder, Op } from "../../src/core/work_batch.ts";
import { packRecord } from "../../src/wire/encoder.ts";
import { RecordType } from "../../src/wire/record.ts";
import type { Duplex } from "../../src/wire/record_stream.ts";
import type { RawClient, RawSession } from "../remote/daemon_support.ts";
import recorded from "../vectors/hello_1_0.json" with { type: "json" };
import type { Ready } from "./daemon_process.ts";
import { Proxy } from "./proxy.ts";
import { dialRaw, preamble, tunnelRaw } from "./raw_stream.ts";

/** As docs/security.md has them: a connection to the control port without a call, and a call without its request. */
const SILENT_MS = 30_000;
/** As docs/protocol.md has it: a connection to the data port without a token. */
const NO_TOKEN_MS = 5_000;
/** As docs/protocol.md has it: somebody who takes nothing of what they asked for over the control plane. */
const TUNNEL_MS = 120_000;
/** So long a system may go on taking a little for a program that reads nothing: with each look at its window, and these double. */
const FILLING_MS = 20_000;
/** Between two bytes of those who say one now and then. */
const BYTE_MS = 1_000;
/** The daemon looks for silent ones so often. */
const LOOK_MS = 5_000;

const PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/** An empty SETTINGS frame. */
const SETTINGS = "\0\0\0\x04\0\0\0\0\0";
/** The head of a HEADERS frame of 64 bytes, which ends neither headers nor stream. */
const HEADERS = "\0\0\x40\x01\0\0\0\0\x01";
/** The beginning of a TLS handshake. */
const TLS = "\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03";

/** One of them. */
export interface SlowPeer {
  readonly kind: string;
  /** It has to be cut off by then, ms after it came. */
  readonly limitMs: number;
  /** Resolves once it is cut off. */
  readonly over: Promise<unknown>;
  leave(): void;
}

/** Where they go, and who they are. */
export interface SlowPlace {
  readonly ready: Ready;
  /** Silence after which a session ends, ms. */
  readonly idleMs: number;
  /** SHA-256 of the certificate; null: plain. */
  readonly certificateSha256: Uint8Array | null;
  /** Of a user, where one is needed. */
  readonly token: string | null;
}

/** An address of this machine, another for every ten. */
function addressOf(nth: number): string {
  return `127.0.1.${1 + Math.floor(nth / 10)}`;
}

interface RawPeer {
  readonly kind: string;
  readonly port: number;
  readonly text: string;
  readonly limitMs: number;
  readonly isDribbling?: boolean;
}

function rawPeer({ kind, port, text, limitMs, isDribbling }: RawPeer, nth: number): SlowPeer {
  const socket = connect({ port, host: "127.0.0.1", localAddress: addressOf(nth) });
  socket.on("error", () => {});
  socket.resume();
  if (text !== "") socket.write(text, "latin1");
  const timer = isDribbling ? setInterval(() => socket.write("\x01"), BYTE_MS) : undefined;
  const over = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  return {
    kind,
    limitMs,
    over: over.finally(() => clearInterval(timer)),
    leave: () => void socket.destroy(),
  };
}

/** Peers of the control port that never come as far as a call: as many as are asked for. */
export function silentAtControl({ ready }: SlowPlace, count: number): SlowPeer[] {
  const { port, tls } = ready;
  const limitMs = SILENT_MS + LOOK_MS;
  const begun = tls ? TLS : PREFACE + SETTINGS + HEADERS;
  const kinds: readonly Omit<RawPeer, "port" | "limitMs">[] = [
    { kind: "control port, silent", text: "" },
    { kind: "control port, half a greeting", text: tls ? TLS.slice(0, 4) : PREFACE.slice(0, 9) },
    { kind: "control port, half a request", text: begun },
    { kind: "control port, a byte a second", text: begun.slice(0, -3), isDribbling: true },
  ];
  return Array.from(
    { length: count },
    (_, i) => rawPeer({ ...kinds[i % kinds.length], port, limitMs }, i),
  );
}

/** Peers of the data port that never show a token. */
export function silentAtData({ ready }: SlowPlace, count: number): SlowPeer[] {
  const port = ready.data_port;
  const begun = ready.tls ? TLS : "BLIT\x01\0\x90\x01eyJhbGciOiJIUzI1NiJ9.";
  const kinds: readonly Omit<RawPeer, "port" | "limitMs">[] = [
    { kind: "data port, silent", text: "" },
    { kind: "data port, half a token", text: begun },
    { kind: "data port, a byte a second", text: begun.slice(0, 5), isDribbling: true },
  ];
  return Array.from(
    { length: count },
    (_, i) => rawPeer({ ...kinds[i % kinds.length], port, limitMs: NO_TOKEN_MS }, i),
  );
}

/** Peers of the control port that begin calls: half of them don't send their request, half read no answer. */
export function slowCalls(place: SlowPlace, count: number): SlowPeer[] {
  return Array.from({ length: count }, (_, i) => slowCall(place, i));
}

function slowCall({ ready, idleMs, token }: SlowPlace, nth: number): SlowPeer {
  const to = { port: ready.port, host: "127.0.0.1", localAddress: addressOf(nth) };
  const socket = ready.tls
    ? connectTls({ ...to, ALPNProtocols: ["h2"], rejectUnauthorized: false })
    : connect(to);
  socket.on("error", () => {});
  const readsNothing = nth % 2 === 0;
  const scheme = ready.tls ? "https" : "http";
  const http2 = connectHttp2(`${scheme}://127.0.0.1:${ready.port}`, {
    createConnection: () => socket,
    settings: readsNothing ? { initialWindowSize: 0 } : {},
  });
  http2.on("error", () => {});
  const authorization = token === null ? {} : { authorization: `Bearer ${token}` };
  const path = readsNothing ? "/blit.v1.Sessions/Open" : "/blit.v1.Sessions/Stat";
  const type = readsNothing ? "application/connect+proto" : "application/proto";
  const stream = http2.request({
    ...{ ":method": "POST", ":path": path, "content-type": type, "connect-protocol-version": "1" },
    ...authorization,
  });
  stream.on("error", () => {});
  stream.write(readsNothing ? Buffer.from(recorded.hello, "base64") : new Uint8Array(1));
  return {
    kind: readsNothing ? "call, reads nothing" : "call, half a request",
    // First the call goes, then the connection that has none.
    limitMs: (readsNothing ? idleMs : SILENT_MS) + SILENT_MS + LOOK_MS,
    over: new Promise<void>((resolve) => socket.once("close", () => resolve())),
    leave: () => leave(http2),
  };
}

/** Not in a turn of its own events: Deno 2.9 doesn't survive that. */
function leave(http2: ClientHttp2Session): void {
  setTimeout(() => http2.destroy(), 0);
}

/** Streams of one session. */
const STREAMS = 16;
const FILE = "large", FILE_BYTES = 96 << 20;

/** More than both systems keep of a connection (Linux: up to 32 MiB). The file that the module has for those who ask for content and don't read it. */
export const SLOW_FILE = { name: FILE, sizeBytes: FILE_BYTES };

/**
 * A session and streams of it, sixteen in all. While the session says that it lives: streams and tunnels with half a record,
 * or where nobody reads what was asked for. While it is silent: a byte a second.
 *
 * @param isTalking whether the session says that it lives
 */
export async function slowStreams(
  client: RawClient,
  place: SlowPlace,
  isTalking: boolean,
): Promise<SlowPeer[]> {
  const { ready, idleMs, certificateSha256 } = place;
  const session = await client.openRoot({ module: "m" });
  const asked = { session: session.id, root: session.root, runId: 1n, streams: STREAMS };
  const { tokens } = await client.sessions.grant(asked);
  if (isTalking) keepAlive(session);
  const peers = await Promise.all(tokens.map(async (token, i): Promise<SlowPeer> => {
    const isTunnel = isTalking && i % 4 === 3;
    if (isTunnel) return await deaf("tunnel", await tunnelRaw(client, token), TUNNEL_MS);
    const dial = (port: number) => dialRaw(port, preamble(token), certificateSha256);
    if (!isTalking) {
      return dribbling("stream, a byte a second", await dial(ready.data_port), idleMs);
    }
    if (i % 2 === 0) return await halting("stream", await dial(ready.data_port), idleMs);
    // Who reads TLS reads on, however little of it is asked for: so it is held up before.
    const proxy = await Proxy.listen();
    proxy.target = ready.data_port;
    // A third more: so often it is looked at.
    return await deaf("stream", await dial(proxy.port), FILLING_MS + idleMs * 4 / 3, proxy);
  }));
  const silent = {
    kind: "session, silent",
    limitMs: idleMs,
    over: session.ended.then(() => {}, () => {}),
    leave: () => client.close(),
  };
  return isTalking ? peers : [...peers, silent];
}

/** Says that a session lives, until it has ended. */
function keepAlive(session: RawSession): void {
  const alive = { case: "alive", value: { bytes: 0n, entries: 0n } };
  const timer = setInterval(
    () => session.send(alive as Parameters<RawSession["send"]>[0]),
    BYTE_MS,
  );
  session.ended.catch(() => {}).finally(() => clearInterval(timer));
}

/** The head of a put that claims as much as one may have, and its first bytes. */
function halfPut(): Uint8Array {
  const record = packRecord(RecordType.put, 0, new Uint8Array(4 << 20));
  return record.slice(0, 100);
}

/** Says half a record, and then nothing. */
async function halting(way: string, link: Duplex, limitMs: number): Promise<SlowPeer> {
  await link.send(halfPut());
  return { kind: `${way}, half a record`, limitMs, over: drained(link), leave: link.close };
}

/** Says half a record, and then a byte now and then. */
async function dribbling(kind: string, link: Duplex, limitMs: number): Promise<SlowPeer> {
  await link.send(halfPut());
  const timer = setInterval(() => void link.send(new Uint8Array(1)), BYTE_MS);
  const over = drained(link).finally(() => clearInterval(timer));
  return { kind, limitMs, over, leave: link.close };
}

/**
 * Asks for content, and reads none of it until it should have been cut off.
 *
 * @param proxy what the link goes through, which is closed with it; left out: it reads only what it is asked to
 */
async function deaf(way: string, link: Duplex, limitMs: number, proxy?: Proxy): Promise<SlowPeer> {
  proxy?.hold("fromDaemon");
  const batch = new BatchBuilder(Op.copy);
  batch.items.add({ name: FILE, kind: Kind.file, parent: NO_PARENT, sizeBytes: FILE_BYTES });
  await link.send(packRecord(RecordType.get, 0, batch.finish()));
  const read = Promise.withResolvers<void>();
  // What lies ready would only be read later: whoever reads can't see that they were cut off before they read.
  const timer = setTimeout(read.resolve, limitMs + LOOK_MS);
  const over = (async () => {
    await read.promise;
    proxy?.release("fromDaemon");
    const bytes = await drained(link);
    if (bytes >= FILE_BYTES) throw new TypeError("it was given the whole file");
  })().finally(() => proxy?.close());
  over.catch(() => {});
  const leave = () => {
    clearTimeout(timer);
    read.resolve();
    link.close();
  };
  return { kind: `${way}, reads nothing`, limitMs: limitMs + LOOK_MS, over, leave };
}

/** Reads until the other side is gone. @returns how many bytes came */
async function drained(link: Duplex): Promise<number> {
  let bytes = 0;
  try {
    for await (const chunk of link.receive()) bytes += chunk.length;
  } catch {
    // An end like another.
  }
  return bytes;
}
