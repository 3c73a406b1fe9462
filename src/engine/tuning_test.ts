import assert from "node:assert/strict";
import type { RunEvent } from "../core/events.ts";
import type { EngineContext } from "./context.ts";
import { Executor } from "./executor.ts";
import { Tuning } from "./tuning.ts";

/** A run whose workers are always busy; `speedOf` says how many entries a worker count does in a stretch. */
function stretches(count: number, speedOf: (workers: number) => number, busy = () => true) {
  const executor = new Executor(2);
  const events: RunEvent[] = [];
  const set: number[] = [];
  let entries = 0;
  // Held open until the test ends.
  const never = Promise.withResolvers<void>();
  const context = {
    executor,
    destination: { setWorkers: (workers: number) => set.push(workers) },
    destinationRun: { progress: { entries: () => entries, bytes: () => 0 } },
    tally: { emit: (event: RunEvent) => events.push(event) },
  } as unknown as EngineContext;
  const tuning = new Tuning(executor.workers, 4);
  for (let i = 0; i < count; i++) {
    while (busy() && executor.inFlight < 4) executor.start(() => never.promise);
    tuning.tick(context, i * 5000);
    entries += speedOf(executor.workers);
  }
  never.resolve();
  return { tuning, executor, events, set };
}

Deno.test("a long run settles on the worker count that moves most, and says so", () => {
  const { tuning, executor, events, set } = stretches(40, (workers) => 1000 * workers);
  assert.deepEqual([tuning.workers, executor.workers, set.at(-1)], [4, 4, 4]);
  assert.deepEqual(events[0], {
    type: "workers",
    workers: 3,
    why: "to see whether that is faster than 2",
  });
  assert.ok(events.some((event) => event.type === "workers" && event.why.includes("% faster")));
  assert.deepEqual(events.map((event) => event.type === "workers" && event.workers), set);
});

Deno.test("nothing is tried while the workers wait for the planner, or before the first work", () => {
  assert.deepEqual(stretches(40, (workers) => 1000 * workers, () => false).events, []);
  assert.deepEqual(stretches(40, () => 0).events, []);
});
