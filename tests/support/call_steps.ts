/**
 * Steps that make a session's calls, legal ones and others; see `protocol_model.ts`.
 *
 * @module
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import { EntryBlock, Kind, NO_PARENT } from "../../src/core/entry_block.ts";
import { nameToBytes } from "../../src/core/rel_path.ts";
import { BatchBuilder, BatchFlag, CopyAction, Op, Results } from "../../src/core/work_batch.ts";
import { all } from "../remote/daemon_support.ts";
import { anyPath, HOSTILE, PLANTED, THROUGH } from "./hostile_paths.ts";
import {
  expectEnd,
  kindOf,
  lacking,
  rightsIn,
  rootRef,
  sessionRef,
  type Step,
  step,
  target,
  whyLacking,
} from "./protocol_model.ts";

const look = step(
  "look",
  fc.record({
    ref: sessionRef,
    root: rootRef,
    how: fc.constantFrom("probe", "stat", "list", "read", "xattrs", "xattrs of many"),
    at: anyPath,
    more: fc.nat(3),
  }),
  async ({ ref, root: rootOf, how, at, more }, model, peer) => {
    const { root, names, wrong, whys, client } = target(model, peer, ref, rootOf);
    const path = nameToBytes(at.path);
    const refused = at.kind !== "" && at.kind !== "through" ? [at.kind] : [];
    if (how === "probe") {
      await expectEnd(model, wrong, () => client.sessions.probe(names), whys);
    } else if (how === "stat") {
      const paths = [...Array.from({ length: more }, () => nameToBytes("f")), path];
      const asked = { ...names, paths };
      const kinds = [...wrong, ...refused];
      const answer = await expectEnd(model, kinds, () => client.sessions.stat(asked), whys);
      if (!answer) return;
      const block = new EntryBlock(Uint8Array.from(answer.block));
      assert.equal(block.count, paths.length);
      if (at.kind === "through") assert.notEqual(block.status(more), 0, "stat followed a link");
    } else if (how === "list") {
      const requests = async function* () {
        const directories = [{ path, sorted: true, staged: false, ahead: more > 1 }];
        yield { ...names, windowBytes: more > 1 ? 1n << 62n : 0n, directories };
      };
      const kinds = [...wrong, ...refused];
      const call = () => all(client.sessions.list(requests()));
      const answer = await expectEnd(model, kinds, call, whys);
      if (!answer || at.kind !== "through") return;
      const [first] = answer.flatMap(({ blocks }) => blocks);
      const block = new EntryBlock(Uint8Array.from(first.block));
      assert.ok(block.listStatus !== 0 && block.count === 0, "a listing followed a link");
    } else if (how === "read") {
      const kinds = [...wrong, ...refused];
      if (at.kind === "through") kinds.push("escaped", "not_found", "not_directory");
      const text = root?.path === "" ? PLANTED[at.path] : undefined;
      const call = () => all(client.sessions.read({ ...names, path }));
      if (kinds.length === 0 && typeof text !== "string") {
        // No file, or one that the model doesn't know.
        await call().catch((error) => assert.notEqual(kindOf(error), "bug"));
        return;
      }
      const answer = await expectEnd(model, kinds, call, whys);
      const pieces = answer?.flatMap(({ message }) =>
        message.case === "piece" ? [new TextDecoder().decode(message.value)] : []
      );
      assert.ok(!pieces || pieces.join("") === text, "another file was read");
    } else {
      const asked = how === "xattrs" ? { ...names, path } : { ...names, paths: [path, path] };
      const call = client.sessions.xattrs(asked).catch((error) => {
        const kind = kindOf(error);
        assert.ok(kind !== null && kind !== "bug", `${error}`);
        return null;
      });
      const answer = await call;
      const isOne = how === "xattrs";
      assert.ok(answer === null || wrong.length === 0, "attributes were read");
      if (at.kind !== "" && answer) {
        // Of many each one fails by itself.
        assert.ok(!isOne, "attributes were read");
        for (const entry of answer.entries) assert.notEqual(entry.kind, "", "a link was followed");
      }
      if (answer) model.served++;
      else model.refused++;
    }
  },
);

/** Flags that no version has. */
const UNKNOWN_FLAGS = 0xffff;

/** Names for the items of a batch: `""` stands for a new one. */
const itemName = fc.oneof(
  { weight: 3, arbitrary: fc.constant("") },
  fc.constantFrom(...HOSTILE.map(({ path }) => path), ...THROUGH),
);

const run = step(
  "run",
  fc.record({
    ref: sessionRef,
    root: rootRef,
    op: fc.constantFrom(Op.copy, Op.copy, Op.meta, Op.link, Op.remove, Op.rename, Op.hash, Op.sync),
    name: itemName,
    target: itemName,
    flags: fc.constantFrom(0, 0, 4, 16, UNKNOWN_FLAGS),
  }),
  async ({ ref, root: rootOf, op, name, target: to, flags }, model, peer) => {
    const { session, root, names, wrong, whys, client } = target(model, peer, ref, rootOf);
    const right = op === Op.hash
      ? "read"
      : op === Op.remove && (flags & BatchFlag.stale) === 0 || op === Op.rename
      ? "delete"
      : "write";
    const lacks = session ? lacking(session, right) : [];
    if (lacks.length > 0 && wrong.length === 0) whys.push(whyLacking(session!, right));
    wrong.push(...lacks);
    const isMkdir = op === Op.copy;
    // Below another root there are no such links.
    const isElsewhere = root?.path !== "" && THROUGH.includes(name);
    const isNew = name === "" || isElsewhere;
    const own = isNew ? model.newName("made-") : name;
    const batch = new BatchBuilder(op);
    batch.flags = flags;
    batch.items.add({
      name: own,
      target: isMkdir || op === Op.meta || op === Op.remove || op === Op.hash || op === Op.sync
        ? ""
        : to || model.newName("moved-"),
      kind: isMkdir || op === Op.sync ? Kind.directory : Kind.file,
      mode: 0o755,
      inode: 77n,
      parent: NO_PARENT,
      action: isMkdir ? CopyAction.parentCreate : 0,
    });
    const asked = { ...names, runId: 7n, batch: batch.finish() };
    const isFine = isMkdir && isNew && flags !== UNKNOWN_FLAGS;
    // An item that is hostile fails alone, or takes its batch along.
    const mayFail = isFine ? wrong : [...wrong, "escaped", "mismatch", "usage"];
    const call = client.sessions.run(asked);
    const answer = await call.catch((error) => {
      const kind = kindOf(error);
      assert.ok(kind !== null && mayFail.includes(kind), `${error}`);
      return null;
    });
    if (answer === null) {
      if (wrong.length > 0) model.saw(whys);
      return void model.refused++;
    }
    assert.equal(wrong.length, 0, "a batch ran that had to be refused");
    const results = new Results(Uint8Array.from(answer.results));
    assert.equal(results.count, 1);
    const status = results.status(0);
    assert.notEqual(status, 1, "an item ended as a bug");
    if (isFine) {
      assert.equal(status, 0, "a folder was not made");
      model.files.set(root!.path === "" ? own : `${root!.path}/${own}`, null);
      model.served++;
    } else {
      // Nothing else names what is there.
      assert.ok(status !== 0 || op === Op.sync, `operation ${op} did something`);
      model.refused++;
    }
  },
);

const runGarbage = step(
  "run garbage",
  fc.record({
    ref: sessionRef,
    root: rootRef,
    op: fc.nat(255),
    bytes: fc.uint8Array({ maxLength: 400 }),
    count: fc.constantFrom(0, 1, 0x7fffffff, 0xffffffff),
    size: fc.constantFrom(0, 0, 0, 4 << 20, (4 << 20) + 1, 9 << 20),
    then: fc.constantFrom(0, 0, 0, 17),
  }),
  async ({ ref, root, op, bytes, count, size, then }, model, peer) => {
    const { names, client } = target(model, peer, ref, root);
    const batch = new Uint8Array(Math.max(size, 96 + bytes.length));
    batch.set(bytes, 96);
    const view = new DataView(batch.buffer);
    batch[0] = 1;
    batch[1] = op;
    batch[64] = 1;
    view.setUint16(66, 96, true);
    view.setUint32(68, count, true);
    view.setUint32(84, 32 + 96 * (count % 65536), true);
    const further = Array.from({ length: then }, () => batch.slice(0, 96));
    const call = client.sessions.run({ ...names, runId: 8n, batch, then: further });
    const kind = await call.then(() => "done", kindOf);
    assert.ok(kind !== null && kind !== "bug", `it ended with ${kind}`);
    model.refused++;
  },
);

const cancelled = step(
  "cancel a call",
  fc.record({
    ref: sessionRef,
    root: rootRef,
    how: fc.constantFrom("list", "read", "stat", "tunnel", "run", "open"),
    afterMs: fc.nat(4),
  }),
  async ({ ref, root, how, afterMs }, model, peer) => {
    const { names, client } = target(model, peer, ref, root);
    const abort = new AbortController();
    const options = { signal: abort.signal };
    const path = nameToBytes("f");
    const silent = async function* <T>(first: T) {
      yield first;
      await new Promise<void>((resolve) => abort.signal.addEventListener("abort", () => resolve()));
    };
    const directories = [{ path: nameToBytes(""), sorted: true, ahead: true }];
    const { sessions } = client;
    const hello = { message: { case: "hello" as const, value: { version: { major: 1 } } } };
    const call = how === "list"
      ? all(sessions.list(silent({ ...names, windowBytes: 1n << 20n, directories }), options))
      : how === "read"
      ? all(sessions.read({ ...names, path }, options))
      : how === "stat"
      ? sessions.stat({ ...names, paths: [path] }, options)
      : how === "tunnel"
      ? all(sessions.tunnel(silent({ token: "x" }), options))
      : how === "run"
      ? sessions.run({ ...names, batch: new BatchBuilder(Op.sync).finish() }, options)
      : all(sessions.open(silent(hello), options));
    const settled = call.catch(() => {});
    await new Promise((resolve) => setTimeout(resolve, afterMs));
    abort.abort();
    await settled;
    model.refused++;
  },
);

const cancelRun = step(
  "cancel run",
  fc.record({ ref: sessionRef, runId: fc.constantFrom(7n, 8n, 0n, 1n << 63n) }),
  async ({ ref, runId }, model, peer) => {
    const session = model.session(ref);
    if (!session?.isLive) return;
    session.raw.send({ case: "cancelRun", value: { runId } as never });
    // It has been heard once another call is answered.
    await peer.client(peer.users[0]).health.check({});
  },
);

const admin = step(
  "admin",
  fc.record({
    how: fc.constantFrom("list", "find", "usage", "stats", "purge"),
    module: fc.constantFrom("m", "m", "ro"),
    at: anyPath,
    user: fc.nat(9),
  }),
  async ({ how, module, at, user: nth }, model, peer) => {
    const user = peer.users[nth % peer.users.length];
    const rights = rightsIn(user, module);
    // Who may delete would: what is planted must stay.
    if (how === "purge" && rights?.includes("delete")) return;
    const client = peer.client(user);
    const place = { module, path: nameToBytes(at.path) };
    const call = async (): Promise<unknown> => {
      if (how === "list") return await all(client.admin.list({ place, recursive: true }));
      if (how === "find") return await all(client.admin.find({ place, globs: ["**"] }));
      if (how === "usage") return await all(client.admin.diskUsage({ place }));
      if (how === "stats") return await client.admin.fsStats({ place });
      return await client.admin.purge({ place });
    };
    const kind = await call().then(() => "done", kindOf);
    const wrong = user.isNobody
      ? "unauthenticated"
      : rights === null
      ? "not_found"
      : how !== "purge"
      ? null
      : module === "ro"
      ? "read_only"
      : "permission";
    assert.ok(kind !== null && kind !== "bug", `it ended with ${kind}`);
    if (wrong !== null) assert.equal(kind, wrong);
    else if (at.kind !== "" && at.kind !== "through") assert.equal(kind, at.kind);
    if (user.isNobody) model.saw(["no login"]);
    else if (rights === null) model.saw(["another user's module"]);
    else if (how === "purge") {
      model.saw([module === "ro" ? "read-only module" : "no right to delete"]);
    }
    model.refused++;
  },
);

const pull = step(
  "pull",
  fc.record({
    ref: sessionRef,
    root: rootRef,
    host: fc.constantFrom("127.0.0.1:1", "nowhere", "", "127.0.0.1:99999", "[::1"),
    options: fc.constantFrom("", "{}", "null", "[", '{"options":{"mode":"check"}}', '{"no":1}'),
  }),
  async ({ ref, root, host, options }, model, peer) => {
    const { names, client } = target(model, peer, ref, root);
    const request = { ...names, host, options, readGrant: "x", runId: 9n };
    const kind = await all(client.sessions.pull(request)).then(() => "done", kindOf);
    // The module is filled from no other daemon.
    assert.ok(kind !== null && kind !== "bug" && kind !== "done", `it ended with ${kind}`);
    const { session: id } = names;
    const asked = await client.sessions.checkPull({ session: id, host }).then(() => "done", kindOf);
    assert.ok(asked !== null && asked !== "bug" && asked !== "done", `asked, it said ${asked}`);
    if (asked === "permission") model.saw(["a daemon that the module doesn't name"]);
    model.refused++;
  },
);

/** Every step of these. */
export const CALL_STEPS: readonly fc.Arbitrary<Step>[] = [
  ...[look, look, run, run, runGarbage, cancelled, cancelRun, admin, pull],
];
