import assert from "node:assert/strict";
import { hostname } from "node:os";
import { DaemonHome } from "../support/daemon_process.ts";
import { testOrSkip } from "../support/loop_fs.ts";
import { type Host, withTwoHosts } from "../support/two_hosts.ts";

const ROOT = new URL("../../", import.meta.url);

async function scan(host: Host): Promise<Record<string, unknown>[]> {
  const [program, ...args] = host.command(
    Deno.execPath(),
    ...["run", "-A", new URL("cli.ts", ROOT).pathname, "scan", "--wait", "2", "--json"],
  );
  const { stdout } = await new Deno.Command(program, { args, stderr: "inherit" }).output();
  return JSON.parse(new TextDecoder().decode(stdout));
}

testOrSkip("scan finds a daemon that announces itself, and none once it has gone", async (dir) => {
  await dir.write({ "served/": "" });
  await withTwoHosts(async (near, far) => {
    assert.deepEqual(await scan(near), []);
    const flags = ["--bind", far.address, "--root", "served", "--port", "19031"];
    const daemon = await new DaemonHome({ path: dir.path, host: far }).startAs(...flags);
    let found: Record<string, unknown>[] = [];
    try {
      for (let attempt = 0; attempt < 5 && found.length === 0; attempt++) found = await scan(near);
    } finally {
      await daemon.stop();
    }
    assert.equal(found.length, 1);
    const { name, host, port, addresses, fingerprint } = found[0];
    assert.deepEqual([name, host, port], [
      hostname(),
      `${hostname().split(".")[0]}.local`,
      19031,
    ]);
    assert.match(fingerprint as string, /^SHA256:[A-Za-z0-9+/]{43}$/);
    assert.ok(daemon.stderr.includes(fingerprint as string), daemon.stderr);
    assert.equal((addresses as string[])[0], far.address);
    assert.deepEqual(await scan(near), []);
  });
});
