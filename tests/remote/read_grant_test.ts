/**
 * Read grants: who may come with one, for what, and how often; two daemons in this process.
 *
 * @module
 */
import assert from "node:assert/strict";
import { nameToBytes } from "../../src/core/rel_path.ts";
import { DEFAULTS } from "../../src/daemon/config.ts";
import { moduleOf } from "../../src/daemon/config_parse.ts";
import { type Daemon, startDaemon } from "../../src/daemon/daemon.ts";
import { makeProof } from "../../src/net/proof.ts";
import type { RawClient, RawSession, Scene } from "./daemon_support.ts";
import { daemonTest, rejectsWith } from "./daemon_support.ts";

/** Grants reading below `path` to the daemon with this certificate. */
async function grantOf(
  client: RawClient,
  session: RawSession,
  path: string,
  reader: Uint8Array = new Uint8Array(0),
): Promise<string> {
  const { grant } = await client.sessions.grantRead({
    session: session.id,
    path: nameToBytes(path),
    readerCertificateSha256: reader,
  });
  return grant;
}

/** Another daemon, with a certificate of its own. */
async function withReader(scene: Scene, test: (reader: Daemon) => Promise<void>): Promise<void> {
  const config = { ...DEFAULTS, bind: "0.0.0.0", port: 0, dataPort: 0, discovery: false };
  const stateFolder = `${scene.stateFolder}-reader`;
  const reader = await startDaemon(config, { stateFolder, pool: scene.pool });
  try {
    await test(reader);
  } finally {
    await reader.stop();
  }
}

function hello(grant: string, proof?: ReturnType<typeof makeProof>) {
  return {
    readGrant: grant,
    readerCertificate: proof?.certificate,
    readerProof: proof?.signature,
  };
}

daemonTest("a read grant opens its path for reading, once, and nothing else", async (scene) => {
  Deno.mkdirSync(`${scene.folder}/shown`);
  Deno.mkdirSync(`${scene.folder}/hidden`);
  Deno.writeTextFileSync(`${scene.folder}/shown/file`, "1");
  const user = scene.client();
  const session = await user.open({ module: "m" });
  const grant = await grantOf(user, session, "shown");
  const reader = scene.client();
  const granted = await reader.openRoot(hello(grant));
  assert.deepEqual(granted.welcome.rights, ["read"]);
  const { block } = await reader.sessions.stat({
    session: granted.id,
    root: granted.root,
    paths: [nameToBytes("file")],
  });
  assert.ok(block.length > 0);
  for (const path of ["hidden", "shown"]) {
    const root = reader.sessions.openRoot({ session: granted.id, path: nameToBytes(path) });
    await rejectsWith(root, "not_found");
  }
  await rejectsWith(
    reader.sessions.openRoot({ session: granted.id, path: nameToBytes("../hidden") }),
    "escaped",
  );
  await rejectsWith(
    reader.sessions.openRoot({ session: granted.id, path: nameToBytes("new"), create: true }),
    "permission",
  );
  await rejectsWith(reader.open(hello(grant)), "unauthenticated");
  await granted.close();
  await session.close();
});

daemonTest("a read grant ends with the session that gave it", async (scene) => {
  const user = scene.client();
  const session = await user.open({ module: "m" });
  const grant = await grantOf(user, session, "");
  await session.close();
  await rejectsWith(scene.client().open(hello(grant)), "unauthenticated");
});

daemonTest("whoever reads with a grant can't grant more than it is for", async (scene) => {
  Deno.mkdirSync(`${scene.folder}/shown`);
  const user = scene.client(scene.daemon.tokens.add("user", ["m"], "read"));
  const session = await user.open({ module: "m" });
  // The reader's daemon may have a user of its own here, who sees nothing of the module.
  const reader = scene.client(scene.daemon.tokens.add("reader", ["/"], "read"));
  const granted = await reader.open(hello(await grantOf(user, session, "shown")));
  await rejectsWith(grantOf(reader, granted, ""), "permission", /passed on/);
  await granted.close();
  await session.close();
}, { secure: true });

daemonTest("a stream's token is no read grant, and the other way round", async (scene) => {
  const user = scene.client();
  const session = await user.openRoot({ module: "m" });
  const { tokens } = await user.sessions.grant({
    session: session.id,
    root: session.root,
    runId: 1n,
    streams: 1,
  });
  await rejectsWith(user.open(hello(tokens[0])), "unauthenticated");
  await rejectsWith(user.open(hello("eyJhbGciOiJIUzI1NiJ9.e30.x")), "unauthenticated");
  await session.close();
});

daemonTest(
  "a read grant is for the daemon whose certificate it names",
  (scene) =>
    withReader(scene, async ({ certificate }) => {
      const token = scene.daemon.tokens.add("tests", ["m"], "read");
      const user = scene.client(token);
      const session = await user.open({ module: "m" });
      const granter = scene.daemon.certificate!;
      const identity = certificate!;
      const fresh = () => grantOf(user, session, "", identity.sha256);
      const other = scene.client();

      // Without a token and without a proof; with the proof of another certificate; of another grant; for another daemon.
      await rejectsWith(other.open(hello(await fresh())), "unauthenticated", /another daemon/);
      const first = await fresh();
      const subject = { grant: first, granterSha256: granter.sha256 };
      await rejectsWith(other.open(hello(first, makeProof(granter, subject))), "unauthenticated");
      const second = await fresh();
      await rejectsWith(other.open(hello(second, makeProof(identity, subject))), "unauthenticated");
      const third = await fresh();
      const elsewhere = makeProof(identity, { grant: third, granterSha256: identity.sha256 });
      await rejectsWith(other.open(hello(third, elsewhere)), "unauthenticated");
      // The right certificate, signed for with another key.
      const fourth = await fresh();
      const forged = makeProof({ certDer: identity.certDer, key: granter.key }, {
        grant: fourth,
        granterSha256: granter.sha256,
      });
      await rejectsWith(other.open(hello(fourth, forged)), "unauthenticated");

      const good = await fresh();
      const proof = makeProof(identity, { grant: good, granterSha256: granter.sha256 });
      const granted = await other.openRoot(hello(good, proof));
      assert.deepEqual(granted.welcome.rights, ["read"]);
      // Its user's token is gone, and so is what was granted with it.
      scene.daemon.tokens.remove("tests");
      assert.equal(await granted.ended.catch(() => "unauthenticated"), "unauthenticated");
      await session.close();
    }),
  { secure: true },
);

daemonTest("a pull needs a host that the module's configuration allows", async (scene) => {
  const user = scene.client();
  const request = { host: "127.0.0.1:9", options: "{}", runId: 1n };
  for (const [module, kind] of [["m", "permission"], ["", "permission"]]) {
    const session = await user.openRoot({ module });
    const { id, root } = session;
    await rejectsWith(user.sessions.checkPull({ session: id, host: request.host }), kind, /deleg/);
    const pull = user.sessions.pull({ ...request, session: id, root });
    await rejectsWith(Array.fromAsync(pull), kind, /delegation/);
    await rejectsWith(
      user.sessions.checkPull({ session: id, host: "a b\x1b[2J" }),
      "usage",
    );
    await session.close();
  }
});

daemonTest("a module that is served read-only is filled from nowhere", async (scene) => {
  const host = "127.0.0.1:9";
  const user = scene.client();
  const { id, root, close } = await user.openRoot({ module: "ro" });
  const pull = user.sessions.pull({ session: id, root, host, options: "{}", runId: 1n });
  await rejectsWith(Array.fromAsync(pull), "read_only");
  await close();
}, {
  config: {
    modules: [moduleOf({ name: "ro", path: "/tmp", readOnly: true, delegation: ["127.0.0.1:9"] })],
  },
});
