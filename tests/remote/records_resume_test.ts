/**
 * Going on with what an earlier transfer left, over a stream of records in TypeScript.
 *
 * @module
 */
import assert from "node:assert/strict";
import { CopyAction } from "../../src/core/work_batch.ts";
import { digestOf } from "../../src/tree/blake3.ts";
import { MemoryTree } from "../../src/tree/memory.ts";
import { putBatch } from "../../src/tree/wire_send.ts";
import { packHave, readEntry, readRange } from "../../src/wire/payload.ts";
import { DONE_CHANGED, HAVE_MORE, RecordType } from "../../src/wire/record.ts";
import { RecordStream } from "../../src/wire/record_stream.ts";
import { duplexPair, serve } from "../support/wire_peer.ts";
import { batchOf, begin, content, MIB, pull, scripted, statuses } from "../support/wire_script.ts";

Deno.test("a transfer goes on after the pieces that the receiver holds as they are", async () => {
  const bytes = content(5 * MIB);
  const source = MemoryTree.of({ f: bytes });
  const { stream, daemon } = scripted();
  const { run } = begin();
  const batch = await batchOf(source, ["f"], CopyAction.resume);
  const putting = putBatch({ stream, batch, source, run, observer: run });
  await daemon.expect(RecordType.put);
  const { payload } = await daemon.expect(RecordType.entry);
  assert.equal(readEntry(payload).look.sizeBytes, 5 * MIB);
  const piece = async (at: number, mib: number, from = bytes) => ({
    offset: at,
    lengthBytes: mib * MIB,
    digest: await digestOf(from.subarray(at, at + mib * MIB)),
  });
  const lengthBytes = 4 * MIB + 5;
  const have = (...pieces: Awaited<ReturnType<typeof piece>>[]) =>
    daemon.send(RecordType.have, 0, packHave({ lengthBytes, pieces }), HAVE_MORE);
  await have();
  await have(await piece(0, 2));
  const other = bytes.slice();
  other[3 * MIB] ^= 1;
  await have(await piece(2 * MIB, 2, other));
  const goOn = readRange((await daemon.expect(RecordType.range)).payload);
  assert.deepEqual([goOn.offset, goOn.content.length], [2 * MIB, 0]);
  // Overtaken by the answer: means nothing.
  await have(await piece(0, 1));
  let at = 2 * MIB;
  while (at < 5 * MIB) {
    const range = readRange((await daemon.expect(RecordType.range)).payload);
    assert.equal(range.offset, at);
    assert.deepEqual(range.content, bytes.subarray(at, at + range.content.length));
    at += range.content.length;
  }
  await daemon.expect(RecordType.done);
  await daemon.expect(RecordType.end);
  await daemon.results(1);
  assert.deepEqual(statuses(await putting), ["ok"]);
  stream.close();
});

Deno.test("a file of which everything is held is only confirmed; one of which nothing is comes whole", async () => {
  const bytes = content(2 * MIB);
  for (const held of [2 * MIB, 0]) {
    const source = MemoryTree.of({ f: bytes });
    const { stream, daemon } = scripted();
    const { run } = begin();
    const batch = await batchOf(source, ["f"], CopyAction.resume);
    const putting = putBatch({ stream, batch, source, run, observer: run });
    await daemon.expect(RecordType.put);
    await daemon.expect(RecordType.entry);
    const pieces = held === 0 ? [] : [{
      offset: 0,
      lengthBytes: held,
      digest: await digestOf(bytes),
    }];
    await daemon.send(RecordType.have, 0, packHave({ lengthBytes: held, pieces }));
    const goOn = readRange((await daemon.expect(RecordType.range)).payload);
    assert.deepEqual([goOn.offset, goOn.content.length], [held, 0]);
    if (held === 0) {
      for (const at of [0, MIB]) {
        const range = readRange((await daemon.expect(RecordType.range)).payload);
        assert.deepEqual([range.offset, range.content.length], [at, MIB]);
      }
    }
    await daemon.expect(RecordType.done);
    await daemon.expect(RecordType.end);
    await daemon.results(1);
    assert.deepEqual(statuses(await putting), ["ok"]);
    stream.close();
  }
});

Deno.test("a file that changes while it is compared is sent whole, without asking again", async () => {
  const source = MemoryTree.of({ f: content(2 * MIB) });
  const { stream, daemon } = scripted();
  const { run } = begin();
  const batch = await batchOf(source, ["f"], CopyAction.resume);
  const putting = putBatch({ stream, batch, source, run, observer: run });
  await daemon.expect(RecordType.put);
  await daemon.expect(RecordType.entry);
  source.put("f", content(2 * MIB + 1));
  await daemon.send(RecordType.have, 0, packHave({ lengthBytes: 0, pieces: [] }));
  let record = await daemon.any();
  while (record.type === RecordType.range) record = await daemon.any();
  assert.deepEqual([record.type, record.flags], [RecordType.done, DONE_CHANGED]);
  await daemon.expect(RecordType.entry);
  let length = 0;
  for (record = await daemon.any(); record.type === RecordType.range; record = await daemon.any()) {
    length += readRange(record.payload).content.length;
  }
  assert.equal(length, 2 * MIB + 1);
  assert.deepEqual([record.type, record.flags], [RecordType.done, 0]);
  await daemon.expect(RecordType.end);
  await daemon.results(1);
  assert.deepEqual(statuses(await putting), ["ok"]);
  stream.close();
});

Deno.test("a tree that can't go on with what an earlier run left asks for everything", async () => {
  for (const direction of ["put", "get"]) {
    const from = MemoryTree.of({ large: content(3 * MIB), small: "small" });
    const to = MemoryTree.of({ large: "old", small: "old" });
    const [client, daemon] = duplexPair();
    const served = serve(daemon, direction === "put" ? to : from);
    const stream = new RecordStream(client);
    const { run } = begin();
    const batch = await batchOf(from, ["large", "small"], CopyAction.resume);
    const results = direction === "put"
      ? await putBatch({ stream, batch, source: from, run, observer: run })
      : await pull(stream, batch, to, run);
    assert.deepEqual(statuses(results), ["ok", "ok"], direction);
    assert.deepEqual(to.snapshot(), from.snapshot());
    stream.close();
    await served;
  }
});
