import assert from "node:assert/strict";
import { connect as connectHttp2 } from "node:http2";
import { connect, type Socket } from "node:net";
import { DEFAULTS } from "../../src/daemon/config.ts";
import { nameToBytes } from "../../src/core/rel_path.ts";
import { all, daemonTest, eventually, rejectsWith, type Scene } from "./daemon_support.ts";

function open(scene: Scene, text = ""): { socket: Socket; closed: Promise<void> } {
  const socket = connect(scene.daemon.port, "127.0.0.1");
  socket.on("error", () => {});
  const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  socket.resume();
  if (text !== "") socket.write(text, "latin1");
  return { socket, closed };
}

daemonTest("silent connections are closed, working ones are not", async (scene) => {
  const client = scene.client();
  const session = await client.openRoot();
  const silent = [open(scene), open(scene, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")];
  await Promise.all(silent.map(({ closed }) => closed));
  assert.equal(scene.daemon.counts().connections, 1);
  await client.sessions.probe({ session: session.id, root: session.root });
}, { silentMs: 300 });

daemonTest("a call whose request doesn't come is ended", async (scene) => {
  const http2 = connectHttp2(`http://127.0.0.1:${scene.daemon.port}`);
  http2.on("error", () => {});
  const headers = { ":method": "POST", "content-type": "application/proto" };
  const stream = http2.request({ ...headers, ":path": "/blit.v1.Admin/ListModules" });
  stream.on("error", () => {});
  stream.resume();
  stream.write(new Uint8Array(1));
  await new Promise((resolve) => stream.on("close", resolve));
  await new Promise<void>((resolve) => setTimeout(() => (http2.destroy(), resolve()), 0));
}, { silentMs: 300 });

daemonTest("silent connections to a TLS port are closed too", async (scene) => {
  await Promise.all([open(scene).closed, open(scene, "\x16\x03\x01").closed]);
  assert.equal(scene.daemon.counts().connections, 0);
}, { silentMs: 300, secure: true });

daemonTest("garbage is cut off, and the next client served", async (scene) => {
  const garbage = [
    "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "\0\xff".repeat(1000),
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + "\xff".repeat(100),
  ];
  await Promise.all(garbage.map((text) => open(scene, text).closed));
  assert.equal((await scene.client().health.check({})).status, 1);
  await eventually(() => scene.daemon.counts().connections === 1);
});

daemonTest("only so many connections are kept from one address", async (scene) => {
  const sockets = Array.from({ length: 20 }, () => open(scene));
  await eventually(() => scene.daemon.counts().refusedConnections === 16);
  assert.equal(scene.daemon.counts().connections, 4);
  for (const { socket } of sockets) socket.destroy();
  await eventually(() => scene.daemon.counts().connections === 0);
  await (await scene.client().open()).close();
}, { config: { limits: { ...DEFAULTS.limits, connectionsPerAddress: 4 } } });

daemonTest("requests without sense end with an error, not with the daemon", async (scene) => {
  const http2 = connectHttp2(`http://127.0.0.1:${scene.daemon.port}`);
  http2.on("error", () => {});
  const ask = (headers: Record<string, string>, body: Uint8Array) =>
    new Promise<number>((resolve, reject) => {
      const stream = http2.request({ ":method": "POST", ...headers });
      stream.on("response", (answer) => resolve(Number(answer[":status"])));
      stream.on("error", reject);
      stream.on("close", () => resolve(0));
      stream.resume();
      stream.end(body);
    });
  const path = "/blit.v1.Sessions/Stat";
  const proto = { ":path": path, "content-type": "application/proto" };
  assert.equal(await ask({ ":path": "/nothing" }, new Uint8Array(0)), 404);
  assert.ok(await ask(proto, new Uint8Array(100).fill(0xff)) >= 400);
  // An end without a reason would have a client wait for more.
  const bad = ask({ ...proto, ":authority": "[bad" }, new Uint8Array(0));
  await assert.rejects(bad, /NGHTTP2_PROTOCOL_ERROR/);
  assert.equal(await ask({ ":path": path, "content-type": "text/plain" }, new Uint8Array(0)), 415);
  const huge = new Uint8Array(6 << 20);
  assert.notEqual(await ask(proto, huge).catch(() => 0), 200);
  http2.destroy();
  assert.equal((await scene.client().health.check({})).status, 1);
});

daemonTest("sizes and counts beyond the limits are refused", async (scene) => {
  const client = scene.client();
  const { id: session, root } = await client.openRoot();
  const many = Array.from({ length: 4097 }, () => nameToBytes("a"));
  await rejectsWith(client.sessions.stat({ session, root, paths: many }), "usage");
  const long = [nameToBytes("x".repeat(70_000))];
  await rejectsWith(client.sessions.stat({ session, root, paths: long }), "name_too_long");
  const roots = Array.from({ length: 15 }, () => client.sessions.openRoot({ session }));
  await Promise.all(roots);
  await rejectsWith(client.sessions.openRoot({ session }), "busy");
  const list = async function* () {
    yield {
      session,
      root,
      directories: many.slice(0, 10).map(() => ({ path: nameToBytes("../x") })),
    };
  };
  await rejectsWith(all(client.sessions.list(list())), "escaped");
});

daemonTest("links that a local user plants lead nowhere", async (scene) => {
  const { folder } = scene;
  Deno.mkdirSync(`${folder}/d`);
  Deno.writeTextFileSync(`${folder}/d/f`, "inside");
  const client = scene.client();
  const { id: session, root } = await client.openRoot();
  Deno.removeSync(`${folder}/d`, { recursive: true });
  Deno.symlinkSync("/etc", `${folder}/d`);
  await rejectsWith(
    all(client.sessions.read({ session, root, path: nameToBytes("d/passwd") })),
    "escaped",
  );
  await rejectsWith(all(client.admin.list({ place: { path: nameToBytes("d/ssl") } })), "escaped");
  // A planted FIFO would hold whoever opens it.
  new Deno.Command("mkfifo", { args: [`${folder}/pipe`] }).outputSync();
  await rejectsWith(
    all(client.sessions.read({ session, root, path: nameToBytes("pipe") })),
    "unsupported",
  );
});

daemonTest("five hundred short sessions leave nothing behind", async (scene) => {
  const descriptors = () => [...Deno.readDirSync("/proc/self/fd")].length;
  const client = scene.client();
  const once = async () => {
    const session = await client.openRoot();
    await client.sessions.grant({ session: session.id, root: session.root, runId: 1n, streams: 2 });
    await session.close();
  };
  for (let i = 0; i < 20; i++) await once();
  const before = descriptors();
  for (let i = 0; i < 500; i++) await once();
  await eventually(() => scene.daemon.counts().sessions === 0);
  assert.ok(Math.abs(descriptors() - before) <= 2, `${before} descriptors became ${descriptors()}`);
}, { silentMs: 60_000 });

daemonTest("whoever asks for many files and reads none gets a few at a time", async (scene) => {
  Deno.writeFileSync(`${scene.folder}/large`, new Uint8Array(8 << 20));
  const client = scene.client();
  const { id: session, root } = await client.openRoot();
  const other = scene.client();
  const { id: theirs, root: theirRoot } = await other.openRoot();
  const request = { session, root, path: nameToBytes("large") };
  let begun = 0;
  const reads = Array.from({ length: 40 }, () => {
    const ending = new AbortController();
    const pieces = client.sessions.read(request, { signal: ending.signal })[Symbol.asyncIterator]();
    const first = pieces.next().then(() => begun++, () => {});
    return { ending, pieces, first };
  });
  await eventually(() => begun === 16);
  // Nobody else waits for them.
  const small = { session: theirs, root: theirRoot, path: nameToBytes("large") };
  assert.ok((await all(other.sessions.read(small))).length > 8);
  await new Promise((resolve) => setTimeout(resolve, 200));
  assert.equal(begun, 16);
  // Where one ends, another begins; those that waited and were given up hold nothing.
  for (const { ending } of reads.slice(0, 30)) ending.abort();
  await eventually(() => begun >= 24);
  for (const { ending } of reads) ending.abort();
  await Promise.all(reads.map(({ first }) => first));
  assert.ok((await all(client.sessions.read(request))).length > 8);
});

daemonTest("a session lists only so many times at once", async (scene) => {
  const client = scene.client();
  const { id: session, root } = await client.openRoot();
  const ends: (() => void)[] = [];
  const ask = async function* () {
    const directories = [{ path: nameToBytes(""), sorted: true, ahead: false }];
    yield { session, root, directories, windowBytes: 1n << 20n };
    await new Promise<void>((resolve) => ends.push(resolve));
  };
  const lists = Array.from(
    { length: 20 },
    () => client.sessions.list(ask())[Symbol.asyncIterator](),
  );
  await Promise.all(lists.map((list) => list.next()));
  await rejectsWith(all(client.sessions.list(ask())), "busy");
  for (const end of ends) end();
  for (const list of lists) while (!(await list.next()).done);
});
