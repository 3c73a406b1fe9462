/**
 * What the services need of the daemon that runs them.
 *
 * @module
 */
import type { NativePool } from "../../native/pool.ts";
import type { Access } from "./rights.ts";

/** A folder that the daemon serves. */
export interface ModuleSpec {
  /** What clients call it; empty for the default root. */
  readonly name: string;
  /** Absolute path. */
  readonly path: string;
  readonly comment: string;
  readonly readOnly: boolean;
  /** Take owners, set-id bits, devices and security attributes from clients. */
  readonly trustMetadata: boolean;
  /** Hosts (`host` or `host:port`) that this module may be filled from, daemon to daemon. */
  readonly delegation: readonly string[];
}

/** Who calls, as the daemon knows them. */
export interface Caller {
  /** Name of the token; empty where none is needed. */
  readonly user: string;
  /** Address of the client. */
  readonly peer: string;
  /** What the caller may do in a module at most; null: nothing. A read-only module allows less. */
  access(module: ModuleSpec): Access | null;
}

/** Bounds of what clients may use. */
export interface ServiceLimits {
  /** Sessions at once. */
  readonly sessions: number;
  /** The same of one user, or of one address where there are no users. */
  readonly sessionsPerUser: number;
  /** Streams of the data plane for one session. */
  readonly streams: number;
  /** Silence after which a session ends, ms; one that did nothing for as long makes room for another. */
  readonly idleMs: number;
}

/** The daemon, as its services see it. */
export interface ServiceHost {
  readonly pool: NativePool;
  /** Names this process among all daemons, ever: tokens are for it alone. */
  readonly instance: string;
  /** Program and version. */
  readonly agent: string;
  /** Permission bits that this process' new entries don't get. */
  readonly umask: number;
  /** As they are now; reading the configuration again replaces them. */
  modules(): readonly ModuleSpec[];
  motd(): string;
  limits(): ServiceLimits;
  /** Where streams are dialled; null where there is no data plane. */
  dataPlane(): { readonly port: number; readonly certificateSha256: Uint8Array } | null;
  /** What it shows other daemons that it is itself; null where it has no certificate. */
  readonly identity: { readonly certDer: Uint8Array; readonly key: string } | null;
  /** SHA-256 of the certificate that clients see; null where the link is plain. */
  readonly certificateSha256: Uint8Array | null;
  readonly log: ServiceLog;
  /** Told how long things took; null: nobody wants to know. */
  readonly observer: DurationObserver | null;
}

/** Told how long what has ended took, for metrics: numbers, and words of blit's own. */
export interface DurationObserver {
  sessionEnded(state: "done" | "failed" | "cancelled", seconds: number): void;
  streamEnded(stream: EndedStream): void;
  /** @param operation name of an `Op` */
  batchEnded(operation: string, seconds: number): void;
}

/** A stream that has ended. */
export interface EndedStream {
  /** What carried its bytes. */
  readonly plane: "data" | "control";
  readonly seconds: number;
  /** Batches carried out on it. */
  readonly batches: number;
  /** Entries of them that were no directories. */
  readonly files: number;
  /** Time that the batches took. */
  readonly batchSeconds: number;
  /** As in `StreamClosed`. */
  readonly batchesLasted: readonly number[];
}

/** Where the services write what happened; no names of files at `info`. */
export interface ServiceLog {
  debug(message: string, properties?: Record<string, unknown>): void;
  info(message: string, properties?: Record<string, unknown>): void;
  warn(message: string, properties?: Record<string, unknown>): void;
  error(message: string, properties?: Record<string, unknown>): void;
}
