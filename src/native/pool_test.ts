import assert from "node:assert/strict";
import { emptyRequest, FakeNative } from "../../tests/support/fake_native.ts";
import { type BlitError, STATUS } from "../core/error.ts";
import { Kind, NO_PARENT } from "../core/entry_block.ts";
import { BatchBuilder, Op, RESULT_BYTES, STEPS } from "../core/work_batch.ts";
import { CONTROL_SLOT_BYTES, FrameType, RUN_SLOTS } from "./layout.ts";
import { type NativePool, openPool } from "./pool.ts";

/** Answers nothing by itself. */
class SilentNative extends FakeNative {
  override answer(): void {}
}

async function withPool(
  native: FakeNative,
  body: (pool: NativePool) => Promise<void>,
): Promise<void> {
  const pool = openPool(native.library, 2);
  try {
    await body(pool);
  } finally {
    await pool.close();
  }
}

Deno.test("answers reach the job that asked, in whatever order they come", async () => {
  const native = new SilentNative();
  await withPool(native, async (pool) => {
    const first = pool.call(emptyRequest(Op.hash), { slot: 0 });
    const second = pool.call(emptyRequest(Op.hash), { slot: 0 });
    const [a, b] = native.requests;
    const result = (n: number) => new Uint8Array(RESULT_BYTES).fill(n, 8, 9);
    native.frame(b.job, FrameType.results, result(2), true);
    native.frame(a.job, FrameType.bytes, new Uint8Array([7, 8, 9]));
    native.frame(a.job, FrameType.results, result(1), true);
    assert.equal((await second).results.bytesMoved(0), 2);
    assert.equal((await first).results.bytesMoved(0), 1);
    assert.deepEqual([...(await first).payload!], [7, 8, 9]);
  });
});

Deno.test("requests wait, or are worked on, or are neither: dialling and what has no request", async () => {
  const native = new SilentNative();
  await withPool(native, async (pool) => {
    assert.deepEqual(pool.load(), { waiting: 0, working: 0 });
    const calls = [Op.hash, Op.read, Op.dial].map((op) => pool.call(emptyRequest(op), { slot: 0 }));
    pool.begin(() => 0, 0, { frame() {}, end() {} });
    assert.deepEqual(pool.load(), { waiting: 2, working: 0 });
    const worker = new BigUint64Array(pool.control.bytes.buffer, RUN_SLOTS * CONTROL_SLOT_BYTES);
    worker[0] = BigInt(native.requests[0].job);
    assert.deepEqual(pool.load(), { waiting: 1, working: 1 });
    worker[0] = 0n;
    for (const { job } of native.requests) {
      native.frame(job, FrameType.results, new Uint8Array(RESULT_BYTES), true);
    }
    await Promise.all(calls);
    assert.deepEqual(pool.load(), { waiting: 0, working: 0 });
  });
});

Deno.test("a frame larger than the collect buffer makes the buffer grow", async () => {
  const native = new SilentNative();
  await withPool(native, async (pool) => {
    const answer = pool.call(emptyRequest(Op.read), { slot: 0 });
    const { job } = native.requests[0];
    native.frame(job, FrameType.bytes, new Uint8Array(5_000_001).fill(3));
    native.frame(job, FrameType.results, new Uint8Array(RESULT_BYTES), true);
    const { payload } = await answer;
    assert.equal(payload!.length, 5_000_001);
    assert.equal(payload![5_000_000], 3);
  });
});

Deno.test("payloads stay as they were when later frames reuse the buffer", async () => {
  const native = new SilentNative();
  await withPool(native, async (pool) => {
    const ask = async (n: number) => {
      const answer = pool.call(emptyRequest(Op.read), { slot: 0 });
      const { job } = native.requests.at(-1)!;
      native.frame(job, FrameType.bytes, new Uint8Array(64).fill(n));
      native.frame(job, FrameType.results, new Uint8Array(RESULT_BYTES), true);
      return (await answer).payload!;
    };
    const first = await ask(1);
    await ask(2);
    assert.ok(first.every((byte) => byte === 1));
  });
});

Deno.test("a job that fails as a whole rejects with what failed, where and why", async () => {
  const native = new SilentNative();
  await withPool(native, async (pool) => {
    const batch = new BatchBuilder(Op.read, 1);
    batch.items.add({ name: "a/b", kind: Kind.file, parent: NO_PARENT });
    const answer = pool.call(batch.finish(), { slot: 0 });
    const payload = new Uint8Array(
      new Uint32Array([STATUS.permission, 13, STEPS.indexOf("open")]).buffer,
    );
    native.frame(native.requests[0].job, FrameType.failed, payload, true);
    await assert.rejects(answer, (error: BlitError) => {
      assert.equal(error.kind, "permission");
      assert.match(error.message, /^Cannot open "a\/b": Permission denied/);
      return true;
    });
  });
});

Deno.test("an answer that can't be decoded fails its job and no other", async () => {
  const native = new SilentNative();
  await withPool(native, async (pool) => {
    const bad = pool.call(emptyRequest(Op.hash), { slot: 0 });
    const good = pool.call(emptyRequest(Op.hash), { slot: 0 });
    native.frame(native.requests[0].job, FrameType.results, new Uint8Array(3), true);
    native.frame(native.requests[1].job, FrameType.results, new Uint8Array(RESULT_BYTES), true);
    await assert.rejects(bad, { kind: "mismatch" });
    assert.equal((await good).results.count, 1);
  });
});

Deno.test("close ends jobs in flight as cancelled, and nothing can be submitted after", async () => {
  const native = new SilentNative();
  const pool = openPool(native.library, 2);
  const answer = pool.call(emptyRequest(Op.hash), { slot: 0 });
  const ended = assert.rejects(answer, { kind: "cancelled" });
  await pool.close();
  await ended;
  await assert.rejects(pool.call(emptyRequest(Op.hash), { slot: 0 }), { kind: "usage" });
  await pool.close();
});

Deno.test("a worker left behind at close keeps the library loaded", async () => {
  const native = new FakeNative();
  native.closeCode = -STATUS.busy;
  await openPool(native.library, 1).close();
  assert.equal(native.kept, true);
});

Deno.test("one pool is open at a time", async () => {
  const native = new FakeNative();
  await withPool(native, () => {
    assert.throws(() => openPool(native.library, 1), { kind: "usage" });
    return Promise.resolve();
  });
  await withPool(native, () => Promise.resolve());
});

Deno.test("no collect is pending while nothing is in flight", async () => {
  const native = new FakeNative();
  await withPool(native, async (pool) => {
    await pool.call(emptyRequest(Op.sync), { slot: 0 });
    const calls = native.collectCalls;
    await new Promise((resolve) => setTimeout(resolve, 5));
    assert.equal(native.collectCalls, calls);
    assert.equal(pool.jobsInFlight, 0);
  });
});

Deno.test("a run's slot is taken again only when its last job is over", async () => {
  const native = new SilentNative();
  await withPool(native, async (pool) => {
    const slot = pool.control.takeRun();
    const answer = pool.call(emptyRequest(Op.sync), { slot });
    pool.control.releaseRun(slot);
    assert.notEqual(pool.control.takeRun(), slot);
    native.frame(native.requests[0].job, FrameType.results, new Uint8Array(0), true);
    await answer;
    assert.equal(pool.control.takeRun(), slot);
  });
});

Deno.test("a 64th run is refused as busy", async () => {
  await withPool(new FakeNative(), (pool) => {
    for (let i = 1; i < RUN_SLOTS; i++) pool.control.takeRun();
    assert.throws(() => pool.control.takeRun(), { kind: "busy" });
    return Promise.resolve();
  });
});

Deno.test("what a worker is at is told as the item's path and step", async () => {
  const native = new SilentNative();
  await withPool(native, async (pool) => {
    const batch = new BatchBuilder(Op.copy, 2);
    const parent = batch.items.add({ name: "a", kind: Kind.directory, parent: NO_PARENT });
    batch.items.add({ name: "b", kind: Kind.file, parent });
    const slot = pool.control.takeRun();
    const answer = pool.call(batch.finish(), { slot });
    const { job } = native.requests[0];
    const at = (RUN_SLOTS + 3) * CONTROL_SLOT_BYTES;
    const view = new DataView(pool.control.bytes.buffer);
    view.setBigUint64(at, BigInt(job), true);
    view.setUint32(at + 8, 1, true);
    view.setUint32(at + 12, STEPS.indexOf("flush"), true);
    assert.deepEqual(pool.atWork(slot), [{ path: "a/b", step: STEPS.indexOf("flush") }]);
    assert.deepEqual(pool.atWork(slot + 1), []);
    native.frame(job, FrameType.results, new Uint8Array(2 * RESULT_BYTES), true);
    await answer;
    assert.deepEqual(pool.atWork(slot), []);
  });
});

Deno.test("handles, job, run and slot are written into the request", async () => {
  const native = new FakeNative();
  await withPool(native, async (pool) => {
    await pool.call(emptyRequest(Op.sync), { source: 5, destination: 6, runId: 7n, slot: 1 });
    const { view } = native.requests[0];
    assert.equal(view.getUint32(16, true), 5);
    assert.equal(view.getUint32(20, true), 6);
    assert.equal(view.getBigUint64(24, true), 7n);
    assert.equal(view.getUint32(48, true), 1);
  });
});

Deno.test("a job without a request gets its frames until its last one", async () => {
  const native = new SilentNative();
  await withPool(native, async (pool) => {
    let job = 0;
    const said: number[] = [];
    const { promise, resolve } = Promise.withResolvers<BlitError | null>();
    const handler = { frame: (type: FrameType) => void said.push(type), end: resolve };
    const code = pool.begin((id) => (job = Number(id), 0), 3, handler);
    assert.equal(code, 0);
    assert.equal(pool.jobsInFlight, 1);
    native.frame(job, FrameType.arrival, new Uint8Array(28));
    native.frame(job, FrameType.arrival, new Uint8Array(28));
    native.frame(job, FrameType.results, new Uint8Array(0), true);
    assert.equal(await promise, null);
    assert.deepEqual(said, [FrameType.arrival, FrameType.arrival, FrameType.results]);
    assert.equal(pool.jobsInFlight, 0);
  });
});

Deno.test("a job that native code doesn't begin is none", async () => {
  const native = new SilentNative();
  await withPool(native, (pool) => {
    const unused = { frame: () => assert.fail(), end: () => assert.fail() };
    assert.equal(pool.begin(() => -STATUS.not_found, 0, unused), -STATUS.not_found);
    assert.equal(pool.jobsInFlight, 0);
    return Promise.resolve();
  });
});
