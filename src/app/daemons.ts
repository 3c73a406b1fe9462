/**
 * Questions about a daemon itself: its modules, its jobs, who it is and who asks.
 *
 * @module
 */
import { BlitError } from "../core/error.ts";
import { formatFingerprint } from "../core/fingerprint.ts";
import { DEFAULT_PORT } from "../core/ports.ts";
import { Admin } from "../gen/blit/v1/admin_pb.ts";
import { type Job as JobMessage, Jobs } from "../gen/blit/v1/jobs_pb.ts";
import { Connection, type ConnectRequest } from "../rpc/connection.ts";
import { type Dialled, hostDisplay, type HostTrust, type UnknownHost } from "../rpc/dial.ts";
import { peerText } from "../rpc/peer_text.ts";
import { IDLE_MS } from "../rpc/session.ts";
import { parseHost } from "./endpoint.ts";
import { forgetHost, keepToken, type KnownHost, rememberHost } from "./hosts.ts";
import { lookingSettings, type LookSettings } from "./manage.ts";
import { nameOfHost, RemoteHosts, trustOf } from "./remote_hosts.ts";

const LONGEST_WORDS = 1024;

/** A module, as its daemon tells of it. */
export interface ModuleInfo {
  /** Empty: the default root. */
  readonly name: string;
  readonly comment: string;
  readonly readOnly: boolean;
  /** What the caller may do there. */
  readonly rights: readonly string[];
}

/** A session on a daemon, as an administrator sees it. */
export interface JobInfo {
  readonly id: bigint;
  readonly module: string;
  readonly purpose: string;
  readonly user: string;
  readonly peer: string;
  readonly startedMs: number;
  /** How long it has been open, or was. */
  readonly elapsedMs: number;
  readonly bytes: number;
  readonly entries: number;
  readonly streams: number;
  readonly fallback: boolean;
  readonly state: string;
}

/**
 * Connects to a daemon, and lets `work` ask.
 *
 * @param host as typed
 * @throws {BlitError} as connecting does
 */
export async function withDaemon<T>(
  host: string,
  settings: LookSettings,
  work: (daemon: Daemon) => Promise<T>,
): Promise<T> {
  const hosts = new RemoteHosts(lookingSettings(settings, "ask"));
  const connection = await hosts.connect(parseHost(host));
  try {
    return await work(new Daemon(connection, hosts.idleMs));
  } finally {
    connection.close();
  }
}

/** A daemon that is being asked. */
export class Daemon {
  readonly #connection: Connection;
  /** What has no session, whose silence would tell, is waited for no longer than this. */
  readonly #limit: { readonly timeoutMs: number };

  constructor(connection: Connection, idleMs: number) {
    this.#connection = connection;
    this.#limit = { timeoutMs: idleMs };
  }

  /** Its modules, as far as the caller may see them. */
  async modules(): Promise<ModuleInfo[]> {
    const { modules } = await this.#ask(
      this.#connection.client(Admin).listModules({}, this.#limit),
    );
    return modules.map(({ name, comment, readOnly, rights }) => ({
      name: words(name),
      comment: words(comment),
      readOnly,
      rights: rights.map(words),
    }));
  }

  /** Its jobs: the running ones first, then those that ended last. */
  async jobs(): Promise<JobInfo[]> {
    const { jobs } = await this.#ask(this.#connection.client(Jobs).list({}, this.#limit));
    return jobs.map(jobInfo);
  }

  /** A job as it goes on, until it has ended. */
  async *watchJob(id: bigint, signal: AbortSignal): AsyncGenerator<JobInfo> {
    try {
      for await (const { job } of this.#connection.client(Jobs).watch({ id }, { signal })) {
        if (job !== undefined) yield jobInfo(job);
      }
    } catch (error) {
      signal.throwIfAborted();
      throw this.#connection.error(error);
    }
  }

  /** Ends a job. */
  async cancelJob(id: bigint): Promise<JobInfo | null> {
    const { job } = await this.#ask(this.#connection.client(Jobs).cancel({ id }, this.#limit));
    return job === undefined ? null : jobInfo(job);
  }

  async #ask<T>(answer: Promise<T>): Promise<T> {
    try {
      return await answer;
    } catch (error) {
      throw this.#connection.error(error);
    }
  }
}

/** What to log in with. */
export interface LoginRequest {
  /** As typed. */
  readonly host: string;
  readonly configDir: string;
  /** SHA-256 of the certificate that is expected; left out, the one that is shown is asked about. */
  readonly fingerprint?: Uint8Array;
  /** A file with an authority's certificate, or `-` for the system's authorities. */
  readonly ca?: string;
  /** A link without encryption is fine. */
  readonly plain: boolean;
  /** Asks whether to trust what an unknown host shows; left out, the answer is no. */
  readonly ask?: ConnectRequest["ask"];
  /** Asks for the token, once the host is known; null: none is needed. */
  readonly token: () => Promise<string | null>;
}

/** What a login found. */
export interface LoginResult {
  /** `nas:9031`. */
  readonly name: string;
  /** Fingerprint of the certificate; null on a link without encryption. */
  readonly fingerprint: string | null;
  readonly modules: readonly ModuleInfo[];
}

/**
 * Makes a host known and keeps the token for it, once the daemon took it.
 *
 * @throws {BlitError} `unauthenticated` where the certificate isn't the one that was given, nobody trusts it, or the
 *   daemon doesn't take the token
 */
export async function login(request: LoginRequest): Promise<LoginResult> {
  const { configDir, ca, plain, fingerprint } = request;
  const host = parseHost(request.host);
  const name = nameOfHost(host);
  const expected: KnownHost | null = fingerprint
    ? { kind: "pin", sha256: fingerprint }
    : ca !== undefined
    ? { kind: "ca", file: ca === "-" ? undefined : ca }
    : plain
    ? { kind: "plain" }
    : null;
  const address = { host: host.host, port: host.port ?? DEFAULT_PORT };
  const known = await firstContact(address, trustOf(expected), request.ask);
  const trust: KnownHost = expected ??
    (known.sha256 === null ? { kind: "plain" } : { kind: "pin", sha256: known.sha256 });
  // A daemon that doesn't encrypt takes no tokens.
  const token = trust.kind === "plain" ? null : await request.token();
  const connection = await Connection.open({ name: address, trust: trustOf(trust), token });
  try {
    const modules = await modulesFor(connection, token, name);
    rememberHost(configDir, name, trust);
    if (token !== null) keepToken(configDir, name, token);
    return {
      name,
      fingerprint: known.sha256 === null ? null : formatFingerprint(known.sha256),
      modules,
    };
  } finally {
    connection.close();
  }
}

/** Looks who is there, without saying who asks. */
async function firstContact(
  name: ConnectRequest["name"],
  trust: HostTrust | null,
  ask: ConnectRequest["ask"],
): Promise<Pick<Dialled, "sha256">> {
  const connection = await Connection.open({ name, trust, token: null, ask: asking(ask) });
  connection.close();
  return connection.dialled;
}

/** What the daemon serves to whoever logs in. */
async function modulesFor(
  connection: Connection,
  token: string | null,
  name: string,
): Promise<readonly ModuleInfo[]> {
  try {
    return await new Daemon(connection, IDLE_MS).modules();
  } catch (error) {
    const isAsked = error instanceof BlitError && error.kind === "unauthenticated";
    if (!isAsked || token !== null) throw error;
    throw new BlitError(
      "unauthenticated",
      `${name} wants a token, and none was given. Make one there, with blit-daemon token add, and log in with it.`,
      { operation: "log in", cause: error },
    );
  }
}

/** Whoever logs in already isn't told to log in, but what is missing. */
function asking(ask: ConnectRequest["ask"]): ConnectRequest["ask"] {
  return async (found) => {
    if (ask === undefined) throw nobodyToAsk(found);
    if (await ask(found)) return true;
    throw new BlitError("unauthenticated", `${found.display} isn't trusted: nothing was kept.`, {
      operation: "log in",
    });
  };
}

function nobodyToAsk({ display, sha256 }: UnknownHost): BlitError {
  const advice = sha256 === null
    ? "If that is meant, add --plain."
    : "If the daemon printed the same, add --fingerprint with it.";
  const shows = sha256 === null
    ? "and nothing on the way to it is encrypted"
    : `its certificate is ${formatFingerprint(sha256)}`;
  return new BlitError(
    "unauthenticated",
    `${display} is unknown, ${shows}, and nobody can be asked here whether to trust it. ${advice}`,
    { operation: "log in", advice },
  );
}

/**
 * Forgets a host and its token.
 *
 * @throws {BlitError} `not_found` where nothing was known of it
 */
export function logout(configDir: string, text: string): string {
  const host = parseHost(text);
  const name = nameOfHost(host);
  if (forgetHost(configDir, name)) return name;
  throw new BlitError(
    "not_found",
    `Nothing is known of ${hostDisplay({ ...host, port: host.port ?? DEFAULT_PORT })}.`,
    {
      operation: "log out",
    },
  );
}

function jobInfo(job: JobMessage): JobInfo {
  return {
    id: job.id,
    module: words(job.module),
    purpose: words(job.purpose),
    user: words(job.user),
    peer: words(job.peer),
    startedMs: Number(job.startedMs),
    elapsedMs: Number(job.elapsedMs),
    bytes: Number(job.bytes),
    entries: Number(job.entries),
    streams: job.streams,
    fallback: job.fallback,
    state: words(job.state),
  };
}

function words(text: string): string {
  return peerText(text, LONGEST_WORDS);
}
