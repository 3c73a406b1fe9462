/**
 * Metrics for Prometheus, on a port of their own: numbers only, no names.
 *
 * @module
 */
import type { Daemon } from "./daemon.ts";

const TYPE = "text/plain; version=0.0.4; charset=utf-8";

/**
 * Serves `/metrics`.
 *
 * @param address `host:port`
 * @returns stops serving
 * @throws where the address can't be had
 */
export function serveMetrics(
  address: string,
  daemon: Daemon,
): { readonly port: number; close(): Promise<void> } {
  const at = address.lastIndexOf(":");
  const server = Deno.serve({
    hostname: address.slice(0, at).replace(/^\[|\]$/g, "") || "127.0.0.1",
    port: Number(address.slice(at + 1)),
    onListen: () => {},
    handler: (request) =>
      new URL(request.url).pathname === "/metrics"
        ? new Response(metricsText(daemon), { headers: { "content-type": TYPE } })
        : new Response("Not found: /metrics is here.\n", { status: 404 }),
  });
  return { port: server.addr.port, close: () => server.shutdown() };
}

/** One metric: its values by label, or one without. */
type Family = readonly [
  name: string,
  type: "gauge" | "counter",
  help: string,
  value: number | readonly (readonly [label: string, value: number])[],
];

/** The metrics in Prometheus' text form. */
export function metricsText(daemon: Daemon): string {
  return familiesOf(daemon).map(([name, type, help, value]) => {
    const samples = typeof value === "number" ? [["", value] as const] : value;
    return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n` +
      samples.map(([label, number]) => `${name}${label && `{${label}}`} ${number}\n`).join("");
  }).join("");
}

function familiesOf(daemon: Daemon): Family[] {
  const counts = daemon.counts();
  const by = (label: string, values: Iterable<[string, number]>) =>
    [...values].map(([word, value]) => [`${label}="${word}"`, value] as const);
  return [
    ["blit_sessions", "gauge", "Sessions that are open.", counts.sessions],
    ["blit_streams", "gauge", "Streams that carry content of open sessions.", counts.streams],
    ["blit_connections", "gauge", "Connections to the control port.", counts.connections],
    [
      "blit_sessions_ended_total",
      "counter",
      "Sessions that ended, by how.",
      by("state", Object.entries(counts.ended)),
    ],
    [
      "blit_session_seconds_total",
      "counter",
      "Time that ended sessions were open.",
      counts.seconds,
    ],
    [
      "blit_bytes_total",
      "counter",
      "Content bytes that sessions read, wrote or hashed.",
      counts.bytes,
    ],
    ["blit_entries_total", "counter", "Entries that sessions dealt with.", counts.entries],
    [
      "blit_failures_total",
      "counter",
      "Calls that failed, by kind of error.",
      by("kind", counts.failures),
    ],
    [
      "blit_connections_refused_total",
      "counter",
      "Connections closed unserved.",
      counts.refusedConnections,
    ],
    ["blit_streams_refused_total", "counter", "Streams with a bad token.", counts.refusedStreams],
    [
      "blit_failed_logins_total",
      "counter",
      "Calls with a token that is nobody's.",
      counts.failedLogins,
    ],
    ["blit_resident_memory_bytes", "gauge", "Memory of the process.", Deno.memoryUsage().rss],
  ];
}
