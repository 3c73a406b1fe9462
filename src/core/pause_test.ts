import assert from "node:assert/strict";
import { pause } from "./pause.ts";

/** Longer than any test may take. */
const FOR_EVER_MS = 3_600_000;

Deno.test("an abort ends a pause, before it and in it", async () => {
  const ending = new AbortController();
  const paused = pause(FOR_EVER_MS, ending.signal);
  ending.abort();
  await paused;
  await pause(FOR_EVER_MS, ending.signal);
});

Deno.test("a pause that has ended listens no more", async () => {
  const ending = new AbortController();
  let listeners = 0;
  const { signal } = ending;
  const [add, remove] = [signal.addEventListener, signal.removeEventListener];
  signal.addEventListener = function (...args: Parameters<typeof add>) {
    listeners++;
    add.apply(signal, args);
  } as typeof add;
  signal.removeEventListener = function (...args: Parameters<typeof remove>) {
    listeners--;
    remove.apply(signal, args);
  } as typeof remove;
  await pause(0, signal);
  assert.equal(listeners, 0);
});
