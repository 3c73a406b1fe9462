import assert from "node:assert/strict";
import { setImmediate } from "node:timers";
import { ConnectError } from "@connectrpc/connect";
import { EntryBlock, Kind, NO_PARENT } from "../../src/core/entry_block.ts";
import { kindOfStatus } from "../../src/core/error.ts";
import { bytesToName, nameToBytes, type RelPath } from "../../src/core/rel_path.ts";
import { BatchBuilder, CopyAction, Op, Results } from "../../src/core/work_batch.ts";
import { DEFAULTS } from "../../src/daemon/config.ts";
import { moduleOf } from "../../src/daemon/config_parse.ts";
import { KIND_METADATA } from "../../src/rpc/errors.ts";
import { all, daemonTest, eventually, rejectsWith } from "./daemon_support.ts";

const RUN_ID = 7n;

function directories(...paths: RelPath[]): Uint8Array {
  const batch = new BatchBuilder(Op.copy, paths.length);
  for (const name of paths) {
    const action = CopyAction.parentCreate;
    batch.items.add({ name, kind: Kind.directory, parent: NO_PARENT, action });
  }
  return batch.finish();
}

daemonTest(
  "a session that is being opened while the configuration is read again is of the new one",
  async (scene) => {
    const client = scene.client();
    const of = (name: string) => ({
      ...DEFAULTS,
      modules: [moduleOf({ name, path: scene.folder })],
    });
    for (let tries = 0; tries < 200; tries++) {
      scene.daemon.reconfigure(of("m"));
      const opening = client.open({ module: "m" }).then(
        (session) => session.ended,
        (error) => ConnectError.from(error).metadata.get(KIND_METADATA),
      );
      const { daemon } = scene;
      while (daemon.counts().waiting.sessions + daemon.counts().sessions === 0) {
        await new Promise((resolve) => setImmediate(resolve));
      }
      const isHit = daemon.counts().waiting.sessions > 0;
      scene.daemon.reconfigure(of("other"));
      assert.equal(await opening, "not_found");
      if (isHit) return;
    }
    assert.fail("it was never hit");
  },
);

daemonTest("a welcome says what the caller may do and what stands at a path", async (scene) => {
  Deno.mkdirSync(`${scene.folder}/d`);
  Deno.symlinkSync("d", `${scene.folder}/link`);
  Deno.symlinkSync("/etc", `${scene.folder}/out`);
  const client = scene.client();
  const plain = await client.open({ look: nameToBytes("link") });
  assert.deepEqual(plain.welcome.rights, ["read", "write", "delete", "admin"]);
  assert.equal(plain.welcome.version?.major, 1);
  const there = new EntryBlock(plain.welcome.there);
  assert.deepEqual([there.count, there.kind(0), there.target(0)], [1, Kind.symlink, "d"]);
  const followed = await client.open({ look: nameToBytes("link"), lookFollowed: true });
  const both = new EntryBlock(followed.welcome.there);
  assert.deepEqual([both.count, both.kind(1), both.name(1)], [2, Kind.directory, "link"]);
  const out = await client.open({ look: nameToBytes("out"), lookFollowed: true });
  assert.equal(new EntryBlock(out.welcome.there).count, 1);
  const none = await client.open({ look: nameToBytes("none"), module: "ro" });
  assert.equal(kindOfStatus(new EntryBlock(none.welcome.there).status(0)), "not_found");
  assert.deepEqual([none.welcome.rights, none.welcome.readOnly], [["read"], true]);
});

daemonTest("roots are opened beneath the module, and nowhere else", async (scene) => {
  Deno.mkdirSync(`${scene.folder}/d/e`, { recursive: true });
  Deno.symlinkSync("d", `${scene.folder}/in`);
  Deno.symlinkSync("/etc", `${scene.folder}/out`);
  Deno.symlinkSync("../..", `${scene.folder}/d/up`);
  const client = scene.client();
  const { id } = await client.open();
  const openRoot = (path: string, more = {}) =>
    client.sessions.openRoot({ session: id, path: nameToBytes(path), ...more });
  const deep = await openRoot("d/e");
  assert.equal(deep.facts?.rootInode, BigInt(Deno.statSync(`${scene.folder}/d/e`).ino!));
  assert.equal(deep.traits?.beneath, true);
  // Nobody's owner is taken where the module doesn't trust its clients.
  assert.equal(deep.traits?.owners, false);
  for (const path of ["..", "/etc", "d/../..", "d\0", "d//e", "d/."]) {
    await rejectsWith(openRoot(path), "escaped");
  }
  for (const path of ["in", "out", "out/ssl", "d/up"]) await rejectsWith(openRoot(path), "escaped");
  await openRoot("in/e", { follow: true });
  await rejectsWith(openRoot("out", { follow: true }), "escaped");
  await rejectsWith(openRoot("d/up", { follow: true }), "escaped");
  await rejectsWith(openRoot("none"), "not_found");
  await openRoot("new/deep", { create: true });
  assert.ok(Deno.statSync(`${scene.folder}/new/deep`).isDirectory);
  const other = await client.open({ module: "ro" });
  await rejectsWith(
    client.sessions.openRoot({ session: other.id, path: nameToBytes("x"), create: true }),
    "read_only",
  );
  await client.sessions.closeRoot({ session: id, root: deep.root });
  await rejectsWith(client.sessions.probe({ session: id, root: deep.root }), "not_found");
});

daemonTest("stat, run and read work on a root", async (scene) => {
  const { folder } = scene;
  Deno.writeTextFileSync(`${folder}/f`, "x".repeat(2_500_000));
  const client = scene.client();
  const { id: session, root } = await client.openRoot();
  const { block } = await client.sessions.stat({
    session,
    root,
    paths: [nameToBytes("f"), nameToBytes("none")],
  });
  const seen = new EntryBlock(block);
  assert.equal(seen.sizeBytes(0), 2_500_000);
  assert.equal(kindOfStatus(seen.status(1)), "not_found");

  const made = await client.sessions.run({
    session,
    root,
    runId: RUN_ID,
    batch: directories("a/b"),
  });
  assert.equal(new Results(made.results).status(0), 0);
  assert.ok(Deno.statSync(`${folder}/a/b`).isDirectory);

  const hash = new BatchBuilder(Op.hash, 1);
  hash.items.addFrom(seen, 0, NO_PARENT, 0);
  const hashed = await client.sessions.run({ session, root, runId: RUN_ID, batch: hash.finish() });
  assert.equal(new Results(hashed.results).status(0), 0);

  const remove = new BatchBuilder(Op.remove, 1);
  remove.items.addFrom(seen, 0, NO_PARENT, 0);
  const answers = await all(client.sessions.read({ session, root, path: nameToBytes("f") }));
  const pieces = answers.flatMap(({ message }) => message.case === "piece" ? [message.value] : []);
  assert.equal(pieces.reduce((sum, piece) => sum + piece.length, 0), 2_500_000);
  assert.deepEqual(answers.at(-1)?.message, { case: "unchanged", value: true });
  const gone = await client.sessions.run({ session, root, runId: RUN_ID, batch: remove.finish() });
  assert.equal(new Results(gone.results).status(0), 0);
  assert.throws(() => Deno.statSync(`${folder}/f`));
});

daemonTest("batches that move content, or are none, are refused", async (scene) => {
  const client = scene.client();
  const { id: session, root } = await client.openRoot();
  const run = (batch: Uint8Array) => client.sessions.run({ session, root, runId: RUN_ID, batch });
  const copy = new BatchBuilder(Op.copy, 1);
  copy.items.add({ name: "f", kind: Kind.file, parent: NO_PARENT, action: CopyAction.create });
  await rejectsWith(run(copy.finish()), "usage", /only directories/);
  for (const op of [Op.scan, Op.stat, Op.read, Op.write, 99 as Op]) {
    await rejectsWith(run(new BatchBuilder(op, 0).finish()), "usage", /over the control plane/);
  }
  const flagged = directories("a");
  new DataView(flagged.buffer).setUint32(4, 0xffff, true);
  await rejectsWith(run(flagged), "usage", /flags that this daemon doesn't know/);
  await rejectsWith(run(new Uint8Array(10)), "usage");
  await rejectsWith(run(new Uint8Array((4 << 20) + 1)), "usage", /at most/);
  const torn = directories("a");
  new DataView(torn.buffer).setUint32(64 + 4, 1_000_000, true);
  await rejectsWith(run(torn), "mismatch");
  for (const path of ["../x", "/x", "a/../../x"]) {
    const { results } = await run(directories(path));
    assert.equal(kindOfStatus(new Results(results).status(0)), "escaped", path);
  }
  await assert.rejects(run(new Uint8Array(6 << 20)));
});

daemonTest(
  "a module that doesn't trust its clients sets no owner and no set-id bits",
  async (scene) => {
    const { folder } = scene;
    const meta = (name: string, kind: Kind) => {
      const batch = new BatchBuilder(Op.meta, 1);
      batch.flags = 4;
      batch.items.add({ name, kind, parent: NO_PARENT, mode: 0o6755, uid: 12345, gid: 12345 });
      return batch.finish();
    };
    Deno.writeTextFileSync(`${folder}/f`, "");
    Deno.mkdirSync(`${folder}/d`);
    const client = scene.client();
    const { id: session, root } = await client.openRoot();
    for (
      const [name, kind] of [["f", Kind.file], ["d", Kind.directory], ["d", Kind.unknown]] as const
    ) {
      await client.sessions.run({ session, root, runId: RUN_ID, batch: meta(name, kind) });
      const { mode, uid } = Deno.statSync(`${folder}/${name}`);
      assert.deepEqual([mode! & 0o7777, uid], [0o755, Deno.uid()], name);
    }
    if (Deno.uid() !== 0) return;
    const trusted = await client.openRoot({ module: "trusted" });
    await client.sessions.run({
      session: trusted.id,
      root: trusted.root,
      runId: RUN_ID,
      batch: meta("f", Kind.file),
    });
    const { mode, uid } = Deno.statSync(`${folder}/f`);
    assert.deepEqual([mode! & 0o7777, uid], [0o6755, 12345]);
  },
);

daemonTest("a session ends with its call, and with it all that it holds", async (scene) => {
  const client = scene.client();
  const { id: session, root, close } = await client.openRoot();
  assert.equal(scene.daemon.counts().sessions, 1);
  await close();
  await eventually(() => scene.daemon.counts().sessions === 0);
  await rejectsWith(client.sessions.probe({ session, root }), "not_found");
  const { ended, seconds, failures } = scene.daemon.counts();
  assert.deepEqual(ended, { done: 1, failed: 0, cancelled: 0 });
  assert.ok(seconds > 0);
  assert.equal(failures.get("not_found"), 1);
  // Cut off, without a word.
  const other = scene.client();
  await other.openRoot();
  other.close();
  await eventually(() => scene.daemon.counts().sessions === 0);
});

daemonTest(
  "a session belongs to nobody who guesses, and ends when its client is silent",
  async (scene) => {
    const client = scene.client();
    await rejectsWith(client.sessions.probe({ session: "x", root: 1 }), "not_found");
    const { ended } = await client.open();
    assert.equal(await ended, "disconnected");
  },
  { config: { limits: { ...DEFAULTS.limits, idleSeconds: 1 } } },
);

daemonTest("more sessions than the limit are refused, and room comes back", async (scene) => {
  const client = scene.client();
  const first = await client.open();
  await rejectsWith(client.open(), "busy", /the most that it takes/);
  await first.close();
  await eventually(() => scene.daemon.counts().sessions === 0);
  await (await client.open()).close();
}, { config: { limits: { ...DEFAULTS.limits, sessions: 1 } } });

daemonTest("another major version is refused", async (scene) => {
  const client = scene.client();
  await rejectsWith(client.open({ version: { major: 2, minor: 0 } }), "mismatch");
  await rejectsWith(client.open({ module: "none" }), "not_found");
  const newer = await client.open({
    version: { major: 1, minor: 77 },
    capabilities: ["telepathy"],
  });
  assert.equal(newer.welcome.version?.major, 1);
});

daemonTest("jobs are listed, watched and cancelled", async (scene) => {
  const client = scene.client();
  const session = await client.open({ purpose: "mirror\x1b[2J", module: "m" });
  const { jobs } = await client.jobs.list({});
  assert.deepEqual([jobs.length, jobs[0].module, jobs[0].state], [1, "m", "running"]);
  assert.ok(!jobs[0].purpose.includes("\x1b"));
  const watched = all(client.jobs.watch({ id: jobs[0].id }));
  const { job } = await client.jobs.cancel({ id: jobs[0].id });
  assert.equal(job?.state, "cancelled");
  assert.equal(await session.ended, "cancelled");
  assert.equal((await watched).at(-1)?.job?.state, "cancelled");
  await rejectsWith(client.jobs.cancel({ id: 99n }), "not_found");
});

daemonTest("administration lists, finds, sums up and removes", async (scene) => {
  const { folder } = scene;
  Deno.mkdirSync(`${folder}/d/e`, { recursive: true });
  Deno.writeTextFileSync(`${folder}/d/a.txt`, "12345");
  Deno.writeTextFileSync(`${folder}/d/e/b.log`, "1");
  const client = scene.client();
  const { modules } = await client.admin.listModules({});
  assert.deepEqual(modules.map(({ name, readOnly }) => [name, readOnly]), [
    ["", false],
    ["m", false],
    ["ro", true],
    ["trusted", false],
  ]);
  const place = (path: string, module = "m") => ({ module, path: nameToBytes(path) });
  const names = (answers: { entries: { path: Uint8Array }[] }[]) =>
    answers.flatMap(({ entries }) => entries.map(({ path }) => bytesToName(path))).sort();
  assert.deepEqual(names(await all(client.admin.list({ place: place("d") }))), ["a.txt", "e"]);
  assert.deepEqual(
    names(await all(client.admin.list({ place: place(""), recursive: true }))),
    ["d", "d/a.txt", "d/e", "d/e/b.log"],
  );
  assert.deepEqual(
    names(
      await all(client.admin.find({ place: place("d"), globs: ["*.txt", "*.log"], minSize: 2n })),
    ),
    ["a.txt"],
  );
  const usage = await all(client.admin.diskUsage({ place: place("d"), maxDepth: 0 }));
  assert.deepEqual([usage.length, usage[0].apparentBytes, usage[0].files], [1, 6n, 2n]);
  assert.ok((await client.admin.fsStats({ place: place("") })).totalBytes > 0n);
  await rejectsWith(all(client.admin.list({ place: place("../..") })), "escaped");
  await rejectsWith(all(client.admin.list({ place: place("none") })), "not_found");
  await rejectsWith(client.admin.purge({ place: place("d", "ro") }), "read_only");
  await rejectsWith(client.admin.purge({ place: place("") }), "refused");
  const would = await client.admin.purge({ place: place("d"), dryRun: true });
  assert.equal(would.entries, 4n);
  assert.ok(Deno.statSync(`${folder}/d/e/b.log`).isFile);
  assert.equal((await client.admin.purge({ place: place("d") })).entries, 4n);
  assert.deepEqual([...Deno.readDirSync(folder)], []);
});

daemonTest("the health check says whether sessions are taken", async (scene) => {
  const client = scene.client();
  assert.equal((await client.health.check({ service: "" })).status, 1);
  await assert.rejects(client.health.check({ service: "nothing" }));
});
