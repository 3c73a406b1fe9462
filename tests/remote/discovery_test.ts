import assert from "node:assert/strict";
import { hostname } from "node:os";
import { join } from "node:path";
import { DaemonHome } from "../support/daemon_process.ts";
import { footprint } from "../support/footprint.ts";
import { sh, testOrSkip } from "../support/loop_fs.ts";
import { type Host, withTwoHosts } from "../support/two_hosts.ts";

const ROOT = new URL("../../", import.meta.url);

/** Deno on a host. */
function deno(host: Host, ...words: string[]): Deno.Command {
  const [program, ...args] = host.command(Deno.execPath(), ...words);
  return new Deno.Command(program, { args, stdout: "piped", stderr: "piped" });
}

function scanning(host: Host): Deno.Command {
  const cli = new URL("cli.ts", ROOT).pathname;
  return deno(host, "run", "-A", cli, "scan", "--wait", "2", "--json");
}

async function scan(host: Host): Promise<Record<string, unknown>[]> {
  const { stdout, stderr } = await scanning(host).output();
  const text = new TextDecoder();
  assert.equal(text.decode(stderr), "");
  return JSON.parse(text.decode(stdout));
}

/** Starts a daemon on the far host, and tells what the near one finds while it runs, and after. */
async function findFar(
  path: string,
  { near, far, bind }: { readonly near: Host; readonly far: Host; readonly bind: string },
) {
  const flags = ["--bind", bind, "--root", "served", "--port", "19031"];
  const daemon = await new DaemonHome({ path, host: far }).startAs(...flags);
  let found: Record<string, unknown>[] = [];
  try {
    for (let attempt = 0; attempt < 5 && found.length === 0; attempt++) found = await scan(near);
  } finally {
    await daemon.stop();
  }
  assert.deepEqual(await scan(near), []);
  return { found, said: daemon.stderr };
}

testOrSkip("scan finds a daemon that announces itself, and none once it has gone", async (dir) => {
  await dir.write({ "served/": "" });
  await withTwoHosts(async (near, far) => {
    assert.deepEqual(await scan(near), []);
    const { found, said } = await findFar(dir.path, { near, far, bind: far.address });
    assert.equal(found.length, 1);
    const { name, host, port, addresses, fingerprint } = found[0];
    assert.deepEqual([name, host, port], [
      hostname(),
      `${hostname().split(".")[0]}.local`,
      19031,
    ]);
    assert.match(fingerprint as string, /^SHA256:[A-Za-z0-9+/]{43}$/);
    assert.ok(said.includes(fingerprint as string), said);
    assert.equal((addresses as string[])[0], far.address);
  });
});

testOrSkip("a daemon whose name another one has is found by a name with a number", async (dir) => {
  await dir.write({ "served/": "" });
  await withTwoHosts(async (near, far) => {
    const start = (port: number) =>
      new DaemonHome({ path: dir.path, host: far }).startAs(
        ...["--bind", far.address, "--root", "served", "--port", String(port)],
        ...["--data-port", String(port + 1)],
      );
    const daemons = [await start(19031)];
    try {
      for (let attempt = 0; attempt < 5 && (await scan(near)).length === 0; attempt++);
      daemons.push(await start(19041));
      let found: Record<string, unknown>[] = [];
      for (let attempt = 0; attempt < 5 && found.length < 2; attempt++) found = await scan(near);
      assert.deepEqual(found.map(({ name, port }) => [name, port]), [
        [hostname(), 19031],
        [`${hostname()} (2)`, 19041],
      ]);
    } finally {
      for (const daemon of daemons) await daemon.stop();
    }
  });
});

testOrSkip("daemons of one name that start at once are found by two", async (dir) => {
  await dir.write({ "a/served/": "", "b/served/": "" });
  await withTwoHosts(async (near, far) => {
    const start = (folder: string, port: number) =>
      new DaemonHome({ path: join(dir.path, folder), host: far }).startAs(
        ...["--bind", far.address, "--root", "served", "--port", String(port)],
        ...["--data-port", String(port + 1)],
      );
    const daemons = await Promise.all([start("a", 19031), start("b", 19041)]);
    try {
      let found: Record<string, unknown>[] = [];
      for (let attempt = 0; attempt < 5 && found.length < 2; attempt++) found = await scan(near);
      assert.deepEqual(found.map(({ name }) => name), [hostname(), `${hostname()} (2)`]);
      assert.deepEqual(found.map(({ port }) => port).sort(), [19031, 19041]);
    } finally {
      for (const daemon of daemons) await daemon.stop();
    }
  });
});

/** Asks a host for daemons: as often as fits into one datagram, and then by many datagrams of 64 questions. */
const ASK = `const { createSocket } = await import("node:dgram");
const socket = createSocket("udp4");
await new Promise((resolve) => socket.bind(0, resolve));
const label = (text) => [text.length, ...new TextEncoder().encode(text)];
const [whole, again] = [[..."_blit _tcp local".split(" ").flatMap(label), 0], [0xc0, 12]];
const ask = (count) => {
  const head = [0, 0, 0, 0, count >> 8, count & 255, 0, 0, 0, 0, 0, 0];
  const questions = Array.from({ length: count }, (_, i) => [...i ? again : whole, 0, 12, 0, 1]);
  return Uint8Array.from([...head, ...questions.flat()]);
};
const say = (bytes) => new Promise((resolve) => socket.send(bytes, 5353, Deno.args[0], resolve));
for (let i = 0; i < 5; i++) await say(ask(10000));
for (let i = 0; i < 2000; i++) await say(ask(64));
socket.close();`;

testOrSkip(
  "whoever asks for daemons without end gets few answers, and costs no memory",
  async (dir) => {
    await dir.write({ "served/": "", "ask.ts": ASK });
    await withTwoHosts(async (near, far) => {
      const flags = ["--bind", far.address, "--root", "served", "--port", "19031"];
      const daemon = await new DaemonHome({ path: dir.path, host: far }).startAs(...flags);
      const sent = () =>
        Number(sh(
          'ip netns exec "$0" cat /sys/class/net/cable/statistics/tx_packets',
          far.namespace,
        ));
      try {
        for (let attempt = 0; attempt < 5 && (await scan(near)).length === 0; attempt++);
        const before = footprint(daemon.pid), sentBefore = sent();
        const ask = join(dir.path, "ask.ts");
        assert.equal((await deno(near, "run", "-A", ask, far.address).output()).code, 0);
        await new Promise((resolve) => setTimeout(resolve, 1000));
        const answers = sent() - sentBefore;
        assert.ok(answers < 2000, `${answers} packets`);
        const grown = footprint(daemon.pid).residentBytes - before.residentBytes;
        assert.ok(grown < 64 << 20, `${grown} bytes more`);
        // It listens again.
        let found: unknown[] = [];
        for (let attempt = 0; attempt < 5 && found.length === 0; attempt++) {
          found = await scan(near);
        }
        assert.equal(found.length, 1);
      } finally {
        await daemon.stop();
      }
    });
  },
);

testOrSkip("scan and daemon meet on a network that no default route leads to", async (dir) => {
  await dir.write({ "served/": "" });
  await withTwoHosts(async (near, far) => {
    for (const { namespace } of [near, far]) {
      sh(
        `set -e
         ip -n "$0" link add uplink type veth peer name isp
         ip -n "$0" addr add 10.98.0.1/24 dev uplink
         ip -n "$0" link set uplink up; ip -n "$0" link set isp up
         ip -n "$0" route replace default dev uplink`,
        namespace,
      );
    }
    const { found } = await findFar(dir.path, { near, far, bind: far.address });
    assert.equal(found.length, 1);
    assert.ok((found[0].addresses as string[]).includes(far.address));
  });
});

testOrSkip("scan and daemon meet where there is IPv6 alone", async (dir) => {
  await dir.write({ "served/": "" });
  await withTwoHosts(async (near, far) => {
    for (const { namespace } of [near, far]) {
      sh('ip -n "$0" -4 addr flush dev cable; ip -n "$0" -4 addr flush dev lo', namespace);
    }
    const { found } = await findFar(dir.path, { near, far, bind: "::" });
    assert.equal(found.length, 1);
    assert.match((found[0].addresses as string[]).join(), /^fe80:/);
  });
});

testOrSkip("a daemon is found on a network that comes while it runs", async (dir) => {
  await dir.write({ "served/": "" });
  await withTwoHosts(async (near, far) => {
    sh('ip -n "$0" link set cable down; ip -n "$0" addr flush dev cable', far.namespace);
    const flags = ["--bind", "0.0.0.0", "--root", "served", "--port", "19031"];
    const daemon = await new DaemonHome({ path: dir.path, host: far }).startAs(...flags);
    try {
      assert.deepEqual(await scan(near), []);
      sh(
        'ip -n "$0" addr add "$1/24" dev cable; ip -n "$0" link set cable up',
        far.namespace,
        far.address,
      );
      let found: Record<string, unknown>[] = [];
      for (let attempt = 0; attempt < 9 && found.length === 0; attempt++) found = await scan(near);
      assert.equal(found.length, 1);
      assert.ok((found[0].addresses as string[]).includes(far.address));
    } finally {
      await daemon.stop();
    }
  });
});

/** Has a port of multicast DNS, of both families, for itself. */
const HOLD = `const { createSocket } = await import("node:dgram");
createSocket("udp6").bind(5353, () => console.log("held"));`;

testOrSkip(
  "scan says that a program has the port of multicast DNS for itself",
  () =>
    withTwoHosts(async (near) => {
      const holder = deno(near, "eval", HOLD).spawn();
      const said = holder.stdout.getReader();
      await said.read();
      try {
        const { code, stderr } = await scanning(near).output();
        assert.equal(code, 1);
        assert.match(
          new TextDecoder().decode(stderr),
          /another program has port 5353 for itself\. End it, or name the host/,
        );
      } finally {
        holder.kill();
        await holder.status;
        await Promise.all([said.cancel(), holder.stderr.cancel()]);
      }
    }),
);
