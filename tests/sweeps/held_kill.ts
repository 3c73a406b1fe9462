/**
 * The death of one side of a run, at a known system call.
 *
 * @module
 */
import assert from "node:assert/strict";
import { assertStatus, sleep } from "../support/judges.ts";
import { type Call, injectedCall, type Injection } from "../support/strace.ts";
import { isRunning, type Side, type Trees } from "./followed.ts";

/** Time for which a call is held. */
const HELD_MS = 150;
/** A kill that the other side didn't notice by then is a stall. */
const NOTICED_MS = 10_000;

/** Who dies, and when. */
export interface Death {
  readonly victim: Side;
  /** The side whose call tells the moment. */
  readonly side: Side;
  readonly call: string;
  /** Which one of its name in its thread, from 1. */
  readonly number: number;
  /** Follows only calls on these very paths; every call where left out. */
  readonly paths?: readonly string[];
  /** Folder that the call must lie in. */
  readonly folder: string;
  readonly random: () => number;
}

/**
 * Runs the command, holds one of its side's calls, and kills the victim meanwhile. A daemon that died is started again.
 *
 * @param args verb and options
 * @returns the call that was held; null where it wasn't made, or the victim had ended by then
 * @throws where the command hangs, or doesn't say what became of its daemon
 */
export async function killAt(
  trees: Trees,
  args: readonly string[],
  { victim, side, call, number, paths = [], folder, random }: Death,
): Promise<Call | null> {
  const { there } = trees.places;
  const injection: Injection = { call, number, effect: `delay_enter=${HELD_MS * 1000}` };
  const pid = there?.daemon.pid;
  let killedMs = 0;
  const ran = await trees.follow({ side, calls: call, injection, paths }, args, async (run) => {
    if (!await isReached(trees, injection, folder, run)) return;
    await sleep(random() * HELD_MS * 0.6);
    killedMs = performance.now();
    if (victim === "command") run.kill("SIGKILL");
    else await there!.daemon.stop("SIGKILL");
  });
  const noticedMs = performance.now() - killedMs;
  const wasKilled = victim === "command" ? ran.signal === "SIGKILL" : !isRunning(pid!);
  if (victim === "daemon") {
    await there!.daemon.stop("SIGKILL");
    await there!.start();
  }
  assert.ok(!ran.hung, "the command hangs");
  if (killedMs === 0 || !wasKilled) return null;
  const made = injectedCall(ran.log, injection, folder);
  if (made === null) return null;
  if (victim === "daemon" && ran.status !== 0) {
    assertStatus(ran, 1);
    assert.match(ran.stderr, /^error: .+\. (Run again|Check)\b.*\.$/m);
    assert.ok(noticedMs < NOTICED_MS, "it took too long to notice");
  }
  return made;
}

/** Waits until the call is made; false where the run ended before. */
async function isReached(
  trees: Trees,
  injection: Injection,
  folder: string,
  run: Deno.ChildProcess,
): Promise<boolean> {
  let hasEnded = false;
  run.status.then(() => hasEnded = true);
  while (!hasEnded) {
    if (injectedCall(await trees.log(), injection, folder) !== null) return true;
    await sleep(3);
  }
  return false;
}
