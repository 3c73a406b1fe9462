/**
 * RemoteWalk: the listings of one walk, over one List call on which the daemon reads ahead.
 *
 * What the daemon sends unasked waits here until it is asked for, within a window; it is dropped, the oldest first,
 * where it seems that nobody will. What was asked for always comes.
 *
 * @module
 */
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import type { EntryBlock } from "../core/entry_block.ts";
import { BlitError } from "../core/error.ts";
import { bytesToName, nameToBytes, type RelPath } from "../core/rel_path.ts";
import { type ListBlock, type ListRequest, ListRequestSchema } from "../gen/blit/v1/session_pb.ts";
import { Outbox } from "./outbox.ts";
import { listingFromPeer } from "./peer_data.ts";
import { RemoteListing } from "./remote_listing.ts";
import type { Session } from "./session.ts";

/** Bytes of blocks that the daemon may send unasked. */
export const WINDOW_BYTES = 16 << 20;
/** Credit is given in such parts of the window: a message for each small directory would cost more than its listing. */
const CREDIT_SHARE = 1 / 16;
/** Of what was asked for no more than this is taken in while nobody waits for any of it. */
const HELD_BYTES = 32 << 20;

/** The listings of one walk. */
export class RemoteWalk {
  readonly #session: Session;
  readonly #windowBytes: number;
  readonly #outbox = new Outbox<ListRequest>();
  readonly #ending = new AbortController();
  /** What was read ahead and nobody asked for yet, the oldest first. */
  readonly #ahead = new Map<RelPath, RemoteListing>();
  /** What was asked for and isn't complete; the first of each path is the one under way. */
  readonly #asked = new Map<RelPath, RemoteListing[]>();
  /** Read-ahead listings under way by path, whoever reads them. */
  readonly #coming = new Map<RelPath, RemoteListing>();
  readonly #requests: RemoteListing[] = [];
  #flushing = false;
  #seen = 0;
  #aheadBytes = 0;
  #credit = 0;
  #error: BlitError | null = null;
  #resume: (() => void) | null = null;

  /**
   * @param root the root's handle in the session
   * @param windowBytes what the daemon may send unasked
   */
  constructor(session: Session, root: number, windowBytes = WINDOW_BYTES) {
    this.#session = session;
    this.#windowBytes = windowBytes;
    this.#send({ session: session.streaming.session, root, windowBytes: BigInt(windowBytes) });
    this.#read();
  }

  /** Lists a directory; see `Tree.list`. */
  async *list(path: RelPath, staged: boolean): AsyncGenerator<EntryBlock, void, undefined> {
    const listing = this.#take(path, staged);
    let read: EntryBlock[] | null = [];
    try {
      for (;;) {
        if (listing.heldBytes === 0 && !listing.complete) this.#makeRoom(listing);
        const held = await listing.next();
        if (held === null) break;
        const { block, isOwed } = held;
        if (isOwed) this.#giveCredit(block.bytes.length);
        this.#resume?.();
        read = read?.length === 0 ? [block] : null;
        yield block;
        if (block.last) break;
      }
      read = null;
    } finally {
      // Whoever stopped after the first block has had a look: the walk itself reads it again.
      this.#leave(listing, read?.[0] ?? null);
    }
  }

  /** Ends the call: listings under way end with an error. */
  close(error: BlitError): void {
    this.#fail(error);
    this.#outbox.end();
    this.#ending.abort(error);
  }

  #take(path: RelPath, staged: boolean): RemoteListing {
    const known = this.#ahead.get(path);
    if (known !== undefined) {
      this.#ahead.delete(path);
      if (known.staged === staged) return known;
      this.#drop(known);
    }
    const listing = new RemoteListing(path, staged);
    if (this.#error !== null) {
      listing.fail(this.#error);
      return listing;
    }
    // The daemon reads where nobody follows: what it holds back for stays for ever.
    if (this.#aheadBytes >= this.#windowBytes / 2) this.#evict(this.#windowBytes / 4);
    const same = this.#asked.get(path);
    if (same !== undefined) same.push(listing);
    else {
      this.#asked.set(path, [listing]);
      this.#request(listing);
    }
    return listing;
  }

  /** Calls of one turn go in one message. */
  #request(listing: RemoteListing): void {
    this.#requests.push(listing);
    if (this.#flushing) return;
    this.#flushing = true;
    queueMicrotask(() => {
      this.#flushing = false;
      // What has begun to come since was on its way: to ask for it now would list it twice.
      const wanted = this.#requests.splice(0).filter(({ begun }) => !begun);
      if (wanted.length === 0) return;
      const directories = wanted.map(({ path, staged }) => ({
        path: nameToBytes(path),
        // A sorted listing serves whoever needs none; the other way round it would be asked for again.
        sorted: true,
        staged,
        ahead: true,
      }));
      this.#send({ directories, seenBlocks: BigInt(this.#seen) });
    });
  }

  async #read(): Promise<void> {
    const { client } = this.#session.streaming;
    const signal = AbortSignal.any([this.#session.signal, this.#ending.signal]);
    try {
      for await (const response of client.list(this.#outbox, { signal })) {
        for (const block of response.blocks) {
          this.#seen++;
          this.#arrived(block);
        }
        while (this.#error === null && this.#isFull()) {
          await new Promise<void>((resolve) => this.#resume = resolve);
        }
      }
      this.#fail(
        new BlitError(
          "disconnected",
          `${this.#session.connection.display} ended a listing. Run again.`,
          {
            operation: "list",
          },
        ),
      );
    } catch (error) {
      this.#fail(this.#session.error(error));
    }
  }

  #arrived({ path: bytes, block: packed, ahead, staged }: ListBlock): void {
    const path = bytesToName(bytes);
    const block = listingFromPeer(packed, this.#session.connection.display);
    if (ahead) this.#aheadBytes += block.bytes.length;
    const listing = ahead ? this.#aheadListing(path, staged) : this.#askedListing(path);
    if (listing !== undefined && !listing.abandoned) listing.push(block, ahead);
    else if (ahead) this.#giveCredit(block.bytes.length);
    if (!block.last) return;
    this.#coming.delete(path);
    if (listing !== undefined && listing === this.#asked.get(path)?.[0]) this.#answered(path);
  }

  /** The listing that a block that was read ahead belongs to. */
  #aheadListing(path: RelPath, staged: boolean): RemoteListing {
    const coming = this.#coming.get(path);
    if (coming !== undefined) return coming;
    const asked = this.#asked.get(path)?.[0];
    let listing: RemoteListing;
    if (asked !== undefined && !asked.begun && asked.staged === staged) {
      // It was on its way when it was asked for: it is the answer, and no other comes.
      listing = asked;
    } else {
      listing = new RemoteListing(path, staged);
      const old = this.#ahead.get(path);
      if (old !== undefined) this.#drop(old);
      this.#ahead.set(path, listing);
    }
    this.#coming.set(path, listing);
    return listing;
  }

  /** The listing that a block that was asked for belongs to. */
  #askedListing(path: RelPath): RemoteListing | undefined {
    const asked = this.#asked.get(path)?.[0];
    const coming = this.#coming.get(path);
    if (coming !== undefined && coming !== asked) {
      // The daemon broke off what it read ahead, to answer.
      this.#coming.delete(path);
      if (this.#ahead.get(path) === coming) this.#ahead.delete(path);
      coming.fail(new BlitError("changed", "A listing was broken off. Run again."));
      this.#drop(coming);
    }
    return asked;
  }

  /** The answer to a question is complete: the next question about that directory can be put. */
  #answered(path: RelPath): void {
    const same = this.#asked.get(path)!;
    same.shift();
    while (same.length > 0 && same[0].abandoned) same.shift();
    if (same.length === 0) this.#asked.delete(path);
    else this.#request(same[0]);
  }

  /** Nobody reads it any more; with `first`, its only block that was read, it waits for the next who does. */
  #leave(listing: RemoteListing, first: EntryBlock | null): void {
    if (first !== null && this.#error === null && !this.#ahead.has(listing.path)) {
      listing.unread(first);
      this.#ahead.set(listing.path, listing);
    } else if (!listing.complete || listing.heldBytes > 0) this.#drop(listing);
    this.#resume?.();
  }

  /** Somebody waits for a listing that the daemon may hold back, since the window is full of others. */
  #makeRoom(listing: RemoteListing): void {
    this.#flushCredit();
    const isAhead = this.#coming.get(listing.path) === listing;
    if (isAhead && this.#aheadBytes >= this.#windowBytes / 2) this.#evict(this.#windowBytes / 4);
    this.#resume?.();
  }

  #evict(toBytes: number): void {
    for (const [path, listing] of this.#ahead) {
      if (this.#aheadBytes <= toBytes) break;
      this.#ahead.delete(path);
      this.#drop(listing);
    }
    this.#flushCredit();
  }

  #drop(listing: RemoteListing): void {
    const owed = listing.abandon();
    if (owed > 0) this.#giveCredit(owed);
    // Asked for again, it must come from its beginning.
    if (this.#coming.get(listing.path) === listing) {
      this.#send({ skip: [nameToBytes(listing.path)] });
    }
  }

  #giveCredit(bytes: number): void {
    this.#aheadBytes -= bytes;
    this.#credit += bytes;
    if (this.#credit >= this.#windowBytes * CREDIT_SHARE) this.#flushCredit();
  }

  #flushCredit(): void {
    if (this.#credit === 0) return;
    this.#send({ creditBytes: BigInt(this.#credit), seenBlocks: BigInt(this.#seen) });
    this.#credit = 0;
  }

  /** Much is held of what was asked for, and nobody waits: the call is left unread until somebody does. */
  #isFull(): boolean {
    for (const listing of this.#coming.values()) if (listing.waiting) return false;
    let held = 0;
    for (const [listing] of this.#asked.values()) {
      if (listing.waiting) return false;
      held += listing.heldBytes;
    }
    return held > HELD_BYTES;
  }

  #fail(error: BlitError): void {
    if (this.#error !== null) return;
    this.#error = error;
    for (const listings of this.#asked.values()) listings.forEach((one) => one.fail(error));
    for (const listing of this.#coming.values()) listing.fail(error);
    this.#resume?.();
  }

  #send(message: MessageInitShape<typeof ListRequestSchema>): void {
    this.#outbox.push(create(ListRequestSchema, message));
  }
}
