/**
 * The sessions of a daemon: who has which, how many there may be, and what the last ones came to.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { BlitError } from "../../core/error.ts";
import type { RelPath } from "../../core/rel_path.ts";
import type { Caller, ModuleSpec, ServiceHost } from "./host.ts";
import { moduleWords, requireRight } from "./rights.ts";
import { ServedSession, type SessionState } from "./served_session.ts";

/** Ended sessions that are remembered. */
const REMEMBERED = 100;
const ID_BYTES = 32;

/** A session as the list of jobs shows it. */
export interface JobRecord {
  readonly id: number;
  readonly module: string;
  readonly purpose: string;
  readonly user: string;
  readonly peer: string;
  readonly startedMs: number;
  readonly elapsedMs: number;
  readonly bytes: number;
  readonly entries: number;
  readonly streams: number;
  readonly fallback: boolean;
  readonly state: SessionState;
}

/** What all sessions since the start came to, those that run included. */
export interface SessionTotals {
  /** Sessions that ended, by how. */
  readonly ended: Readonly<Record<Exclude<SessionState, "running">, number>>;
  readonly bytes: number;
  readonly entries: number;
  /** How long the ended ones were open, s. */
  readonly seconds: number;
  /** Streams of the data plane that are open now. */
  readonly streams: number;
  /** Streams of the control plane that are open now. */
  readonly tunnels: number;
  /** What waits now: sessions to be opened, batches of calls to be begun, directories to be listed. */
  readonly waiting: Readonly<Record<"sessions" | "batches" | "directories", number>>;
}

/** What a session is asked for with. */
export interface OpenTerms {
  readonly module: string;
  readonly caller: Caller;
  readonly purpose: string;
  /** Set where a read grant opens it: the directory that is all of the session. */
  readonly grantedPath?: RelPath;
}

/** All sessions of a daemon. */
export class SessionTable {
  readonly #host: ServiceHost;
  readonly #sessions = new Map<string, ServedSession>();
  readonly #ended: JobRecord[] = [];
  /** Owners of the sessions that are being opened. */
  readonly #opening: string[] = [];
  readonly #past = { done: 0, failed: 0, cancelled: 0, bytes: 0, entries: 0, seconds: 0 };
  #nextJob = 1;
  #draining: BlitError | null = null;

  constructor(host: ServiceHost) {
    this.#host = host;
  }

  /** Sessions that are open. */
  get size(): number {
    return this.#sessions.size;
  }

  /** The sessions that are open. */
  running(): IterableIterator<ServedSession> {
    return this.#sessions.values();
  }

  /**
   * Opens a session.
   *
   * @throws {BlitError} `not_found` for a module that isn't there or isn't the caller's to see; `busy` where there
   *   are too many; `disconnected` while the daemon is being shut down
   */
  async open(terms: OpenTerms): Promise<ServedSession> {
    for (;;) {
      const session = await this.#open(terms);
      if (session !== null) return session;
    }
  }

  async #open(terms: OpenTerms): Promise<ServedSession | null> {
    if (this.#draining) throw this.#draining;
    const { caller } = terms;
    const module = this.module(terms.module, caller);
    this.#makeRoom(caller);
    const owner = ownerOf(caller);
    this.#opening.push(owner);
    try {
      const id = Buffer.from(crypto.getRandomValues(new Uint8Array(ID_BYTES))).toString(
        "base64url",
      );
      const { purpose, grantedPath } = terms;
      const granted = grantedPath !== undefined;
      const init = { id, job: this.#nextJob++, module, caller, purpose, granted };
      const session = await ServedSession.open(this.#host, init, grantedPath);
      if (this.#draining) {
        await session.release();
        throw this.#draining;
      }
      if (!this.#host.modules().includes(module)) {
        // The configuration was read again meanwhile: what was opened is the module as it was before.
        await session.release();
        return null;
      }
      this.#sessions.set(id, session);
      const by = caller.user === "" ? "" : " by {user}";
      const on = module.name === "" ? "the default root" : "module {module}";
      this.#host.log.info(`session {job} opened${by} from {peer} on ${on}`, {
        job: session.job,
        user: caller.user,
        peer: caller.peer,
        module: module.name,
      });
      return session;
    } finally {
      this.#opening.splice(this.#opening.indexOf(owner), 1);
    }
  }

  /** Sees to it that there is room for one more, if need be by ending the session that did nothing for longest. */
  #makeRoom(caller: Caller): void {
    const { sessions, sessionsPerUser, idleMs } = this.#host.limits();
    const running = [...this.#sessions.values()].filter(({ state }) => state === "running");
    const owner = ownerOf(caller);
    const own = running.filter((session) => ownerOf(session.caller) === owner);
    const ownOpening = this.#opening.filter((other) => other === owner).length;
    const ownIsFull = own.length + ownOpening >= sessionsPerUser;
    if (!ownIsFull && running.length + this.#opening.length < sessions) return;
    const idlest = (ownIsFull ? own : running)
      .toSorted((a, b) => a.activeMs() - b.activeMs())
      .find((session) => performance.now() - session.activeMs() >= idleMs);
    if (idlest === undefined) {
      throw new BlitError(
        "busy",
        ownIsFull
          ? `You have ${sessionsPerUser} sessions at the daemon, the most that it takes of one user ` +
            "(limits.sessionsPerUser). Try again when one has ended."
          : `The daemon has ${sessions} sessions, the most that it takes (limits.sessions). Try again when one has ended.`,
      );
    }
    idlest.end(
      "failed",
      new BlitError(
        "disconnected",
        `The daemon needed the session's place: it had done nothing for ${
          idleMs / 1000
        } s. Run again.`,
      ),
    );
  }

  /**
   * A module that the caller may see.
   *
   * @throws {BlitError} `not_found`, alike for one that isn't there and one that isn't the caller's
   */
  module(name: string, caller: Caller): ModuleSpec {
    const module = this.#host.modules().find((module) => module.name === name);
    if (module && caller.access(module) !== null) return module;
    throw new BlitError(
      "not_found",
      `The daemon has no ${
        name === "" ? "default root" : moduleWords(name.slice(0, 256))
      } for you. blit list-modules shows what it has.`,
      { operation: "open" },
    );
  }

  /**
   * The session that a call names.
   *
   * @param caller who makes the call; null where it carries no token
   * @throws {BlitError} `not_found` where there is none, or it is another user's
   */
  get(id: string, caller: Caller | null): ServedSession {
    const session = this.#sessions.get(id);
    const own = session && (session.granted || session.caller.user === caller?.user);
    if (session && own) {
      session.touch();
      requireRight(session, "read", "do anything");
      return session;
    }
    throw new BlitError(
      "not_found",
      "That session has ended. Run again: it goes on where it ended.",
    );
  }

  /** The session of this name, whoever asks: for those who come with a token for it. */
  find(id: string): ServedSession | undefined {
    return this.#sessions.get(id);
  }

  /** Frees a session and remembers what it came to. */
  async close(session: ServedSession): Promise<void> {
    await session.release();
    if (!this.#sessions.delete(session.id)) return;
    this.#count(session);
    this.#ended.push(record(session));
    if (this.#ended.length > REMEMBERED) this.#ended.shift();
    this.#host.log.info("session {job} {state}: {entries} entries, {bytes} bytes", {
      job: session.job,
      state: session.state,
      entries: session.entries(),
      bytes: session.bytes(),
    });
  }

  #count(session: ServedSession): void {
    const past = this.#past;
    // One that is given back while it runs ended as its client wished.
    const state = session.state === "running" ? "done" : session.state;
    const seconds = session.openSeconds();
    past[state]++;
    past.bytes += session.bytes();
    past.entries += session.entries();
    past.seconds += seconds;
    this.#host.observer?.sessionEnded(state, seconds);
  }

  /** What the sessions came to, for metrics. */
  totals(): SessionTotals {
    const { bytes, entries, seconds, ...ended } = this.#past;
    const sums = { bytes, entries, streams: 0, tunnels: 0 };
    const waiting = { sessions: this.#opening.length, batches: 0, directories: 0 };
    for (const session of this.#sessions.values()) {
      sums.bytes += session.bytes();
      sums.entries += session.entries();
      sums.streams += session.link().streams;
      sums.tunnels += session.tunnels;
      waiting.batches += session.batchesWaiting;
      waiting.directories += session.directoriesWaiting();
    }
    return { ...sums, ended, seconds, waiting };
  }

  /** Every job: running ones, then the last that ended, newest first. */
  jobs(): JobRecord[] {
    return [...[...this.#sessions.values()].map(record), ...this.#ended.toReversed()];
  }

  /** One job. @returns undefined where there is none of this number, or it ended long ago */
  job(id: number): JobRecord | undefined {
    return this.jobs().find((job) => job.id === id);
  }

  /** The open session of a job. */
  sessionOf(job: number): ServedSession | undefined {
    for (const session of this.#sessions.values()) if (session.job === job) return session;
    return undefined;
  }

  /** Refuses new sessions from now on. */
  drain(): void {
    this.#draining = new BlitError(
      "disconnected",
      "The daemon is being shut down. Run again when it is back: it goes on where it ended.",
    );
  }

  /** Ends every session, for the reason that is given. */
  endAll(reason: BlitError): void {
    for (const session of this.#sessions.values()) session.end("cancelled", reason);
  }
}

/** Whose sessions count together. */
function ownerOf({ user, peer }: Caller): string {
  return user === "" ? `@${peer}` : user;
}

function record(session: ServedSession): JobRecord {
  return {
    id: session.job,
    module: session.module,
    purpose: session.purpose,
    user: session.caller.user,
    peer: session.caller.peer,
    startedMs: session.startedMs,
    elapsedMs: Math.max(0, Date.now() - session.startedMs),
    bytes: session.bytes(),
    entries: session.entries(),
    ...session.link(),
    state: session.state,
  };
}
