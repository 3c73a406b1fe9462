/**
 * Batches over a stream of records in TypeScript, on both ends or against a peer that follows a script.
 *
 * @module
 */
import assert from "node:assert/strict";
import { Kind } from "../../src/core/entry_block.ts";
import { BlitError, STATUS } from "../../src/core/error.ts";
import { BatchFlag, COPY_METHODS, CopyAction } from "../../src/core/work_batch.ts";
import { digestOf } from "../../src/tree/blake3.ts";
import { MemoryTree } from "../../src/tree/memory.ts";
import { putBatch } from "../../src/tree/wire_send.ts";
import { packRecord } from "../../src/wire/encoder.ts";
import { packFail, packFile } from "../../src/wire/payload.ts";
import { RecordType, type WireRecord } from "../../src/wire/record.ts";
import { RecordStream } from "../../src/wire/record_stream.ts";
import { statusWord } from "../conformance/workbench.ts";
import { duplexPair, serve } from "../support/wire_peer.ts";
import {
  batchOf,
  begin,
  content,
  MIB,
  pull,
  type Script,
  scripted,
  statuses,
} from "../support/wire_script.ts";

const CONTROL_PLANE = COPY_METHODS.indexOf("control_plane");

Deno.test("one stream carries batch after batch, both ways, and says how content went", async () => {
  const far = MemoryTree.of();
  const [client, daemon] = duplexPair();
  const served = serve(daemon, far);
  const stream = new RecordStream(client);
  const { run } = begin();
  const spec: Record<string, string | Uint8Array> = { large: content(5 * MIB + 3) };
  for (let i = 0; i < 300; i++) spec[`f${i}`] = `content of ${i}`;
  const near = MemoryTree.of(spec);
  const paths = Object.keys(spec);
  const put = await putBatch({
    stream,
    batch: await batchOf(near, paths),
    source: near,
    run,
    observer: run,
  });
  assert.deepEqual(new Set(statuses(put)), new Set(["ok"]));
  assert.equal(put.method(0), CONTROL_PLANE);
  assert.equal(put.bytesMoved(0), 5 * MIB + 3);
  assert.deepEqual(far.bytes("large"), near.bytes("large"));
  const back = MemoryTree.of();
  const got = await pull(stream, await batchOf(far, paths), back, run);
  assert.deepEqual(new Set(statuses(got)), new Set(["ok"]));
  assert.equal(got.method(0), CONTROL_PLANE);
  assert.deepEqual(back.snapshot(), near.snapshot());
  assert.ok(run.progress.bytes() >= 2 * 5 * MIB);
  stream.close();
  await served;
});

Deno.test("what was altered on the way is `corrupt`, small or large, and gets no name", async () => {
  const small = content(5000);
  const large = content(3 * MIB);
  for (const direction of ["put", "get"]) {
    // The peer's content has one byte that its digest doesn't know.
    const tamper = (bytes: Uint8Array) => {
      for (let at = 0; at + 4 < bytes.length; at++) {
        if (bytes[at] === 0xde && bytes[at + 1] === 0xad && bytes[at + 2] === 0xbe) {
          bytes[at + 3] ^= 1;
        }
      }
      return bytes;
    };
    small.set([0xde, 0xad, 0xbe], 2000);
    large.set([0xde, 0xad, 0xbe], 2 * MIB);
    const from = MemoryTree.of({ small, large, fine: "fine" });
    const to = MemoryTree.of();
    const [client, daemon] = duplexPair(tamper);
    const served = serve(daemon, direction === "put" ? to : from);
    const stream = new RecordStream(client);
    const { run } = begin();
    const batch = await batchOf(from, ["small", "large", "fine"]);
    const results = direction === "put"
      ? await putBatch({ stream, batch, source: from, run, observer: run })
      : await pull(stream, batch, to, run);
    assert.deepEqual(statuses(results), ["corrupt", "corrupt", "ok"], direction);
    assert.deepEqual(to.snapshot(), { fine: "fine" });
    stream.close();
    await served;
  }
});

Deno.test("a receiver's failure in the middle ends that file there, and that file alone", async () => {
  const from = MemoryTree.of({ large: content(40 * MIB), after: "after" });
  const to = MemoryTree.of();
  for (const direction of ["put", "get"]) {
    let sent = 0;
    const [client, daemon] = duplexPair((bytes) => (sent += bytes.length, bytes));
    let writes = 0;
    to.onAccess = (operation) => {
      if (operation !== "write" || ++writes !== 2) return;
      return new BlitError("no_space", "Full.", { operation: "write", os: { errno: 28 } });
    };
    const served = serve(daemon, direction === "put" ? to : from);
    const stream = new RecordStream(client);
    const { run } = begin();
    const batch = await batchOf(from, ["large", "after"], CopyAction.replace);
    const results = direction === "put"
      ? await putBatch({ stream, batch, source: from, run, observer: run })
      : await pull(stream, batch, to, run);
    assert.deepEqual(statuses(results), ["no_space", "ok"], direction);
    assert.equal(results.os(0), 28);
    assert.deepEqual(to.snapshot(), { after: "after" });
    assert.ok(sent < 30 * MIB, `${direction}: ${sent} bytes went though the receiver was full`);
    stream.close();
    await served;
  }
});

Deno.test("a cancelled batch tells the other side, ends, and leaves the stream whole", async () => {
  for (const direction of ["put", "get"]) {
    const from = MemoryTree.of({ before: "before", large: content(60 * MIB), after: "after" });
    const to = MemoryTree.of();
    const [client, daemon] = duplexPair();
    const served = serve(daemon, direction === "put" ? to : from);
    const stream = new RecordStream(client);
    const { run, abort } = begin();
    let reads = 0;
    from.onAccess = (operation) => {
      if (operation === "read" && ++reads === 12) abort.abort();
    };
    const batch = await batchOf(from, ["before", "large", "after"]);
    const results = direction === "put"
      ? await putBatch({ stream, batch, source: from, run, observer: run })
      : await pull(stream, batch, to, run);
    assert.equal(statusWord(results.status(1)), "cancelled", direction);
    assert.ok(!to.has("large"));
    const left = Object.keys(to.snapshot()).filter((path) => path.startsWith(".blit-"));
    assert.deepEqual(left, [], direction);
    assert.ok(reads < 40, `${direction}: ${reads} pieces were read`);
    from.onAccess = undefined;
    const again = begin().run;
    const next = await batchOf(from, ["after"], CopyAction.replace);
    const after = direction === "put"
      ? await putBatch({ stream, batch: next, source: from, run: again, observer: again })
      : await pull(stream, next, to, again);
    assert.deepEqual(statuses(after), ["ok"], direction);
    stream.close();
    await served;
  }
});

Deno.test("holes of a sparse file aren't sent, and are holes again", async () => {
  const bytes = new Uint8Array(64 * MIB);
  bytes.set(content(MIB), 30 * MIB);
  const spec = { f: { content: bytes, allocatedBytes: MIB } };
  for (const direction of ["put", "get"]) {
    const from = MemoryTree.of(spec);
    const to = MemoryTree.of();
    let sent = 0;
    const [client, daemon] = duplexPair((chunk) => (sent += chunk.length, chunk));
    const served = serve(daemon, direction === "put" ? to : from);
    const stream = new RecordStream(client);
    const { run } = begin();
    const batch = await batchOf(from, ["f"]);
    const results = direction === "put"
      ? await putBatch({ stream, batch, source: from, run, observer: run })
      : await pull(stream, batch, to, run);
    assert.deepEqual(statuses(results), ["ok"]);
    assert.ok(sent < 3 * MIB, `${sent} bytes`);
    assert.ok(to.bytes("f").every((byte, i) => byte === bytes[i]));
    assert.ok(to.fields("f").allocatedBytes! < 3 * MIB);
    stream.close();
    await served;
  }
});

Deno.test("an item that failed here stays failed, whatever the daemon says of it", async () => {
  const source = MemoryTree.of({ gone: "x", there: "y" });
  const batch = await batchOf(source, ["gone", "there"]);
  source.drop("gone");
  const { stream, daemon } = scripted();
  const { run } = begin();
  const putting = putBatch({ stream, batch, source, run, observer: run });
  await daemon.expect(RecordType.put);
  assert.equal((await daemon.expect(RecordType.fail)).item, 0);
  assert.equal((await daemon.expect(RecordType.file)).item, 1);
  await daemon.expect(RecordType.end);
  await daemon.results(2);
  assert.deepEqual(statuses(await putting), ["not_found", "ok"]);
  stream.close();
});

Deno.test("a peer that breaks the rules ends the stream, and nothing is named", async () => {
  const look = {
    ...{ mtimeNs: 0n, allocatedBytes: 0n, rdev: 0n, mode: 0o644, uid: 0, gid: 0 },
    kind: Kind.file,
    sizeBytes: 0,
  };
  const nothing = new Uint8Array(0);
  const file = packFile({
    ...{ look, target: "", attributes: new Map(), content: nothing },
    digest: await digestOf(nothing),
  });
  const breaches: [string, (daemon: Script) => Promise<void>][] = [
    ["an item nobody asked for", (daemon) => daemon.send(RecordType.file, 7, file)],
    ["an end before everything came", (daemon) => daemon.send(RecordType.end)],
    ["a record that is a client's", (daemon) => daemon.send(RecordType.cancel)],
    ["results of a get", (daemon) => daemon.send(RecordType.results)],
    ["no record at all", (daemon) => daemon.stream.send(new Uint8Array(16).fill(0xff))],
  ];
  for (const [what, act] of breaches) {
    const far = MemoryTree.of({ f: "x", g: "y" });
    const to = MemoryTree.of();
    const { stream, daemon } = scripted();
    const { run } = begin();
    const getting = pull(stream, await batchOf(far, ["f", "g"]), to, run);
    await daemon.expect(RecordType.get);
    await act(daemon);
    assert.deepEqual(statuses(await getting), ["mismatch", "mismatch"], what);
    assert.equal(stream.isOpen, false, what);
    assert.deepEqual(to.snapshot(), {});
    const later = await pull(stream, await batchOf(far, ["f"]), to, run);
    assert.notEqual(statuses(later)[0], "ok", what);
  }
});

Deno.test("a link that breaks fails what has no result, keeps what has, leaves nothing staged", async () => {
  const far = MemoryTree.of({ first: "x", large: content(3 * MIB), last: "y" });
  const to = MemoryTree.of();
  const { stream, daemon } = scripted();
  const { run } = begin();
  const batch = await batchOf(far, ["first", "large", "last"]);
  const getting = pull(stream, batch, to, run);
  await daemon.expect(RecordType.get);
  // What a daemon would send, up to the middle of the large file.
  const [recorder, sender] = duplexPair();
  const sent: WireRecord[] = [];
  const serving = serve(sender, far);
  const records = new RecordStream(recorder);
  await records.send(packRecord(RecordType.get, 0, batch.bytes));
  while (sent.length < 4) sent.push(await records.next());
  records.close();
  await serving;
  for (const { type, item, payload, flags } of sent) await daemon.send(type, item, payload, flags);
  // Let it arrive before the link is cut.
  while (run.progress.bytes() < MIB) await new Promise((resolve) => setTimeout(resolve, 5));
  daemon.stream.close();
  const results = await getting;
  assert.deepEqual(statuses(results), ["ok", "disconnected", "disconnected"]);
  assert.deepEqual(to.snapshot(), { first: "x" });
});

Deno.test("a silent peer is given up; a busy one that says so is waited for", async () => {
  const source = MemoryTree.of({ f: "x" });
  const { run } = begin();
  const silent = scripted({ idleMs: 150 });
  const batch = await batchOf(source, ["f"]);
  const lost = putBatch({ stream: silent.stream, batch, source, run, observer: run });
  assert.deepEqual(statuses(await lost), ["disconnected"]);
  assert.equal(silent.stream.isOpen, false);

  const busy = scripted({ idleMs: 300, aliveMs: 100 });
  const putting = putBatch({ stream: busy.stream, batch, source, run, observer: run });
  for (const type of [RecordType.put, RecordType.file, RecordType.end]) {
    await busy.daemon.expect(type);
  }
  for (let i = 0; i < 5; i++) {
    await new Promise((resolve) => setTimeout(resolve, 120));
    await busy.daemon.send(RecordType.alive);
  }
  // The client has nothing to say meanwhile, and lives.
  assert.equal((await busy.daemon.stream.next()).type, RecordType.alive);
  await busy.daemon.results(1);
  assert.deepEqual(statuses(await putting), ["ok"]);
  busy.stream.close();
});

Deno.test("discard verifies what comes and writes nothing", async () => {
  const far = MemoryTree.of({ f: content(3 * MIB), g: "small" });
  const to = MemoryTree.of();
  const [client, daemon] = duplexPair();
  const served = serve(daemon, far);
  const stream = new RecordStream(client);
  const { run } = begin();
  const batch = await batchOf(far, ["f", "g"], CopyAction.create, BatchFlag.discard);
  const results = await pull(stream, batch, to, run);
  assert.deepEqual(statuses(results), ["ok", "ok"]);
  assert.deepEqual([results.bytesMoved(0), results.bytesMoved(1)], [3 * MIB, 5]);
  assert.deepEqual(to.snapshot(), {});
  stream.close();
  await served;
});

Deno.test("a refusal that comes before an item's turn spares reading it", async () => {
  const source = MemoryTree.of({ a: content(2 * MIB), b: "b" });
  const { stream, daemon } = scripted();
  const { run } = begin();
  const batch = await batchOf(source, ["a", "b"]);
  const putting = putBatch({ stream, batch, source, run, observer: run });
  await daemon.expect(RecordType.put);
  await daemon.send(RecordType.fail, 0, packFail({ status: STATUS.escaped, os: 0, step: 17 }));
  let record = await daemon.any();
  while (record.type === RecordType.entry || record.type === RecordType.range) {
    record = await daemon.any();
  }
  assert.ok([RecordType.fail, RecordType.done].includes(record.type as 6 | 7));
  assert.equal((await daemon.expect(RecordType.file)).item, 1);
  await daemon.expect(RecordType.end);
  await daemon.results(2);
  await putting;
  stream.close();
});
