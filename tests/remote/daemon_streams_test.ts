import assert from "node:assert/strict";
import { connect } from "node:net";
import { Code, ConnectError } from "@connectrpc/connect";
import { closeStream, dial } from "../../src/native/net.ts";
import { all, daemonTest, eventually, rejectsWith, type Scene } from "./daemon_support.ts";

function dialWith(scene: Scene, token: string): Promise<number> {
  return dial(scene.pool, {
    address: "127.0.0.1",
    port: scene.daemon.dataPort,
    token,
    timeoutMs: 5000,
    slot: 0,
    certificateSha256: scene.daemon.certificate?.sha256,
  });
}

async function granted(scene: Scene, count = 1, token: string | null = null) {
  const client = scene.client(token);
  const session = await client.openRoot();
  const { tokens } = await client.sessions.grant({
    session: session.id,
    root: session.root,
    runId: 5n,
    streams: count,
  });
  return { client, session, tokens };
}

daemonTest("a stream is bound by its token, once", async (scene) => {
  const { client, session, tokens } = await granted(scene, 2);
  assert.equal(session.welcome.dataPlane?.port, scene.daemon.dataPort);
  assert.equal(session.welcome.dataPlane?.certificateSha256.length, 0);
  const stream = await dialWith(scene, tokens[0]);
  const { jobs } = await client.jobs.list({});
  assert.deepEqual([jobs[0].streams, jobs[0].fallback], [1, false]);
  await assert.rejects(dialWith(scene, tokens[0]), { kind: "unauthenticated" });
  closeStream(scene.pool, stream);
  await eventually(() => scene.daemon.counts().refusedStreams === 1);
  closeStream(scene.pool, await dialWith(scene, tokens[1]));
});

daemonTest("forged tokens, and those of ended sessions, open nothing", async (scene) => {
  const { session, tokens } = await granted(scene, 1);
  const [head, body, signature] = tokens[0].split(".");
  const other = `${body.slice(0, -2)}AA`;
  for (
    const token of ["x", `${head}.${body}.`, `${head}.${other}.${signature}`, "y".repeat(1016)]
  ) {
    await assert.rejects(dialWith(scene, token), { kind: "unauthenticated" });
  }
  await session.close();
  await eventually(() => scene.daemon.counts().sessions === 0);
  await assert.rejects(dialWith(scene, tokens[0]), { kind: "unauthenticated" });
});

daemonTest("a token's root is its session's, and there are only so many streams", async (scene) => {
  const { client, session } = await granted(scene);
  const other = await client.openRoot();
  const grant = (id: string, root: number, streams = 1) =>
    client.sessions.grant({ session: id, root, runId: 1n, streams });
  await rejectsWith(grant(session.id, other.root), "not_found");
  await rejectsWith(grant(session.id, session.root, 0), "usage");
  await rejectsWith(grant(session.id, session.root, 17), "usage");
  const [token] = (await grant(session.id, session.root)).tokens;
  await client.sessions.closeRoot({ session: session.id, root: session.root });
  await assert.rejects(dialWith(scene, token), { kind: "not_found" });
});

daemonTest("a session is granted as many streams as it has room for", async (scene) => {
  const { client, session, tokens } = await granted(scene, 10);
  for (const token of tokens) await dialWith(scene, token);
  const grant = async (streams: number) => {
    const wish = { session: session.id, root: session.root, runId: 5n, streams };
    return (await client.sessions.grant(wish)).tokens;
  };
  const more = await grant(10);
  assert.equal(more.length, 6);
  for (const token of more) await dialWith(scene, token);
  await rejectsWith(grant(1), "busy");
});

daemonTest("a session's streams end with it", async (scene) => {
  const { session, tokens } = await granted(scene, 2);
  await dialWith(scene, tokens[0]);
  await dialWith(scene, tokens[1]);
  await session.close();
  await eventually(() => scene.daemon.counts().sessions === 0);
});

daemonTest("over TLS a stream shows the certificate that the welcome names", async (scene) => {
  const user = scene.daemon.tokens.add("alice", ["/"], "write");
  const { session, tokens } = await granted(scene, 1, user);
  assert.deepEqual(
    session.welcome.dataPlane?.certificateSha256,
    scene.daemon.certificate?.sha256,
  );
  closeStream(scene.pool, await dialWith(scene, tokens[0]));
}, { secure: true });

daemonTest("a tunnel is a stream in messages, opened by the same tokens", async (scene) => {
  const { client, tokens } = await granted(scene, 1);
  const requests = async function* (token: string) {
    yield { token };
    await new Promise((resolve) => setTimeout(resolve, 100));
  };
  // The preamble's answer is the first that comes.
  const [answer] = await all(client.sessions.tunnel(requests(tokens[0])));
  assert.equal(new TextDecoder().decode(answer.data.subarray(0, 4)), "BLIT");
  assert.equal(answer.data[5], 0);
  assert.equal((await client.jobs.list({})).jobs[0].fallback, true);
  await rejectsWith(all(client.sessions.tunnel(requests(tokens[0]))), "unauthenticated");
  await rejectsWith(all(client.sessions.tunnel(requests("x"))), "unauthenticated");
});

daemonTest("a tunnel whose client breaks the rules is cut, the session lives on", async (scene) => {
  const { client, session, tokens } = await granted(scene, 2);
  const large = async function* () {
    yield { token: tokens[0], data: new Uint8Array(300_000) };
  };
  await all(client.sessions.tunnel(large())).catch((error) => {
    assert.notEqual(ConnectError.from(error).code, Code.Internal);
  });
  const liar = async function* () {
    yield { token: tokens[1] };
    yield { creditBytes: 1n << 60n };
    await new Promise((resolve) => setTimeout(resolve, 100));
  };
  await all(client.sessions.tunnel(liar())).catch(() => {});
  await client.sessions.probe({ session: session.id, root: session.root });
});

daemonTest("garbage and silence on the data port cost the daemon nothing", async (scene) => {
  const sockets = ["", "GET / HTTP/1.1\r\n\r\n", "BLIT\x01\0\xff\xff", "BLIT\x01\0\x03\0abc"].map(
    (text) => {
      const socket = connect(scene.daemon.dataPort, "127.0.0.1");
      socket.on("error", () => {});
      if (text !== "") socket.write(text, "latin1");
      return socket;
    },
  );
  const ended = sockets.slice(1).map((socket) =>
    new Promise((resolve) => {
      socket.on("close", resolve);
      socket.resume();
    })
  );
  await Promise.all(ended);
  sockets[0].destroy();
  const { tokens } = await granted(scene, 1);
  closeStream(scene.pool, await dialWith(scene, tokens[0]));
});
