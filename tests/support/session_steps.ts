/**
 * Steps that open and end sessions, roots and grants of streams; see `protocol_model.ts`.
 *
 * @module
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import { nameToBytes } from "../../src/core/rel_path.ts";
import { all } from "../remote/daemon_support.ts";
import { anyPath, type SomePath } from "./hostile_paths.ts";
import {
  expectEnd,
  kindOf,
  type KnownSession,
  type RootRef,
  rootRef,
  type SessionRef,
  sessionRef,
  type Step,
  step,
  target,
} from "./protocol_model.ts";

interface OpenArgs {
  readonly module: string;
  readonly major: number;
  readonly purpose: string;
  readonly look: SomePath;
}

/** A session's end takes its roots and tokens along. */
function ended(session: KnownSession | null): void {
  if (session) session.isLive = false;
}

const openWith = (args: fc.Arbitrary<OpenArgs>) =>
  step("open", args, async ({ module, major, purpose, look }, model, peer) => {
    if (model.sessions.filter(({ isLive }) => isLive).length >= 6) return;
    const isKnown = module === "m" || module === "ro";
    const wrong = [...isKnown ? [] : ["not_found"], ...major === 1 ? [] : ["mismatch"]];
    if (look.kind !== "" && look.kind !== "through") wrong.push(look.kind);
    const hello = { module, purpose, look: nameToBytes(look.path) };
    const version = { major, minor: 7 };
    const raw = await expectEnd(model, wrong, () => peer.client.open({ ...hello, version }));
    if (raw) model.sessions.push({ isLive: true, isReadOnly: module === "ro", roots: [], raw });
  });

const open = openWith(
  fc.record({
    module: fc.constantFrom("m", "m", "m", "ro", "nothing", "../m"),
    major: fc.constantFrom(1, 1, 1, 0, 2, 0xffffffff),
    purpose: fc.string({ maxLength: 200, unit: "binary" }),
    look: anyPath,
  }),
);

const openOddly = step(
  "open without hello",
  fc.constantFrom("alive", "nothing", "cancelRun", "empty"),
  async (first, model, peer) => {
    const requests = async function* () {
      if (first === "alive") yield { message: { case: "alive" as const, value: {} } };
      if (first === "empty") yield { message: { case: undefined } };
      if (first === "cancelRun") yield { message: { case: "cancelRun" as const, value: {} } };
    };
    await expectEnd(model, ["usage"], () => all(peer.client.sessions.open(requests())));
  },
);

const helloAgain = step("hello again", sessionRef, async (ref, model) => {
  const session = model.session(ref);
  if (!session?.isLive) return;
  session.raw.send({ case: "hello", value: {} as never });
  ended(session);
  const said = await session.raw.ended.catch(kindOf);
  assert.ok(said === "usage" || said === null, `the session ended with ${said}`);
  model.refused++;
});

const close = step("close", sessionRef, async (ref, model) => {
  const session = model.session(ref);
  if (!session?.isLive) return;
  ended(session);
  await session.raw.close();
});

const hangUp = step("hang up", fc.constant(null), async (_, model, peer) => {
  for (const session of model.sessions) ended(session);
  peer.client.close();
  peer.client = peer.connect();
  await peer.client.health.check({});
  for (const { raw } of model.sessions) await raw.ended.catch(() => {});
});

interface RootArgs {
  readonly ref: SessionRef;
  readonly at: SomePath;
  readonly create: boolean;
  readonly follow: boolean;
}

const openRootWith = (args: fc.Arbitrary<RootArgs>) =>
  step(
    "open root",
    args,
    async ({ ref, at, create, follow }, model, peer) => {
      const session = model.session(ref);
      const wrong: string[] = session?.isLive ? [] : ["not_found"];
      if (at.kind === "through" || at.path === "out") wrong.push("escaped");
      else if (at.kind !== "") wrong.push(at.kind);
      if (at.path === "f" || at.path === "d/g") wrong.push("not_directory");
      const isMissing = at.path.endsWith("nothing") && !model.isMade(at.path);
      if (isMissing && !create) wrong.push("not_found");
      if (create && session?.isReadOnly) wrong.push("read_only");
      if (session && session.roots.filter(({ isOpen }) => isOpen).length >= 16) wrong.push("busy");
      const request = {
        session: session?.raw.id ?? "forged",
        path: nameToBytes(at.path),
        create,
        follow,
      };
      const answer = await expectEnd(model, wrong, () => peer.client.sessions.openRoot(request));
      if (!answer) return;
      session!.roots.push({ isOpen: true, number: answer.root, path: at.path });
      if (at.path.endsWith("nothing")) model.maybe.set(at.path, null);
    },
  );

const openRoot = openRootWith(
  fc.record({ ref: sessionRef, at: anyPath, create: fc.boolean(), follow: fc.boolean() }),
);

const closeRoot = step(
  "close root",
  fc.record({ ref: sessionRef, root: rootRef }),
  async (args, model, peer) => {
    const { session, root, names } = target(model, args.ref, args.root);
    const wrong = session?.isLive ? [] : ["not_found"];
    await expectEnd(model, wrong, () => peer.client.sessions.closeRoot(names));
    if (root && session?.isLive) root.isOpen = false;
  },
);

interface GrantArgs {
  readonly ref: SessionRef;
  readonly root: RootRef;
  readonly streams: number;
}

const grantWith = (args: fc.Arbitrary<GrantArgs>) =>
  step(
    "grant",
    args,
    async ({ ref, root: rootOf, streams }, model, peer) => {
      const { session, root, names, wrong } = target(model, ref, rootOf);
      if (streams < 1 || streams > 16) wrong.push("usage");
      const asked = { ...names, runId: 7n, streams: streams >>> 0 };
      const call = () => peer.client.sessions.grant(asked);
      // Streams that are open count, and the model doesn't know which the daemon has seen the end of.
      const answer = await expectEnd(model, wrong, call);
      for (const text of answer?.tokens ?? []) {
        model.tokens.push({ text, session: session!, root: root!, isFresh: true });
      }
    },
  );

const grant = grantWith(fc.record({
  ref: sessionRef,
  root: rootRef,
  streams: fc.constantFrom(1, 1, 2, 3, 0, 17, 1 << 31),
}));

/** A session on the module, a root and tokens: what most sequences begin with. */
export const BEGINNING: readonly fc.Arbitrary<Step>[] = [
  openWith(
    fc.constant({ module: "m", major: 1, purpose: "copy", look: { path: "", kind: "" } }),
  ),
  openRootWith(fc.constant({
    ref: { which: "live", nth: 0 },
    at: { path: "", kind: "" },
    create: false,
    follow: false,
  })),
  grantWith(
    fc.constant({
      ref: { which: "live", nth: 0 },
      root: { which: "open", nth: 0 },
      streams: 4,
    }),
  ),
];

/** Every step of these. */
export const SESSION_STEPS: readonly fc.Arbitrary<Step>[] = [
  ...[open, open, open, openRoot, openRoot, openRoot, grant, grant, grant],
  ...[openOddly, helloAgain, close, hangUp, closeRoot],
];
