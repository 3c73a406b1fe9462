import assert from "node:assert/strict";
import { Tuner } from "./tuner.ts";

/** Runs a tuner on a machine; returns the counts that it used, one a stretch. */
function tune(begin: number, most: number, speedOf: (workers: number, stretch: number) => number) {
  const tuner = new Tuner(begin, most);
  const used: number[] = [];
  let workers = begin;
  for (let stretch = 0; stretch < 60; stretch++) {
    used.push(workers);
    workers = tuner.next(speedOf(workers, stretch))?.workers ?? workers;
  }
  assert.equal(workers, tuner.workers);
  assert.ok(tuner.done);
  return { settled: tuner.workers, used };
}

Deno.test("the tuner climbs to the fastest count and stays there", () => {
  for (const fastest of [1, 2, 3, 5, 8]) {
    const { settled, used } = tune(3, 8, (workers) => 100 - 15 * Math.abs(workers - fastest));
    assert.equal(settled, fastest);
    assert.ok(used.slice(20).every((count) => count === fastest));
  }
});

Deno.test("the tuner keeps what it has where nothing is clearly faster", () => {
  const { settled, used } = tune(2, 4, (workers) => 100 + workers);
  assert.equal(settled, 2);
  assert.deepEqual(used.slice(0, 6), [2, 3, 2, 1, 2, 2]);
});

Deno.test("the tuner isn't misled by a tree that gets easier or harder", () => {
  for (const drift of [1.5, 1 / 1.5]) {
    assert.equal(tune(2, 4, (_, stretch) => 100 * drift ** stretch).settled, 2);
  }
});

Deno.test("the tuner uses 1 to the most", () => {
  assert.deepEqual(new Set(tune(1, 1, () => 5).used), new Set([1]));
  const { used } = tune(4, 4, (workers) => workers);
  assert.ok(used.every((count) => count >= 1 && count <= 4));
});
