/**
 * Streams of the data plane, as the control plane sees them: who gets a token, and what its bearer may do.
 *
 * @module
 */
import { BlitError } from "../../core/error.ts";
import type { RelPath } from "../../core/rel_path.ts";
import { BatchFlag } from "../../core/work_batch.ts";
import type { TunnelRequest, TunnelResponse } from "../../gen/blit/v1/session_pb.ts";
import { type Arrival, bind, closeStream, refuse, type StreamClosed } from "../../native/net.ts";
import { openTunnel, type Tunnel } from "../../native/tunnel.ts";
import { isProven, type ReaderProof } from "../../net/proof.ts";
import { TokenOffice } from "../../net/token.ts";
import type { Caller, EndedStream, ServiceHost } from "./host.ts";
import { Incoming } from "./incoming.ts";
import { requireRight } from "./rights.ts";
import type { ServedSession } from "./served_session.ts";
import type { OpenTerms, SessionTable } from "./session_table.ts";

const SHA256_BYTES = 32;
/** Tokens of one Grant call. */
const MOST_TOKENS = 16;
/** Bytes of a stream in one message of a tunnel. */
const MOST_TUNNEL_BYTES = 256 * 1024;
/** What a client's batches may ask for on a stream. */
const STREAM_FLAGS = BatchFlag.xattrs | BatchFlag.fsync | BatchFlag.discard | BatchFlag.keepPartial;

/** What a stream's token stands for. */
interface StreamTerms {
  readonly root: number;
  readonly runId: bigint;
}

/** What a read grant stands for. */
interface ReadTerms {
  readonly module: string;
  readonly path: RelPath;
  readonly caller: Caller;
  /** SHA-256 of the certificate of the daemon that will read; empty: it has none. */
  readonly reader: Uint8Array;
}

/** What a redeemed token gives. */
interface Redeemed extends StreamTerms {
  readonly session: ServedSession;
}

/** Grants streams and binds them. */
export class Streams {
  readonly #host: ServiceHost;
  readonly #table: SessionTable;
  /** Handles of the streams that each session has bound. */
  readonly #bound = new Map<ServedSession, Set<number>>();
  /** Arrivals that were turned away so far. */
  refused = 0;
  readonly #streamTokens: TokenOffice<StreamTerms>;
  readonly #readTokens: TokenOffice<ReadTerms>;

  constructor(host: ServiceHost, table: SessionTable, now?: () => number) {
    this.#host = host;
    this.#table = table;
    this.#streamTokens = new TokenOffice(host.instance, now);
    this.#readTokens = new TokenOffice(host.instance, now);
  }

  /**
   * Signs tokens for streams on a root.
   *
   * @throws {BlitError} `usage` for a number that isn't 1 to 16; `not_found` for a root that isn't the session's;
   *   `busy` where the session has as many as it may
   */
  async grant(
    session: ServedSession,
    wish: StreamTerms & { readonly count: number },
  ): Promise<string[]> {
    const { count, root, runId } = wish;
    if (count < 1 || count > MOST_TOKENS) {
      throw new BlitError("usage", `Cannot grant ${count} streams: 1 to ${MOST_TOKENS} at once.`);
    }
    session.root(root);
    const most = this.#host.limits().streams;
    // A client may ask for more before what it closed is counted off: it goes on with what there is room for.
    const room = Math.min(count, most - session.streams);
    if (room < 1) {
      throw new BlitError("busy", `Cannot grant a stream: a session has at most ${most}.`);
    }
    const tokens: string[] = [];
    for (let i = 0; i < room; i++) {
      const stream = ++session.streamsGranted;
      const purpose = { use: "stream", session: session.id, stream } as const;
      tokens.push(await this.#streamTokens.sign(purpose, { root, runId }));
    }
    return tokens;
  }

  /**
   * Signs a grant with which another daemon may read below a path of this session.
   *
   * @throws {BlitError} `permission` for a session that a read grant opened: its user said what may be read, and to whom
   */
  async grantRead(session: ServedSession, path: RelPath, reader: Uint8Array): Promise<string> {
    requireRight(session, "read", "grant reading");
    if (session.granted) {
      throw new BlitError(
        "permission",
        "Cannot grant reading: a read grant opened this session, and those can't be passed on.",
      );
    }
    if (reader.length !== 0 && reader.length !== SHA256_BYTES) {
      throw new BlitError("usage", "Cannot grant reading: that is no SHA-256 of a certificate.");
    }
    const { module, caller } = session;
    const purpose = { use: "read", session: session.id, stream: 0 } as const;
    return await this.#readTokens.sign(purpose, { module, path, caller, reader });
  }

  /**
   * Takes a read grant: what the session that it opens is made of.
   *
   * @param proof that who comes with it is the daemon that it was made for
   * @throws {BlitError} `unauthenticated` where it is another one; as for every one-time token
   */
  async redeemRead(grant: string, proof: ReaderProof): Promise<Omit<OpenTerms, "purpose">> {
    const { terms } = await this.#readTokens.redeem(grant, "read");
    const subject = { grant, granterSha256: this.#host.certificateSha256 };
    if (terms.reader.length > 0 && !isProven(proof, terms.reader, subject)) {
      throw new BlitError(
        "unauthenticated",
        "A read grant was refused: it was made for another daemon. Run again.",
      );
    }
    return { module: terms.module, caller: terms.caller, grantedPath: terms.path };
  }

  /** A connection to the data port said its token: it is bound, or turned away. Never rejects. */
  async arrive(arrival: Arrival): Promise<void> {
    const { pool, log } = this.#host;
    let bound: Promise<StreamClosed>;
    try {
      const redeemed = await this.#redeem(arrival.token);
      bound = this.#bind(redeemed, arrival.stream, "data");
    } catch (error) {
      this.refused++;
      const kind = error instanceof BlitError ? error.kind : "bug";
      log.debug("stream from {peer} refused: {kind}", { peer: arrival.address, kind });
      refuse(pool, arrival.stream, kind);
      return;
    }
    await bound.catch((error) => log.debug("stream failed: {error}", { error: String(error) }));
  }

  /** Serves a stream whose bytes come in messages. */
  async *tunnel(requests: AsyncIterable<TunnelRequest>): AsyncGenerator<TunnelResponse> {
    const incoming = new Incoming(requests);
    const first = await incoming.first();
    const redeemed = await this.#redeem(first.token);
    const { session } = redeemed;
    const tunnel = openTunnel(this.#host.pool);
    session.tunnels++;
    session.usedTunnel = true;
    try {
      const bound = this.#bind(redeemed, tunnel.handle, "control");
      bound.catch(() => {});
      carry(tunnel, first, incoming);
      for await (const { data, creditBytes } of tunnel.outgoing) {
        yield {
          $typeName: "blit.v1.TunnelResponse",
          data,
          creditBytes: BigInt(creditBytes),
        };
      }
      await bound;
    } finally {
      session.tunnels--;
      tunnel.close();
    }
  }

  /** Cuts a session's streams, and burns its tokens. */
  endSession(session: ServedSession): void {
    this.#streamTokens.burn(session.id);
    this.#readTokens.burn(session.id);
    for (const stream of this.#bound.get(session) ?? []) closeStream(this.#host.pool, stream);
    this.#bound.delete(session);
  }

  async #redeem(token: string): Promise<Redeemed> {
    const { session: id, terms } = await this.#streamTokens.redeem(token, "stream");
    const session = this.#table.find(id);
    if (!session) throw new BlitError("unauthenticated", "The token's session has ended.");
    // It was the session's when the token was signed; it may have been closed since.
    session.root(terms.root);
    return { session, ...terms };
  }

  async #bind(
    { session, root, runId }: Redeemed,
    stream: number,
    plane: EndedStream["plane"],
  ): Promise<StreamClosed> {
    const { pool, log } = this.#host;
    const limits = this.#host.limits();
    if (session.streams >= limits.streams) {
      throw new BlitError("busy", "The session has as many streams as it may.");
    }
    const trustMetadata = session.trustMetadata;
    const served = bind(pool, stream, {
      root,
      read: session.rights.includes("read"),
      write: session.rights.includes("write"),
      flags: STREAM_FLAGS | (trustMetadata ? BatchFlag.owner : 0),
      trustMetadata,
      runId,
      slot: session.run(runId).slot,
      idleMs: limits.idleMs,
    });
    const streams = this.#bound.get(session) ?? new Set();
    this.#bound.set(session, streams.add(stream));
    session.streams++;
    const boundMs = performance.now();
    try {
      const closed = await served;
      const seconds = (performance.now() - boundMs) / 1000;
      const { kind, batches, bytesIn, bytesOut } = closed;
      this.#host.observer?.streamEnded({ ...closed, plane, seconds });
      log.debug(
        "stream of session {job} ended: {kind}, {batches} batches, {bytesIn} in, {bytesOut} out",
        { job: session.job, kind, batches, bytesIn, bytesOut },
      );
      return closed;
    } finally {
      session.streams--;
      streams.delete(stream);
    }
  }
}

/** Hands what the client sends to the tunnel, until either ends. Never rejects. */
async function carry(
  tunnel: Tunnel,
  first: TunnelRequest,
  incoming: Incoming<TunnelRequest>,
): Promise<void> {
  try {
    for (let next: TunnelRequest | null = first; next; next = await incoming.next(null)) {
      if (next.data.length > MOST_TUNNEL_BYTES) break;
      tunnel.feed(next.data);
      tunnel.ack(Number(next.creditBytes));
    }
    tunnel.end();
  } catch {
    // Whatever it was, the peer broke the call or its rules: the stream's end says so to the work on it.
  }
  tunnel.close();
}
