/**
 * The metrics as Prometheus reads them.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { Daemon } from "./daemon.ts";
import { DaemonMetrics, serveMetrics } from "./metrics.ts";

/** A daemon that has counted this. */
function counting(isServing = true): Daemon {
  return {
    observer: null,
    isServing: () => isServing,
    counts: () => ({
      sessions: 3,
      connections: 5,
      refusedConnections: 7,
      refusedStreams: 11,
      failedLogins: 13,
      streams: 17,
      tunnels: 18,
      bytes: 19,
      entries: 23,
      seconds: 2.5,
      ended: { done: 29, failed: 31, cancelled: 37 },
      failures: new Map([["not_found", 41]]),
      waiting: { sessions: 43, batches: 47, directories: 53 },
      workers: { threads: 59, working: 61, waiting: 67 },
    }),
  } as Partial<Daemon> as Daemon;
}

/** Every sample of a text, by name and labels, once each family was found to be in order. */
function samplesOf(text: string): Map<string, number> {
  const found = new Map<string, number>();
  for (const family of text.trimEnd().split(/^(?=# HELP )/m)) {
    const [help, type, ...samples] = family.trimEnd().split("\n");
    const name = help.split(" ")[2];
    assert.match(name, /^blit_[a-z_]+$/);
    assert.match(help, new RegExp(`^# HELP ${name} [A-Z].*\\.$`));
    // What only grows is called a total, and what is measured has its unit.
    const kind = name.endsWith("_total")
      ? "counter"
      : name.endsWith("_duration_seconds")
      ? "histogram"
      : "gauge";
    assert.equal(type, `# TYPE ${name} ${kind}`);
    for (const sample of samples) {
      // Words of blit's own stand in labels, nothing else.
      const [, whole, value] =
        /^([a-z_]+(?:\{(?:,?[a-z]+="(?:[a-zA-Z_]+|[\d.]+|\+Inf)")+\})?) ([\d.]+)$/.exec(sample)!;
      assert.ok(whole.startsWith(name));
      found.set(whole, Number(value));
    }
  }
  return found;
}

Deno.test("every metric has its help, its type and its number", async () => {
  const found = samplesOf(await new DaemonMetrics(counting()).text());
  assert.ok(found.get("blit_resident_memory_bytes")! > 1 << 20);
  found.delete("blit_resident_memory_bytes");
  // Nothing was measured yet: all zero.
  for (const [name, value] of found) {
    if (!/_duration_seconds|_stream_(batches|files)_total/.test(name)) continue;
    assert.equal(value, 0, name);
    found.delete(name);
  }
  assert.deepEqual(Object.fromEntries(found), {
    blit_sessions: 3,
    blit_streams: 17,
    blit_tunnels: 18,
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
    'blit_queue_depth{queue="sessions"}': 43,
    'blit_queue_depth{queue="batches"}': 47,
    'blit_queue_depth{queue="directories"}': 53,
    'blit_queue_depth{queue="jobs"}': 67,
    blit_workers: 59,
    blit_workers_busy: 61,
  });
});

Deno.test("what has ended goes into its histogram, and a second answer counts nothing twice", async () => {
  const daemon = counting();
  const metrics = new DaemonMetrics(daemon);
  const before = samplesOf(await metrics.text());
  assert.equal(before.get('blit_session_duration_seconds_count{state="failed"}'), 0);
  const { observer } = daemon;
  observer!.sessionEnded("done", 0.3);
  observer!.sessionEnded("done", 400);
  observer!.streamEnded({
    plane: "data",
    seconds: 2,
    batches: 5,
    files: 70,
    batchSeconds: 66.5,
    batchesLasted: [3, 1, ...new Array(15).fill(0), 1],
  });
  observer!.streamEnded({
    plane: "control",
    seconds: 100_000,
    batches: 1,
    files: 2,
    batchSeconds: 0.004,
    batchesLasted: [0, 0, 1, ...new Array(15).fill(0)],
  });
  observer!.batchEnded("remove", 0.004);
  await metrics.text();
  const now = samplesOf(await metrics.text());
  assert.equal(now.get("blit_bytes_total"), 19);
  assert.deepEqual(
    [...now].filter(([name, value]) => value !== before.get(name) && !name.includes("memory")),
    [
      ...[0.5, 1, 5, 15, 60, 300].map((le) => [bucket("session", le, 'state="done"'), 1]),
      ...[1800, 7200, 28_800, "+Inf"].map((le) => [bucket("session", le, 'state="done"'), 2]),
      ['blit_session_duration_seconds_sum{state="done"}', 400.3],
      ['blit_session_duration_seconds_count{state="done"}', 2],
      ...[5, 15, 60, 300, 1800, 7200, 28_800, "+Inf"].map((le) => [
        bucket("stream", le, 'plane="data"'),
        1,
      ]),
      ['blit_stream_duration_seconds_sum{plane="data"}', 2],
      ['blit_stream_duration_seconds_count{plane="data"}', 1],
      [bucket("stream", "+Inf", 'plane="control"'), 1],
      ['blit_stream_duration_seconds_sum{plane="control"}', 100_000],
      ['blit_stream_duration_seconds_count{plane="control"}', 1],
      [bucket("batch", 0.001, 'operation="remove"'), 0],
      ...[0.005, 0.02, 0.1, 0.5, 2, 10, 60, "+Inf"].map((le) => [
        bucket("batch", le, 'operation="remove"'),
        1,
      ]),
      ['blit_batch_duration_seconds_sum{operation="remove"}', 0.004],
      ['blit_batch_duration_seconds_count{operation="remove"}', 1],
      [bucket("stream_batch", 0.001, 'plane="data"'), 3],
      ...Array.from({ length: 16 }, (_, i) => [
        bucket("stream_batch", 2 ** (i + 1) / 1000, 'plane="data"'),
        4,
      ]),
      [bucket("stream_batch", "+Inf", 'plane="data"'), 5],
      ['blit_stream_batch_duration_seconds_sum{plane="data"}', 66.5],
      ['blit_stream_batch_duration_seconds_count{plane="data"}', 5],
      ...Array.from({ length: 15 }, (_, i) => [
        bucket("stream_batch", 2 ** (i + 2) / 1000, 'plane="control"'),
        1,
      ]),
      [bucket("stream_batch", "+Inf", 'plane="control"'), 1],
      ['blit_stream_batch_duration_seconds_sum{plane="control"}', 0.004],
      ['blit_stream_batch_duration_seconds_count{plane="control"}', 1],
      ["blit_stream_batches_total", 6],
      ["blit_stream_files_total", 72],
    ],
  );
});

function bucket(what: string, le: number | string, label: string): string {
  return `blit_${what}_duration_seconds_bucket{le="${le}",${label}}`;
}

Deno.test("two daemons of one process have a registry each", async () => {
  const [one, other] = [counting(), counting()];
  const metrics = [new DaemonMetrics(one), new DaemonMetrics(other)];
  one.observer!.sessionEnded("done", 1);
  const [counted, not] = await Promise.all(metrics.map((each) => each.text()));
  assert.match(counted, /^blit_session_duration_seconds_count\{state="done"\} 1$/m);
  assert.match(not, /^blit_session_duration_seconds_count\{state="done"\} 0$/m);
});

Deno.test("the dashboard asks for metrics that there are, and docs/daemon.md names each", async () => {
  const text = await new DaemonMetrics(counting()).text();
  const types = new Map(
    [...text.matchAll(/^# TYPE (\S+) (\S+)/gm)].map(([, n, type]) => [n, type]),
  );
  const root = new URL("../../", import.meta.url);
  const dashboard = JSON.parse(
    Deno.readTextFileSync(new URL("packaging/grafana-dashboard.json", root)),
  );
  const asked = new Set<string>();
  for (const { targets } of dashboard.panels) {
    for (const { expr } of targets) {
      for (const [name] of expr.matchAll(/blit_\w+/g)) {
        const family = name.replace(/_(bucket|sum|count)$/, "");
        asked.add(types.get(family) === "histogram" ? family : name);
      }
    }
  }
  assert.deepEqual([...asked].sort(), [...types.keys()].sort());
  const page = Deno.readTextFileSync(new URL("docs/daemon.md", root));
  assert.deepEqual([...types.keys()].filter((name) => !page.includes(`\`${name}\``)), []);
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
      assert.match(await elsewhere.text(), /\/metrics and \/health are here/);
    } finally {
      await served.close();
    }
  }
});

Deno.test("/health says whether sessions are taken", async () => {
  for (const [isServing, status, words] of [[true, 200, "serving"], [false, 503, "stopping"]]) {
    const served = serveMetrics("127.0.0.1:0", counting(isServing === true));
    try {
      const answer = await fetch(`http://127.0.0.1:${served.port}/health`);
      assert.deepEqual([answer.status, await answer.text()], [status, `${words}\n`]);
    } finally {
      await served.close();
    }
  }
});

Deno.test("a metrics port that is taken is named", () => {
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const address = `127.0.0.1:${taken.addr.port}`;
  assert.throws(() => serveMetrics(address, counting()), {
    kind: "busy",
    message:
      `Cannot listen on ${address}: the port is taken. End what uses it, or choose another one.`,
  });
});
