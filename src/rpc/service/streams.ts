/**
 * Streams of the data plane, as the control plane sees them: who gets a token, and what its bearer may do.
 *
 * @module
 */
import { BlitError } from "../../core/error.ts";
import type { RelPath } from "../../core/rel_path.ts";
import { TokenOffice } from "../../net/token.ts";
import type { Caller, ServiceHost } from "./host.ts";
import { requireRight } from "./rights.ts";
import type { ServedSession } from "./served_session.ts";
import type { OpenTerms } from "./session_table.ts";

/** Tokens of one Grant call. */
const MOST_TOKENS = 16;

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

/** Grants streams and binds them. */
export class Streams {
  readonly #host: ServiceHost;
  readonly #streamTokens: TokenOffice<StreamTerms>;
  readonly #readTokens: TokenOffice<ReadTerms>;

  constructor(host: ServiceHost) {
    this.#host = host;
    this.#streamTokens = new TokenOffice(host.instance);
    this.#readTokens = new TokenOffice(host.instance);
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
    if (session.streams + count > most) {
      throw new BlitError("busy", `Cannot grant ${count} streams: a session has at most ${most}.`);
    }
    const tokens: string[] = [];
    for (let i = 0; i < count; i++) {
      const stream = ++session.streamsGranted;
      const purpose = { use: "stream", session: session.id, stream } as const;
      tokens.push(await this.#streamTokens.sign(purpose, { root, runId }));
    }
    return tokens;
  }

  /** Signs a grant with which another daemon may read below a path of this session. */
  async grantRead(session: ServedSession, path: RelPath, reader: Uint8Array): Promise<string> {
    requireRight(session, "read", "grant reading");
    const { module, caller } = session;
    const purpose = { use: "read", session: session.id, stream: 0 } as const;
    return await this.#readTokens.sign(purpose, { module, path, caller, reader });
  }

  /** Takes a read grant: what the session that it opens is made of. */
  async redeemRead(grant: string): Promise<Omit<OpenTerms, "purpose">> {
    const { terms } = await this.#readTokens.redeem(grant, "read");
    return { module: terms.module, caller: terms.caller, grantedPath: terms.path };
  }

  /** Cuts a session's streams, and burns its tokens. */
  endSession(session: ServedSession): void {
    this.#streamTokens.burn(session.id);
  }
}
