import assert from "node:assert/strict";
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

testOrSkip("scan finds a daemon that announces itself, and none once it has gone", async () => {
  await withTwoHosts(async (near, far) => {
    assert.deepEqual(await scan(near), []);
    const [program, ...args] = far.command(
      Deno.execPath(),
      ...["run", "-A", new URL("announcer.ts", import.meta.url).pathname],
    );
    const announcer = new Deno.Command(program, { args, stdin: "piped" }).spawn();
    let found: Record<string, unknown>[] = [];
    for (let attempt = 0; attempt < 5 && found.length === 0; attempt++) found = await scan(near);
    await announcer.stdin.close();
    await announcer.status;
    assert.equal(found.length, 1);
    const { name, port, addresses, fingerprint } = found[0];
    assert.deepEqual([name, port, fingerprint], ["attic\nnas", 19031, "SHA256:abc"]);
    assert.equal((addresses as string[])[0], far.address);
    assert.deepEqual(await scan(near), []);
  });
});
