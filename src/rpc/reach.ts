/**
 * Reach: from a host's name to a TCP connection with one of its addresses.
 *
 * @module
 */
import { lookup } from "node:dns/promises";
import net from "node:net";
import { Duplex } from "node:stream";
import { BlitError } from "../core/error.ts";
import { pause } from "../core/pause.ts";

/** One address may take this long to answer. */
const CONNECT_MS = 10_000;
/** The next address is tried as well when this one hasn't answered by then. Reference: RFC 8305, section 5. */
const NEXT_MS = 250;

/** Where a daemon is. */
export interface HostName {
  /** Name or address as typed, without brackets. */
  readonly host: string;
  readonly port: number;
}

/** How a host was reached. */
export interface Reached {
  /** The address that answered: the data plane is there too. */
  readonly address: string;
  /** The daemon is on this machine. */
  readonly isLoopback: boolean;
  /** Time of the first round trip, ms. */
  readonly rttMs: number;
}

/** A connection, and how it came to be. */
export interface Connected extends Reached {
  readonly socket: Duplex & {
    /** How much came; not known of every kind. */ readonly bytesRead?: number;
  };
}

/** A host as a person writes it. */
export function hostDisplay({ host, port }: HostName): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}

/** The origin of a host's URLs: an interface's name, which an address may end with, is nobody else's business (RFC 6874). */
export function originOf(display: string, isTls: boolean): string {
  return `${isTls ? "https" : "http"}://${display.replace(/%[^\]]*/, "")}`;
}

/** Whether an address never leaves this machine. */
function isLoopback(address: string): boolean {
  return address === "::1" || /^(::ffff:)?127\./.test(address);
}

/**
 * Connects to the first address of a host that answers. They are tried in their order, each beside those before it
 * once these have failed or taken a moment: one that is dead holds nobody up.
 *
 * @param addresses left out: those that the name has
 * @throws {BlitError} `disconnected` where none of them answers
 */
export async function connectAny(
  name: HostName,
  signal: AbortSignal | undefined,
  addresses?: readonly string[],
): Promise<Connected> {
  const display = hostDisplay(name);
  const known = addresses ?? await addressesOf(name);
  try {
    // The usual case goes without a detour: what comes at once is heard only by whoever takes the socket over at once.
    if (known.length === 1) return await connectOne(known[0], name.port, signal);
    return await connectFirst(known, name.port, signal);
  } catch (error) {
    signal?.throwIfAborted();
    const failure = error instanceof AggregateError ? error.errors[0] : error;
    throw new BlitError(
      "disconnected",
      `Cannot reach ${display}: ${
        wordsOf(failure)
      }. Check that blit-daemon runs there, and the firewall.`,
      { operation: "reach", cause: failure },
    );
  }
}

/** Connects to whichever answers first. */
async function connectFirst(
  addresses: readonly string[],
  port: number,
  signal: AbortSignal | undefined,
): Promise<Connected> {
  const over = new AbortController();
  const ending = signal ? AbortSignal.any([signal, over.signal]) : over.signal;
  let before: Promise<unknown> = Promise.resolve();
  const tries = addresses.map((address) => {
    const turn = before;
    const failed = Promise.withResolvers<void>();
    before = turn.then(() => Promise.race([failed.promise, pause(NEXT_MS, ending)]));
    return turn.then(() => connectOne(address, port, ending)).catch((error) => {
      failed.resolve();
      throw error;
    });
  });
  try {
    const connected = await Promise.any(tries);
    // Another one may have come in the same moment.
    for (const one of tries) one.then((it) => it !== connected && it.socket.destroy(), () => {});
    return connected;
  } finally {
    over.abort();
  }
}

async function addressesOf(name: HostName): Promise<readonly string[]> {
  try {
    return (await lookup(name.host, { all: true })).map(({ address }) => address);
  } catch (error) {
    throw new BlitError(
      "disconnected",
      `Cannot reach ${hostDisplay(name)}: its name has no address. Check the name.`,
      { operation: "reach", cause: error },
    );
  }
}

/** Calls `end` with `late` after so many ms, or with the signal's reason once it is aborted; what it returns keeps it from that. */
export function limited(
  ms: number,
  signal: AbortSignal | undefined,
  late: BlitError,
  end: (error: unknown) => void,
): () => void {
  const timer = setTimeout(() => end(late), ms);
  const onAbort = () => end(signal?.reason);
  signal?.addEventListener("abort", onAbort);
  return () => {
    clearTimeout(timer);
    signal?.removeEventListener("abort", onAbort);
  };
}

function connectOne(
  address: string,
  port: number,
  signal: AbortSignal | undefined,
): Promise<Connected> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const startedMs = performance.now();
    const connect = address.includes("%") ? throughInterface : connectSocket;
    const failed = (error: unknown) => {
      settled();
      giveUp();
      reject(error);
    };
    const late = new BlitError("disconnected", "no answer");
    const settled = limited(CONNECT_MS, signal, late, failed);
    const giveUp = connect(address, port, (socket) => {
      settled();
      socket.on("error", () => {});
      const rttMs = performance.now() - startedMs;
      resolve({ socket, address, isLoopback: isLoopback(address), rttMs });
    }, failed);
  });
}

/** Begins to connect, and tells how it ended; what it returns gives it up. */
type Connect = (
  address: string,
  port: number,
  connected: (socket: Connected["socket"]) => void,
  failed: (error: unknown) => void,
) => () => void;

/** Connects to `fe80::1%eth0`: Deno 2.9's sockets of `node:net` lose the interface, and the system wants one. */
const throughInterface: Connect = (hostname, port, connected, failed) => {
  let isOver = false;
  Deno.connect({ hostname, port }).then((connection) => {
    if (isOver) return connection.close();
    connection.setNoDelay(true);
    const { readable, writable } = connection;
    connected(Duplex.fromWeb({ readable, writable }));
  }, failed);
  return () => isOver = true;
};

const connectSocket: Connect = (host, port, connected, failed) => {
  const socket = net.connect({ host, port, noDelay: true });
  socket.once("error", failed);
  socket.once("connect", () => {
    socket.removeAllListeners("error");
    connected(socket);
  });
  return () => socket.destroy();
};

/** Why an address or its certificate wasn't taken, as words that follow a colon. */
export function wordsOf(error: unknown): string {
  const { address = "" } = (error ?? {}) as { address?: string };
  if (/^fe[89ab].:[^%]*$/i.test(address)) {
    return `it is an address of one link alone, so say by which interface: [${address}%eth0]`;
  }
  const code = (error as { code?: string } | null)?.code;
  if (code === "ECONNREFUSED") return "Connection refused (ECONNREFUSED)";
  if (code === "EHOSTUNREACH") return "No route to host (EHOSTUNREACH)";
  if (code === "ENETUNREACH") return "Network is unreachable (ENETUNREACH)";
  return error instanceof Error ? error.message.replace(/\.$/, "") : String(error);
}
