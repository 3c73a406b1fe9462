/**
 * Slow and silent peers by the hundred at one daemon, and a client among them that keeps to the protocol.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { type RawClient, rawClient } from "../remote/daemon_support.ts";
import { type Footprint, footprint, settled } from "../support/footprint.ts";
import { sleep } from "../support/judges.ts";
import { sh } from "../support/loop_fs.ts";
import { type Served, served, type Way, WAYS } from "../support/served.ts";
import {
  silentAtControl,
  silentAtData,
  SLOW_FILE,
  slowCalls,
  type SlowPeer,
  type SlowPlace,
  slowStreams,
} from "../support/slow_peers.ts";
import { contents, smallFiles } from "../support/trees.ts";
import { assertDone, assertSame, transferred } from "./together_client.ts";
import { Cases, type Context, type Counts, type Sweep } from "./sweep.ts";

/** How many come at once: connections without a call, calls, and sessions with sixteen streams each. */
const FULL = { control: 120, data: 120, calls: 40, talking: 6, silent: 2, rounds: 2 };
const SHORT = { control: 100, data: 100, calls: 8, talking: 1, silent: 1, rounds: 1 };
/** What a daemon's documentation says of limits. */
const IDLE_MS = 30_000;
/** How much later than its limit somebody may be cut off, on a machine that is busy. */
const SLACK_MS = 20_000;
/** How long the client among them may take for a few files, which need a second on a quiet machine. */
const LONGEST_MS = 60_000;
/** Of connections that showed no token the data port keeps these. */
const MOST_PENDING = 64;
/** Descriptors of a stream: its socket, and what a batch has open. */
const OF_A_STREAM = 6, OF_A_SESSION = 16;
/** Memory that a connection may take, and a stream: two buffers, and a piece of a file with what it is packed in. */
const OF_A_CONNECTION_BYTES = 256 << 10, OF_A_STREAM_BYTES = 3 << 19;
/** What the client among them costs, and garbage. */
const MORE_BYTES = 48 << 20;

/** Slow peers. */
export const sweep: Sweep = {
  name: "slow",
  title:
    "hundreds of peers at once, from many addresses, without and with TLS: at either port they say nothing, half a greeting, request, token or record, a byte a second, or read nothing of what they asked for. " +
    "The daemon's descriptors and memory stay within what its limits allow, a client among them copies in time, each is cut off after the documented time (in the gate nobody waits for that), and then nothing is left of them",
  routes: ["push", "pull"],
  run: slow,
};

async function slow(context: Context): Promise<Counts> {
  const cases = new Cases(context);
  const [plain, secure] = WAYS;
  // The gate's two routes have one way each.
  const short = context.route === "push" ? [plain] : [secure];
  for (const way of context.short ? short : [plain, secure]) await beside(context, cases, way);
  return cases.counts();
}

async function beside(context: Context, cases: Cases, way: Way): Promise<void> {
  const { dir, short, route, part } = context;
  const count = short ? SHORT : FULL;
  const source = join(route === "push" ? dir.path : join(dir.path, "served"), "src");
  await served(dir, way, async (there) => {
    smallFiles(source, 24, 8);
    sh(
      `head -c "$1" /dev/zero > "$0"`,
      join(there.folder, SLOW_FILE.name),
      `${SLOW_FILE.sizeBytes}`,
    );
    const { pid } = there.daemon;
    const place = await placeOf(there);
    const client = new Client(context, there, source);
    const alone = await client.copies();
    const before = await settled(pid);
    for (let i = 0; i < Math.ceil(count.rounds * part); i++) {
      const round = `${way.transport} ${i}`;
      const { peers, clients } = await crowd(place, count);
      const watch = new Watch(pid);
      const during: number[] = [];
      for (let copies = 0; copies < (short ? 1 : 3); copies++) {
        await cases.try("a client among them", `${round}, client ${copies}`, async () => {
          during.push(await client.copies());
          return true;
        });
      }
      const late = short ? [] : await cutOff(peers);
      for (const [nth, peer] of peers.entries()) {
        await cases.try(peer.kind, `${round}, ${peer.kind} ${nth}`, () => {
          assert.ok(!late.includes(peer), `it was still there after ${peer.limitMs + SLACK_MS} ms`);
          return Promise.resolve(true);
        });
      }
      for (const peer of peers) peer.leave();
      for (const { close } of clients) close();
      const most = watch.end();
      await cases.try("within the limits", `${round}, limits`, () => {
        judge(before, most, count);
        return Promise.resolve(true);
      });
      await cases.try("nothing left", `${round}, left`, async () => {
        const { descriptors, threads } = await settled(pid, before);
        assert.ok(descriptors <= before.descriptors, `${before.descriptors} became ${descriptors}`);
        assert.ok(threads <= before.threads, `${before.threads} threads became ${threads}`);
        assert.deepEqual(there.daemon.errors(), []);
        await client.copies();
        return true;
      });
      cases.note(notedOf(way, { before, most, alone, during }));
    }
  }, { config: { limits: { idleSeconds: IDLE_MS / 1000 } } });
}

async function placeOf(there: Served): Promise<SlowPlace> {
  const { ready } = there.daemon;
  const token = ready.tls ? there.addToken("slow", "write", "m") : null;
  const client = rawClient(ready, token);
  const session = await client.open({ module: "m" });
  const told = session.welcome.dataPlane!.certificateSha256;
  await session.close();
  client.close();
  return { ready, idleMs: IDLE_MS, certificateSha256: ready.tls ? told : null, token };
}

/** Everybody comes. */
async function crowd(
  place: SlowPlace,
  count: typeof FULL,
): Promise<{ peers: SlowPeer[]; clients: { close: () => void }[] }> {
  const clients: RawClient[] = [];
  const peers: SlowPeer[] = [];
  // Who has tokens comes first: the others would have them wait, and tokens are good for 30 s.
  for (let i = 0; i < count.talking + count.silent; i++) {
    const client = rawClient(place.ready, place.token);
    clients.push(client);
    peers.push(...await slowStreams(client, place, i < count.talking));
  }
  peers.push(...slowCalls(place, count.calls));
  peers.push(...silentAtControl(place, count.control), ...silentAtData(place, count.data));
  return { peers, clients: clients.map((client) => ({ close: () => client.close() })) };
}

/** Waits for each to be cut off. @returns those who weren't in time */
async function cutOff(peers: readonly SlowPeer[]): Promise<SlowPeer[]> {
  const late = new Set(peers);
  const longest = Math.max(...peers.map(({ limitMs }) => limitMs));
  const began = performance.now();
  for (const peer of peers) {
    peer.over.then(() => {
      if (performance.now() - began <= peer.limitMs + SLACK_MS) late.delete(peer);
    }, () => {});
  }
  while (late.size > 0 && performance.now() - began <= longest + SLACK_MS) await sleep(250);
  return [...late];
}

/** Looks at a process now and then. */
class Watch {
  readonly #timer: ReturnType<typeof setInterval>;
  #most = { descriptors: 0, residentBytes: 0 };

  constructor(pid: number) {
    const look = () => {
      const { descriptors, residentBytes } = footprint(pid);
      this.#most = {
        descriptors: Math.max(this.#most.descriptors, descriptors),
        residentBytes: Math.max(this.#most.residentBytes, residentBytes),
      };
    };
    look();
    this.#timer = setInterval(look, 250);
  }

  /** The most that was seen. */
  end(): Most {
    clearInterval(this.#timer);
    return this.#most;
  }
}

type Most = Pick<Footprint, "descriptors" | "residentBytes">;

/** No more than the limits of connections, sessions and streams allow. */
function judge(before: Footprint, most: Most, count: typeof FULL): void {
  const sessions = count.talking + count.silent + count.calls / 2;
  const streams = 16 * (count.talking + count.silent);
  const connections = count.control + count.calls + MOST_PENDING;
  const descriptors = before.descriptors + connections + OF_A_SESSION * sessions +
    OF_A_STREAM * streams;
  assert.ok(most.descriptors <= descriptors, `${most.descriptors} descriptors of ${descriptors}`);
  const bytes = before.peakBytes + connections * OF_A_CONNECTION_BYTES +
    streams * OF_A_STREAM_BYTES + MORE_BYTES;
  assert.ok(most.residentBytes <= bytes, `${most.residentBytes} bytes of ${bytes}`);
}

function notedOf(
  { name }: Way,
  { before, most, alone, during }: {
    readonly before: Footprint;
    readonly most: Most;
    readonly alone: number;
    readonly during: readonly number[];
  },
): string {
  const mib = (bytes: number) => `${Math.round(bytes / 2 ** 20)} MiB`;
  const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`;
  return `${name}: descriptors ${before.descriptors}, at most ${most.descriptors}, ` +
    `resident ${mib(before.residentBytes)}, at most ${mib(most.residentBytes)}, ` +
    `a copy alone ${seconds(alone)}, among them ${seconds(Math.max(0, ...during))} at most`;
}

/** Somebody who keeps to the protocol. */
class Client {
  readonly #context: Context;
  readonly #there: Served;
  readonly #source: string;
  #copies = 0;

  constructor(context: Context, there: Served, source: string) {
    this.#context = context;
    this.#there = there;
    this.#source = source;
  }

  /** Copies a few files, and has them all. @returns how long that took, ms */
  async copies(): Promise<number> {
    const { dir, route } = this.#context;
    const isPush = route === "push";
    const name = `dst${this.#copies++}`;
    const far = `${this.#there.host}:/m`;
    const local = isPush ? join(this.#there.folder, name) : join(dir.path, name);
    const began = performance.now();
    assertDone(
      await transferred({
        mode: "copy",
        source: isPush ? `${this.#source}/` : `${far}/src/`,
        destination: isPush ? `${far}/${name}` : local,
        configDir: dir.configDir,
      }),
    );
    const took = performance.now() - began;
    assertSame(await contents(this.#source), await contents(local));
    assert.ok(took < LONGEST_MS, `it took ${took} ms`);
    return took;
  }
}
