/**
 * What a client may do, as a model: which sessions, roots and tokens are good, and what lies in the module. Steps that
 * keep to the protocol and steps that don't are tried on a live daemon, and must end as the model says.
 *
 * @module
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import { ConnectError } from "@connectrpc/connect";
import { BlitError } from "../../src/core/error.ts";
import { KIND_METADATA } from "../../src/rpc/errors.ts";
import { type Access, rightsIn as rightsOf } from "../../src/rpc/service/rights.ts";
import type { Duplex } from "../../src/wire/record_stream.ts";
import type { RawClient, RawSession } from "../remote/daemon_support.ts";
import { Refused } from "./raw_stream.ts";

/** No answer takes longer, on a machine that is busy. */
const ANSWER_MS = 60_000;

/** Somebody who makes calls. */
export interface User {
  /** What the model calls them. */
  readonly name: string;
  /** What they may do, by module. */
  readonly access: Readonly<Record<string, Access>>;
  /** They come without a token where one is needed. */
  readonly isNobody?: boolean;
}

/** A session as the model knows it. */
export interface KnownSession {
  isLive: boolean;
  /** Whose calls it takes; null: everybody's, since a read grant opened it. */
  readonly user: User | null;
  readonly rights: readonly Access[];
  /** Whether its module is served read-only. */
  readonly isReadOnly: boolean;
  /** Folder of the module that each root is, and whether it is open. */
  readonly roots: { isOpen: boolean; readonly number: number; readonly path: string }[];
  readonly raw: RawSession;
}

/** A token as the model knows it. */
export interface KnownToken {
  readonly text: string;
  readonly session: KnownSession;
  readonly root: KnownSession["roots"][number];
  isFresh: boolean;
}

/** What the model knows. */
export class Expected {
  readonly sessions: KnownSession[] = [];
  readonly tokens: KnownToken[] = [];
  /** Content by path that must be in the module; null: a folder. */
  readonly files = new Map<string, string | null>();
  /** Content by path that may be there, or not. */
  readonly maybe = new Map<string, string | null>();
  /** Calls that had to succeed, and those that had to be refused. */
  served = 0;
  refused = 0;
  /** How many refusals were due to what, by name. */
  readonly seen = new Map<string, number>();
  #names = 0;

  /** Counts refusals by what they were due to. */
  saw(whys: readonly string[]): void {
    for (const why of whys) this.seen.set(why, (this.seen.get(why) ?? 0) + 1);
  }

  /** A name that no step has used. */
  newName(prefix: string): string {
    return `${prefix}${this.#names++}`;
  }

  /** Whether a folder of this name was made. */
  isMade(path: string): boolean {
    return this.files.get(path) === null || this.maybe.get(path) === null;
  }

  /** Which session a step is about. */
  session({ which, nth }: SessionRef): KnownSession | null {
    const fitting = this.sessions.filter(({ isLive }) => isLive === (which === "live"));
    return which === "forged" || fitting.length === 0 ? null : fitting[nth % fitting.length];
  }

  /** Which root. */
  root(
    session: KnownSession | null,
    { which, nth }: RootRef,
  ): KnownSession["roots"][number] | null {
    const fitting = session?.roots.filter(({ isOpen }) => isOpen === (which === "open")) ?? [];
    return which === "forged" || fitting.length === 0 ? null : fitting[nth % fitting.length];
  }
}

/** A daemon that reads from another one. */
export interface Reader {
  readonly certDer: Uint8Array;
  /** PEM. */
  readonly key: string;
  readonly sha256: Uint8Array;
}

/** The client's end: what steps act with. */
export interface Peer {
  /** Everybody, whoever may do most first. */
  readonly users: readonly User[];
  /** Somebody's connection, made when it is first needed. */
  client(user: User): RawClient;
  /** Breaks every connection. */
  hangUp(): void;
  readonly dataPort: number;
  /** SHA-256 of the certificate that streams must show; null: they are plain. */
  readonly certificateSha256: Uint8Array | null;
  /** Certificates of daemons that read with grants. */
  readonly readers: readonly Reader[];
  /** Streams that stay open until the session ends. */
  readonly links: Duplex[];
  /** Bytes of the module's files, by path. */
  readonly planted: ReadonlyMap<string, string | null>;
}

/** Names one of the sessions. */
export interface SessionRef {
  readonly which: "live" | "ended" | "forged";
  readonly nth: number;
  /** Somebody else makes the call, where there is anybody else. */
  readonly byStranger: boolean;
}
/** Names one of a session's roots. */
export interface RootRef {
  readonly which: "open" | "closed" | "forged";
  readonly nth: number;
}

/** Mostly sessions that live. */
export const sessionRef: fc.Arbitrary<SessionRef> = fc.record({
  which: fc.oneof(
    { weight: 8, arbitrary: fc.constant("live" as const) },
    fc.constantFrom("ended" as const, "forged" as const),
  ),
  nth: fc.nat(7),
  byStranger: fc.nat(11).map((drawn) => drawn === 0),
});
/** Mostly roots that are open. */
export const rootRef: fc.Arbitrary<RootRef> = fc.record({
  which: fc.oneof(
    { weight: 8, arbitrary: fc.constant("open" as const) },
    fc.constantFrom("closed" as const, "forged" as const),
  ),
  nth: fc.nat(7),
});

/** One step, which says what it does. */
export type Step = fc.AsyncCommand<Expected, Peer>;

/** Makes steps of arguments. */
export function step<T>(
  name: string,
  args: fc.Arbitrary<T>,
  act: (args: T, model: Expected, peer: Peer) => Promise<void>,
): fc.Arbitrary<Step> {
  return args.map((drawn): Step => ({
    check: () => true,
    run: async (model, peer) => {
      try {
        await act(drawn, model, peer);
      } catch (error) {
        const said = error instanceof Error ? error.message : String(error);
        throw new TypeError(`${name} ${fc.stringify(drawn)}: ${said}`, { cause: error });
      }
    },
    toString: () => `${name} ${fc.stringify(drawn)}`,
  }));
}

/**
 * Makes a call that has to end as the model says.
 *
 * @param kinds of errors that it must fail with, one of them; none: it must succeed
 * @param whys what refusals are counted under
 * @returns what the call returned; null where it failed
 */
export async function expectEnd<T>(
  model: Expected,
  kinds: readonly string[],
  call: () => Promise<T>,
  whys: readonly string[] = [],
): Promise<T | null> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new TypeError("no answer came in time")), ANSWER_MS);
  });
  try {
    const answer = await Promise.race([call(), late]);
    assert.ok(kinds.length === 0, `it succeeded, but had to fail with ${kinds.join(" or ")}`);
    model.served++;
    return answer;
  } catch (error) {
    const kind = kindOf(error);
    if (kind === null) throw error;
    assert.ok(kinds.includes(kind), `${kind} (${error}), not ${kinds.join(" or ") || "success"}`);
    model.refused++;
    model.saw(whys);
    return null;
  } finally {
    clearTimeout(timer);
  }
}

/** The kind of a daemon's error; null where it is none. */
export function kindOf(error: unknown): string | null {
  if (error instanceof BlitError) return error.kind;
  if (error instanceof Refused) return "hung up";
  if (!(error instanceof ConnectError)) return null;
  if (/a bug in blit/.test(error.message)) return "bug";
  return error.metadata.get(KIND_METADATA) ?? `connect ${error.code}`;
}

/** What a daemon must say of a call for want of a right, as kinds; none where it isn't wanting. */
export function lacking(session: KnownSession, right: Access): string[] {
  if (session.rights.includes(right)) return [];
  return [session.isReadOnly ? "read_only" : "permission"];
}

/** What a call is counted under that is refused for want of a right. */
export function whyLacking({ isReadOnly, user }: KnownSession, right: Access): string {
  if (isReadOnly) return "read-only module";
  return user === null ? "read grant used for more" : `no right to ${right}`;
}

/** What a user may do in a module; null: they don't even see it. */
export function rightsIn({ access }: User, module: string): readonly Access[] | null {
  const given = Object.hasOwn(access, module) ? access[module] : null;
  return given && rightsOf({ readOnly: module === "ro" }, given);
}

/** Whose call a step makes, and what is wrong with that. */
export interface Call {
  readonly session: KnownSession | null;
  /** Its name in calls. */
  readonly id: string;
  readonly user: User;
  readonly client: RawClient;
  /** What is wrong, as kinds; none: the call may succeed. */
  readonly wrong: string[];
  /** The same in words. */
  readonly whys: string[];
}

/** The session that a step is about, who calls, and what a daemon must say of it. */
export function callOn(model: Expected, peer: Peer, ref: SessionRef): Call {
  const session = model.session(ref);
  const owner = session?.user ?? peer.users[ref.nth % peer.users.length];
  const others = peer.users.filter((user) => user !== owner);
  const isStrange = session?.user != null && ref.byStranger && others.length > 0;
  const user = isStrange ? others[ref.nth % others.length] : owner;
  const wrong: string[] = [];
  if (!session?.isLive || isStrange) wrong.push("not_found");
  // Some calls look at who asks before anything else.
  if (user.isNobody) wrong.push(...wrong.length > 0 ? ["unauthenticated"] : []);
  const whys = isStrange && session.isLive ? [`another user's session`] : [];
  return { session, id: session?.raw.id ?? "forged", user, client: peer.client(user), wrong, whys };
}

/** What a step is about. */
export interface Target extends Call {
  readonly root: KnownSession["roots"][number] | null;
  readonly names: { readonly session: string; readonly root: number };
}

/** The session and the root that a step is about, and what a daemon must say of them. */
export function target(model: Expected, peer: Peer, ref: SessionRef, rootRef: RootRef): Target {
  const call = callOn(model, peer, ref);
  const root = model.root(call.session, rootRef);
  const wrong = [...call.wrong, ...root?.isOpen ? [] : ["not_found"]];
  return { ...call, wrong, root, names: { session: call.id, root: root?.number ?? 4_000_000 } };
}
