/**
 * A running daemon: its ports, its services, and how it ends.
 *
 * @module
 */
import { hostname, networkInterfaces } from "node:os";
import { VERSION } from "../app/version.ts";
import { BlitError } from "../core/error.ts";
import { Admin } from "../gen/blit/v1/admin_pb.ts";
import { Jobs } from "../gen/blit/v1/jobs_pb.ts";
import { Sessions } from "../gen/blit/v1/session_pb.ts";
import { Health } from "../gen/grpc/health/v1/health_pb.ts";
import type { Arrival } from "../native/net.ts";
import { loadNative, type NativeLibrary } from "../native/load.ts";
import { type NativePool, openPool } from "../native/pool.ts";
import { tellReady } from "../native/service.ts";
import { type DataPort, openDataPort } from "../net/listen.ts";
import { randomText } from "../net/token.ts";
import { withErrors } from "../rpc/service/calls.ts";
import type { DurationObserver, ModuleSpec, ServiceHost } from "../rpc/service/host.ts";
import { type Access, moduleWords, rightsIn } from "../rpc/service/rights.ts";
import type { ServedSession } from "../rpc/service/served_session.ts";
import { SessionTable, type SessionTotals } from "../rpc/service/session_table.ts";
import { sessionsService } from "../rpc/service/sessions_service.ts";
import { Streams } from "../rpc/service/streams.ts";
import { adminService } from "./admin_service.ts";
import { OpenAuthority, TokenAuthority } from "./auth.ts";
import { ownCertificate, readCertificate, type ServerCertificate } from "./certificate.ts";
import { type DaemonConfig, type DaemonLimits, isSecure } from "./config.ts";
import { Connections } from "./connections.ts";
import { type ControlServer, openControlServer } from "./control_server.ts";
import { descriptorLimit, withinDescriptors } from "./descriptors.ts";
import { watchFile } from "./files.ts";
import { healthService } from "./health_service.ts";
import { jobsService } from "./jobs_service.ts";
import { daemonLog } from "./log.ts";
import { TokenStore } from "./tokens.ts";

/** A connection without a single call for this long is closed, and a call whose request doesn't come. */
const SILENT_MS = 30_000;

/** How a daemon is started, beside its configuration. */
export interface StartOptions {
  /** Folder of tokens and certificate. */
  readonly stateFolder: string;
  /** A pool that is open already; left out, the daemon opens the process's own. */
  readonly pool?: NativePool;
  /** How long a connection may be without a call, and a call without its request, ms; left out: 30 s. */
  readonly silentMs?: number;
  /** Tells when one-time tokens are over, ms; left out: a clock that goes on evenly. */
  readonly tokenClock?: () => number;
}

/** What a daemon came to so far, for metrics. */
export interface DaemonCounts extends SessionTotals {
  readonly sessions: number;
  readonly connections: number;
  readonly refusedConnections: number;
  /** Connections to the data port whose token was refused. */
  readonly refusedStreams: number;
  readonly failedLogins: number;
  /** Calls that failed, by kind of error. */
  readonly failures: ReadonlyMap<string, number>;
  /** The native workers: how many there are and work, and requests that wait for one. */
  readonly workers: Readonly<Record<"threads" | "working" | "waiting", number>>;
}

/** A running daemon. */
export interface Daemon {
  readonly port: number;
  /** Port of the data plane. */
  readonly dataPort: number;
  /** The certificate; null where the link is plain. */
  readonly certificate: ServerCertificate | null;
  /** Whether clients need a token. */
  readonly needsToken: boolean;
  readonly tokens: TokenStore;
  /** Who is told how long things took, once that is set. */
  observer: DurationObserver | null;
  counts(): DaemonCounts;
  /** Whether new sessions are taken. */
  isServing(): boolean;
  /** Tells the service manager, where one waits for it, that clients are taken. */
  tellReady(): void;
  /** Takes a new configuration; what can't change while it runs is named in the answer. */
  reconfigure(config: DaemonConfig): readonly string[];
  /** Refuses new sessions, waits for the running ones, then stops. */
  drain(): Promise<void>;
  /** Ends every session and closes the ports. */
  stop(): Promise<void>;
}

/**
 * Starts a daemon.
 *
 * @throws {BlitError} `unsupported` without the native library; `busy` where a port is taken; `usage`,
 *   `permission` and the like
 */
export async function startDaemon(config: DaemonConfig, options: StartOptions): Promise<Daemon> {
  const certificate = isSecure(config) ? await certificateFor(config, options.stateFolder) : null;
  const native = options.pool ? null : await openNative();
  const pool = options.pool ?? native!.pool;
  const running = new RunningDaemon(config, { options, pool, certificate, native });
  try {
    await running.open();
    return running;
  } catch (error) {
    await running.stop();
    throw error;
  }
}

/** The native library and its pool, opened for one daemon. */
interface Native {
  readonly library: NativeLibrary;
  readonly pool: NativePool;
  close(): Promise<void>;
}

async function openNative(): Promise<Native> {
  const loaded = await loadNative();
  if (loaded.library === null) {
    throw new BlitError(
      "unsupported",
      `A daemon needs the native library, and there is none (${loaded.reason}). ` +
        "Build it (deno task build), or install a release that has it.",
      { operation: "start" },
    );
  }
  const library: NativeLibrary = loaded.library;
  const pool = openPool(library, Math.min(64, Math.max(4, navigator.hardwareConcurrency * 2)));
  return {
    library,
    pool,
    close: async () => {
      await pool.close();
      library.close();
    },
  };
}

async function certificateFor(config: DaemonConfig, folder: string): Promise<ServerCertificate> {
  if (config.tls !== null) return readCertificate(config.tls);
  const addresses = Object.values(networkInterfaces())
    .flatMap((list) => list ?? [])
    .map(({ address }) => address.split("%")[0]);
  return await ownCertificate(folder, ["localhost", hostname(), ...addresses]);
}

interface DaemonParts {
  readonly options: StartOptions;
  readonly pool: NativePool;
  readonly certificate: ServerCertificate | null;
  /** What the daemon opened and closes itself; null where the pool is another's. */
  readonly native: Native | null;
}

class RunningDaemon implements Daemon, ServiceHost {
  readonly certificate: ServerCertificate | null;
  readonly needsToken: boolean;
  readonly tokens: TokenStore;
  readonly pool: NativePool;
  readonly instance = randomText(16);
  readonly agent = `blit-daemon ${VERSION}`;
  // Asking changes it for a moment: only here, before anything is made. Windows has none.
  readonly umask = Deno.build.os === "windows" ? 0 : Deno.umask();
  readonly log = daemonLog();
  observer: DurationObserver | null = null;
  readonly #parts: DaemonParts;
  readonly #connections: Connections;
  readonly #authority: OpenAuthority | TokenAuthority;
  readonly #table: SessionTable;
  readonly #streams: Streams;
  readonly #silentMs: number;
  /** As it was given. */
  #config: DaemonConfig;
  /** Those of the configuration that can be kept. */
  #limits: DaemonLimits;
  /** Descriptors that the process may have open; null: as many as it likes. */
  #descriptors: number | null = null;
  #server: ControlServer | null = null;
  #dataPort: DataPort | null = null;
  #unwatch: () => void = () => {};
  readonly #failures = new Map<string, number>();
  #draining = false;
  #stopped: Promise<void> | null = null;

  constructor(config: DaemonConfig, parts: DaemonParts) {
    this.#config = config;
    this.#limits = config.limits;
    this.#parts = parts;
    this.pool = parts.pool;
    this.certificate = parts.certificate;
    this.needsToken = parts.certificate !== null;
    this.tokens = new TokenStore(parts.options.stateFolder);
    this.#authority = this.needsToken
      ? new TokenAuthority(this.tokens, this.log)
      : new OpenAuthority();
    this.#silentMs = parts.options.silentMs ?? SILENT_MS;
    this.#connections = new Connections(() => this.#limits, this.log, this.#silentMs);
    this.#table = new SessionTable(this);
    this.#streams = new Streams(this, this.#table, parts.options.tokenClock);
  }

  get identity(): ServiceHost["identity"] {
    return this.certificate;
  }
  get certificateSha256(): Uint8Array | null {
    return this.certificate?.sha256 ?? null;
  }

  get port(): number {
    return this.#server?.port ?? 0;
  }

  get dataPort(): number {
    return this.#dataPort?.port ?? 0;
  }

  modules() {
    return this.#config.modules;
  }
  motd() {
    return this.#config.motd;
  }
  limits() {
    const { sessions, sessionsPerUser, streams, idleSeconds } = this.#limits;
    return { sessions, sessionsPerUser, streams, idleMs: idleSeconds * 1000 };
  }
  dataPlane() {
    if (this.#dataPort === null) return null;
    return {
      port: this.#config.advertisedDataPort ?? this.#dataPort.port,
      certificateSha256: this.certificate?.sha256 ?? new Uint8Array(0),
    };
  }

  counts(): DaemonCounts {
    return {
      sessions: this.#table.size,
      connections: this.#connections.size,
      refusedConnections: this.#connections.refused,
      refusedStreams: this.#streams.refused,
      failedLogins: this.#authority instanceof TokenAuthority ? this.#authority.failures : 0,
      failures: this.#failures,
      workers: { threads: this.pool.threads, ...this.pool.load() },
      ...this.#table.totals(),
    };
  }

  isServing(): boolean {
    return !this.#draining;
  }

  async open(): Promise<void> {
    const { log, certificate } = this;
    // Where they can't be read nobody would get in: better no start at all.
    if (this.needsToken) this.tokens.all();
    this.#descriptors = await descriptorLimit(this.pool);
    this.#limit();
    this.#server = await openControlServer(
      {
        authority: this.#authority,
        connections: this.#connections,
        log,
        tls: certificate,
        requestMs: this.#silentMs,
        routes: (router) => {
          const failed = (kind: string) =>
            void this.#failures.set(kind, (this.#failures.get(kind) ?? 0) + 1);
          const parts = { host: this, table: this.#table, streams: this.#streams };
          router.service(
            Sessions,
            withErrors<typeof Sessions>(sessionsService(parts), log, failed),
          );
          router.service(
            Admin,
            withErrors<typeof Admin>(adminService(this, this.#table), log, failed),
          );
          router.service(
            Jobs,
            withErrors<typeof Jobs>(jobsService(this, this.#table), log, failed),
          );
          router.service(Health, healthService(() => this.isServing()));
        },
      },
      this.#config.bind,
      this.#config.port,
    );
    this.#dataPort = this.#openDataPort();
    if (this.needsToken) {
      this.#unwatch = watchFile(this.tokens.path, () => this.#tokensChanged());
    }
  }

  /** Keeps clients within the descriptors that there are. */
  #limit(): void {
    const { limits } = this.#config;
    this.#limits = withinDescriptors(limits, this.#descriptors, this.pool.threads);
    if (this.#limits === limits) return;
    const { sessions, streams, connections } = this.#limits;
    this.log.warn(
      "only {descriptors} descriptors may be open (ulimit -Hn, LimitNOFILE): at most {sessions} sessions with {streams} streams each, and {connections} connections, are taken",
      { descriptors: this.#descriptors, sessions, streams, connections },
    );
  }

  #openDataPort(): DataPort | null {
    const { bind, dataPort } = this.#config;
    const { certDer, keyDer } = this.certificate ?? {};
    const tls = certDer && keyDer ? { certificate: certDer, key: keyDer } : undefined;
    const arrive = (arrival: Arrival) => void this.#streams.arrive(arrival);
    try {
      const opened = openDataPort(this.pool, { bind, port: dataPort }, { tls }, arrive);
      opened.closed.catch((error) =>
        this.log.error("data port: {error}", { error: String(error) })
      );
      return opened;
    } catch (error) {
      if (!(error instanceof BlitError && error.kind === "unsupported")) throw error;
      this.log.warn("no data plane on this system: content goes over the control plane");
      return null;
    }
  }

  tellReady(): void {
    try {
      if (this.#parts.native !== null) tellReady(this.#parts.native.library);
    } catch (error) {
      this.log.warn("not ready for the service manager: {message}", {
        message: error instanceof Error ? error.message : `${error}`,
      });
    }
  }

  reconfigure(config: DaemonConfig): readonly string[] {
    const before = this.#config;
    this.#config = config;
    this.#limit();
    this.#endUnwelcome();
    const fixed = ["bind", "port", "dataPort", "tls", "insecure", "discovery", "metrics"] as const;
    return fixed.filter((name) => JSON.stringify(before[name]) !== JSON.stringify(config[name]));
  }

  async drain(): Promise<void> {
    this.#draining = true;
    this.#table.drain();
    const deadline = performance.now() + this.#config.limits.drainSeconds * 1000;
    while (this.#table.size > 0 && performance.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    await this.stop();
  }

  stop(): Promise<void> {
    return this.#stopped ??= this.#stop();
  }

  async #stop(): Promise<void> {
    this.#draining = true;
    this.#unwatch();
    this.#table.drain();
    const sessions = [...this.#table.running()];
    this.#table.endAll(
      new BlitError(
        "disconnected",
        "The daemon was shut down. Run again when it is back: it goes on where it ended.",
      ),
    );
    // A moment for the clients to hear why.
    if (sessions.length > 0) await new Promise((resolve) => setTimeout(resolve, 100));
    await this.#server?.close();
    this.#connections.close();
    await this.#dataPort?.close();
    await Promise.all(sessions.map((session) => this.#table.close(session)));
    await this.#parts.native?.close();
  }

  #tokensChanged(): void {
    try {
      this.tokens.all();
    } catch (error) {
      this.log.error("{error}", { error: error instanceof Error ? error.message : String(error) });
    }
    this.#endUnwelcome();
  }

  /** Ends the sessions of those who may not have them any more. */
  #endUnwelcome(): void {
    for (const session of this.#table.running()) {
      const module = this.#config.modules.find(({ name }) => name === session.module);
      const isServed = module !== undefined && keepsTo(module, session.spec);
      if (isServed && this.#isWelcome(session, module)) continue;
      const where = moduleWords(session.module);
      const reason = isServed
        ? new BlitError(
          "unauthenticated",
          `The daemon took back what your token may do in ${where}. Ask for a new one.`,
        )
        : new BlitError(
          "not_found",
          `The daemon doesn't serve ${where} any more as it did: its configuration has changed. ` +
            "Ask for the module's name, then run again.",
        );
      session.end("cancelled", reason);
    }
  }

  #isWelcome(session: ServedSession, module: ModuleSpec): boolean {
    let access: Access | null = null;
    try {
      access = session.caller.access(module);
    } catch {
      // The file of tokens is damaged: nobody is known.
    }
    if (access === null) return false;
    return rightsIn(module, access, session.granted).length >= session.rights.length;
  }
}

/** Whether a module still allows all that it did when a session was opened on it, rights aside. */
function keepsTo(now: ModuleSpec, then: ModuleSpec): boolean {
  return now.path === then.path && (now.trustMetadata || !then.trustMetadata) &&
    then.delegation.every((host) => now.delegation.includes(host));
}
