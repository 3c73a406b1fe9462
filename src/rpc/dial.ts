/**
 * Dial: from a host's name to an HTTP/2 session with the daemon that was meant, over TLS or plain.
 *
 * @module
 */
import http2 from "node:http2";
import net from "node:net";
import tls from "node:tls";
import { BlitError } from "../core/error.ts";
import { formatFingerprint } from "../core/fingerprint.ts";
import { DEFAULT_PORT } from "../core/ports.ts";
import { destroyLater } from "./destroy_later.ts";
import {
  connectAny,
  type Connected,
  hostDisplay,
  type HostName,
  limited,
  originOf,
  type Reached,
  wordsOf,
} from "./reach.ts";

export { hostDisplay, type HostName };

/** How a host is known to be the one that is meant. */
export type HostTrust =
  /** By its certificate alone: SHA-256 of the DER form. */
  | { readonly kind: "pin"; readonly sha256: Uint8Array }
  /** By whoever signed its certificate: a file's content, or the system's authorities. */
  | { readonly kind: "ca"; readonly pem?: string }
  /** Not at all: nothing on the way is encrypted. */
  | { readonly kind: "plain" };

/** A connection and what was found out while it was made. */
export interface Dialled extends Reached {
  readonly http2: http2.ClientHttp2Session;
  readonly isTls: boolean;
  /** SHA-256 of the daemon's certificate; null on a plain link. */
  readonly sha256: Uint8Array | null;
  /** Whether something that speaks HTTP/2 has answered by now: calls don't wait for that. */
  isAnswered(): boolean;
  /** Whether it was closed over there without a word. */
  isShut(): boolean;
}

/** What to do about a host that nothing is known of. */
export type AskUnknown = (found: UnknownHost) => Promise<boolean>;

/** What an unknown host shows. */
export interface UnknownHost {
  /** As a person writes it: `nas:9031`. */
  readonly display: string;
  /** SHA-256 of its certificate; null where it doesn't speak TLS. */
  readonly sha256: Uint8Array | null;
}

/** A listener that isn't a daemon may never answer. */
const HANDSHAKE_MS = 10_000;
/** What may be under way to this side: a link of 1 Gbit/s and 100 ms holds 12 MB. */
const STREAM_WINDOW_BYTES = 8 << 20, SESSION_WINDOW_BYTES = 32 << 20;

/** Who decides while a host is dialled. */
export interface DialOptions {
  /** Decides about an unknown host; left out, the answer is no. */
  readonly ask?: AskUnknown;
  /** Its abort ends dialling; left out, only time does. */
  readonly signal?: AbortSignal;
}

/**
 * Connects to a daemon.
 *
 * @param trust what is known of the host; null: nothing
 * @throws {BlitError} `disconnected` where nobody answers; `unauthenticated` where the host is unknown, or not the one
 *   that is known
 */
export async function dial(
  name: HostName,
  trust: HostTrust | null,
  { ask, signal }: DialOptions = {},
): Promise<Dialled> {
  const display = hostDisplay(name);
  const { socket, ...reached } = await connectAny(name, signal);
  if (trust?.kind === "plain") return plain(socket, reached, display);
  // With TLS the client speaks first. Over two pieces that are there already Deno 2.9 can't begin it: it ends the process.
  if (socket.readableLength > 0) {
    socket.destroy();
    if (trust === null) return await unknownPlain(name, reached, display, { ask, signal });
    throw tlsError(new BlitError("mismatch", "it spoke first"), display, trust);
  }
  let secured: tls.TLSSocket;
  try {
    secured = await handshake({ socket, signal }, name.host, trust, display);
  } catch (error) {
    const wasShut = socket.bytesRead === 0 && !isLate(error);
    socket.destroy();
    signal?.throwIfAborted();
    if (wasShut && trust !== null) throw shutError(display, error);
    if (error instanceof BlitError || trust !== null) throw tlsError(error, display, trust);
    // No TLS there, or it broke off: a plain daemon answers the first bytes by closing.
    return await unknownPlain(name, reached, display, { ask, signal });
  }
  try {
    const sha256 = certificateOf(secured, display);
    await expectTrusted(sha256, trust, display, ask);
    return { ...upgrade(secured, display, true), ...reached, isTls: true, sha256 };
  } catch (error) {
    secured.destroy();
    throw error;
  }
}

async function unknownPlain(
  name: HostName,
  reached: Reached,
  display: string,
  { ask, signal }: DialOptions,
): Promise<Dialled> {
  if (!reached.isLoopback && !await ask?.({ display, sha256: null })) throw unknownHost(display);
  const { socket, ...again } = await connectAny(name, signal, [reached.address]);
  return plain(socket, again, display);
}

function plain(socket: Connected["socket"], reached: Reached, display: string): Dialled {
  return { ...upgrade(socket, display, false), ...reached, isTls: false, sha256: null };
}

function handshake(
  { socket, signal }: { readonly socket: Connected["socket"]; readonly signal?: AbortSignal },
  host: string,
  trust: HostTrust | null,
  display: string,
): Promise<tls.TLSSocket> {
  const byAuthority = trust?.kind === "ca";
  return new Promise((resolve, reject) => {
    const secured = tls.connect({
      socket,
      // The certificate's fingerprint is compared below, before a byte of ours is sent.
      rejectUnauthorized: byAuthority,
      ca: byAuthority ? trust.pem : undefined,
      // An address is no server name; an empty one would become a part of the session's URL.
      servername: net.isIP(host) === 0 ? host : undefined,
      ALPNProtocols: ["h2"],
    });
    const late = `Cannot reach ${display}: no answer to the handshake.`;
    const settled = limited(HANDSHAKE_MS, signal, new BlitError("disconnected", late), (error) => {
      settled();
      secured.destroy();
      reject(error);
    });
    const failed = (error: Error) => {
      settled();
      reject(error);
    };
    const closed = () => failed(new BlitError("mismatch", "closed"));
    secured.once("error", failed);
    secured.once("close", closed);
    secured.once("secureConnect", () => {
      settled();
      // No others: some are the socket's own.
      secured.off("close", closed);
      secured.on("error", () => {});
      resolve(secured);
    });
  });
}

function certificateOf(socket: tls.TLSSocket, display: string): Uint8Array {
  const hex = socket.getPeerCertificate()?.fingerprint256?.replaceAll(":", "") ?? "";
  const bytes = Uint8Array.from(hex.match(/../g) ?? [], (byte) => parseInt(byte, 16));
  if (bytes.length === 32) return bytes;
  throw new BlitError("mismatch", `${display} shows no certificate.`, { operation: "connect to" });
}

async function expectTrusted(
  sha256: Uint8Array,
  trust: HostTrust | null,
  display: string,
  ask: AskUnknown | undefined,
): Promise<void> {
  if (trust?.kind === "ca") return;
  if (trust === null) {
    if (await ask?.({ display, sha256 })) return;
    throw unknownHost(display);
  }
  if (trust.kind === "pin" && sameBytes(trust.sha256, sha256)) return;
  const known = trust.kind === "pin" ? formatFingerprint(trust.sha256) : "none";
  throw new BlitError(
    "unauthenticated",
    `${display} shows another certificate than the one that is known: ${
      formatFingerprint(sha256)
    } instead of ${known}. ` +
      "Somebody may be in between. If the daemon has a new one, run blit logout and blit login for that host.",
    { operation: "connect to" },
  );
}

function unknownHost(display: string): BlitError {
  const host = display.replace(new RegExp(`:${DEFAULT_PORT}$`), "");
  return new BlitError("unauthenticated", `${display} is unknown. Run: blit login ${host}`, {
    operation: "connect to",
    advice: `Run: blit login ${host}`,
  });
}

/** Whether the handshake took too long. */
function isLate(error: unknown): error is BlitError {
  return error instanceof BlitError && error.kind === "disconnected";
}

/**
 * A connection that was closed without a word: so does a daemon that has too many of them with a connection that nothing
 * was asked over yet.
 */
export function shutError(display: string, cause?: unknown): BlitError {
  return new BlitError(
    "disconnected",
    `${display} closed the connection without a word. It has too many clients, or is no blit daemon: ` +
      "run again, or check the port.",
    { operation: "connect to", cause },
  );
}

function tlsError(error: unknown, display: string, trust: HostTrust | null): BlitError {
  if (isLate(error)) return error;
  const [words, advice] = trust?.kind === "ca"
    ? [wordsOf(error), "Check its certificate, or log in with its fingerprint"]
    : [
      "it doesn't speak TLS as it did",
      "Check what answers there. If it encrypts no more and that is meant, run blit logout for that host",
    ];
  return new BlitError("unauthenticated", `Cannot trust ${display}: ${words}. ${advice}.`, {
    operation: "connect to",
    cause: error,
  });
}

/** Starts HTTP/2 on a connection. Calls may be made at once: waiting for the other side's settings would cost a round trip. */
function upgrade(
  socket: Connected["socket"],
  display: string,
  isTls: boolean,
): Pick<Dialled, "http2" | "isAnswered" | "isShut"> {
  const session = http2.connect(originOf(display, isTls), {
    createConnection: () => socket,
    settings: { initialWindowSize: STREAM_WINDOW_BYTES, enablePush: false },
  });
  destroyLater(session);
  let answered = false;
  // What listens there may take the connection and never say anything.
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    session.destroy();
  }, HANDSHAKE_MS);
  session.on("error", () => {});
  session.once("close", () => clearTimeout(timer));
  // Only its settings show that HTTP/2 is spoken: "connect" comes with the socket.
  session.once("remoteSettings", () => {
    answered = true;
    clearTimeout(timer);
    setTimeout(() => {
      if (!session.destroyed) session.setLocalWindowSize(SESSION_WINDOW_BYTES);
    }, 0);
  });
  return {
    http2: session,
    isAnswered: () => answered,
    // Over TLS it was known before the first byte who is there.
    isShut: () => !answered && !late && (isTls || socket.bytesRead === 0),
  };
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
