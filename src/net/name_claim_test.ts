import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import dnsPacket from "dns-packet";
import { type MessageSocket, NameClaim } from "./name_claim.ts";

type Listener = (message: Uint8Array) => void;

/** A network in memory: whoever says something is heard by all, themselves too. */
class Network {
  readonly listeners = new Set<Listener>();

  socket(): MessageSocket & { network: Network; own: Listener[] } {
    const socket = {
      // It may join another one.
      network: this as Network,
      send: (message: Uint8Array) => {
        for (const listener of [...socket.network.listeners]) {
          queueMicrotask(() => listener(message.slice()));
        }
      },
      own: [] as Listener[],
      on: (_: "message", listener: Listener) => {
        socket.own.push(listener);
        socket.network.listeners.add(listener);
      },
    };
    return socket;
  }
}

/** A daemon that claims a name, and answers for it once it has that. */
class Host {
  nth: number | null = null;
  conflicts = 0;
  readonly claim: NameClaim;
  readonly #socket: ReturnType<Network["socket"]>;
  readonly #text: string[];
  readonly #stop = new AbortController();

  constructor(network: Network, id: string, readonly port = 9031) {
    this.#socket = network.socket();
    this.#text = ["protocol=1", `id=${id}`];
    const name = (nth: number) => `nas-${nth}._blit._tcp.local`;
    this.claim = new NameClaim(this.#socket, { name, port, host: "nas.local", text: this.#text });
    this.#socket.on("message", (bytes) => {
      const { type, questions } = dnsPacket.decode(bytes) as Message;
      if (type === "query" && questions[0].name === `nas-${this.nth}._blit._tcp.local`) {
        this.announce();
      }
    });
    this.claim.onConflict = () => {
      this.conflicts++;
      void this.win();
    };
  }

  /** Joins another network. */
  move(network: Network): void {
    for (const listener of this.#socket.own) {
      this.#socket.network.listeners.delete(listener);
      network.listeners.add(listener);
    }
    this.#socket.network = network;
  }

  async win(): Promise<void> {
    this.nth = null;
    this.nth = await this.claim.win(this.#stop.signal);
    if (this.nth !== null) this.announce();
  }

  announce(ttl = 120): void {
    const record = { name: `nas-${this.nth}._blit._tcp.local`, class: "IN", ttl };
    const data = { priority: 0, weight: 0, port: this.port, target: "nas.local" };
    const message = dnsPacket.encode({
      type: "response",
      answers: [
        { ...record, type: "SRV", data },
        { ...record, type: "TXT", data: this.#text.map((entry) => Buffer.from(entry)) },
      ],
    });
    this.#socket.send(message, 0, message.length, 5353, "", () => {});
  }

  stop(): void {
    this.#stop.abort();
  }
}

interface Message {
  readonly type: string;
  readonly questions: readonly { readonly name: string }[];
}

async function settle(hosts: readonly Host[]): Promise<void> {
  for (let i = 0; i < 500 && hosts.some(({ nth }) => nth === null); i++) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

Deno.test("of daemons that ask for one name at once each gets its own, alike though they are in all but an id", async () => {
  const network = new Network();
  const hosts = ["c", "a", "b"].map((id) => new Host(network, id));
  await Promise.all(hosts.map((host) => host.win()));
  await settle(hosts);
  assert.deepEqual(hosts.map(({ nth }) => nth).sort(), [1, 2, 3]);
  // The later in order goes before.
  assert.equal(hosts[0].nth, 1);
  assert.deepEqual(hosts.map(({ conflicts }) => conflicts), [0, 0, 0]);
});

Deno.test("a name that is taken is left to whoever has it, and one that was withdrawn is free", async () => {
  const network = new Network();
  const first = new Host(network, "a");
  await first.win();
  const second = new Host(network, "z");
  await second.win();
  assert.deepEqual([first.nth, second.nth], [1, 2]);
  first.announce(0);
  await Promise.resolve();
  first.move(new Network());
  const third = new Host(network, "b");
  await third.win();
  assert.equal(third.nth, 1);
});

Deno.test("daemons of one name whose networks become one ask again, and one of them takes another name", async () => {
  const networks = [new Network(), new Network()];
  const hosts = [new Host(networks[0], "a", 9031), new Host(networks[1], "b", 9041)];
  await Promise.all(hosts.map((host) => host.win()));
  assert.deepEqual(hosts.map(({ nth }) => nth), [1, 1]);
  const one = new Network();
  for (const host of hosts) host.move(one);
  hosts[0].announce();
  await new Promise((resolve) => setTimeout(resolve, 50));
  await settle(hosts);
  assert.deepEqual(hosts.map(({ nth }) => nth).sort(), [1, 2]);
});

Deno.test("what nobody could have said changes nothing, and an abort ends asking", async () => {
  const network = new Network();
  const host = new Host(network, "a");
  const won = host.win();
  for (const bytes of [[], [1, 2, 3], Array(600).fill(0xc0), Array(600).fill(0xff)]) {
    for (const listener of [...network.listeners].slice(0, 1)) listener(Uint8Array.from(bytes));
  }
  await won;
  assert.equal(host.nth, 1);
  const late = new Host(network, "b");
  const asking = late.win();
  late.stop();
  await asking;
  assert.equal(late.nth, null);
});
