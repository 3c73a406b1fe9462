import assert from "node:assert/strict";
import { BlitError } from "../core/error.ts";
import { StreamPool } from "./stream_pool.ts";

function makePool(limit: number) {
  const closed: number[] = [];
  let opened = 0;
  const pool = new StreamPool(limit, () => {
    const handle = ++opened;
    return Promise.resolve({ handle, close: () => void closed.push(handle) });
  });
  return { pool, closed, opened: () => opened };
}

Deno.test("streams are opened up to the limit, then waited for", async () => {
  const { pool, opened } = makePool(2);
  const [a, b] = [await pool.lease(), await pool.lease()];
  assert.notEqual(a.stream.handle, b.stream.handle);
  const third = pool.lease();
  assert.equal(opened(), 2);
  a.release(false);
  assert.equal((await third).stream.handle, a.stream.handle);
  assert.equal(pool.most, 2);
});

Deno.test("a broken stream is closed and another one opened in its place", async () => {
  const { pool, closed, opened } = makePool(1);
  const first = await pool.lease();
  first.release(true);
  first.release(false);
  assert.deepEqual(closed, [first.stream.handle]);
  assert.notEqual((await pool.lease()).stream.handle, first.stream.handle);
  assert.equal(opened(), 2);
});

Deno.test("a lower limit closes what comes back, a higher one lets waiters in", async () => {
  const { pool, closed } = makePool(2);
  const [a, b] = [await pool.lease(), await pool.lease()];
  pool.limit = 1;
  a.release(false);
  assert.deepEqual(closed, [a.stream.handle]);
  const waiting = pool.lease();
  pool.limit = 2;
  assert.notEqual((await waiting).stream.handle, b.stream.handle);
});

Deno.test("streams can be opened before they are needed", async () => {
  const { pool, opened } = makePool(3);
  pool.warm();
  await Promise.resolve();
  assert.equal(opened(), 3);
  const leases = await Promise.all([pool.lease(), pool.lease(), pool.lease()]);
  assert.equal(new Set(leases.map(({ stream }) => stream.handle)).size, 3);
  assert.equal(opened(), 3);
});

Deno.test("closing ends every stream and whoever waits", async () => {
  const { pool, closed } = makePool(1);
  const stream = await pool.lease();
  const waiting = pool.lease();
  pool.close();
  assert.deepEqual(closed, [stream.stream.handle]);
  await assert.rejects(waiting, { kind: "cancelled" });
});

Deno.test("one that can't be opened fails its lease and leaves room for the next", async () => {
  let fails = true;
  const pool = new StreamPool(1, () => {
    if (fails) return Promise.reject(new BlitError("disconnected", "no"));
    return Promise.resolve({ handle: 7, close() {} });
  });
  await assert.rejects(pool.lease(), { kind: "disconnected" });
  fails = false;
  assert.equal((await pool.lease()).stream.handle, 7);
});
