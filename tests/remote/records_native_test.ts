/**
 * Batches over records between TypeScript and native code, where the conformance suite doesn't look: going on with a
 * partial file, content altered on the way, links that break.
 *
 * @module
 */
import assert from "node:assert/strict";
import { NO_PARENT } from "../../src/core/entry_block.ts";
import { nameToBytes } from "../../src/core/rel_path.ts";
import {
  BatchBuilder,
  BatchFlag,
  CopyAction,
  Op,
  ResultFlag,
  WorkBatch,
} from "../../src/core/work_batch.ts";
import { MemoryTree } from "../../src/tree/memory.ts";
import { putBatch } from "../../src/tree/wire_send.ts";
import { type Duplex, RecordStream } from "../../src/wire/record_stream.ts";
import { local } from "../conformance/local_pair.ts";
import { nativeLink } from "../support/wire_native.ts";
import { batchOf, begin, content, MIB, pull, statuses } from "../support/wire_script.ts";

/** A link that changes what goes over it; returns null to cut it. */
function tampered(
  link: Duplex,
  change: { sent?: (bytes: Uint8Array) => Uint8Array | null; came?: (bytes: Uint8Array) => void },
): Duplex {
  return {
    async send(bytes) {
      const sent = change.sent ? change.sent(bytes.slice()) : bytes;
      if (sent === null) return link.close();
      await link.send(sent);
    },
    async *receive() {
      for await (const bytes of link.receive()) {
        change.came?.(bytes);
        yield bytes;
      }
    },
    close: () => link.close(),
  };
}

/** Changes the byte after a mark. */
function alter(bytes: Uint8Array): Uint8Array {
  for (let at = 0; at + 4 < bytes.length; at++) {
    if (bytes[at] === 0xde && bytes[at + 1] === 0xad && bytes[at + 2] === 0xbe) bytes[at + 3] ^= 1;
  }
  return bytes;
}

function marked(bytes: Uint8Array): Uint8Array {
  bytes.set([0xde, 0xad, 0xbe], bytes.length / 2);
  return bytes;
}

Deno.test("native code goes on with the right part of a file that is sent from TypeScript", async () => {
  const { source, destination, dispose } = await local();
  const whole = content(20 * MIB);
  const near = MemoryTree.of({ f: whole });
  const staged = ".blit-00000000000000ff-1";
  const partial = whole.slice(0, 17 * MIB + 11);
  partial[10 * MIB] ^= 1;
  const path = `${destination.display}/${staged}`;
  await Deno.writeFile(path, partial, { mode: 0o600 });
  const batch = new BatchBuilder(Op.copy);
  const seen = await near.stat(["f"]);
  batch.items.addFrom(seen, 0, NO_PARENT, CopyAction.resume, undefined, nameToBytes(staged));
  const { run } = begin();
  let sent = 0;
  let ended: Promise<unknown> = Promise.resolve();
  const link = nativeLink(destination, run.runId, (serving) => ended = serving);
  const stream = new RecordStream(
    tampered(link, { sent: (bytes) => (sent += bytes.length, bytes) }),
  );
  const work = new WorkBatch(batch.finish());
  const results = await putBatch({ stream, batch: work, source: near, run, observer: run });
  assert.deepEqual(statuses(results), ["ok"]);
  assert.equal(results.flags(0) & ResultFlag.resumed, ResultFlag.resumed);
  assert.ok(sent > 3 * MIB && sent < 17 * MIB, `${sent} bytes were sent`);
  assert.deepEqual(await Deno.readFile(`${destination.display}/f`), whole);
  await assert.rejects(Deno.stat(path), Deno.errors.NotFound);
  stream.close();
  await ended;
  await source.close();
  await destination.close();
  await dispose();
});

Deno.test("what is altered between TypeScript and native code is `corrupt` at either end", async () => {
  const { source, destination, dispose } = await local();
  const spec = { small: marked(content(5000)), large: marked(content(3 * MIB)), fine: "fine" };
  const near = MemoryTree.of(spec);
  for (const [name, bytes] of Object.entries(spec)) {
    const text = typeof bytes === "string" ? new TextEncoder().encode(bytes) : bytes;
    await Deno.writeFile(`${source.display}/${name}`, text);
  }
  const { run } = begin();
  const served: Promise<unknown>[] = [];
  const putting = new RecordStream(
    tampered(nativeLink(destination, run.runId, (ended) => served.push(ended)), { sent: alter }),
  );
  const paths = Object.keys(spec);
  const put = await putBatch({
    stream: putting,
    batch: await batchOf(near, paths),
    source: near,
    run,
    observer: run,
  });
  assert.deepEqual(statuses(put), ["corrupt", "corrupt", "ok"]);
  const names = [...Deno.readDirSync(destination.display)].map(({ name }) => name);
  assert.deepEqual(names, ["fine"]);
  putting.close();

  const getting = new RecordStream(
    tampered(nativeLink(source, run.runId, (ended) => served.push(ended)), { came: alter }),
  );
  const back = MemoryTree.of();
  const got = await pull(getting, await batchOf(source, paths), back, run);
  assert.deepEqual(statuses(got), ["corrupt", "corrupt", "ok"]);
  assert.deepEqual(back.snapshot(), { fine: "fine" });
  getting.close();
  await Promise.all(served);
  await source.close();
  await destination.close();
  await dispose();
});

Deno.test("a link that breaks leaves nothing with native code but what was whole", async () => {
  const { source, destination, dispose } = await local();
  const near = MemoryTree.of({ first: "first", large: content(30 * MIB), last: "last" });
  const { run } = begin();
  let sent = 0;
  let ended: Promise<unknown> = Promise.resolve();
  const link = nativeLink(destination, run.runId, (serving) => ended = serving);
  const stream = new RecordStream(
    tampered(link, { sent: (bytes) => (sent += bytes.length) > 8 * MIB ? null : bytes }),
  );
  const batch = await batchOf(
    near,
    ["first", "large", "last"],
    CopyAction.create,
    BatchFlag.xattrs,
  );
  const results = await putBatch({ stream, batch, source: near, run, observer: run });
  // What was made is told only at the end: of a broken link nothing is known.
  assert.deepEqual(new Set(statuses(results)), new Set(["disconnected"]));
  await ended;
  const names = [...Deno.readDirSync(destination.display)].map(({ name }) => name);
  assert.deepEqual(names, ["first"]);
  await source.close();
  await destination.close();
  await dispose();
});

Deno.test("native code refuses what leads out of its root, from a client in TypeScript too", async () => {
  const { source, destination, dispose } = await local();
  await Deno.symlink("/", `${destination.display}/out`);
  const near = MemoryTree.of({ f: "x" });
  const seen = await near.stat(["f"]);
  for (const target of ["../g", "out/g", "/g", "a\0b"]) {
    const batch = new BatchBuilder(Op.copy);
    batch.items.addFrom(seen, 0, NO_PARENT, CopyAction.create, undefined, nameToBytes(target));
    const { run } = begin();
    let ended: Promise<unknown> = Promise.resolve();
    const stream = new RecordStream(
      nativeLink(destination, run.runId, (serving) => ended = serving),
    );
    const work = new WorkBatch(batch.finish());
    const results = await putBatch({ stream, batch: work, source: near, run, observer: run });
    assert.notEqual(statuses(results)[0], "ok", target);
    stream.close();
    await ended;
  }
  const names = [...Deno.readDirSync(destination.display)].map(({ name }) => name);
  assert.deepEqual(names, ["out"]);
  await source.close();
  await destination.close();
  await dispose();
});
