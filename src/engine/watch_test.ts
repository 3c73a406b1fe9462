import assert from "node:assert/strict";
import type { BlitError } from "../core/error.ts";
import type { RunEvent } from "../core/events.ts";
import type { EngineContext } from "./context.ts";
import type { Planner } from "./plan.ts";
import { Tally } from "./tally.ts";
import { Watch } from "./watch.ts";

/** A watch over a run that does nothing by itself. */
function watched({ starved = false, stallMs = 80, flushMs = 100_000, doing = "" } = {}) {
  const flushes: string[] = [];
  const events: RunEvent[] = [];
  const stalls: BlitError[] = [];
  const state = { bytes: 0, doing, onLook: () => {} };
  const tally = new Tally((event) => events.push(event), false);
  const run = {
    progress: {
      bytes: () => {
        state.onLook();
        return state.bytes;
      },
      entries: () => 0,
      current: () => state.doing === "" ? [] : [{ path: "d/f", doing: state.doing }],
    },
  };
  const idle = { progress: { bytes: () => 0, entries: () => 0, current: () => [] } };
  const context = {
    tally,
    executor: { starved },
    tuning: null,
    sourceRun: idle,
    destinationRun: run,
  } as unknown as EngineContext;
  const planner = { flush: (reason: string) => void flushes.push(reason) } as unknown as Planner;
  const watch = new Watch(context, planner, () => "last/dir", (error) => stalls.push(error), {
    stallMs,
    flushMs,
  });
  return { flushes, events, stalls, state, tally, watch };
}

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

Deno.test("standing still is a stall that names phase, path, wait and time", async () => {
  const { stalls, watch } = watched({ doing: "copy" });
  await sleep(200);
  watch.stop();
  assert.equal(stalls[0].kind, "stalled");
  assert.match(stalls[0].message, /phase scan: no progress for \d+ s at "d\/f".*copy "d\/f"/);
});

Deno.test("with idle workers the planner's last path is named", async () => {
  const { stalls, watch } = watched();
  await sleep(200);
  watch.stop();
  assert.match(stalls[0].message, /at "last\/dir", waiting for: the listing of a directory/);
});

Deno.test("bytes, entries and a wait that was asked for are no stall", async () => {
  for (const move of ["bytes", "entries", "patient"] as const) {
    const { stalls, state, tally, watch } = watched();
    tally.patient = move === "patient";
    // Between any two looks, however late a busy machine lets them be.
    state.onLook = () => {
      if (move === "bytes") state.bytes++;
      else if (move === "entries") tally.entriesScanned++;
    };
    await sleep(250);
    watch.stop();
    assert.deepEqual(stalls, [], move);
  }
});

Deno.test("a process that was stopped has not stood still", async () => {
  const { stalls, state, watch } = watched({ stallMs: 400 });
  await sleep(150);
  for (const untilMs = performance.now() + 1000; performance.now() < untilMs;);
  // The first look comes before anything could have moved again.
  await sleep(30);
  state.bytes++;
  await sleep(200);
  watch.stop();
  assert.deepEqual(stalls, []);
});

Deno.test("a flush is shown after a second and has a limit of its own", async () => {
  const { stalls, events, watch } = watched({ doing: "flush", flushMs: 1500, stallMs: 50 });
  await sleep(1300);
  assert.equal(stalls.length, 0);
  const waiting = events.filter((event) => event.type === "waiting");
  assert.deepEqual(waiting, [{ type: "waiting", what: "flushing", path: "d/f" }]);
  await sleep(400);
  watch.stop();
  assert.equal(stalls[0].kind, "stalled");
});

Deno.test("what is planned is flushed every second, and every half second while workers starve", async () => {
  const [busy, starving] = [watched({ stallMs: 1e6 }), watched({ stallMs: 1e6, starved: true })];
  await sleep(1200);
  busy.watch.stop();
  starving.watch.stop();
  assert.deepEqual([busy.flushes, starving.flushes], [["interval"], ["starved", "starved"]]);
});

Deno.test("progress is told at most ten times a second", async () => {
  const { events, watch } = watched({ stallMs: 1e6 });
  await sleep(1000);
  watch.stop();
  const told = events.filter(({ type }) => type === "progress").length;
  assert.ok(told >= 5 && told <= 10, `${told}`);
});
