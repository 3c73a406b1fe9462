/**
 * What a daemon is configured with, and what holds where nothing is said.
 *
 * @module
 */
import { DEFAULT_DATA_PORT, DEFAULT_PORT } from "../core/ports.ts";
import type { ModuleSpec } from "../rpc/service/host.ts";

/** Bounds of what clients may use; docs/daemon.md says what each means. */
export interface DaemonLimits {
  /** Sessions at once. */
  readonly sessions: number;
  /** Sessions at once of one user; of one address, where there are no users. */
  readonly sessionsPerUser: number;
  /** Connections to the control port. */
  readonly connections: number;
  /** Connections to the control port from one address. */
  readonly connectionsPerAddress: number;
  /** Streams of the data plane for one session. */
  readonly streams: number;
  /** Silence after which a session ends, s. */
  readonly idleSeconds: number;
  /** How long running sessions may go on after SIGTERM, s. */
  readonly drainSeconds: number;
}

/** Levels of the log. */
export const LOG_LEVELS = ["debug", "info", "warning", "error"] as const;
/** One of {@link LOG_LEVELS}. */
export type LogLevel = (typeof LOG_LEVELS)[number];

/** A whole configuration. */
export interface DaemonConfig {
  /** Address to listen on. */
  readonly bind: string;
  /** Port of the control plane; 0: any free one. */
  readonly port: number;
  /** Port of the data plane; 0: any free one. */
  readonly dataPort: number;
  /** The data port that clients are told, where a router forwards another one; null: the real one. */
  readonly advertisedDataPort: number | null;
  /** In the order of the file; the default root has an empty name. */
  readonly modules: readonly ModuleSpec[];
  /** Message of the day. */
  readonly motd: string;
  readonly limits: DaemonLimits;
  /** A certificate of the user's, as files in PEM; null: one that the daemon makes. */
  readonly tls: { readonly cert: string; readonly key: string } | null;
  /** No TLS and no tokens, though the address isn't this machine's own. */
  readonly insecure: boolean;
  /** Announce the daemon in the local network. */
  readonly discovery: boolean;
  /** `host:port` that serves metrics; null: none. */
  readonly metrics: string | null;
  readonly logLevel: LogLevel;
}

/** What holds where nothing is said. */
export const DEFAULTS: DaemonConfig = {
  bind: "127.0.0.1",
  port: DEFAULT_PORT,
  dataPort: DEFAULT_DATA_PORT,
  advertisedDataPort: null,
  modules: [],
  motd: "",
  limits: {
    sessions: 32,
    sessionsPerUser: 24,
    connections: 256,
    connectionsPerAddress: 64,
    streams: 16,
    idleSeconds: 30,
    drainSeconds: 10,
  },
  tls: null,
  insecure: false,
  discovery: true,
  metrics: null,
  logLevel: "info",
};

/** Whether an address is this machine's own, reached from nowhere else. */
export function isLoopback(address: string): boolean {
  return address === "localhost" || address === "::1" || address === "[::1]" ||
    /^127(\.\d{1,3}){3}$/.test(address);
}

/** Whether clients need TLS and a token. */
export function isSecure(config: DaemonConfig): boolean {
  return config.tls !== null || (!isLoopback(config.bind) && !config.insecure);
}

/** Whether it serves plain and open where others can reach it: to be said at each start. */
export function isExposed(config: DaemonConfig): boolean {
  return !isSecure(config) && !isLoopback(config.bind);
}

/** Whether a text is `host:port`; the host may be left out. */
export function isAddress(text: string): boolean {
  const port = /:(\d{1,5})$/.exec(text);
  return port !== null && Number(port[1]) <= 65_535;
}
