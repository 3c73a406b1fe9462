import assert from "node:assert/strict";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { FakeNative } from "../../tests/support/fake_native.ts";
import type { EntryBlock } from "../core/entry_block.ts";
import { Op } from "../core/work_batch.ts";
import { type NativePool, openPool } from "../native/pool.ts";
import { Lister } from "./local_list.ts";

const SORTED = { sorted: true };

async function withLister(
  sizes: Record<string, number>,
  body: (lister: Lister, native: FakeNative, pool: NativePool) => Promise<void>,
  threads = 1,
): Promise<void> {
  const native = new FakeNative();
  for (const [path, size] of Object.entries(sizes)) native.directories.set(path, size);
  const pool = openPool(native.library, threads);
  const lister = new Lister(pool, 9);
  try {
    await body(lister, native, pool);
  } finally {
    await lister.close();
    assert.equal(native.parked.size, 0, "a continuation was left parked");
    await pool.close();
  }
}

async function names(list: AsyncIterable<EntryBlock>): Promise<string[]> {
  const found: string[] = [];
  for await (const block of list) {
    for (let i = 0; i < block.count; i++) found.push(block.name(i));
  }
  return found;
}

function expected(path: string, size: number): string[] {
  return Array.from({ length: size }, (_, i) => `${path}-${i}`);
}

Deno.test("listings asked for together share a job, at most 16 in one", async () => {
  const sizes = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`d${i}`, i]));
  await withLister(sizes, async (lister, native) => {
    const lists = Object.keys(sizes).map((path) => lister.list(path, SORTED));
    for (const [i, list] of lists.entries()) {
      assert.deepEqual(await names(list), expected(`d${i}`, i));
    }
    assert.deepEqual(native.requests.map(({ batch }) => batch.items.count), [16, 4]);
    assert.equal(native.requests[0].view.getUint32(16, true), 9);
  });
});

Deno.test("listings asked for together are spread over the workers", async () => {
  await withLister({ a: 1, b: 1, c: 1, d: 1 }, async (lister, native) => {
    await Promise.all(["a", "b", "c", "d"].map((path) => names(lister.list(path, SORTED))));
    assert.deepEqual(native.requests.map(({ batch }) => batch.items.count), [2, 2]);
  }, 2);
});

Deno.test("listings with other options are not mixed", async () => {
  await withLister({ a: 1, b: 1 }, async (lister, native) => {
    await Promise.all([
      names(lister.list("a", SORTED)),
      names(lister.list("b", { sorted: false })),
    ]);
    assert.deepEqual(native.requests.map(({ batch }) => batch.flags), [0, 1]);
  });
});

Deno.test("a consumer gets its listing though another one is never read", async () => {
  await withLister({ huge: 200_000, small: 3, large: 50_000 }, async (lister) => {
    const huge = lister.list("huge", SORTED);
    const small = lister.list("small", SORTED);
    const large = lister.list("large", SORTED);
    assert.deepEqual(await names(large), expected("large", 50_000));
    assert.deepEqual(await names(small), expected("small", 3));
    assert.deepEqual(await names(huge), expected("huge", 200_000));
  });
});

Deno.test("a consumer that is always behind doesn't keep what it has read", async () => {
  setFlagsFromString("--expose-gc");
  const collectGarbage: () => void = runInNewContext("gc");
  await withLister({ huge: 200_000 }, async (lister) => {
    const list = lister.list("huge", SORTED);
    const read: WeakRef<EntryBlock>[] = [];
    while (read.length < 8) {
      const { value } = await list.next();
      read.push(new WeakRef(value));
      // Time for more to come than is read.
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    collectGarbage();
    const kept = read.filter((block) => block.deref() !== undefined).length;
    assert.ok(kept <= 1, `${kept} of 8 blocks are held`);
    await list.return!();
  });
});

Deno.test("a listing that nobody reads stops at its budget", async () => {
  await withLister({ huge: 1_000_000 }, async (lister, native) => {
    const huge = lister.list("huge", SORTED);
    const { value } = await huge.next();
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.ok(value.count > 0);
    assert.equal(native.parked.size, 1);
    const [rest] = native.parked.values();
    assert.ok(rest.lists[0][2] < 100_000, `${rest.lists[0][2]} entries were read ahead`);
    await huge.return!();
  });
});

Deno.test("a listing given up is dropped in native code too", async () => {
  await withLister({ huge: 1_000_000 }, async (lister, native, pool) => {
    for await (const block of lister.list("huge", SORTED)) {
      assert.equal(block.last, false);
      break;
    }
    while (pool.jobsInFlight > 0) await new Promise((resolve) => setTimeout(resolve, 1));
    assert.equal(native.parked.size, 0);
    assert.equal(native.requests.at(-1)!.batch.op, Op.scanMore);
    assert.equal(native.requests.at(-1)!.batch.parameter1, 1n);
  });
});

Deno.test("two listings merged in lockstep both come to their end", async () => {
  await withLister({ a: 60_000, b: 60_000 }, async (lister) => {
    const a = lister.list("a", SORTED)[Symbol.asyncIterator]();
    const b = lister.list("b", SORTED)[Symbol.asyncIterator]();
    let blocks = 0;
    for (let more = true; more;) {
      const x = await a.next();
      const y = await b.next();
      more = !x.done || !y.done;
      if (more) blocks++;
    }
    assert.equal(blocks, Math.ceil(60_000 / 4096));
  });
});

Deno.test("close rejects listings under way and leaves nothing parked", async () => {
  await withLister({ huge: 1_000_000 }, async (lister) => {
    const huge = lister.list("huge", SORTED);
    await huge.next();
    await lister.close();
    await assert.rejects(names(huge), { kind: "cancelled" });
    assert.throws(() => lister.list("huge", SORTED), { kind: "usage" });
  });
});
