/**
 * The metrics as Prometheus reads them.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { Daemon } from "./daemon.ts";
import { metricsText, serveMetrics } from "./metrics.ts";

/** A daemon that has counted this. */
function counting(): Daemon {
  return {
    counts: () => ({
      sessions: 3,
      connections: 5,
      refusedConnections: 7,
      refusedStreams: 11,
      failedLogins: 13,
    }),
  } as Daemon;
}

Deno.test("every metric has its help, its type and its number", () => {
  const text = metricsText(counting());
  const found = new Map<string, number>();
  const lines = text.trimEnd().split("\n");
  for (let i = 0; i < lines.length; i += 3) {
    const [help, type, sample] = lines.slice(i, i + 3);
    const [name, value] = sample.split(" ");
    assert.match(name, /^blit_[a-z_]+$/);
    assert.match(help, new RegExp(`^# HELP ${name} [A-Z].*\\.$`));
    // What only grows is called a total.
    assert.equal(type, `# TYPE ${name} ${name.endsWith("_total") ? "counter" : "gauge"}`);
    found.set(name, Number(value));
  }
  assert.ok(found.get("blit_resident_memory_bytes")! > 1 << 20);
  found.delete("blit_resident_memory_bytes");
  assert.deepEqual(Object.fromEntries(found), {
    blit_sessions: 3,
    blit_connections: 5,
    blit_connections_refused_total: 7,
    blit_streams_refused_total: 11,
    blit_failed_logins_total: 13,
  });
});

Deno.test("metrics are served at /metrics alone, on the address that was asked for", async () => {
  const hosts = [["127.0.0.1:0", "127.0.0.1"], [":0", "127.0.0.1"]];
  // Some machines have IPv6 turned off.
  if (Deno.networkInterfaces().some(({ address }) => address === "::1")) {
    hosts.push(["[::1]:0", "[::1]"]);
  }
  for (const [address, host] of hosts) {
    const served = serveMetrics(address, counting());
    try {
      const at = `http://${host}:${served.port}`;
      const answer = await fetch(`${at}/metrics?x=1`);
      assert.equal(answer.status, 200);
      assert.match(answer.headers.get("content-type") ?? "", /^text\/plain; version=0\.0\.4/);
      assert.match(await answer.text(), /^blit_sessions 3$/m);
      const elsewhere = await fetch(`${at}/`);
      assert.equal(elsewhere.status, 404);
      assert.match(await elsewhere.text(), /\/metrics is here/);
    } finally {
      await served.close();
    }
  }
});
