/**
 * RemoteLister: lists directories of a remote tree, one walk at a time or each by itself, again where the connection broke.
 *
 * @module
 */
import { create } from "@bufbuild/protobuf";
import type { EntryBlock } from "../core/entry_block.ts";
import { BlitError } from "../core/error.ts";
import { nameToBytes, type RelPath } from "../core/rel_path.ts";
import type { ListOptions, Walk } from "../engine/tree.ts";
import { type ListRequest, ListRequestSchema } from "../gen/blit/v1/session_pb.ts";
import { Outbox } from "./outbox.ts";
import { listingFromPeer } from "./peer_data.ts";
import type { RemoteRoot } from "./remote_root.ts";
import { RemoteWalk } from "./remote_walk.ts";
import type { Session } from "./session.ts";
import { isBroken, type SessionKeeper } from "./session_keeper.ts";
import { ShownPart } from "./shown_part.ts";

/** Lists below one root. */
export class RemoteLister {
  readonly #keeper: SessionKeeper;
  readonly #root: RemoteRoot;
  /** The walk that goes on, in its session. */
  #walk: { readonly walk: Walk; readonly remote: RemoteWalk; readonly session: Session } | null =
    null;

  constructor(keeper: SessionKeeper, root: RemoteRoot) {
    this.#keeper = keeper;
    this.#root = root;
  }

  /** Lists a directory; see `Tree.list`. */
  async *list(directory: RelPath, options: ListOptions): AsyncGenerator<EntryBlock> {
    const shown = this.#keeper.mayRetry ? new ShownPart() : null;
    for (;;) {
      const session = await this.#keeper.live();
      try {
        for await (const block of await this.#listing(session, directory, options)) {
          const rest = shown === null ? block : shown.rest(block);
          if (rest === null) continue;
          yield rest;
          if (shown?.hasEnded) return;
        }
        return;
      } catch (error) {
        const goesOn = shown?.canGoOn && isBroken(error) && session.signal.aborted;
        if (!goesOn) throw error;
        shown.again();
      }
    }
  }

  /** Ends the walk that goes on. */
  close(): void {
    this.#walk?.remote.close(
      new BlitError("cancelled", "Cannot go on listing: the tree was closed."),
    );
    this.#walk = null;
  }

  async #listing(
    session: Session,
    directory: RelPath,
    options: ListOptions,
  ): Promise<AsyncIterable<EntryBlock>> {
    const root = await this.#root.handle(session);
    const { walk, staged = false } = options;
    if (walk === undefined) return this.#listOnce(session, root, directory, options);
    if (this.#walk?.walk !== walk || this.#walk.session !== session) {
      this.#walk?.remote.close(new BlitError("cancelled", "Another walk has begun."));
      this.#walk = { walk, remote: new RemoteWalk(session, root), session };
    }
    return this.#walk.remote.list(directory, staged);
  }

  /** Lists one directory as it is now, over a call of its own. */
  async *#listOnce(
    session: Session,
    root: number,
    directory: RelPath,
    { sorted: isNeeded, staged = false }: ListOptions,
  ): AsyncGenerator<EntryBlock> {
    // In order, it can go on where it broke.
    const sorted = isNeeded || this.#keeper.mayRetry;
    const outbox = new Outbox<ListRequest>();
    const { client, session: name } = session.streaming;
    outbox.push(create(ListRequestSchema, {
      session: name,
      root,
      directories: [{ path: nameToBytes(directory), sorted, staged }],
    }));
    const ending = new AbortController();
    const signal = AbortSignal.any([session.signal, ending.signal]);
    try {
      for await (const { blocks } of client.list(outbox, { signal })) {
        for (const { block: bytes } of blocks) {
          const block = listingFromPeer(bytes, session.connection.display);
          yield block;
          if (block.last) return;
        }
      }
      throw new BlitError(
        "disconnected",
        `${session.connection.display} broke off a listing. Run again.`,
        {
          operation: "list",
        },
      );
    } catch (error) {
      throw session.error(error);
    } finally {
      outbox.end();
      ending.abort();
    }
  }
}
