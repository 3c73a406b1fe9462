/**
 * Connections to the control port: how many there may be, which go for a newcomer, and how long one may be silent.
 *
 * @module
 */
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
  /** Calls under way, and how many of them have sent a whole request. */
  calls: number;
  asked: number;
  /** Sessions that are open over it. */
  sessions: number;
  idleSinceMs: number;
  /** For each call, how many bytes of its answer the peer hasn't taken. */
  readonly untaken: Set<() => number>;
  /** What was written by the time at which it last took something, or had nothing to take. */
  written: number;
  takenMs: number;
  /** A whole request has come over it, some time. */
  hasAsked: boolean;
}

/** One call, as its connection counts it. */
export interface CountedCall {
  /** Its request has come whole. */
  asked(): void;
  /** It opened a session. @returns says that the session has ended */
  holds(): () => void;
  /** It is over. */
  ended(): void;
}

/** A call of a connection that is gone. */
export const UNCOUNTED: CountedCall = { asked() {}, holds: () => () => {}, ended() {} };

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
    const hasRoom = ofAddress >= connectionsPerAddress
      ? this.#makeRoom(address)
      : this.#entries.size < connections || this.#makeRoom(null);
    if (!hasRoom) {
      this.refused++;
      this.#log.debug("connection from {address} refused: too many", { address });
      socket.destroy();
      return;
    }
    const entry: Entry = {
      socket,
      address,
      calls: 0,
      asked: 0,
      sessions: 0,
      idleSinceMs: performance.now(),
      untaken: new Set(),
      written: 0,
      takenMs: performance.now(),
      hasAsked: false,
    };
    this.#entries.set(key, entry);
    this.#perAddress.set(address, (this.#perAddress.get(address) ?? 0) + 1);
    socket.once("close", () => this.#forget(key, entry));
    // Whoever resets a connection is gone: nothing to say and nobody to say it to.
    socket.on("error", () => {});
  }

  /** Whether a connection was taken, and has not been cut since. */
  has(socket: SocketName): boolean {
    return this.#entries.has(keyOf(socket));
  }

  /**
   * A call began.
   *
   * @param untaken how many bytes of its answer wait for the peer
   */
  call(socket: SocketName, untaken: () => number): CountedCall {
    const entry = this.#entries.get(keyOf(socket));
    if (!entry) return UNCOUNTED;
    if (entry.calls++ === 0) entry.takenMs = performance.now();
    entry.untaken.add(untaken);
    let hasAsked = false;
    return {
      asked() {
        if (!hasAsked) entry.asked++;
        hasAsked = entry.hasAsked = true;
      },
      holds() {
        entry.sessions++;
        return () => void entry.sessions--;
      },
      ended() {
        entry.calls--;
        entry.untaken.delete(untaken);
        if (hasAsked) entry.asked--;
        entry.idleSinceMs = performance.now();
      },
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
      if (takes(entry) || entry.takenMs > before) continue;
      if (entry.calls === 0 && entry.idleSinceMs > before) continue;
      this.refused++;
      cutLater(entry);
    }
  }

  /**
   * Cuts the connection that is missed least, for a newcomer: whoever says nothing must not keep others out.
   *
   * @param address whose connections may go; null: anybody's
   * @returns false where all of them have sessions
   */
  #makeRoom(address: string | null): boolean {
    let least: [key: string, entry: Entry] | null = null;
    // The oldest come first.
    for (const [key, entry] of this.#entries) {
      if (entry.sessions > 0 || (address !== null && entry.address !== address)) continue;
      if (least === null || worth(entry) < worth(least[1])) least = [key, entry];
    }
    if (least === null) return false;
    const [key, entry] = least;
    this.refused++;
    this.#log.debug("connection from {address} cut: its place is needed", {
      address: entry.address,
    });
    this.#forget(key, entry);
    cutLater(entry);
    return true;
  }

  #forget(key: string, entry: Entry): void {
    if (this.#entries.get(key) !== entry) return;
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

/**
 * Whether somebody has calls, and takes what those answer or has nothing to take. Where there are sessions, their own silence
 * ends them; whoever reads nothing from then on must not keep the connection.
 */
function takes(entry: Entry): boolean {
  if (entry.calls === 0) return false;
  const { bytesWritten } = entry.socket;
  const waits = entry.untaken.values().some((untaken) => untaken() > 0);
  if (entry.sessions === 0 && waits && bytesWritten === entry.written) return false;
  entry.written = bytesWritten;
  entry.takenMs = performance.now();
  return true;
}

/** How much a connection without a session is missed: least where it never came as far as a whole request. */
function worth({ asked, hasAsked }: Entry): number {
  if (asked > 0) return 2;
  return hasAsked ? 1 : 0;
}

/** Address of a peer, an IPv4 one in its own form. */
export function addressOf(socket: SocketName): string {
  return (socket.remoteAddress ?? "").replace(/^::ffff:(?=\d+\.)/, "");
}

function keyOf({ remoteAddress, remotePort }: SocketName): string {
  return `${remoteAddress} ${remotePort}`;
}
