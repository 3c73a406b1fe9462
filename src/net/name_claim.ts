/**
 * A name on the local network that nobody else has: found by asking, and defended (RFC 6762, sections 8 and 9).
 *
 * The library that announces services asks whether a name is taken, but two who ask at once it gives it both, and what
 * comes later it doesn't hear.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import dnsPacket from "dns-packet";
import { pause } from "../core/pause.ts";

/** A name is asked for this often, and so long is waited for an answer each time (section 8.1). */
const PROBES = 3, PROBE_MS = 250;
/** Whoever loses against another who asks at the same time asks again after this (section 8.2). */
const LOST_MS = 1000;
/** After so many names that were others', each further one is asked for only after a while (section 8.1). */
const QUICK_TRIES = 15, SLOW_MS = 5000;

/** One record of a service. */
interface Record {
  readonly name: string;
  readonly type: string;
  readonly ttl?: number;
  readonly data: unknown;
}

/** A message of multicast DNS, as far as it matters here. */
interface Message {
  readonly type: "query" | "response";
  readonly answers?: readonly Record[];
  readonly additionals?: readonly Record[];
  readonly authorities?: readonly Record[];
}

/** The library comes without types. */
const dns: {
  decode(bytes: Uint8Array): Message;
  encode(message: object): Buffer;
  record(type: string): { encode(data: unknown): Buffer };
} = dnsPacket;

/** What messages go out by and come in on, those of one's own too. */
export interface MessageSocket {
  send(
    message: Uint8Array,
    offset: number,
    length: number,
    port: number,
    address: string,
    done: (error: Error | null) => void,
  ): void;
  on(event: "message", listener: (message: Uint8Array) => void): unknown;
}

/** What is claimed. */
export interface Claim {
  /** The n-th name to try, from 1 on, whole: `nas._blit._tcp.local`. */
  readonly name: (nth: number) => string;
  /** What belongs to the name alone. */
  readonly port: number;
  readonly host: string;
  /** Entries of the text record; something in them has to be nobody else's. */
  readonly text: readonly string[];
}

/** Claims a name, and hears of others who have it. */
export class NameClaim {
  /** Told when another one has the name that was won. */
  onConflict: () => void = () => {};
  readonly #socket: MessageSocket;
  readonly #claim: Claim;
  readonly #own: readonly Omit<Record, "name">[];
  /** Which name is asked for, or was won. */
  #nth = 1;
  #isWon = false;
  /** What was heard of it while it is asked for. */
  #heard: "nothing" | "lost" | "taken" = "nothing";
  #wake = new AbortController();

  constructor(socket: MessageSocket, claim: Claim) {
    this.#socket = socket;
    this.#claim = claim;
    const data = { priority: 0, weight: 0, port: claim.port, target: claim.host };
    // In the order of their numbers, 16 and 33, as they are compared.
    this.#own = [
      { type: "TXT", data: claim.text.map((entry) => Buffer.from(entry)) },
      { type: "SRV", data },
    ];
    socket.on("message", (bytes) => this.#hear(bytes));
  }

  /**
   * Asks for the name, and for the next one where it is another's, until one is free. A name that was won before is asked
   * for anew.
   *
   * @param signal ends asking
   * @returns which one it is; null where the signal came first
   */
  async win(signal: AbortSignal): Promise<number | null> {
    this.#isWon = false;
    // All those who start together after a power cut would ask at once.
    await pause(Math.random() * PROBE_MS, signal);
    for (let tries = 1; !signal.aborted; tries++) {
      const heard = await this.#ask(signal);
      if (signal.aborted) break;
      if (heard === "nothing") {
        this.#isWon = true;
        return this.#nth;
      }
      if (heard === "taken") this.#nth++;
      else await pause(LOST_MS, signal);
      if (tries >= QUICK_TRIES) await pause(SLOW_MS, signal);
    }
    return null;
  }

  async #ask(signal: AbortSignal): Promise<"nothing" | "lost" | "taken"> {
    this.#heard = "nothing";
    this.#wake = new AbortController();
    const ending = AbortSignal.any([signal, this.#wake.signal]);
    const name = this.#claim.name(this.#nth);
    const question = dns.encode({
      type: "query",
      questions: [{ name, type: "ANY" }],
      authorities: this.#own.map((record) => ({ ...record, name, class: "IN", ttl: 120 })),
    });
    for (let probes = 0; probes < PROBES && !ending.aborted; probes++) {
      // A network that takes nothing has nobody on it who could have the name.
      this.#socket.send(question, 0, question.length, 0, "", () => {});
      await pause(PROBE_MS, ending);
    }
    return this.#heard;
  }

  #hear(bytes: Uint8Array): void {
    const heard = this.#understood(bytes);
    if (heard === "nothing") return;
    if (this.#isWon) {
      // Whoever still asks is answered that it is taken.
      if (heard === "taken") this.onConflict();
      return;
    }
    this.#heard = heard;
    this.#wake.abort();
  }

  /** What a message says about the name. */
  #understood(bytes: Uint8Array): "nothing" | "lost" | "taken" {
    try {
      const { type, answers = [], additionals = [], authorities = [] } = dns.decode(bytes);
      if (type === "query") return this.#losesTo(this.#ofName(authorities)) ? "lost" : "nothing";
      const theirs = this.#ofName([...answers, ...additionals]);
      return theirs.some((record) => this.#differs(record)) ? "taken" : "nothing";
    } catch {
      // It comes from anybody, and is nothing that a daemon would say.
      return "nothing";
    }
  }

  /** Records of the name; those that are withdrawn, with a time of 0, are nobody's. */
  #ofName(records: readonly Record[]): readonly Record[] {
    const name = this.#claim.name(this.#nth).toLowerCase();
    return records.filter((record) => record.name.toLowerCase() === name && record.ttl !== 0);
  }

  /** Whether it says something else than this side does: what it said itself comes back to it. */
  #differs({ type, data }: Record): boolean {
    const own = this.#own.find((record) => record.type === type);
    return own !== undefined && compareData({ type, data }, own) !== 0;
  }

  /** Whether another who asks for the name goes before (section 8.2): whose records are later in order. */
  #losesTo(theirs: readonly Record[]): boolean {
    const later = this.#own.map((own) => {
      const their = theirs.find(({ type }) => type === own.type);
      return their === undefined ? 0 : compareData(their, own);
    }).find((order) => order !== 0);
    return later !== undefined && later > 0;
  }
}

function compareData(a: Omit<Record, "name">, b: Omit<Record, "name">): number {
  return Buffer.compare(dataOf(a), dataOf(b));
}

/** The bytes of a record's data, without their length. */
function dataOf({ type, data }: Omit<Record, "name">): Buffer {
  return dns.record(type).encode(data).subarray(2);
}
