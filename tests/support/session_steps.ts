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
  callOn,
  expectEnd,
  kindOf,
  type KnownSession,
  lacking,
  rightsIn,
  type RootRef,
  rootRef,
  type SessionRef,
  sessionRef,
  type Step,
  step,
  target,
  whyLacking,
} from "./protocol_model.ts";

interface OpenArgs {
  readonly module: string;
  readonly major: number;
  readonly purpose: string;
  readonly look: SomePath;
  readonly user: number;
  /** The session whose place it takes. */
  readonly replaces: SessionRef | null;
}

/** A session's end takes its roots and tokens along. */
function ended(session: KnownSession | null): void {
  if (session) session.isLive = false;
}

const openWith = (args: fc.Arbitrary<OpenArgs>) =>
  step("open", args, async (args, model, peer) => {
    if (model.sessions.filter(({ isLive }) => isLive).length >= 6) return;
    const { module, major, purpose, look } = args;
    const user = peer.users[args.user % peer.users.length];
    const rights = rightsIn(user, module);
    const wrong = [...rights ? [] : ["not_found"], ...major === 1 ? [] : ["mismatch"]];
    if (user.isNobody) wrong.push("unauthenticated");
    if (look.kind !== "" && look.kind !== "through") wrong.push(look.kind);
    const old = args.replaces && model.session(args.replaces);
    const replaces = args.replaces === null ? "" : old?.raw.id ?? "forged";
    const hello = { module, purpose, look: nameToBytes(look.path), replaces };
    const version = { major, minor: 7 };
    const call = () => peer.client(user).open({ ...hello, version });
    const isKnown = module === "m" || module === "ro";
    const whys = user.isNobody ? ["no login"] : isKnown && !rights ? ["another user's module"] : [];
    const raw = await expectEnd(model, wrong, call, whys);
    // It goes as soon as it is known who asks, whatever comes of the rest.
    if (old?.isLive && old.user === user && major === 1 && !user.isNobody) {
      ended(old);
      await old.raw.ended.catch(() => {});
    }
    if (!raw) return;
    const { dataPlane, rights: told } = raw.welcome;
    assert.deepEqual(told, rights);
    assert.deepEqual(dataPlane?.certificateSha256, peer.certificateSha256 ?? new Uint8Array(0));
    const isReadOnly = module === "ro";
    model.sessions.push({ isLive: true, user, rights: rights!, isReadOnly, roots: [], raw });
  });

const open = openWith(
  fc.record({
    module: fc.constantFrom("m", "m", "m", "ro", "nothing", "../m"),
    major: fc.constantFrom(1, 1, 1, 0, 2, 0xffffffff),
    purpose: fc.string({ maxLength: 200, unit: "binary" }),
    look: anyPath,
    user: fc.nat(9),
    replaces: fc.option(sessionRef, { freq: 8 }),
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
    const client = peer.client(peer.users[0]);
    await expectEnd(model, ["usage"], () => all(client.sessions.open(requests())));
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
  peer.hangUp();
  await peer.client(peer.users[0]).health.check({});
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
      const { session, id, client, wrong, whys } = callOn(model, peer, ref);
      if (at.kind === "through" || at.path === "out") wrong.push("escaped");
      else if (at.kind !== "") wrong.push(at.kind);
      if (at.path === "f" || at.path === "d/g") wrong.push("not_directory");
      const isMissing = at.path.endsWith("nothing") && !model.isMade(at.path);
      if (isMissing && !create) wrong.push("not_found");
      if (create && session && wrong.length === 0 && lacking(session, "write").length > 0) {
        whys.push(whyLacking(session, "write"));
      }
      if (create && session) wrong.push(...lacking(session, "write"));
      if (session && session.roots.filter(({ isOpen }) => isOpen).length >= 16) wrong.push("busy");
      const request = {
        session: id,
        path: nameToBytes(at.path),
        create,
        follow,
      };
      const answer = await expectEnd(model, wrong, () => client.sessions.openRoot(request), whys);
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
    const { wrong, whys, client } = callOn(model, peer, args.ref);
    const { root, names } = target(model, peer, args.ref, args.root);
    await expectEnd(model, wrong, () => client.sessions.closeRoot(names), whys);
    if (root && wrong.length === 0) root.isOpen = false;
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
      const { session, root, names, wrong, whys, client } = target(model, peer, ref, rootOf);
      if (streams < 1 || streams > 16) wrong.push("usage");
      const asked = { ...names, runId: 7n, streams: streams >>> 0 };
      const call = () => client.sessions.grant(asked);
      // Streams that are open count, and the model doesn't know which the daemon has seen the end of.
      const answer = await expectEnd(model, wrong, call, whys);
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

const FIRST = { which: "live", nth: 0, byStranger: false } as const;

/** A session on the module, a root and tokens: what most sequences begin with. */
export const BEGINNING: readonly fc.Arbitrary<Step>[] = [
  // Those who see the module come first.
  openWith(
    fc.nat(2).map((user) => ({
      ...{ module: "m", major: 1, purpose: "copy", user, replaces: null },
      look: { path: "", kind: "" },
    })),
  ),
  openRootWith(
    fc.constant({ ref: FIRST, at: { path: "", kind: "" }, create: false, follow: false }),
  ),
  grantWith(fc.constant({ ref: FIRST, root: { which: "open", nth: 0 }, streams: 4 })),
];

/** Every step of these. */
export const SESSION_STEPS: readonly fc.Arbitrary<Step>[] = [
  ...[open, open, open, openRoot, openRoot, openRoot, grant, grant, grant],
  ...[openOddly, helloAgain, close, hangUp, closeRoot],
];
