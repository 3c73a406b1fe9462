import assert from "node:assert/strict";
import type { RunEvent } from "../../src/core/events.ts";
import {
  copy,
  expectDone,
  failedPaths,
  failOn,
  injected,
  manyFiles,
  mirror,
  move,
  type Ran,
  treeOf,
} from "./support.ts";

const never = () => new Promise<void>(() => {});

/** Lets the run's clock, though not its timers, go faster. */
async function atSpeed<T>(factor: number, work: () => Promise<T>): Promise<T> {
  const now = performance.now;
  performance.now = () => now.call(performance) * factor;
  try {
    return await work();
  } finally {
    performance.now = now;
  }
}

function ofType<T extends RunEvent["type"]>(ran: Ran, type: T) {
  return ran.events.filter((event): event is Extract<RunEvent, { type: T }> => event.type === type);
}

Deno.test("events begin with the start and the decision, and end with the summary", async () => {
  const ran = expectDone(await copy(treeOf({ "d/f": "1" }), treeOf()));
  assert.deepEqual(ran.events.slice(0, 2).map(({ type }) => type), ["start", "decision"]);
  assert.equal(ran.events.at(-1)!.type, "summary");
});

Deno.test("phases come in the order of the design", async () => {
  const ran = expectDone(await mirror(treeOf({ "d/f": "1" }), treeOf({ old: "" })));
  const phases = ofType(ran, "phase").map(({ phase }) => phase);
  assert.deepEqual(phases, ["copy", "link", "delete", "finish"]);
});

Deno.test("the decision names the path taken and why", async () => {
  const decided = async (run: typeof copy, spec: Record<string, string>) => {
    const [{ path, why }] = ofType(await run(treeOf(spec), treeOf()), "decision");
    return [path, why.split(";")[0]];
  };
  assert.deepEqual(await decided(copy, { a: "1" }), ["direct", "1 file, at most 100 MiB"]);
  assert.equal((await decided(copy, { "d/a": "1" }))[0], "pipeline");
  assert.deepEqual(await decided(mirror, { a: "1" }), [
    "pipeline",
    "both trees are compared whole",
  ]);
  const volume = treeOf({ "a/f": "", "b/": null });
  const [{ path }] = ofType(await move(volume.at("a"), volume.at("b")), "decision");
  assert.equal(path, "rename");
});

Deno.test("copying starts while the source is still being listed", async () => {
  const source = treeOf({ "a/f": "1", "z/g": "2" });
  const destination = treeOf();
  source.onAccess = async (operation, path) => {
    while (operation === "list" && path === "z" && !destination.has("a/f")) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };
  const ran = expectDone(await copy(source, destination));
  const reasons = ofType(ran, "heartbeat").map(({ reason }) => reason);
  assert.ok(reasons.length > 0 && reasons[0] !== "end", reasons.join());
});

Deno.test("failures stream as they happen; the summary counts all and keeps the first thousand", async () => {
  const source = treeOf(manyFiles(1100, "d/f"));
  source.onAccess = (operation, path) =>
    operation === "open" && path !== "d/f000000" ? injected("io", "open") : undefined;
  const { summary, events } = await copy(source, treeOf());
  assert.deepEqual([summary.filesFailed, summary.failures.length], [1099, 1000]);
  assert.equal(events.filter(({ type }) => type === "failure").length, 1099);
  assert.deepEqual([summary.outcome, summary.filesCreated], ["partial", 1]);
});

Deno.test("a run that is cancelled ends within a second, whatever the kernel holds", async () => {
  for (const [side, operation] of [["source", "list"], ["destination", "write"]] as const) {
    const trees = { source: treeOf({ "d/f": "1" }), destination: treeOf() };
    const abort = new AbortController();
    trees[side].onAccess = async (now, path) => {
      if (now !== operation || !path.startsWith("d")) return;
      setTimeout(() => abort.abort(), 20);
      await never();
    };
    const startMs = performance.now();
    const ran = await copy(trees.source, trees.destination, { request: { signal: abort.signal } });
    assert.equal(ran.summary.outcome, "interrupted");
    assert.equal(ran.error, null);
    assert.ok(performance.now() - startMs < 1000);
  }
});

Deno.test("nothing is changed any more once a cancelled run has ended", async () => {
  const source = treeOf(manyFiles(2000, "d/f"));
  const destination = treeOf();
  const abort = new AbortController();
  let ended = false;
  let late = 0;
  destination.onAccess = async (operation, path) => {
    if (path === "d/f000100" && operation === "create") abort.abort();
    if (/create|write|rename|set|make/.test(operation)) await Promise.resolve();
    if (ended) late++;
  };
  await copy(source, destination, { request: { signal: abort.signal } });
  ended = true;
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.equal(late, 0);
});

Deno.test("a run that stands still ends with the phase, the path and what was waited for", async () => {
  const source = treeOf({ "d/f": "1" });
  const destination = treeOf();
  destination.onAccess = (operation, path) =>
    operation === "write" && path === "d/f" ? never() : undefined;
  const ran = await atSpeed(50, () => copy(source, destination));
  assert.equal(ran.error?.kind, "stalled");
  assert.match(ran.error!.message, /phase copy: no progress for \d+ s at "d\/f".*copy "d\/f"/);
  assert.equal(ran.summary.outcome, "failed");
});

Deno.test("the fast path is watched for stalls, too", async () => {
  const destination = treeOf();
  destination.onAccess = (operation) => operation === "write" ? never() : undefined;
  const ran = await atSpeed(50, () => copy(treeOf({ f: "1" }), destination));
  assert.deepEqual([ran.summary.path, ran.error?.kind], ["direct", "stalled"]);
});

Deno.test("a listing that stands still is named as such", async () => {
  const source = treeOf({ "d/f": "1" });
  source.onAccess = (operation, path) => operation === "list" && path === "d" ? never() : undefined;
  const ran = await atSpeed(50, () => copy(source, treeOf()));
  assert.match(ran.error!.message, /phase scan.*at "d".*the listing of a directory/);
});

Deno.test("a retry's wait is no stall, and is named", async () => {
  const source = treeOf({ "d/f": "1" });
  failOn(source, "open", "d/f", "io", 1);
  const ran = await atSpeed(50, () => copy(source, treeOf(), { retries: 1, retryWaitMs: 1200 }));
  expectDone(ran);
  assert.deepEqual(ofType(ran, "waiting").map(({ what }) => what), ["retry 1 of 1: 1 entries"]);
});

Deno.test("what fails for a passing reason is tried as often as asked, and reported once", async () => {
  for (const [failures, outcome] of [[2, "done"], [3, "partial"]] as const) {
    const source = treeOf({ "d/f": "1", "d/h": { hardlink: "d/f" }, "d/g": "2" });
    const destination = treeOf();
    failOn(source, "open", "d/g", "io", failures);
    const ran = await copy(source, destination, { retries: 2, retryWaitMs: 1 });
    assert.equal(ran.summary.outcome, outcome);
    assert.equal(destination.has("d/g"), outcome === "done");
    assert.deepEqual(failedPaths(ran), outcome === "done" ? [] : ["d/g"]);
  }
});

Deno.test("what replaces a directory is tried again, too", async () => {
  const source = treeOf({ d: "file", x: "" });
  const destination = treeOf({ "d/old": "" });
  failOn(source, "open", "d", "io", 1);
  expectDone(await mirror(source, destination, { retries: 1, retryWaitMs: 1 }));
  assert.equal(destination.text("d"), "file");
});

Deno.test("what fails for good is not tried again", async () => {
  const source = treeOf({ "d/f": "1" });
  failOn(source, "open", "d/f", "permission", 1);
  const ran = await copy(source, treeOf(), { retries: 3, retryWaitMs: 1 });
  assert.deepEqual(failedPaths(ran), ["d/f"]);
});

Deno.test("a full disk ends the run with its error", async () => {
  const destination = treeOf();
  destination.onAccess = (operation, path) =>
    operation === "write" && path.startsWith("d/") ? injected("no_space", "write") : undefined;
  const ran = await copy(treeOf(manyFiles(50, "d/f")), destination);
  assert.equal(ran.summary.outcome === "failed" || ran.summary.outcome === "partial", true);
  assert.equal(Object.keys(destination.snapshot()).filter((path) => /f\d/.test(path)).length, 0);
});
