import assert from "node:assert/strict";
import { Incoming } from "./incoming.ts";

/** One request, after a while. */
async function* after(ms: number): AsyncGenerator<string> {
  await new Promise((resolve) => setTimeout(resolve, ms));
  yield "request";
}

Deno.test("a client that is silent counts as gone: trying again may help it", async () => {
  const incoming = new Incoming(after(300));
  await assert.rejects(incoming.next(50), {
    kind: "disconnected",
    message: /^The client was silent/,
  });
  assert.equal(await new Incoming(after(10)).next(5000), "request");
  await new Promise((resolve) => setTimeout(resolve, 300));
});

Deno.test("a process that stood still itself reads what came meanwhile before it calls a client silent", async () => {
  const next = new Incoming(after(1500)).next(300);
  // Longer than the limit, and than a busy machine is late.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1400);
  assert.equal(await next, "request");
});
