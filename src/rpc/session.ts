/**
 * Session: one client's work on one module, for as long as its Open call lasts.
 *
 * @module
 */
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import type { Client } from "@connectrpc/connect";
import type { EntryBlock } from "../core/entry_block.ts";
import { BlitError, kindFromPeer, STATUS } from "../core/error.ts";
import { pause } from "../core/pause.ts";
import { nameToBytes, parentOf, type RelPath } from "../core/rel_path.ts";
import type { OpenRootResponse } from "../gen/blit/v1/root_pb.ts";
import {
  type Alive,
  type OpenRequest,
  OpenRequestSchema,
  type OpenResponse,
  Sessions,
  type Welcome,
} from "../gen/blit/v1/session_pb.ts";
import type { ReaderProof } from "../net/proof.ts";
import type { Connection } from "./connection.ts";
import { Outbox } from "./outbox.ts";
import { blockFromPeer } from "./peer_data.ts";
import { peerText } from "./peer_text.ts";
import { agree, type Agreement, CAPABILITIES, PROTOCOL } from "./version.ts";

/** An Alive is sent this often. */
const ALIVE_MS = 2_500;
/** A daemon that is silent for this long is gone, where nothing else was asked for. */
export const IDLE_MS = 30_000;
/** How long a goodbye may take. */
const GOODBYE_MS = 1_000;
const LONGEST_WORDS = 4096;

/** What a session is opened for. */
export interface SessionRequest {
  /** Module's name; empty: the daemon's default root. */
  readonly module: string;
  /** What is going to be done, for the daemon's list of jobs. */
  readonly purpose: string;
  /** Program and version. */
  readonly agent: string;
  /** A path that will be needed next. */
  readonly look?: { readonly path: RelPath; readonly followed: boolean };
  /** An earlier session, whose connection broke: the daemon ends it first. */
  readonly replaces?: string;
  /** How long the daemon may be silent before it is gone, ms; left out: 30 s. */
  readonly idleMs?: number;
  /** A one-time read grant instead of a user's token, and the proof that it was made for this daemon. */
  readonly readGrant?: { readonly grant: string; readonly proof: ReaderProof | null };
  /** A root that will be needed next, and streams on it. */
  readonly begin?: BeginWish | null;
}

/** A root to open with the session, and streams on it. */
export interface BeginWish {
  /** Directory in the module. */
  readonly path: RelPath;
  /** Make it where nothing is there. */
  readonly create: boolean;
  /** Follow symlinks on the way, as far as they stay in the module. */
  readonly follow: boolean;
  /** Open the directory above where there is none at the path. */
  readonly orAbove: boolean;
  /** The run that the streams are for. */
  readonly runId: bigint;
  /** How many streams. */
  readonly streams: number;
}

/** What the daemon did of a {@link BeginWish}. */
export interface BegunRoot {
  readonly wish: BeginWish;
  /** The directory that was opened. */
  readonly path: RelPath;
  readonly root: OpenRootResponse;
  /** Good for the streams of the wish's run. */
  readonly tokens: readonly string[];
  /** When they were asked for, by `performance.now()`. */
  readonly askedMs: number;
}

/** What this side has done for the session so far, for the daemon's list of jobs. */
export interface SessionCounters {
  bytes: number;
  entries: number;
}

/** What a session's calls are made with. */
export type SessionsClient = Client<typeof Sessions>;

/** An open session; {@link Session.close} ends it and everything that it holds on the daemon. */
export class Session {
  readonly connection: Connection;
  readonly welcome: Welcome;
  readonly agreement: Agreement;
  /** What stood at the path that was looked up; null where nothing was asked. */
  readonly there: EntryBlock | null;
  /** Aborted when the session has ended, with the error that says why. */
  readonly signal: AbortSignal;
  /** Told to the daemon with the next Alive. */
  readonly counters: SessionCounters = { bytes: 0, entries: 0 };
  readonly #idleMs: number;
  readonly #ended = new AbortController();
  readonly #client: SessionsClient;
  readonly #outbox: Outbox<OpenRequest>;
  #begun: BegunRoot | null = null;
  #alive: Alive | null = null;
  #beat: ReturnType<typeof setInterval> | undefined;
  #silence: ReturnType<typeof setTimeout> | undefined;

  private constructor(
    connection: Connection,
    client: SessionsClient,
    outbox: Outbox<OpenRequest>,
    welcome: Welcome,
    idleMs: number,
  ) {
    this.#idleMs = idleMs;
    this.connection = connection;
    this.welcome = welcome;
    this.signal = this.#ended.signal;
    this.#client = client;
    this.#outbox = outbox;
    this.agreement = agree(welcome.version, welcome.capabilities, connection.display);
    this.there = welcome.there.length === 0
      ? null
      : blockFromPeer(welcome.there, connection.display);
  }

  /**
   * Opens a session.
   *
   * @param signal its abort ends opening, not the session
   * @throws {BlitError} `mismatch` where the versions don't go together; `not_found`, `permission` and
   *   `unauthenticated` as the daemon says; `disconnected`
   */
  static async open(
    connection: Connection,
    request: SessionRequest,
    signal?: AbortSignal,
  ): Promise<Session> {
    const outbox = new Outbox<OpenRequest>();
    const client = connection.client(Sessions);
    const ending = new AbortController();
    const { begin } = request;
    outbox.push(openRequest({
      case: "hello",
      value: {
        version: PROTOCOL,
        capabilities: [...CAPABILITIES],
        module: request.module,
        agent: request.agent,
        purpose: request.purpose,
        look: nameToBytes(request.look?.path ?? ""),
        lookFollowed: request.look?.followed ?? false,
        readGrant: request.readGrant?.grant ?? "",
        readerCertificate: request.readGrant?.proof?.certificate,
        readerProof: request.readGrant?.proof?.signature,
        replaces: request.replaces ?? "",
        begin: begin ? { ...begin, path: nameToBytes(begin.path) } : undefined,
      },
    }));
    const { idleMs = IDLE_MS } = request;
    const askedMs = performance.now();
    const timer = setTimeout(() => ending.abort(silent(connection, idleMs)), idleMs);
    const onAbort = () => ending.abort(signal?.reason);
    signal?.addEventListener("abort", onAbort);
    if (signal?.aborted) onAbort();
    try {
      const responses = client.open(outbox, { signal: ending.signal })[Symbol.asyncIterator]();
      const first = await responses.next();
      const message = first.done ? undefined : first.value.message;
      if (message?.case === "closing") throw closed(message.value.kind, message.value.message);
      if (message?.case !== "welcome") {
        throw new BlitError(
          "mismatch",
          `${connection.display} doesn't greet as a blit daemon does. Check the port.`,
          { operation: "open a session with" },
        );
      }
      const session = new Session(connection, client, outbox, message.value, idleMs);
      session.#begun = begunRoot(begin, message.value, askedMs);
      session.#listen(responses, ending);
      return session;
    } catch (error) {
      outbox.end();
      const reason = ending.signal.aborted
        ? ending.signal.reason
        : refused(connection.error(error), connection.display);
      ending.abort(reason);
      throw reason;
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
    }
  }

  /** What was begun with the session, while nobody took it. */
  get begun(): BegunRoot | null {
    return this.#begun;
  }

  /** Takes what was begun, where it is this directory: it is the taker's to close. */
  takeBegun(path: RelPath): BegunRoot | null {
    const begun = this.#begun;
    if (begun?.path !== path) return null;
    this.#begun = null;
    return begun;
  }

  /** The latest Alive of the daemon. */
  get alive(): Alive | null {
    return this.#alive;
  }

  /**
   * Makes a call within the session.
   *
   * @param work given the client, the session's name, and the signal to pass on
   * @throws {BlitError} what the daemon says; why the session ended, where it has
   */
  async call<T>(
    work: (client: SessionsClient, session: string, signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    try {
      this.signal.throwIfAborted();
      return await work(this.#client, this.welcome.session, this.signal);
    } catch (error) {
      throw this.error(error);
    }
  }

  /** What a call failed with: the end of the session, where that is why. */
  error(thrown: unknown): BlitError {
    if (this.signal.aborted) return this.signal.reason;
    const error = this.connection.error(thrown);
    // Whichever call hears of it first, it is the session's end.
    if (this.connection.isGone) this.#end(error);
    return error;
  }

  /** The client and the session's name, for calls that are streams. */
  get streaming(): { readonly client: SessionsClient; readonly session: string } {
    return { client: this.#client, session: this.welcome.session };
  }

  /** Why the session has ended; null where it hasn't. Its streams may break sooner than that is heard: waits a moment. */
  async farewell(): Promise<BlitError | null> {
    if (!this.signal.aborted) await pause(GOODBYE_MS, this.signal);
    return this.signal.aborted ? this.signal.reason : null;
  }

  /** Ends a run's work on the daemon at once. */
  cancelRun(runId: bigint): void {
    this.#outbox.push(openRequest({ case: "cancelRun", value: { runId } }));
  }

  /** Says goodbye, and ends the session once the daemon has heard; later calls do nothing. */
  async close(): Promise<void> {
    if (!this.signal.aborted) {
      this.#outbox.end();
      await pause(GOODBYE_MS, this.signal);
    }
    this.#end(new BlitError("cancelled", "The session was closed.", { operation: "call" }));
  }

  async #listen(
    responses: AsyncIterator<OpenResponse>,
    call: AbortController,
  ): Promise<void> {
    this.signal.addEventListener("abort", () => call.abort(this.signal.reason), { once: true });
    this.#heard();
    this.#beat = setInterval(() => this.#sendAlive(), ALIVE_MS);
    try {
      for (;;) {
        const next = await responses.next();
        if (next.done) break;
        this.#heard();
        const { message } = next.value;
        if (message.case === "alive") this.#alive = message.value;
        else if (message.case === "closing") {
          return this.#end(closed(message.value.kind, message.value.message));
        }
      }
      this.#end(gone(this.connection));
    } catch (error) {
      this.#end(this.connection.error(error));
    }
  }

  #heard(): void {
    clearTimeout(this.#silence);
    // What was under way when the session ended still comes.
    if (this.signal.aborted) return;
    this.#silence = setTimeout(
      () => this.#end(silent(this.connection, this.#idleMs)),
      this.#idleMs,
    );
  }

  #sendAlive(): void {
    const { bytes, entries } = this.counters;
    const value = { bytes: BigInt(Math.floor(bytes)), entries: BigInt(entries) };
    this.#outbox.push(openRequest({ case: "alive", value }));
  }

  #end(error: BlitError): void {
    if (this.signal.aborted) return;
    clearInterval(this.#beat);
    clearTimeout(this.#silence);
    this.#outbox.end();
    this.#ended.abort(error);
  }
}

function begunRoot(
  wish: BeginWish | null | undefined,
  { begun }: Welcome,
  askedMs: number,
): BegunRoot | null {
  if (!wish || begun?.root === undefined) return null;
  const { root, tokens, above } = begun;
  return { wish, path: above ? parentOf(wish.path) : wish.path, root, tokens, askedMs };
}

function openRequest(message: MessageInitShape<typeof OpenRequestSchema>["message"]): OpenRequest {
  return create(OpenRequestSchema, { message });
}

function closed(kind: string, message: string): BlitError {
  const known = Object.hasOwn(STATUS, kind) ? kindFromPeer(kind) : "disconnected";
  return new BlitError(known, peerText(message, LONGEST_WORDS), { operation: "call" });
}

/** A daemon that has too many sessions doesn't know by which name it is known. */
function refused(error: BlitError, display: string): BlitError {
  if (error.kind !== "busy") return error;
  const message = `Cannot open a session with ${display}. ${error.message}`;
  return new BlitError("busy", message, { operation: "open a session with", cause: error });
}

function gone(connection: Connection): BlitError {
  return new BlitError(
    "disconnected",
    `${connection.display} ended the session without saying why. Run again: it goes on where it ended.`,
    { operation: "call" },
  );
}

function silent(connection: Connection, idleMs: number): BlitError {
  return new BlitError(
    "disconnected",
    `${connection.display} has been silent for ${idleMs / 1000} s. ` +
      "Check the network, then run again: it goes on where it ended.",
    { operation: "call" },
  );
}
