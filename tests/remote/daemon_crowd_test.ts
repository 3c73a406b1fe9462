/**
 * Crowds at the control port: whoever says nothing, little, or never goodbye, keeps nobody else out and costs nothing
 * for long.
 *
 * @module
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { connect as connectHttp2 } from "node:http2";
import { connect, type Socket } from "node:net";
import { DEFAULTS } from "../../src/daemon/config.ts";
import { DaemonHome } from "../support/daemon_process.ts";
import recorded from "../vectors/hello_1_0.json" with { type: "json" };
import {
  daemonTest,
  eventually,
  rawClient,
  type RawSession,
  rejectsWith,
} from "./daemon_support.ts";

const PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/** An empty SETTINGS frame. */
const SETTINGS = "\0\0\0\x04\0\0\0\0\0";
/** The head of a HEADERS frame of 64 bytes for stream 1, which ends neither headers nor stream. */
const HEADERS = "\0\0\x40\x01\0\0\0\0\x01";

function open(port: number, text = ""): { socket: Socket; closed: Promise<void> } {
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => {});
  const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  socket.resume();
  if (text !== "") socket.write(text, "latin1");
  return { socket, closed };
}

/** As many connections as are asked for, all of them made. */
async function crowd(port: number, count: number, text = ""): Promise<Socket[]> {
  const sockets = Array.from({ length: count }, () => open(port, text).socket);
  await Promise.all(sockets.map((socket) => {
    if (!socket.connecting) return;
    return new Promise<void>((resolve) => {
      socket.once("connect", () => resolve());
      socket.once("close", () => resolve());
    });
  }));
  return sockets;
}

for (const secure of [false, true]) {
  daemonTest(
    `a hundred silent connections keep no client out and cut none off${secure ? ", TLS" : ""}`,
    async (scene) => {
      const { port, tokens } = scene.daemon;
      const token = secure ? tokens.add("t", ["m"], "read") : null;
      const early = scene.client(token);
      const session = await early.openRoot({ module: "m" });
      const texts = secure ? ["", "\x16\x03\x01"] : ["", PREFACE + SETTINGS];
      const sockets = (await Promise.all(texts.map((text) => crowd(port, 50, text)))).flat();
      await eventually(() => scene.daemon.counts().connections === 64);
      assert.equal((await scene.client().health.check({})).status, 1);
      await (await scene.client(token).openRoot({ module: "m" })).close();
      await early.sessions.probe({ session: session.id, root: session.root });
      await session.close();
      for (const socket of sockets) socket.destroy();
      scene.closeClients();
      await eventually(() => scene.daemon.counts().connections === 0);
    },
    { secure },
  );
}

daemonTest("where every connection has a session, one more is refused", async (scene) => {
  const [first, second] = [scene.client(), scene.client()];
  const sessions = [await first.openRoot(), await second.openRoot()];
  await open(scene.daemon.port, PREFACE).closed;
  for (const [i, client] of [first, second].entries()) {
    await client.sessions.probe({ session: sessions[i].id, root: sessions[i].root });
  }
  await sessions[0].close();
  // It has no session any more, and makes room.
  assert.equal((await scene.client().health.check({})).status, 1);
}, { config: { limits: { ...DEFAULTS.limits, connectionsPerAddress: 2 } } });

/** Writes a byte now and then, until the connection is closed. */
function dribble({ socket, closed }: ReturnType<typeof open>): Promise<void> {
  const timer = setInterval(() => socket.write("\x01"), 50);
  return closed.finally(() => clearInterval(timer));
}

daemonTest("a byte now and then, in headers or a request, is no sign of life", async (scene) => {
  const { port } = scene.daemon;
  await Promise.all([
    dribble(open(port, "PRI * HT")),
    dribble(open(port, PREFACE + SETTINGS + HEADERS)),
  ]);
  const http2 = connectHttp2(`http://127.0.0.1:${port}`);
  http2.on("error", () => {});
  const path = "/blit.v1.Admin/ListModules";
  const headers = { ":method": "POST", ":path": path, "content-type": "application/proto" };
  const stream = http2.request(headers);
  stream.on("error", () => {});
  stream.resume();
  const timer = setInterval(() => stream.writable && stream.write(new Uint8Array(1)), 50);
  await new Promise((resolve) => stream.on("close", resolve));
  clearInterval(timer);
  await new Promise<void>((resolve) => setTimeout(() => (http2.destroy(), resolve()), 0));
  assert.equal((await scene.client().health.check({})).status, 1);
}, { silentMs: 400 });

daemonTest("a byte now and then in a TLS handshake is no sign of life", async (scene) => {
  await Promise.all([
    dribble(open(scene.daemon.port)),
    dribble(open(scene.daemon.port, "\x16\x03\x01\x01\0\x01")),
  ]);
  await eventually(() => scene.daemon.counts().connections === 0);
}, { silentMs: 400, secure: true });

/** Says that a session lives, until it has ended. */
function keepAlive(session: RawSession): Promise<string | null> {
  const alive = { case: "alive", value: { bytes: 0n, entries: 0n } } as Parameters<
    RawSession["send"]
  >[0];
  const timer = setInterval(() => session.send(alive), 200);
  return session.ended.finally(() => clearInterval(timer));
}

const FEW = { ...DEFAULTS.limits, sessions: 3, idleSeconds: 1 };

daemonTest("the session that has been idle for longest makes room for a new one", async (scene) => {
  const client = scene.client();
  const sessions: Awaited<ReturnType<typeof client.openRoot>>[] = [];
  const ends: Promise<string | null>[] = [];
  for (let i = 0; i < 3; i++) {
    sessions.push(await client.openRoot());
    ends.push(keepAlive(sessions[i]));
  }
  await rejectsWith(client.open(), "busy", /3 sessions.*limits\.sessions\b/);
  const working = setInterval(() => {
    const { id: session, root } = sessions[0];
    client.sessions.probe({ session, root }).catch(() => {});
  }, 100);
  await new Promise((resolve) => setTimeout(resolve, 1100));
  const fourth = await scene.client().openRoot().finally(() => clearInterval(working));
  assert.equal(await ends[1], "disconnected");
  await rejectsWith(
    client.sessions.probe({ session: sessions[1].id, root: sessions[1].root }),
    "not_found",
  );
  for (const session of [fourth, sessions[0], sessions[2]]) await session.close();
}, { config: { limits: FEW } });

daemonTest("one user's sessions leave room for another's", async (scene) => {
  const clients = ["one", "other"].map((name) =>
    scene.client(scene.daemon.tokens.add(name, ["m"], "read"))
  );
  const sessions = [await clients[0].open({ module: "m" }), await clients[0].open({ module: "m" })];
  const ends = sessions.map(keepAlive);
  await rejectsWith(
    clients[0].open({ module: "m" }),
    "busy",
    /2 sessions.*limits\.sessionsPerUser/,
  );
  await (await clients[1].open({ module: "m" })).close();
  for (const session of sessions) await session.close();
  await Promise.all(ends);
}, { secure: true, config: { limits: { ...FEW, sessionsPerUser: 2, idleSeconds: 30 } } });

daemonTest("who doesn't read what is said to them holds nothing for long", async (scene) => {
  const http2 = connectHttp2(`http://127.0.0.1:${scene.daemon.port}`, {
    settings: { initialWindowSize: 0 },
  });
  http2.on("error", () => {});
  const streams = Array.from({ length: 8 }, () => {
    const stream = http2.request({
      ":method": "POST",
      ":path": "/blit.v1.Sessions/Open",
      "content-type": "application/connect+proto",
      "connect-protocol-version": "1",
    });
    stream.on("error", () => {});
    stream.write(Buffer.from(recorded.hello, "base64"));
    return stream;
  });
  // From the beginning: they may close by themselves, once the daemon has closed the connection.
  const closed = streams.map((stream) => new Promise((resolve) => stream.once("close", resolve)));
  await eventually(() => scene.daemon.counts().sessions === 8);
  const held = descriptors("self");
  await eventually(() => scene.daemon.counts().sessions === 0);
  assert.ok(descriptors("self") <= held - 8);
  // Nobody takes what the calls say at their end: the connection goes too.
  await eventually(() => scene.daemon.counts().connections === 0);
  await new Promise<void>((resolve) => setTimeout(() => (http2.destroy(), resolve()), 0));
  await Promise.all(closed);
}, { silentMs: 1000, config: { limits: { ...DEFAULTS.limits, idleSeconds: 1 } } });

function descriptors(process: number | "self"): number {
  return [...Deno.readDirSync(`/proc/${process}/fd`)].length;
}

/** Memory that a process has, in KiB. */
function residentKib(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(Deno.readTextFileSync(`/proc/${pid}/status`))![1]);
}

Deno.test("a thousand idle connections to each port leave nothing behind", async () => {
  // A small heap is cleared often: what is left then is held.
  const flags = "--max-old-space-size=40,--max-semi-space-size=2";
  using home = new DaemonHome({ env: { DENO_V8_FLAGS: flags } });
  const daemon = await home.start("--root", ".");
  const { ready, pid } = daemon;
  const once = async () => {
    for (const port of [ready.port, ready.data_port]) {
      const sockets = (await Promise.all(
        [["", 500], [PREFACE + SETTINGS, 250], ["\0\xff".repeat(200), 250]].map(([text, count]) =>
          crowd(port, count as number, text as string)
        ),
      )).flat();
      const client = rawClient(ready, null);
      await (await client.openRoot()).close();
      client.close();
      for (const socket of sockets) socket.destroy();
    }
  };
  try {
    const first = descriptors(pid);
    await once();
    const before = residentKib(pid);
    await once();
    await once();
    await eventually(() => descriptors(pid) <= first + 2);
    const grown = residentKib(pid) - before;
    assert.ok(grown < 16 << 10, `${grown} KiB more than before`);
  } finally {
    assert.equal(await daemon.stop(), 0);
  }
});
