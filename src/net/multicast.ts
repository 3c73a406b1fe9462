/**
 * The socket of multicast DNS (RFC 6762): what is said goes out on every network that this machine is on, not on that of
 * the default route alone.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { createSocket, type RemoteInfo, type Socket } from "node:dgram";
import { EventEmitter } from "node:events";
import { type NetworkInterfaceInfo, networkInterfaces } from "node:os";

type Family = NetworkInterfaceInfo["family"];

const PORT = 5353;
const GROUP: Readonly<Record<Family, string>> = { IPv4: "224.0.0.251", IPv6: "ff02::fb" };
/** As the RFC has it (section 11): older receivers take nothing that may have passed a router. */
const TTL = 255;
/** More networks than this are not spoken on: a machine full of containers may have one for each. */
const MOST_NETWORKS = 32;
/** Networks come and go: they are looked for this often. */
const LOOK_MS = 5000;
/** Longest message, bytes (section 17), and most questions of one: a daemon would answer each. */
const MOST_BYTES = 9000, MOST_QUESTIONS = 64;
/** Messages that are looked at in a second: whoever sends more is no network that only asks. */
const MOST_A_SECOND = 200;
/** Messages that wait to be said; more are not said. */
const MOST_WAITING = 32;
/** Where a message says how many questions it has. */
const QUESTIONS_AT = 4;
/** That of a tunnel: its other end is in no local network. */
const NO_HARDWARE = "00:00:00:00:00:00";

/**
 * The networks to speak on, as a socket of a family names them: `10.0.0.2`, `::%eth0`.
 *
 * @param interfaces left out: those of this machine, as they are now
 */
export function networksOf(
  family: Family,
  interfaces: ReturnType<typeof networkInterfaces> = networkInterfaces(),
  os: typeof Deno.build.os = Deno.build.os,
): readonly string[] {
  const networks: string[] = [], lesser: string[] = [], itself: string[] = [];
  for (const [name, addresses = []] of Object.entries(interfaces)) {
    const outward = addresses.filter(({ internal, mac }) => !internal && mac !== NO_HARDWARE);
    const own = outward.find((one) => one.family === family);
    if (own === undefined) {
      const loop = addresses.find((one) => one.internal && one.family === "IPv4");
      if (loop !== undefined && family === "IPv4") itself.push(loop.address);
      continue;
    }
    // Each end of a container's cable has an IPv6 address of its own: such come last.
    const list = outward.some((one) => one.family === "IPv4") ? networks : lesser;
    if (own.family === "IPv4") list.push(own.address);
    else list.push(`::%${os === "windows" ? own.scopeid : name}`);
  }
  const outward = [...networks, ...lesser].slice(0, MOST_NETWORKS);
  // What is on no network may still ask itself.
  return outward.length > 0 ? outward : itself;
}

/** What multicast-dns takes for a socket of `node:dgram` that is bound: it says and hears on all networks. */
export class MulticastSocket extends EventEmitter<{ message: [Uint8Array, RemoteInfo] }> {
  /** Told when networks have come or gone. */
  onChange: () => void = () => {};
  readonly #groups: readonly Group[];
  readonly #timer: ReturnType<typeof setInterval>;
  /** How many messages came in this second, and since when it lasts. */
  #heard = 0;
  #secondMs = 0;

  private constructor(groups: readonly Group[]) {
    super();
    this.#groups = groups;
    for (const group of groups) {
      group.onMessage = (message, from) => {
        if (this.#takes(message)) this.emit("message", message, from);
      };
    }
    this.#timer = setInterval(() => {
      const changes = groups.map((group) => group.join());
      if (changes.includes(true)) this.onChange();
    }, LOOK_MS);
  }

  /**
   * Takes part in multicast DNS, by IPv4, IPv6 or both.
   *
   * @throws {Error} what keeps IPv4 from it, where IPv6 can't either
   */
  static async open(): Promise<MulticastSocket> {
    const opened = await Promise.allSettled([Group.open("IPv4"), Group.open("IPv6")]);
    const groups = opened.flatMap((one) => one.status === "fulfilled" ? [one.value] : []);
    const [first] = opened;
    if (groups.length === 0 && first.status === "rejected") throw first.reason;
    return new MulticastSocket(groups);
  }

  /** Says a whole message to everybody; fails where it went out on no network. */
  send(
    message: Uint8Array,
    _offset: number,
    _length: number,
    _port: number,
    _address: string,
    done: (error: Error | null) => void,
  ): void {
    Promise.all(this.#groups.map((group) => group.send(message))).then((sent) => {
      const failures = sent.filter((error) => error !== null);
      done(failures.length < sent.length ? null : failures[0]);
    });
  }

  /** Whether a message is looked at: they come from anybody, and each may cost an answer on every network. */
  #takes(message: Uint8Array): boolean {
    if (performance.now() - this.#secondMs >= 1000) {
      this.#secondMs = performance.now();
      this.#heard = 0;
    }
    return ++this.#heard <= MOST_A_SECOND && message.length <= MOST_BYTES &&
      message[QUESTIONS_AT] * 256 + message[QUESTIONS_AT + 1] <= MOST_QUESTIONS;
  }

  /** Takes part no more. */
  close(done?: () => void): void {
    clearInterval(this.#timer);
    Promise.all(this.#groups.map((group) => group.close())).then(() => done?.());
  }
}

/** The socket of one family. */
class Group {
  onMessage: (message: Uint8Array, from: RemoteInfo) => void = () => {};
  readonly #family: Family;
  readonly #socket: Socket;
  #networks: readonly string[] = [];
  /** A socket speaks on one network at a time. */
  #turn: Promise<unknown> = Promise.resolve();
  /** What waits for its turn. */
  readonly #waiting = new Map<string, Promise<Error | null>>();
  #closed = false;

  private constructor(family: Family, socket: Socket) {
    this.#family = family;
    this.#socket = socket;
    socket.setMulticastTTL(TTL);
    socket.setMulticastLoopback(true);
    socket.on("message", (message, from) => this.onMessage(message, from));
    // One that can't be read hears nothing; what it says still goes out.
    socket.on("error", () => {});
    this.join();
  }

  static async open(family: Family): Promise<Group> {
    const type = family === "IPv4" ? "udp4" : "udp6";
    const socket = createSocket({ type, reuseAddr: true, ipv6Only: family === "IPv6" });
    await new Promise<void>((resolve, reject) => {
      socket.once("error", reject);
      socket.bind(PORT, () => {
        socket.off("error", reject);
        resolve();
      });
    });
    return new Group(family, socket);
  }

  /** Joins the networks that are there now; tells whether they are others than before. */
  join(): boolean {
    const networks = networksOf(this.#family);
    for (const network of networks) {
      if (this.#networks.includes(network)) continue;
      try {
        this.#socket.addMembership(GROUP[this.#family], network);
      } catch {
        // It was joined by another address. Where it really can't be, nothing is heard of it.
      }
    }
    const changed = networks.join() !== this.#networks.join();
    this.#networks = networks;
    return changed;
  }

  /** @returns why it went out on no network; null where it did, or where there is none */
  send(message: Uint8Array): Promise<Error | null> {
    const words = Buffer.from(message).toString("latin1");
    // The same said twice in one go says no more.
    const same = this.#waiting.get(words);
    if (same) return same;
    if (this.#waiting.size >= MOST_WAITING) return Promise.resolve(null);
    const said = this.#turn.then(() => {
      this.#waiting.delete(words);
      return this.#send(message);
    });
    this.#waiting.set(words, said);
    this.#turn = said;
    return said;
  }

  async #send(message: Uint8Array): Promise<Error | null> {
    let failure: Error | null = null;
    let sent = 0;
    for (const network of this.#networks) {
      if (this.#closed) break;
      try {
        this.#socket.setMulticastInterface(network);
        await new Promise<void>((resolve, reject) =>
          this.#socket.send(
            message,
            PORT,
            GROUP[this.#family],
            (error) => error ? reject(error) : resolve(),
          )
        );
        sent++;
      } catch (error) {
        failure = error as Error;
      }
    }
    return sent > 0 ? null : failure;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#turn;
    await new Promise<void>((resolve) => this.#socket.close(() => resolve()));
  }
}
