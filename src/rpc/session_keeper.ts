/**
 * SessionKeeper: a session that is opened again where its connection broke, as often as the user allows.
 *
 * @module
 */
import { BlitError } from "../core/error.ts";
import { pause } from "../core/pause.ts";
import { Connection, type ConnectRequest } from "./connection.ts";
import { type BeginWish, IDLE_MS, Session, type SessionRequest } from "./session.ts";

/** How a session is opened, and opened again. */
export interface KeeperRequest {
  /** Asked for at each connection: a host may have become known meanwhile. */
  readonly connect: () => ConnectRequest;
  readonly session: SessionRequest;
  /** What the first session begins with, once that is known; null: nothing. Waited for while the host is dialled. */
  readonly begin?: Promise<BeginWish | null>;
  /** How often a broken connection is made anew; 0: never. */
  readonly retries: number;
  readonly retryWaitMs: number;
  /** Ends connecting and the waits between tries at once; left out, nothing does. */
  readonly signal?: AbortSignal;
  /** Told before each wait. */
  readonly onRetry?: (attempt: number, error: BlitError) => void;
}

/** What one of a keeper's sessions has that another hasn't. */
interface Further {
  readonly replaces?: string;
  readonly begin?: KeeperRequest["begin"];
}

/** The signal of whoever gave none. */
const NEVER = new AbortController().signal;

/** Keeps one session. */
export class SessionKeeper {
  readonly #request: KeeperRequest;
  #session: Session;
  #opening: Promise<Session> | null = null;
  #attempts = 0;
  readonly #closing = new AbortController();
  /** Time until the first session was agreed on, ms. */
  readonly handshakeMs: number;

  private constructor(
    request: KeeperRequest,
    session: Session,
    attempts: number,
    handshakeMs: number,
  ) {
    const { signal = NEVER } = request;
    this.#request = { ...request, signal: AbortSignal.any([signal, this.#closing.signal]) };
    this.#session = session;
    this.#attempts = attempts;
    this.handshakeMs = handshakeMs;
  }

  /**
   * Connects and opens the first session, again where the connection breaks or can't be made.
   *
   * @throws {BlitError} as `Connection.open` and `Session.open`; `cancelled` once the request's signal is aborted
   */
  static async open(request: KeeperRequest): Promise<SessionKeeper> {
    for (let attempts = 0;;) {
      const startedMs = performance.now();
      try {
        const session = await openSession(request, { begin: request.begin });
        return new SessionKeeper(request, session, attempts, performance.now() - startedMs);
      } catch (thrown) {
        const { error, mayHelp } = judged(thrown);
        if (!mayHelp || attempts === request.retries) throw error;
        attempts++;
        request.onRetry?.(attempts, error);
        await waitForNext(request);
      }
    }
  }

  /** The session as it is now, alive or not. */
  get session(): Session {
    return this.#session;
  }
  /** How often the connection was made anew. */
  get attempts(): number {
    return this.#attempts;
  }
  /** Whether a connection that breaks now is made anew. */
  get mayRetry(): boolean {
    return this.#attempts < this.#request.retries;
  }
  /** How long the daemon may be silent, ms. */
  get idleMs(): number {
    return this.#request.session.idleMs ?? IDLE_MS;
  }
  /** Whether it waits for the daemon to be there again. */
  get isWaiting(): boolean {
    return this.#opening !== null;
  }

  /**
   * A session that is alive, opened anew where the last one broke.
   *
   * @throws {BlitError} why it is gone for good
   */
  live(): Promise<Session> {
    const { signal } = this.#session;
    if (!signal.aborted) return Promise.resolve(this.#session);
    if (this.#isClosed || !isBroken(signal.reason)) return Promise.reject(signal.reason);
    return this.#opening ??= this.#reopen(signal.reason).finally(() => this.#opening = null);
  }

  /**
   * Runs what may be run again, again where the connection broke meanwhile.
   *
   * @param work told whether an earlier try may have been carried out, though its answer never came
   */
  async retrying<T>(work: (session: Session, isAgain: boolean) => Promise<T>): Promise<T> {
    for (let isAgain = false;; isAgain = true) {
      const session = await this.live();
      try {
        return await work(session, isAgain);
      } catch (error) {
        if (!isBroken(error) || !session.signal.aborted || this.#isClosed) throw error;
      }
    }
  }

  /** Ends the session and its connection, and opening it again where that is under way. */
  async close(): Promise<void> {
    this.#closing.abort(new BlitError("cancelled", "The session was closed."));
    await this.#opening?.catch(() => {});
    await this.#session.close();
    this.#session.connection.close();
  }

  get #isClosed(): boolean {
    return this.#closing.signal.aborted;
  }

  async #reopen(broken: BlitError): Promise<Session> {
    let error = broken;
    this.#session.connection.close();
    while (this.#attempts < this.#request.retries) {
      this.#attempts++;
      this.#request.onRetry?.(this.#attempts, error);
      await waitForNext(this.#request);
      try {
        const replaces = this.#session.welcome.session;
        return this.#session = await openSession(this.#request, { replaces });
      } catch (thrown) {
        const again = judged(thrown);
        if (!again.mayHelp) throw again.error;
        error = again.error;
      }
    }
    throw error;
  }
}

/** Whether an error says that the connection is gone, so that a new one may help. */
export function isBroken(error: unknown): error is BlitError {
  return error instanceof BlitError && error.kind === "disconnected";
}

/** What opening a session failed with, and whether trying again may help. */
function judged(thrown: unknown): { readonly error: BlitError; readonly mayHelp: boolean } {
  const error = thrown instanceof Unanswered ? thrown.error : thrown;
  if (!(error instanceof BlitError)) throw error;
  return { error, mayHelp: thrown instanceof Unanswered || isBroken(error) };
}

/** Waits for the next try. */
async function waitForNext({ retryWaitMs, signal = NEVER }: KeeperRequest): Promise<void> {
  await pause(retryWaitMs, signal);
  signal.throwIfAborted();
}

async function openSession(
  { connect, session, signal = NEVER }: KeeperRequest,
  { replaces, begin }: Further = {},
): Promise<Session> {
  const connection = await Connection.open({ ...connect(), signal });
  const end = () => connection.close();
  signal.addEventListener("abort", end);
  try {
    return await Session.open(connection, { ...session, replaces, begin: await begin }, signal);
  } catch (error) {
    const { isAnswered } = connection.dialled;
    connection.close();
    signal.throwIfAborted();
    throw isAnswered() ? error : new Unanswered(error);
  } finally {
    signal.removeEventListener("abort", end);
  }
}

/** Nobody had answered when a connection ended: who is there isn't known, and trying again may help. */
class Unanswered {
  readonly error: unknown;

  constructor(error: unknown) {
    this.error = error;
  }
}
