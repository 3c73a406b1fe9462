/**
 * Who calls: bearer tokens checked, failures slowed down.
 *
 * @module
 */
import { BlitError } from "../core/error.ts";
import type { Caller, ModuleSpec, ServiceLog } from "../rpc/service/host.ts";
import { accessOf, type TokenRecord, type TokenStore } from "./tokens.ts";

/** The first failure of an address waits this long, each further one twice as long, up to the most. */
const FIRST_DELAY_MS = 250, MOST_DELAY_MS = 4_000;
/** Failures that may wait at once for one address; more are answered at once, unchecked. */
const MOST_WAITING = 4;
/** An address without failures for this long is forgiven. */
const FORGIVEN_MS = 60_000;
/** Addresses that are remembered. */
const MOST_ADDRESSES = 10_000;

interface Failures {
  count: number;
  waiting: number;
  lastMs: number;
}

/** Says who makes a call. */
export interface Authority {
  /**
   * Who comes with these words in `authorization`.
   *
   * @param peer address of the client
   * @returns null where nothing is said and a token is needed
   * @throws {BlitError} `unauthenticated` for a token that is nobody's; `busy` for an address with too many of them
   */
  authenticate(authorization: string | null, peer: string): Promise<Caller | null>;
}

/** Everybody may do everything: plain daemons on loopback, or `--insecure`. */
export class OpenAuthority implements Authority {
  authenticate(_authorization: string | null, peer: string): Promise<Caller> {
    return Promise.resolve({ user: "", peer, access: () => "admin" });
  }
}

/** Users with tokens. */
export class TokenAuthority implements Authority {
  readonly #store: TokenStore;
  readonly #log: ServiceLog;
  readonly #failures = new Map<string, Failures>();
  readonly #wait: (ms: number) => Promise<void>;
  /** Failed logins so far. */
  failures = 0;

  constructor(store: TokenStore, log: ServiceLog, wait: (ms: number) => Promise<void> = sleep) {
    this.#store = store;
    this.#log = log;
    this.#wait = wait;
  }

  async authenticate(authorization: string | null, peer: string): Promise<Caller | null> {
    if (authorization === null || authorization === "") return null;
    const secret = /^Bearer +(\S+)$/i.exec(authorization)?.[1];
    let record: TokenRecord | null;
    try {
      record = secret === undefined ? null : this.#store.find(secret);
    } catch (error) {
      if (!(error instanceof BlitError)) throw error;
      // A stranger isn't told where the daemon keeps what.
      const words = "The daemon can't read its tokens, so it knows nobody. Its log says why.";
      return await this.#refuse(peer, new BlitError(error.kind, words, { cause: error }), error);
    }
    if (record === null) return await this.#refuse(peer, unknownToken());
    const access = (module: ModuleSpec) => {
      // As the file is now: a token that was removed meanwhile is worth nothing.
      const now = this.#store.all().find(({ sha256 }) => sha256 === record.sha256);
      return now ? accessOf(now, module) : null;
    };
    return { user: record.name, peer, access };
  }

  /** @param fault what is wrong on this side, for the log */
  async #refuse(peer: string, because: BlitError, fault?: BlitError): Promise<never> {
    this.failures++;
    const known = this.#failures.get(peer);
    const fresh = known === undefined || performance.now() - known.lastMs > FORGIVEN_MS;
    const failures = fresh ? { count: 0, waiting: known?.waiting ?? 0, lastMs: 0 } : known;
    this.#failures.delete(peer);
    this.#failures.set(peer, failures);
    if (this.#failures.size > MOST_ADDRESSES) {
      this.#failures.delete(this.#failures.keys().next().value!);
    }
    failures.count++;
    failures.lastMs = performance.now();
    // The first, the second, the fourth, and so on: whoever tries without end must not fill the disk.
    if (Number.isInteger(Math.log2(failures.count))) {
      if (fault) this.#log.error("{error}", { error: fault.message });
      this.#log.warn("login from {peer} failed, {count} in a row", { peer, count: failures.count });
    }
    if (failures.waiting >= MOST_WAITING) {
      throw new BlitError(
        "busy",
        "Too many failed logins from your address. Wait a minute, then try again.",
      );
    }
    failures.waiting++;
    try {
      await this.#wait(Math.min(MOST_DELAY_MS, FIRST_DELAY_MS * 2 ** (failures.count - 1)));
    } finally {
      failures.waiting--;
    }
    throw because;
  }
}

function unknownToken(): BlitError {
  return new BlitError(
    "unauthenticated",
    "The daemon doesn't know this token. Run blit login for that host with a token that it made.",
  );
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
