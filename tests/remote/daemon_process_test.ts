import assert from "node:assert/strict";
import { connect as connectTls } from "node:tls";
import { createHash } from "node:crypto";
import { SessionKeeper } from "../../src/rpc/session_keeper.ts";
import { formatFingerprint } from "../../src/core/fingerprint.ts";
import { DaemonHome } from "../support/daemon_process.ts";
import { need, needsRoot, testOrSkip } from "../support/loop_fs.ts";
import { eventually, rawClient, rejectsWith } from "./daemon_support.ts";

Deno.test("--root serves a folder as the default root and as module default", async () => {
  using home = new DaemonHome();
  Deno.mkdirSync(`${home.path}/srv`);
  const daemon = await home.start("--root", "srv");
  const client = rawClient(daemon.ready, null);
  try {
    assert.equal(daemon.ready.tls, false);
    const { modules } = await client.admin.listModules({});
    assert.deepEqual(modules.map(({ name }) => name), ["", "default"]);
  } finally {
    client.close();
    assert.equal(await daemon.stop(), 0);
  }
});

Deno.test("a daemon is reached by its IPv6 address", async () => {
  using home = new DaemonHome();
  const daemon = await home.start("--root", ".", "--bind", "::1");
  const dialling = SessionKeeper.open({
    connect: () => ({
      name: { host: "::1", port: daemon.ready.port },
      trust: { kind: "plain" },
      token: null,
    }),
    session: { module: "default", purpose: "test", agent: "tests" },
    retries: 0,
    retryWaitMs: 0,
  });
  try {
    const keeper = await dialling;
    assert.equal(keeper.session.connection.dialled.address, "::1");
    await keeper.close();
  } finally {
    assert.equal(await daemon.stop(), 0);
  }
});

Deno.test("a bad start says why, with file, line and column where there is one", async () => {
  using home = new DaemonHome();
  home.write("bad.jsonc", '{\n  "modules": [{ "name": "a", "path": "/nonexistent" }],\n}');
  const bad = await home.run("--config", "bad.jsonc");
  assert.equal(bad.code, 64);
  assert.match(bad.stderr, /^blit-daemon: bad\.jsonc:2:\d+: "modules\[0\]\.path": "\/nonexistent"/);
  const older = await home.run("--config", "config.toml");
  assert.deepEqual([older.code, older.stdout], [64, ""]);
  assert.match(
    older.stderr,
    /of blit-daemon 0\.1.*: blit-daemon import config\.toml > \S+\.jsonc$/m,
  );
  const nothing = await home.run();
  assert.deepEqual([nothing.code, nothing.stdout], [64, ""]);
  assert.match(nothing.stderr, /nothing to serve/);
  const without = await home.runWith({ BLIT_NO_NATIVE: "1" }, "--root", ".");
  assert.match(without.stderr, /needs the native library/);
  assert.equal(without.code, 1);
  // It may get the address yet: no mistake (64), which a service isn't started again after.
  const late = await home.run("--root", ".", "--bind", "192.0.2.77", "--insecure", "--no-mdns");
  assert.equal(late.code, 1);
  assert.match(late.stderr, /Cannot listen on 192\.0\.2\.77:9031: this machine doesn't have the/);
  // What a newer version kept is left to it.
  Deno.mkdirSync(`${home.path}/state/blit-daemon`, { recursive: true });
  const tokens = home.write("state/blit-daemon/tokens.json", '{"version":2,"users":[]}');
  for (const format of [[], ["--json"]]) {
    const old = await home.run("--root", ".", "--bind", "0.0.0.0", "--no-mdns", ...format);
    assert.deepEqual([old.code, old.stdout], [1, ""]);
    assert.match(old.stderr, /Cannot read the tokens in .*: a newer blit-daemon wrote them\./);
  }
  assert.equal(Deno.readTextFileSync(tokens), '{"version":2,"users":[]}');
  const help = await home.run("--help");
  assert.equal(help.code, 0);
  assert.match(help.stdout, /--data-port N/);
});

/** Listens as a service manager does, until it has heard one word, and prints that. */
const MANAGER = `
  const socket = Deno.listenDatagram({ transport: "unixpacket", path: Deno.args[0] });
  console.log("listens");
  const [words] = await socket.receive();
  console.log(new TextDecoder().decode(words));
`;

Deno.test({
  name:
    "a service manager is told that the daemon is ready once it takes clients, and a deaf one is warned of",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    using home = new DaemonHome();
    const address = `${home.path}/notify`;
    const script = home.write("manager.ts", MANAGER);
    const manager = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", "--unstable-net", script, address],
      env: { DENO_NO_UPDATE_CHECK: "1" },
      stdout: "piped",
    }).spawn();
    const heard = manager.stdout.pipeThrough(new TextDecoderStream()).getReader();
    assert.deepEqual(await heard.read(), { done: false, value: "listens\n" });
    using told = new DaemonHome({ env: { NOTIFY_SOCKET: address } });
    const daemon = await told.start("--root", ".");
    try {
      assert.deepEqual(await heard.read(), { done: false, value: "READY=1\n" });
      await heard.cancel();
      assert.equal((await manager.status).code, 0);
      const client = rawClient(daemon.ready, null);
      await client.admin.listModules({});
      client.close();
    } finally {
      await daemon.stop();
    }
    assert.doesNotMatch(daemon.stderr, /service manager/);
    // Nobody listens there any more.
    const unheard = await told.start("--root", ".");
    await unheard.says(/not ready for the service manager: .*NOTIFY_SOCKET=/);
    assert.equal(await unheard.stop(), 0);
  },
});

Deno.test("--check tells a mistake before a start or a reload does, and starts nothing", async () => {
  using home = new DaemonHome();
  Deno.mkdirSync(`${home.path}/srv`);
  home.write("good.jsonc", '{ "modules": [{ "name": "a", "path": "srv" }] }');
  home.write("bad.jsonc", '{ "modules": [{ "name": "a", "path": "gone" }] }');
  const good = await home.run("--check", "--config", "good.jsonc", "--bind", "192.0.2.77");
  assert.deepEqual([good.code, good.stdout, good.stderr], [
    0,
    "The configuration is in order: 1 module.\n",
    "",
  ]);
  const bad = await home.run("--check", "--config", "bad.jsonc");
  assert.deepEqual([bad.code, bad.stdout], [64, ""]);
  assert.match(bad.stderr, /bad\.jsonc:1:\d+: .*gone"/);
  // Not even a certificate is made.
  assert.throws(() => Deno.statSync(`${home.path}/state`), Deno.errors.NotFound);
});

Deno.test("SIGHUP reads the configuration again, a bad one keeps the old", async () => {
  using home = new DaemonHome();
  const config = (name: string) => `{ "modules": [{ "name": "${name}", "path": "." }] }`;
  home.write("d.jsonc", config("one"));
  const daemon = await home.start("--config", "d.jsonc");
  const client = rawClient(daemon.ready, null);
  const names = async () => (await client.admin.listModules({})).modules.map(({ name }) => name);
  try {
    assert.deepEqual(await names(), ["one"]);
    const session = await client.open({ module: "one" });
    home.write("d.jsonc", config("two"));
    daemon.signal("SIGHUP");
    await daemon.says(/read again/);
    assert.deepEqual(await names(), ["two"]);
    // Its module is gone.
    assert.equal(await session.ended, "not_found");
    home.write("d.jsonc", '{ "modules": [{ "name": "three" }] }');
    daemon.signal("SIGHUP");
    await daemon.says(/d\.jsonc:1:\d+: /);
    assert.deepEqual(await names(), ["two"]);
  } finally {
    client.close();
    await daemon.stop();
  }
});

Deno.test("a session ends at SIGHUP where its module trusts its clients, or takes from other daemons, less than before", async () => {
  using home = new DaemonHome();
  const config = (more: Record<string, unknown>) =>
    home.write(
      "d.jsonc",
      JSON.stringify({
        modules: [{ name: "kept", path: ".", trustMetadata: true }, {
          name: "cut",
          path: ".",
          ...more,
        }],
      }),
    );
  config({ trustMetadata: true, delegation: ["a"] });
  const daemon = await home.start("--config", "d.jsonc");
  const client = rawClient(daemon.ready, null);
  let from = 0;
  const again = async (more: Record<string, unknown>) => {
    config(more);
    from = daemon.stderr.length;
    daemon.signal("SIGHUP");
    await eventually(() => daemon.stderr.slice(from).includes("read again"));
  };
  try {
    const kept = await client.open({ module: "kept" });
    const first = await client.open({ module: "cut" });
    await again({ trustMetadata: true, delegation: ["a", "b"] });
    await client.sessions.openRoot({ session: first.id });
    await again({ trustMetadata: true, delegation: ["b"] });
    assert.equal(await first.ended, "not_found");
    const second = await client.open({ module: "cut" });
    await again({ delegation: ["b"] });
    assert.equal(await second.ended, "not_found");
    const third = await client.open({ module: "cut" });
    await again({ trustMetadata: true, delegation: ["b"] });
    await client.sessions.openRoot({ session: third.id });
    await client.sessions.openRoot({ session: kept.id });
  } finally {
    client.close();
    await daemon.stop();
  }
});

Deno.test({
  name: "a daemon whose log nobody reads goes on, and stops when it is told to",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    const unread = 'mkfifo log; sleep 20 < log > /dev/null 2>&1 & exec "$@" 2> log';
    using home = new DaemonHome({ wrapper: ["sh", "-c", unread, "sh"] });
    const daemon = await home.start("--root", ".");
    const client = rawClient(daemon.ready, null);
    try {
      // More than a pipe takes: 64 KiB.
      for (let i = 0; i < 400; i++) {
        const session = await client.open();
        await session.close();
      }
    } finally {
      client.close();
    }
    assert.equal(await daemon.stop(), 0);
  },
});

Deno.test("SIGTERM refuses new sessions and waits for the running ones", async () => {
  using home = new DaemonHome();
  const daemon = await home.start("--root", ".");
  const client = rawClient(daemon.ready, null);
  try {
    const session = await client.open();
    daemon.signal("SIGTERM");
    await daemon.says(/no new sessions/);
    await rejectsWith(client.open(), "disconnected", /being shut down/);
    assert.equal((await client.health.check({})).status, 2);
    await session.close();
    assert.equal(await daemon.stop("SIGURG"), 0);
  } finally {
    client.close();
  }
});

Deno.test("off loopback a first start makes a certificate, and tokens decide", async () => {
  using home = new DaemonHome();
  const daemon = await home.start("--root", ".", "--bind", "0.0.0.0");
  const stranger = rawClient(daemon.ready, null);
  let client = null;
  try {
    const { fingerprint, port } = daemon.ready;
    assert.match(fingerprint!, /^SHA256:/);
    assert.equal(await shownFingerprint(port), fingerprint);
    assert.equal(Deno.statSync(`${home.path}/state/blit-daemon/key.pem`).mode! & 0o777, 0o600);
    await rejectsWith(stranger.open(), "unauthenticated");
    await rejectsWith(stranger.admin.listModules({}), "unauthenticated");
    assert.equal((await stranger.health.check({})).status, 1);
    const added = await home.run("token", "add", "alice", "--module", "/", "--access", "write");
    const token = added.stdout.trim();
    client = rawClient(daemon.ready, token);
    const session = await client.open();
    assert.deepEqual(session.welcome.rights, ["read", "write"]);
    await rejectsWith(client.open({ module: "default" }), "not_found");
    // Another user's session isn't one's own.
    await rejectsWith(stranger.sessions.probe({ session: session.id, root: 1 }), "not_found");
    const removed = await home.run("token", "remove", "alice");
    assert.equal(removed.code, 0);
    assert.equal(await session.ended, "unauthenticated");
    await rejectsWith(client.open(), "unauthenticated");
    const again = await home.run("token", "list");
    assert.equal(again.stdout, "");
  } finally {
    stranger.close();
    client?.close();
    await daemon.stop();
  }
  const second = await home.start("--root", ".", "--bind", "0.0.0.0");
  assert.equal(second.ready.fingerprint, daemon.ready.fingerprint);
  await second.stop();
});

testOrSkip("as root with --state, a daemon's files stay its user's", async () => {
  need(needsRoot());
  using home = new DaemonHome();
  const state = `${home.path}/kept`;
  Deno.mkdirSync(state, { mode: 0o700 });
  Deno.chownSync(state, 65534, 65533);
  home.write("d.jsonc", '{ "bind": "0.0.0.0", "modules": [{ "name": "photos", "path": "." }] }');
  const daemon = await home.start("--config", "d.jsonc", "--state", state);
  try {
    const as = ["--access", "read", "--state", "kept"];
    const wrong = await home.run("token", "add", "alice", "--module", "photo", ...as);
    assert.deepEqual([wrong.code, wrong.stdout], [64, ""]);
    assert.match(
      wrong.stderr,
      /"photo": ".*d\.jsonc" has none of that name\. Did you mean photos\?/,
    );
    const added = await home.run("token", "add", "alice", "--module", "photos", ...as);
    assert.equal(added.code, 0, added.stderr);
    const client = rawClient(daemon.ready, added.stdout.trim());
    await (await client.open({ module: "photos" })).close();
    client.close();
    const names = [...Deno.readDirSync(state)].map(({ name }) => name).sort();
    assert.deepEqual(names, ["certificate.pem", "key.pem", "started.json", "tokens.json"]);
    for (const name of names) {
      const { uid, gid, mode } = Deno.statSync(`${state}/${name}`);
      assert.deepEqual([uid, gid, mode! & 0o777], [65534, 65533, 0o600], name);
    }
  } finally {
    await daemon.stop();
  }
});

Deno.test("--insecure off loopback says so at every start", async () => {
  using home = new DaemonHome();
  const daemon = await home.start("--root", ".", "--bind", "0.0.0.0", "--insecure");
  const client = rawClient(daemon.ready, null);
  await daemon.says(/INSECURE/);
  await (await client.open()).close();
  client.close();
  await daemon.stop();
});

Deno.test("a client that goes away in the middle of its calls is no error in the log", async () => {
  using home = new DaemonHome();
  const daemon = await home.start("--root", ".");
  const client = rawClient(daemon.ready, null);
  const { id: session, root } = await client.openRoot();
  const requests = async function* () {
    yield { session, root, windowBytes: 0n, directories: [{ path: new Uint8Array(0) }] };
    await new Promise(() => {});
  };
  // deno-lint-ignore no-explicit-any
  await client.sessions.list(requests() as any)[Symbol.asyncIterator]().next();
  client.close();
  await daemon.says(/session 1 failed/);
  await daemon.stop();
  assert.match(daemon.stderr, /session 1 opened from 127\.0\.0\.1 on the default root"/);
  assert.doesNotMatch(daemon.stderr, /"level":"error"/);
});

Deno.test("without --json a secure start prints what to type on the client", async () => {
  using home = new DaemonHome();
  const process = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", "daemon.ts", "--root", home.path, "--bind", "0.0.0.0"]
      .concat("--port", "0", "--data-port", "0", "--no-mdns"),
    env: { STATE_DIRECTORY: `${home.path}/own`, DENO_NO_UPDATE_CHECK: "1" },
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  let stderr = "";
  const follow = (async () => {
    for await (const text of process.stderr.pipeThrough(new TextDecoderStream())) stderr += text;
  })();
  const reader = process.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const { value } = await reader.read();
  assert.match(
    value!,
    /^blit-daemon \S+ ready on 0\.0\.0\.0: control port \d+, data port \d+, TLS\n$/,
  );
  // systemd's folder is in nobody else's environment.
  await eventually(() => /token add NAME/.test(stderr));
  assert.match(stderr, /token add NAME .* --state \/.*\/own\n/);
  assert.match(stderr, /blit login \S+:\d+ --fingerprint SHA256:[A-Za-z0-9+/]{43}\n/);
  process.kill("SIGTERM");
  await process.status;
  while (!(await reader.read()).done);
  await follow;
});

function shownFingerprint(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connectTls({
      port,
      host: "127.0.0.1",
      rejectUnauthorized: false,
      ALPNProtocols: ["h2"],
    });
    socket.once("error", reject);
    socket.once("secureConnect", () => {
      const { raw } = socket.getPeerCertificate();
      socket.destroy();
      resolve(formatFingerprint(createHash("sha256").update(raw).digest()));
    });
  });
}
