/**
 * `blit jobs list`, `watch` and `cancel` against a daemon.
 *
 * @module
 */
import assert from "node:assert/strict";
import { BlitError } from "../../src/core/error.ts";
import type { Invocation } from "../../src/cli/invocation.ts";
import { run } from "../../src/cli/run_jobs.ts";
import { keptTerminal } from "../support/written.ts";
import { daemonTest, type Scene } from "./daemon_support.ts";

/** How a command line ended. */
interface Ran {
  readonly status: number;
  readonly text: string;
}

/** Runs one of the commands. */
async function jobs(
  scene: Scene,
  name: "list" | "watch" | "cancel",
  args: readonly string[] = [],
  values: Invocation["values"] = {},
): Promise<Ran> {
  const { terminal, text } = keptTerminal();
  const status = await run({
    command: { name: `jobs ${name}` },
    args: [`127.0.0.1:${scene.daemon.port}`, ...args],
    values,
    terminal,
    configDir: scene.stateFolder,
    signal: new AbortController().signal,
  } as unknown as Invocation);
  terminal.flush();
  return { status, text: text() };
}

daemonTest("jobs list shows a line for each session, or says that there is none", async (scene) => {
  assert.deepEqual(await jobs(scene, "list"), { status: 0, text: "No jobs.\n" });
  assert.deepEqual(JSON.parse((await jobs(scene, "list", [], { json: true })).text), []);
  const client = scene.client();
  const first = await client.open({ purpose: "mirror", module: "m" });
  await client.open({ purpose: "copy", module: "" });
  const { status, text } = await jobs(scene, "list");
  assert.equal(status, 0);
  const line = (job: string) =>
    new RegExp(`^   ${job}  127\\.0\\.0\\.1  .*  0 entries, 0 B, 0 streams$`, "m");
  assert.match(text, line("1  running    mirror /m"));
  assert.match(text, line("2  running    copy //  "));
  await first.close();
  // What ended was open for as long as it was, and has no streams.
  const ended = (await jobs(scene, "list")).text;
  assert.match(ended, /^ {3}1 {2}done {7}mirror \/m {2}127\.0\.0\.1 {2}\S+ m?s +0 entries, 0 B$/m);
  await new Promise((resolve) => setTimeout(resolve, 50));
  const second = (text: string) => text.split("\n")[1].replaceAll(/ +/g, " ");
  assert.equal(second((await jobs(scene, "list")).text), second(ended));
  const told = JSON.parse((await jobs(scene, "list", [], { json: true })).text);
  assert.deepEqual(
    told.map(({ id, state, started_ms }: Record<string, unknown>) => [
      Number(id),
      state,
      typeof started_ms,
    ]),
    [[2, "running", "number"], [1, "done", "number"]],
  );
});

daemonTest(
  "jobs watch follows a job to its end, and its status says how it ended",
  async (scene) => {
    const client = scene.client();
    const done = await client.open({ module: "m" });
    const watched = jobs(scene, "watch", ["1"]);
    await new Promise((resolve) => setTimeout(resolve, 100));
    await done.close();
    const { status, text } = await watched;
    assert.equal(status, 0);
    assert.match(text.trimEnd().split("\n").at(-1)!, /^ {3}1 {2}done /);
    await client.open({ module: "m" });
    const cancelled = jobs(scene, "watch", ["2"], { json: true });
    await new Promise((resolve) => setTimeout(resolve, 100));
    assert.match((await jobs(scene, "cancel", ["2"])).text, /^ {3}2 {2}cancelled /);
    const ended = await cancelled;
    assert.equal(ended.status, 1);
    assert.equal(JSON.parse(ended.text.trimEnd().split("\n").at(-1)!).state, "cancelled");
  },
);

daemonTest(
  "jobs cancel ends a job, quietly where it is asked to, and knows what a number is",
  async (scene) => {
    const client = scene.client();
    const session = await client.open({ module: "m" });
    assert.deepEqual(await jobs(scene, "cancel", ["1"], { quiet: true }), { status: 0, text: "" });
    assert.equal(await session.ended, "cancelled");
    const again = await jobs(scene, "cancel", ["1"], { json: true });
    assert.equal(JSON.parse(again.text).state, "cancelled");
    for (const [number, kind] of [["99", "not_found"], ["x", "usage"], ["1".repeat(19), "usage"]]) {
      await assert.rejects(
        jobs(scene, "cancel", [number]),
        (error) => error instanceof BlitError && error.kind === kind,
      );
    }
  },
);
