import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { loadNative } from "./load.ts";
import {
  type Arrival,
  bind,
  type BindTerms,
  closeStream,
  dial,
  type DialTarget,
  listen,
  type ListenSettings,
  refuse,
} from "./net.ts";
import { type NativePool, openPool } from "./pool.ts";
import { NativeRoot } from "./root.ts";
import { openTunnel, type Tunnel } from "./tunnel.ts";

// Never closed: a worker's thread may still be at its last instructions when the pool is closed.
const loaded = await loadNative();
const CERTIFICATE = Deno.readFileSync(
  new URL("../../ffi/tests/data/certificate.der", import.meta.url),
);
const KEY = Deno.readFileSync(new URL("../../ffi/tests/data/key.der", import.meta.url));
const SHA256 = new Uint8Array(createHash("sha256").update(CERTIFICATE).digest());

/** Arrivals that a test takes one by one. */
class Arrivals {
  readonly #waiting: Arrival[] = [];
  #wake: (() => void) | null = null;

  readonly add = (arrival: Arrival) => {
    this.#waiting.push(arrival);
    this.#wake?.();
  };
  async next(): Promise<Arrival> {
    while (this.#waiting.length === 0) {
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
    return this.#waiting.shift()!;
  }
}

interface Scene {
  readonly pool: NativePool;
  readonly arrivals: Arrivals;
  readonly terms: BindTerms;
  target(changes?: Partial<DialTarget>): DialTarget;
}

/** A port of this process that native code accepts from, and a root to serve. */
function testPort(
  name: string,
  settings: ListenSettings,
  body: (scene: Scene) => Promise<void>,
): void {
  Deno.test({
    name,
    ignore: Deno.build.os === "windows",
    async fn() {
      assert.ok(loaded.library, "these tests need the native library: deno task build");
      const pool = openPool(loaded.library, 2);
      using socket = Deno.listen({ hostname: "127.0.0.1", port: 0 });
      const folder = Deno.makeTempDirSync({ prefix: "blit-net-" });
      try {
        const root = await NativeRoot.open(pool.symbols, new TextEncoder().encode(folder), false);
        const { port } = socket.addr as Deno.NetAddr;
        const arrivals = new Arrivals();
        const listener = listen(pool, port, settings, arrivals.add);
        await body({
          pool,
          arrivals,
          terms: {
            root: root.handle,
            read: true,
            write: true,
            flags: 0,
            trustMetadata: false,
            runId: 1n,
            slot: 0,
          },
          target: (changes) => ({
            address: "127.0.0.1",
            port,
            token: "a.b.c",
            timeoutMs: 5000,
            slot: 0,
            ...changes,
          }),
        });
        listener.close();
        listener.close();
        await listener.closed;
        root.close();
      } finally {
        await pool.close();
        Deno.removeSync(folder, { recursive: true });
      }
    },
  });
}

testPort("a stream is dialled, told with its token, bound and closed", {}, async (scene) => {
  const { pool, arrivals, terms } = scene;
  const dialled = dial(pool, scene.target({ token: "head.body.signature" }));
  const arrival = await arrivals.next();
  assert.equal(arrival.token, "head.body.signature");
  assert.equal(arrival.address, "127.0.0.1");
  const closed = bind(pool, arrival.stream, terms);
  closeStream(pool, await dialled);
  assert.deepEqual(await closed, {
    kind: null,
    os: 0,
    batches: 0,
    files: 0,
    bytesIn: 0,
    bytesOut: 0,
    batchSeconds: 0,
    batchesLasted: new Array(18).fill(0),
  });
  closeStream(pool, await dialled);
  closeStream(pool, arrival.stream);
});

testPort(
  "TLS accepts the certificate that was named, and no other",
  { tls: { certificate: CERTIFICATE, key: KEY } },
  async (scene) => {
    const { pool, arrivals, terms } = scene;
    const dialled = dial(pool, scene.target({ certificateSha256: SHA256 }));
    const { stream } = await arrivals.next();
    const closed = bind(pool, stream, terms);
    closeStream(pool, await dialled);
    assert.equal((await closed).kind, null);
    const other = SHA256.map((byte) => byte ^ 1);
    await assert.rejects(dial(pool, scene.target({ certificateSha256: other })), {
      kind: "unauthenticated",
      message: /^Cannot open a stream to 127\.0\.0\.1:\d+: it doesn't show the certificate/,
    });
  },
);

testPort("a refused stream says why to who dialled it", {}, async (scene) => {
  const { pool, arrivals } = scene;
  const dialled = assert.rejects(dial(pool, scene.target()), { kind: "unauthenticated" });
  const { stream } = await arrivals.next();
  refuse(pool, stream, "unauthenticated");
  refuse(pool, stream, "unauthenticated");
  await dialled;
});

testPort("an arrival that nobody binds in time is gone", { timeLimitMs: 200 }, async (scene) => {
  const { pool, arrivals, terms } = scene;
  const dialled = assert.rejects(dial(pool, scene.target()), { kind: "disconnected" });
  const { stream } = await arrivals.next();
  await dialled;
  assert.equal((await bind(pool, stream, terms)).kind, "disconnected");
  refuse(pool, stream, "unauthenticated");
});

testPort("more streams than run slots are served at once", {}, async (scene) => {
  const { pool, arrivals, terms } = scene;
  const streams: number[] = [];
  const closed = [];
  for (let i = 0; i < 80; i++) {
    const dialled = dial(pool, scene.target());
    const { stream } = await arrivals.next();
    closed.push(bind(pool, stream, terms));
    streams.push(await dialled);
  }
  for (const stream of streams) closeStream(pool, stream);
  for (const { kind } of await Promise.all(closed)) assert.equal(kind, null);
});

testPort("dialling ends with the run, and where nobody answers", {}, async (scene) => {
  const { pool } = scene;
  using silent = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = silent.addr as Deno.NetAddr;
  await assert.rejects(dial(pool, scene.target({ port, timeoutMs: 150 })), {
    kind: "disconnected",
    message: /nobody answers/,
  });
  const slot = pool.control.takeRun();
  const dialled = assert.rejects(dial(pool, scene.target({ port, slot, timeoutMs: 60_000 })), {
    kind: "cancelled",
  });
  pool.control.cancelRun(slot);
  await dialled;
  pool.control.releaseRun(slot);
  silent.close();
  await assert.rejects(dial(pool, scene.target({ port })), {
    kind: "disconnected",
    message: /ECONNREFUSED/,
  });
  await assert.rejects(dial(pool, scene.target({ token: "x".repeat(1017) })), { kind: "usage" });
});

testPort("a port that isn't this process's own can't be accepted from", {}, (scene) => {
  assert.throws(() => listen(scene.pool, 1, {}, () => {}), {
    kind: "not_found",
    message: /^Cannot accept from port 1:/,
  });
  assert.throws(
    () => listen(scene.pool, 1, { tls: { certificate: KEY, key: CERTIFICATE } }, () => {}),
    { kind: "usage" },
  );
  return Promise.resolve();
});

testPort("closing the pool ends what is bound, and says so", {}, async (scene) => {
  const { pool, arrivals, terms } = scene;
  const dialled = dial(pool, scene.target());
  const { stream } = await arrivals.next();
  const ended = assert.rejects(bind(pool, stream, terms), { kind: "cancelled" });
  await dialled;
  const start = performance.now();
  await pool.close();
  await ended;
  assert.ok(performance.now() - start < 900);
  assert.throws(() => openTunnel(pool), { kind: "usage" });
});

/** Carries what comes out of one tunnel into the other, both ways, as two processes would. */
async function carry(from: Tunnel, to: Tunnel): Promise<number> {
  let bytes = 0;
  for await (const { data, creditBytes } of from.outgoing) {
    bytes += data.length;
    to.feed(data);
    // The credit of one side is the acknowledgement of the other.
    to.ack(creditBytes);
  }
  to.end();
  return bytes;
}

testPort("a tunnel is a stream whose bytes the caller carries", {}, async (scene) => {
  const { pool, terms } = scene;
  const client = openTunnel(pool), daemon = openTunnel(pool);
  const closed = bind(pool, daemon.handle, terms);
  const carried = Promise.all([carry(client, daemon), carry(daemon, client)]);
  client.close();
  client.close();
  assert.equal((await closed).kind, null);
  // The answer, and nothing else.
  assert.deepEqual(await carried, [0, 8]);
});

testPort("a tunnel whose other side takes more than it was given is cut", {}, async (scene) => {
  const tunnel = openTunnel(scene.pool);
  assert.throws(() => tunnel.ack(1), { kind: "mismatch" });
  const flooded = openTunnel(scene.pool);
  for (let i = 0; i < 4; i++) flooded.feed(new Uint8Array(1 << 20));
  assert.throws(() => flooded.feed(new Uint8Array(1)), { kind: "mismatch" });
  const closed = bind(scene.pool, flooded.handle, scene.terms);
  assert.equal((await closed).kind, "disconnected");
  for await (const _ of flooded.outgoing);
  tunnel.close();
  for await (const _ of tunnel.outgoing);
});

Deno.test("a stream that is closed after its pool was closed already", async () => {
  const pool = openPool(loaded.library!, 1);
  const tunnel = openTunnel(pool);
  await pool.close();
  tunnel.close();
  closeStream(pool, tunnel.handle);
});
