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
import type { Duplex } from "../../src/wire/record_stream.ts";
import type { RawClient, RawSession } from "../remote/daemon_support.ts";
import { Refused } from "./raw_stream.ts";

/** No answer takes longer. */
const ANSWER_MS = 20_000;

/** A session as the model knows it. */
export interface KnownSession {
  isLive: boolean;
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
  #names = 0;

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

/** The client's end: what steps act with. */
export interface Peer {
  client: RawClient;
  /** Connects anew. */
  connect(): RawClient;
  readonly dataPort: number;
  /** Streams that stay open until the session ends. */
  readonly links: Duplex[];
  /** Bytes of the module's files, by path. */
  readonly planted: ReadonlyMap<string, string | null>;
}

/** Names one of the sessions. */
export interface SessionRef {
  readonly which: "live" | "ended" | "forged";
  readonly nth: number;
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
 * @returns what the call returned; null where it failed
 */
export async function expectEnd<T>(
  model: Expected,
  kinds: readonly string[],
  call: () => Promise<T>,
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

/** What a step is about. */
export interface Target {
  readonly session: KnownSession | null;
  readonly root: KnownSession["roots"][number] | null;
  readonly names: { readonly session: string; readonly root: number };
  /** What is wrong with them, as kinds; none: the call may succeed. */
  readonly wrong: string[];
}

/** The session and the root that a step is about, and what a daemon must say of them. */
export function target(
  model: Expected,
  sessionRef: SessionRef,
  rootRef: RootRef,
): Target {
  const session = model.session(sessionRef);
  const root = model.root(session, rootRef);
  const isGood = session?.isLive && root?.isOpen;
  return {
    session,
    root,
    names: { session: session?.raw.id ?? "forged", root: root?.number ?? 4_000_000 },
    wrong: isGood ? [] : ["not_found"],
  };
}
