/**
 * One-time tokens: signed by this process, for this process, good once and for 30 s.
 *
 * A token names what it is for; the claims that matter are kept here until it is used, so a token that was burnt,
 * forged, or made by another process finds nothing.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { jwtVerify, SignJWT } from "jose";
import { BlitError } from "../core/error.ts";

/** How long a token is good. */
export const TOKEN_LIFE_MS = 30_000;
/** Longest token that is looked at, bytes. */
export const LONGEST_TOKEN = 1016;

const ALGORITHM = "HS256";
const KEY_BYTES = 32, NONCE_BYTES = 16;
/** Tokens that may wait to be used, in all and of one session: nobody can use up those of others. */
const MOST_PENDING = 4096, MOST_OF_SESSION = 64;

/** What a token is for. */
export interface TokenPurpose {
  /** `stream` for a stream of the data plane, `read` for another daemon. */
  readonly use: "stream" | "read";
  /** The session that asked for it. */
  readonly session: string;
  /** The stream's number in its session; 0 for a read grant. */
  readonly stream: number;
}

interface Pending<T> extends TokenPurpose {
  readonly terms: T;
  readonly expiresMs: number;
}

/** Signs tokens and takes them back once. `T` is what a token's bearer gets. */
export class TokenOffice<T> {
  readonly #instance: string;
  readonly #key = crypto.getRandomValues(new Uint8Array(KEY_BYTES));
  readonly #pending = new Map<string, Pending<T>>();
  readonly #now: () => number;

  /**
   * @param instance names this process: the audience of its tokens
   * @param now a clock that never jumps, ms: a wall clock set meanwhile must not outlive or end a token
   */
  constructor(instance: string, now: () => number = steadyClock()) {
    this.#instance = instance;
    this.#now = now;
  }

  /**
   * Signs a token. Where its session has too many that wait, the oldest of those is good no more.
   *
   * @param terms what its bearer gets
   * @throws {BlitError} `busy` where too many wait to be used
   */
  async sign(purpose: TokenPurpose, terms: T): Promise<string> {
    this.#prune();
    this.#makeRoom(purpose.session);
    if (this.#pending.size >= MOST_PENDING) {
      throw new BlitError(
        "busy",
        "Cannot grant a stream: too many tokens wait to be used. Try again in a minute.",
      );
    }
    const nowMs = this.#now();
    const nonce = randomText(NONCE_BYTES);
    const expiresMs = nowMs + TOKEN_LIFE_MS;
    this.#pending.set(nonce, { ...purpose, terms, expiresMs });
    return await new SignJWT({ use: purpose.use, stream: purpose.stream })
      .setProtectedHeader({ alg: ALGORITHM })
      .setJti(nonce)
      .setSubject(purpose.session)
      .setAudience(this.#instance)
      .setIssuedAt(Math.floor(nowMs / 1000))
      .setExpirationTime(Math.ceil(expiresMs / 1000))
      .sign(this.#key);
  }

  /**
   * Takes a token: checks it and burns it, in one step for all who come with it at the same time.
   *
   * @param use what it must be for
   * @throws {BlitError} `unauthenticated` where it is forged, expired, used before, another daemon's, or for
   *   something else; it doesn't say which
   */
  async redeem(token: string, use: TokenPurpose["use"]): Promise<TokenPurpose & { terms: T }> {
    if (token.length > LONGEST_TOKEN) throw refused();
    let claims;
    try {
      claims = (await jwtVerify(token, this.#key, {
        algorithms: [ALGORITHM],
        audience: this.#instance,
        currentDate: new Date(this.#now()),
        requiredClaims: ["jti", "sub", "exp", "stream"],
      })).payload;
    } catch {
      throw refused();
    }
    const pending = this.#pending.get(claims.jti!);
    this.#pending.delete(claims.jti!);
    if (
      pending === undefined || pending.use !== use || claims.use !== use ||
      pending.session !== claims.sub || pending.stream !== claims.stream ||
      pending.expiresMs < this.#now()
    ) throw refused();
    return pending;
  }

  /** Burns every token of a session. */
  burn(session: string): void {
    for (const [nonce, pending] of this.#pending) {
      if (pending.session === session) this.#pending.delete(nonce);
    }
  }

  #makeRoom(session: string): void {
    let oldest: string | undefined;
    let count = 0;
    for (const [nonce, pending] of this.#pending) {
      if (pending.session !== session) continue;
      oldest ??= nonce;
      count++;
    }
    if (count >= MOST_OF_SESSION) this.#pending.delete(oldest!);
  }

  #prune(): void {
    const nowMs = this.#now();
    for (const [nonce, { expiresMs }] of this.#pending) {
      // In the order in which they were made, so in that in which they end.
      if (expiresMs >= nowMs) return;
      this.#pending.delete(nonce);
    }
  }
}

/** Milliseconds since 1970 by a clock that goes on evenly. */
function steadyClock(): () => number {
  const start = Date.now() - performance.now();
  return () => start + performance.now();
}

/** Random bytes as base64url. */
export function randomText(bytes: number): string {
  return Buffer.from(crypto.getRandomValues(new Uint8Array(bytes))).toString("base64url");
}

function refused(): BlitError {
  return new BlitError(
    "unauthenticated",
    "A one-time token was refused: it is unknown, used or too old. Run again.",
  );
}
