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

/** The metrics in Prometheus' text form. */
export function metricsText(daemon: Daemon): string {
  const { sessions, connections, refusedConnections, refusedStreams, failedLogins } = daemon
    .counts();
  const rows: [name: string, type: string, help: string, value: number][] = [
    ["blit_sessions", "gauge", "Sessions that are open.", sessions],
    ["blit_connections", "gauge", "Connections to the control port.", connections],
    [
      "blit_connections_refused_total",
      "counter",
      "Connections closed unserved.",
      refusedConnections,
    ],
    ["blit_streams_refused_total", "counter", "Streams with a bad token.", refusedStreams],
    ["blit_failed_logins_total", "counter", "Calls with a token that is nobody's.", failedLogins],
    ["blit_resident_memory_bytes", "gauge", "Memory of the process.", Deno.memoryUsage().rss],
  ];
  return rows.map(([name, type, help, value]) =>
    `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${name} ${value}\n`
  ).join("");
}
