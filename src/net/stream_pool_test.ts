import assert from "node:assert/strict";
import { BlitError } from "../core/error.ts";
import { type OpenStream, StreamPool } from "./stream_pool.ts";

function makePool(limit: number) {
  const closed: number[] = [];
  let opened = 0;
  const pool = new StreamPool(limit, () => {
    const handle = ++opened;
    return Promise.resolve<OpenStream>({ handle, close: () => closed.push(handle) });
  });
  return { pool, closed, opened: () => opened };
}

Deno.test("streams are opened up to the limit, then waited for", async () => {
  const { pool, opened } = makePool(2);
  const [a, b] = [await pool.lease(), await pool.lease()];
  assert.notEqual(a.handle, b.handle);
  const third = pool.lease();
  assert.equal(opened(), 2);
  a.release(false);
  assert.equal((await third).handle, a.handle);
  assert.equal(pool.most, 2);
});

Deno.test("a broken stream is closed and another one opened in its place", async () => {
  const { pool, closed, opened } = makePool(1);
  const first = await pool.lease();
  first.release(true);
  first.release(false);
  assert.deepEqual(closed, [first.handle]);
  assert.notEqual((await pool.lease()).handle, first.handle);
  assert.equal(opened(), 2);
});

Deno.test("a lower limit closes what comes back, a higher one lets waiters in", async () => {
  const { pool, closed } = makePool(2);
  const [a, b] = [await pool.lease(), await pool.lease()];
  pool.limit = 1;
  a.release(false);
  assert.deepEqual(closed, [a.handle]);
  const waiting = pool.lease();
  pool.limit = 2;
  assert.notEqual((await waiting).handle, b.handle);
});

Deno.test("closing ends every stream and whoever waits", async () => {
  const { pool, closed } = makePool(1);
  const stream = await pool.lease();
  const waiting = pool.lease();
  pool.close();
  assert.deepEqual(closed, [stream.handle]);
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
  assert.equal((await pool.lease()).handle, 7);
});
