import assert from "node:assert/strict";
import { Executor } from "./executor.ts";

const gate = () => Promise.withResolvers<void>();
const turn = () => new Promise<void>((resolve) => setTimeout(resolve, 0));

Deno.test("room is there until each worker has one job and one behind it", async () => {
  const executor = new Executor(2);
  const gates = Array.from({ length: 4 }, gate);
  assert.ok(executor.starved);
  for (const { promise } of gates) {
    await executor.room();
    executor.start(() => promise);
  }
  assert.deepEqual([executor.full, executor.starved, executor.inFlight], [true, false, 4]);
  let free = false;
  const waiting = executor.room().then(() => free = true);
  await turn();
  assert.equal(free, false);
  gates[0].resolve();
  await waiting;
  gates.forEach(({ resolve }) => resolve());
  await executor.drain();
  assert.equal(executor.inFlight, 0);
});

Deno.test("a worker that would idle asks for work", async () => {
  const executor = new Executor(1);
  const [first, second] = [gate(), gate()];
  let asked = 0;
  executor.onIdle = () => void asked++;
  executor.start(() => first.promise);
  executor.start(() => second.promise);
  first.resolve();
  await turn();
  assert.equal(asked, 0, "one is still busy");
  second.resolve();
  await executor.drain();
  await turn();
  assert.equal(asked, 1);
});

Deno.test("the first error fails every wait, and asks for no more work", async () => {
  const executor = new Executor(1);
  executor.onIdle = () => assert.fail("asked for work");
  const held = gate();
  executor.start(() => held.promise);
  executor.start(() => Promise.reject(new RangeError("first")));
  await assert.rejects(executor.drain(), { message: "first" });
  await assert.rejects(executor.room(), { message: "first" });
  held.reject(new RangeError("second"));
  await turn();
  await assert.rejects(executor.drain(), { message: "first" });
});

Deno.test("abandoning ends waits though a job never ends", async () => {
  const executor = new Executor(1);
  executor.start(() => new Promise(() => {}));
  const waits = Promise.all([
    assert.rejects(executor.drain(), { message: "given up" }),
    executor.quiet(60_000).then((quiet) => assert.equal(quiet, false)),
  ]);
  executor.abandon(new RangeError("given up"));
  await waits;
});

Deno.test("quiet waits for what is in flight, though another job failed, and no longer than it may", async () => {
  const executor = new Executor(2);
  const held = gate();
  executor.start(() => held.promise);
  executor.start(() => Promise.reject(new RangeError("failed")));
  assert.equal(await executor.quiet(20), false);
  setTimeout(held.resolve, 5);
  assert.equal(await executor.quiet(5000), true);
});
