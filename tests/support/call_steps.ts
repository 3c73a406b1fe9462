/**
 * Steps that make a session's calls, legal ones and others; see `protocol_model.ts`.
 *
 * @module
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import { EntryBlock, Kind, NO_PARENT } from "../../src/core/entry_block.ts";
import { nameToBytes } from "../../src/core/rel_path.ts";
import { BatchBuilder, CopyAction, Op, Results } from "../../src/core/work_batch.ts";
import { all } from "../remote/daemon_support.ts";
import { anyPath, HOSTILE, PLANTED, THROUGH } from "./hostile_paths.ts";
import {
  expectEnd,
  kindOf,
  rootRef,
  sessionRef,
  type Step,
  step,
  target,
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
  async ({ ref, root: rootOf, how, at, more }, model, { client }) => {
    const { root, names, wrong } = target(model, ref, rootOf);
    const path = nameToBytes(at.path);
    const refused = at.kind !== "" && at.kind !== "through" ? [at.kind] : [];
    if (how === "probe") {
      await expectEnd(model, wrong, () => client.sessions.probe(names));
    } else if (how === "stat") {
      const paths = [...Array.from({ length: more }, () => nameToBytes("f")), path];
      const asked = { ...names, paths };
      const kinds = [...wrong, ...refused];
      const answer = await expectEnd(model, kinds, () => client.sessions.stat(asked));
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
      const answer = await expectEnd(model, kinds, () => all(client.sessions.list(requests())));
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
      const answer = await expectEnd(model, kinds, call);
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
  async ({ ref, root: rootOf, op, name, target: to, flags }, model, { client }) => {
    const { session, root, names, wrong } = target(model, ref, rootOf);
    const writes = op !== Op.hash;
    if (session?.isReadOnly && writes) wrong.push("read_only");
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
    if (answer === null) return void model.refused++;
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
  async ({ ref, root, op, bytes, count, size, then }, model, { client }) => {
    const { names } = target(model, ref, root);
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
  async ({ ref, root, how, afterMs }, model, { client }) => {
    const { names } = target(model, ref, root);
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
    await peer.client.health.check({});
  },
);

const admin = step(
  "admin",
  fc.record({ how: fc.constantFrom("list", "find", "usage", "stats", "purge"), at: anyPath }),
  async ({ how, at }, model, { client }) => {
    const place = { module: how === "purge" ? "ro" : "m", path: nameToBytes(at.path) };
    const call = async (): Promise<unknown> => {
      if (how === "list") return await all(client.admin.list({ place, recursive: true }));
      if (how === "find") return await all(client.admin.find({ place, globs: ["**"] }));
      if (how === "usage") return await all(client.admin.diskUsage({ place }));
      if (how === "stats") return await client.admin.fsStats({ place });
      return await client.admin.purge({ place });
    };
    const kind = await call().then(() => "done", kindOf);
    assert.ok(kind !== null && kind !== "bug", `it ended with ${kind}`);
    if (how === "purge") assert.notEqual(kind, "done", "a read-only module was purged");
    else if (at.kind !== "" && at.kind !== "through") assert.equal(kind, at.kind);
    model.refused++;
  },
);

const grantRead = step(
  "read grant",
  fc.record({ ref: sessionRef, at: anyPath, times: fc.constantFrom(1, 2), forged: fc.boolean() }),
  async ({ ref, at, times, forged }, model, { client }) => {
    const session = model.session(ref);
    const wrong = session?.isLive ? [] : ["not_found"];
    if (at.kind !== "" && at.kind !== "through") wrong.push(at.kind);
    const request = { session: session?.raw.id ?? "forged", path: nameToBytes(at.path) };
    const answer = await expectEnd(model, wrong, () => client.sessions.grantRead(request));
    if (!answer) return;
    const middle = answer.grant.length >> 1;
    const turned = answer.grant[middle] === "A" ? "B" : "A";
    const grant = forged
      ? answer.grant.slice(0, middle) + turned + answer.grant.slice(middle + 1)
      : answer.grant;
    for (let i = 0; i < times; i++) {
      const isFolder = at.path === "" || PLANTED[at.path] === null || model.isMade(at.path);
      const kinds = forged || i > 0 || !session!.isLive
        ? ["unauthenticated"]
        : isFolder
        ? []
        : ["escaped", "not_found", "not_directory"];
      const hello = { module: "", readGrant: grant };
      const raw = await expectEnd(model, kinds, () => client.open(hello));
      if (!raw) continue;
      const names = { session: raw.id, path: nameToBytes("made-by-grant"), create: true };
      await expectEnd(model, ["permission", "read_only"], () => client.sessions.openRoot(names));
      await raw.close();
    }
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
  async ({ ref, root, host, options }, model, { client }) => {
    const { names } = target(model, ref, root);
    const request = { ...names, host, options, readGrant: "x", runId: 9n };
    const said: { event: string }[] = [];
    const kind = await all(client.sessions.pull(request)).then((answers) => {
      said.push(...answers);
      return "done";
    }, kindOf);
    assert.ok(kind !== null && kind !== "bug", `it ended with ${kind}`);
    for (const { event } of said) assert.ok(!event.includes('"kind":"bug"'), event);
    model.refused++;
  },
);

/** Every step of these. */
export const CALL_STEPS: readonly fc.Arbitrary<Step>[] = [
  ...[look, look, run, run, runGarbage, cancelled, cancelRun, admin, grantRead, pull],
];
