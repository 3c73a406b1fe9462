/**
 * Tokens for the streams of one tree, asked for several at once and before they are needed.
 *
 * @module
 */
import { BlitError } from "../core/error.ts";
import type { RemoteTree } from "./remote_tree.ts";
import type { BegunRoot, Session } from "./session.ts";

/** A token is good for 30 s; one that is older than this is not begun with. */
const TOKEN_LIFE_MS = 20_000;
/** Most tokens of one call. */
const MOST_TOKENS = 16;

interface Granted {
  readonly session: Session;
  readonly runId: bigint;
  readonly atMs: number;
  readonly tokens: string[];
}

/** Hands out tokens. */
export class StreamGrants {
  readonly #tree: RemoteTree;
  #granted: Granted | null = null;
  #asking: Promise<void> | null = null;

  constructor(tree: RemoteTree) {
    this.#tree = tree;
  }

  /** Takes tokens that came with the session. */
  begin(session: Session, { wish, tokens, askedMs }: BegunRoot): void {
    this.#granted = { session, runId: wish.runId, atMs: askedMs, tokens: [...tokens] };
  }

  /** Forgets the tokens that were not taken yet: the daemon takes them no more. */
  forget(): void {
    this.#granted = null;
  }

  /**
   * A token for one stream of a run.
   *
   * @param wanted how many more are likely to be needed soon
   * @throws {BlitError} as the daemon says
   */
  async take(session: Session, runId: bigint, wanted: number): Promise<string> {
    for (;;) {
      const granted = this.#granted;
      const good = granted?.session === session && granted.runId === runId &&
        performance.now() - granted.atMs < TOKEN_LIFE_MS;
      const token = good ? granted.tokens.shift() : undefined;
      if (token !== undefined) return token;
      await (this.#asking ??= this.#ask(session, runId, wanted).finally(() => this.#asking = null));
    }
  }

  async #ask(session: Session, runId: bigint, wanted: number): Promise<void> {
    const root = await this.#tree.root(session);
    const atMs = performance.now();
    const streams = Math.min(MOST_TOKENS, Math.max(1, wanted));
    const { tokens } = await session.call((client, name, signal) =>
      client.grant({ session: name, root, runId, streams }, { signal })
    );
    if (tokens.length === 0) {
      throw new BlitError("mismatch", "The daemon granted no streams. Run again.", {
        operation: "send",
      });
    }
    this.#granted = { session, runId, atMs, tokens };
  }
}
