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
      streams: 17,
      bytes: 19,
      entries: 23,
      seconds: 2.5,
      ended: { done: 29, failed: 31, cancelled: 37 },
      failures: new Map([["not_found", 41]]),
    }),
  } as Partial<Daemon> as Daemon;
}

Deno.test("every metric has its help, its type and its number", () => {
  const text = metricsText(counting());
  const found = new Map<string, number>();
  for (const family of text.split(/^(?=# HELP )/m)) {
    const [help, type, ...samples] = family.trimEnd().split("\n");
    const name = help.split(" ")[2];
    assert.match(name, /^blit_[a-z_]+$/);
    assert.match(help, new RegExp(`^# HELP ${name} [A-Z].*\\.$`));
    // What only grows is called a total.
    assert.equal(type, `# TYPE ${name} ${name.endsWith("_total") ? "counter" : "gauge"}`);
    for (const sample of samples) {
      const [, whole, value] = /^([a-z_]+(?:\{[a-z]+="[a-z_]+"\})?) ([\d.]+)$/.exec(sample)!;
      assert.ok(whole.startsWith(name));
      found.set(whole, Number(value));
    }
  }
  assert.ok(found.get("blit_resident_memory_bytes")! > 1 << 20);
  found.delete("blit_resident_memory_bytes");
  assert.deepEqual(Object.fromEntries(found), {
    blit_sessions: 3,
    blit_streams: 17,
    'blit_sessions_ended_total{state="done"}': 29,
    'blit_sessions_ended_total{state="failed"}': 31,
    'blit_sessions_ended_total{state="cancelled"}': 37,
    blit_session_seconds_total: 2.5,
    blit_bytes_total: 19,
    blit_entries_total: 23,
    'blit_failures_total{kind="not_found"}': 41,
    blit_connections: 5,
    blit_connections_refused_total: 7,
    blit_streams_refused_total: 11,
    blit_failed_logins_total: 13,
  });
});

Deno.test("the dashboard asks for metrics that there are, and docs/daemon.md names each", () => {
  const named = new Set([...metricsText(counting()).matchAll(/^# TYPE (\S+)/gm)].map(([, n]) => n));
  const root = new URL("../../", import.meta.url);
  const dashboard = JSON.parse(
    Deno.readTextFileSync(new URL("packaging/grafana-dashboard.json", root)),
  );
  const asked = new Set<string>();
  for (const { targets } of dashboard.panels) {
    for (const { expr } of targets) {
      for (const [name] of expr.matchAll(/blit_\w+/g)) asked.add(name);
    }
  }
  assert.deepEqual([...asked].sort(), [...named].sort());
  const page = Deno.readTextFileSync(new URL("docs/daemon.md", root));
  assert.deepEqual([...named].filter((name) => !page.includes(`\`${name}\``)), []);
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
