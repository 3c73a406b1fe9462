/**
 * Metrics for Prometheus, and whether the daemon is well, on a port of their own: numbers and blit's own words, no names.
 *
 * @module
 */
import { Counter, Gauge, Histogram, Registry } from "prom-client";
import { LASTED } from "../native/layout.ts";
import { listenError } from "../net/listen.ts";
import { CountedHistogram } from "./counted_histogram.ts";
import type { Daemon, DaemonCounts } from "./daemon.ts";

/** Upper bounds of the histograms, s. Sessions and streams last as long as a copy does, a batch as long as a few files. */
const LONG_SECONDS = [0.1, 0.5, 1, 5, 15, 60, 300, 1800, 7200, 28_800];
const BATCH_SECONDS = [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10, 60];
/** Those that native code counts by. */
const STREAM_BATCH_SECONDS = Array.from({ length: LASTED - 1 }, (_, i) => 2 ** i / 1000);
const PLANES = ["data", "control"] as const;

/** A port that serves metrics. */
export interface ServedMetrics {
  readonly port: number;
  /** Stops serving. */
  close(): Promise<void>;
}

/**
 * Serves `/metrics` and `/health`.
 *
 * @param address `host:port`
 * @throws {BlitError} `busy` where the port is taken; `permission`, `usage` where the address can't be had
 */
export function serveMetrics(address: string, daemon: Daemon): ServedMetrics {
  const at = address.lastIndexOf(":");
  const hostname = address.slice(0, at).replace(/^\[|\]$/g, "") || "127.0.0.1";
  const port = Number(address.slice(at + 1));
  const metrics = new DaemonMetrics(daemon);
  const handler = async ({ url }: Request): Promise<Response> => {
    const { pathname } = new URL(url);
    if (pathname === "/metrics") {
      const headers = { "content-type": metrics.contentType };
      return new Response(await metrics.text(), { headers });
    }
    if (pathname !== "/health") {
      return new Response("Not found: /metrics and /health are here.\n", { status: 404 });
    }
    return daemon.isServing()
      ? new Response("serving\n")
      : new Response("stopping\n", { status: 503 });
  };
  try {
    const server = Deno.serve({ hostname, port, onListen: () => {}, handler });
    return { port: server.addr.port, close: () => server.shutdown() };
  } catch (error) {
    throw listenError(error, hostname, port);
  }
}

/** The metrics of one daemon, in a registry of their own. */
export class DaemonMetrics {
  readonly #daemon: Daemon;
  readonly #registry = new Registry();
  /** As they were when they were last asked for: all numbers of an answer are of one moment. */
  #counts: DaemonCounts;

  /** Has the daemon tell it what took how long from now on. */
  constructor(daemon: Daemon) {
    this.#daemon = daemon;
    this.#counts = daemon.counts();
    this.#describeOpen();
    this.#describeWaiting();
    this.#describeDone();
    this.#describeRefused();
    this.#observe();
  }

  /** Media type of {@link DaemonMetrics.text}. */
  get contentType(): string {
    return this.#registry.contentType;
  }

  /** The metrics in Prometheus' text form. */
  text(): Promise<string> {
    this.#counts = this.#daemon.counts();
    return this.#registry.metrics();
  }

  #describeOpen(): void {
    this.#gauge("sessions", "Sessions that are open.", ({ sessions }) => sessions);
    this.#gauge(
      "streams",
      "Streams of the data plane that open sessions have.",
      ({ streams }) => streams,
    );
    this.#gauge(
      "tunnels",
      "Streams that go over the control plane instead.",
      ({ tunnels }) => tunnels,
    );
    this.#gauge(
      "connections",
      "Connections to the control port.",
      ({ connections }) => connections,
    );
    this.#gauge(
      "resident_memory_bytes",
      "Memory of the process.",
      () => Deno.memoryUsage().rss,
    );
  }

  #describeWaiting(): void {
    const counts = () => this.#counts;
    new Gauge({
      name: "blit_queue_depth",
      help:
        "What waits: sessions to be opened, batches of calls, directories to list, jobs for a worker.",
      labelNames: ["queue"],
      registers: [this.#registry],
      collect() {
        const { waiting, workers } = counts();
        const depths = { ...waiting, jobs: workers.waiting };
        for (const [queue, depth] of Object.entries(depths)) this.set({ queue }, depth);
      },
    });
    this.#gauge("workers", "Threads for jobs.", ({ workers }) => workers.threads);
    this.#gauge("workers_busy", "Those that are at one.", ({ workers }) => workers.working);
  }

  #describeDone(): void {
    this.#total("sessions_ended_total", "Sessions that ended, by how.", {
      label: "state",
      values: ({ ended }) => Object.entries(ended),
    });
    this.#total(
      "session_seconds_total",
      "Time that ended sessions were open.",
      ({ seconds }) => seconds,
    );
    this.#total(
      "bytes_total",
      "Content bytes that sessions read, wrote or hashed.",
      ({ bytes }) => bytes,
    );
    this.#total("entries_total", "Entries that sessions dealt with.", ({ entries }) => entries);
    this.#total("failures_total", "Calls that failed, by kind of error.", {
      label: "kind",
      values: ({ failures }) => failures,
    });
  }

  #describeRefused(): void {
    this.#total(
      "connections_refused_total",
      "Connections closed unserved.",
      ({ refusedConnections }) => refusedConnections,
    );
    this.#total(
      "streams_refused_total",
      "Streams with a bad token.",
      ({ refusedStreams }) => refusedStreams,
    );
    this.#total(
      "failed_logins_total",
      "Calls with a token that is nobody's.",
      ({ failedLogins }) => failedLogins,
    );
  }

  #observe(): void {
    const registers = [this.#registry];
    const sessions = this.#histogram("session", "state", "How long sessions were open, by end.");
    const streams = this.#histogram("stream", "plane", "How long streams were open.");
    const batches = this.#histogram(
      "batch",
      "operation",
      "How long batches took that came in calls.",
      BATCH_SECONDS,
    );
    const streamBatches = new CountedHistogram({
      name: "blit_stream_batch_duration_seconds",
      help: "How long batches took on streams that have ended.",
      label: "plane",
      values: PLANES,
      bounds: STREAM_BATCH_SECONDS,
      register: this.#registry,
    });
    const counted = {
      batches: new Counter({
        name: "blit_stream_batches_total",
        help: "Batches on streams that have ended.",
        registers,
      }),
      files: new Counter({
        name: "blit_stream_files_total",
        help: "Files and links that ended streams carried.",
        registers,
      }),
    };
    // A rate needs a first value to rise from.
    for (const state of Object.keys(this.#counts.ended)) sessions.zero({ state });
    for (const plane of PLANES) streams.zero({ plane });
    this.#daemon.observer = {
      sessionEnded: (state, seconds) => sessions.observe({ state }, seconds),
      streamEnded: (stream) => {
        streams.observe({ plane: stream.plane }, stream.seconds);
        streamBatches.add(stream.plane, stream.batchesLasted, stream.batchSeconds);
        counted.batches.inc(stream.batches);
        counted.files.inc(stream.files);
      },
      batchEnded: (operation, seconds) => batches.observe({ operation }, seconds),
    };
  }

  #histogram(
    what: string,
    label: string,
    help: string,
    buckets: readonly number[] = LONG_SECONDS,
  ): Histogram {
    return new Histogram({
      name: `blit_${what}_duration_seconds`,
      help,
      labelNames: [label],
      buckets: [...buckets],
      registers: [this.#registry],
    });
  }

  #gauge(name: string, help: string, read: (counts: DaemonCounts) => number): void {
    const now = () => read(this.#counts);
    new Gauge({
      name: `blit_${name}`,
      help,
      registers: [this.#registry],
      collect() {
        this.set(now());
      },
    });
  }

  /** What only grows, and is counted elsewhere: one number, or several with a label. */
  #total(
    name: string,
    help: string,
    read: ((counts: DaemonCounts) => number) | {
      readonly label: string;
      readonly values: (counts: DaemonCounts) => Iterable<readonly [string, number]>;
    },
  ): void {
    const counts = () => this.#counts;
    const isOne = typeof read === "function";
    new Counter({
      name: `blit_${name}`,
      help,
      labelNames: isOne ? [] : [read.label],
      registers: [this.#registry],
      collect() {
        this.reset();
        if (isOne) this.inc(read(counts()));
        else {for (const [word, value] of read.values(counts())) {
            this.inc({ [read.label]: word }, value);
          }}
      },
    });
  }
}
