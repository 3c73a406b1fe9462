/**
 * Connections to the control port: how many there may be, and how long one may be silent.
 *
 * @module
 */
import type { Http2Session } from "node:http2";
import type { Socket } from "node:net";
import type { ServiceLog } from "../rpc/service/host.ts";

/** How often silent connections are looked for. */
const SWEEP_MS = 5_000;

/** Bounds of connections. */
export interface ConnectionLimits {
  readonly connections: number;
  readonly connectionsPerAddress: number;
}

/** What is known of a socket, whichever layer of it is at hand. */
export interface SocketName {
  readonly remoteAddress?: string;
  readonly remotePort?: number;
}

/** A connection that was cut is gone after this. */
const CLOSING_MS = 1000;

interface Entry {
  readonly socket: Socket;
  readonly address: string;
  calls: number;
  idleSinceMs: number;
  session: Http2Session | null;
}

/** Counts connections, and closes those that are too many or silent. */
export class Connections {
  readonly #limits: () => ConnectionLimits;
  readonly #log: ServiceLog;
  readonly #silentMs: number;
  /** By address and port: TLS and HTTP/2 show other objects for the same connection. */
  readonly #entries = new Map<string, Entry>();
  readonly #perAddress = new Map<string, number>();
  readonly #sweep: ReturnType<typeof setInterval>;
  /** Connections refused or closed for silence so far. */
  refused = 0;

  /** @param silentMs how long a connection may be without a call */
  constructor(limits: () => ConnectionLimits, log: ServiceLog, silentMs: number) {
    this.#limits = limits;
    this.#log = log;
    this.#silentMs = silentMs;
    this.#sweep = setInterval(() => this.#closeSilent(), Math.min(SWEEP_MS, silentMs));
  }

  /** Connections that are open. */
  get size(): number {
    return this.#entries.size;
  }

  /** Takes a new connection, or closes it at once. */
  accept(socket: Socket): void {
    const key = keyOf(socket);
    if (this.#entries.has(key)) return;
    const address = addressOf(socket);
    const { connections, connectionsPerAddress } = this.#limits();
    const ofAddress = this.#perAddress.get(address) ?? 0;
    if (this.#entries.size >= connections || ofAddress >= connectionsPerAddress) {
      this.refused++;
      this.#log.debug("connection from {address} refused: too many", { address });
      socket.destroy();
      return;
    }
    this.#entries.set(key, {
      socket,
      address,
      calls: 0,
      idleSinceMs: performance.now(),
      session: null,
    });
    this.#perAddress.set(address, ofAddress + 1);
    socket.once("close", () => this.#forget(key));
    // Whoever resets a connection is gone: nothing to say and nobody to say it to.
    socket.on("error", () => {});
  }

  /** The connection speaks HTTP/2 now. @returns false for one that was refused */
  speaks(socket: SocketName, session: Http2Session): boolean {
    const entry = this.#entries.get(keyOf(socket));
    if (entry) entry.session = session;
    return entry !== undefined;
  }

  /** A call began. @returns says that it ended */
  call(socket: SocketName): () => void {
    const entry = this.#entries.get(keyOf(socket));
    if (!entry) return () => {};
    entry.calls++;
    return () => {
      entry.calls--;
      entry.idleSinceMs = performance.now();
    };
  }

  /** Closes every connection, and waits until they are. */
  async close(): Promise<void> {
    clearInterval(this.#sweep);
    for (const entry of this.#entries.values()) cutLater(entry);
    const untilMs = performance.now() + CLOSING_MS;
    while (this.#entries.size > 0 && performance.now() < untilMs) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  #closeSilent(): void {
    const before = performance.now() - this.#silentMs;
    for (const entry of this.#entries.values()) {
      if (entry.calls > 0 || entry.idleSinceMs > before) continue;
      this.refused++;
      cutLater(entry);
    }
  }

  #forget(key: string): void {
    const entry = this.#entries.get(key);
    if (!entry) return;
    this.#entries.delete(key);
    const left = (this.#perAddress.get(entry.address) ?? 1) - 1;
    if (left > 0) this.#perAddress.set(entry.address, left);
    else this.#perAddress.delete(entry.address);
  }
}

/**
 * Cuts a connection, from a turn of its own: whoever asks may have been woken by one of the session's own events, and
 * Deno 2.9's native code doesn't survive its session's end within those. Nor is the session itself ended: it would say
 * goodbye, and closing what is open for that has ended the process too.
 */
function cutLater({ socket }: Entry): void {
  setTimeout(() => socket.destroy(), 0);
}

/** Address of a peer, an IPv4 one in its own form. */
export function addressOf(socket: SocketName): string {
  return (socket.remoteAddress ?? "").replace(/^::ffff:(?=\d+\.)/, "");
}

function keyOf({ remoteAddress, remotePort }: SocketName): string {
  return `${remoteAddress} ${remotePort}`;
}
