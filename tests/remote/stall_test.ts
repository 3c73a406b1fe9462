/**
 * Links that go silent in the middle of a push and of a pull, without a word to either side; and sides that are busy for
 * longer than a silence may last.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { Scratch } from "../support/cli.ts";
import { assertStatus } from "../support/judges.ts";
import { need, needsPrograms, sh, testOrSkip } from "../support/loop_fs.ts";
import type { Proxy } from "../support/proxy.ts";
import { served, WAYS } from "../support/served.ts";
import { randomFile } from "../support/trees.ts";
import { CONTENT, type Direction, wired } from "../support/wired.ts";

const MIB = 2 ** 20;

/** The shortest that a silence may be. */
const SHORT = {
  config: { limits: { idleSeconds: 5 } },
  env: { BLIT_IDLE_SECONDS: "5" },
  files: 200,
};
/** Both sides' limits, and starting on a busy machine. */
const SOON_MS = 25_000;

/** What goes silent. */
const WHAT = {
  "the data plane": ({ data }: Proxies) => data.stall(),
  "the control plane": ({ control }: Proxies) => control.stall(),
  "the whole link": ({ control, data }: Proxies) => (control.stall(), data.stall()),
};

interface Proxies {
  readonly control: Proxy;
  readonly data: Proxy;
}

/** A scratch folder within one. */
async function within(dir: Scratch, name: string): Promise<Scratch> {
  const [work, home] = [join(dir.path, name), join(dir.path, `${name} home`)];
  await Deno.mkdir(work);
  await Deno.mkdir(home);
  return new Scratch(work, home);
}

testOrSkip("a run over a link that goes silent ends, and --retry goes on", async (dir) => {
  // All at once: each mostly waits.
  const runs = (["push", "pull"] as const).flatMap((direction) =>
    Object.entries(WHAT).map(async ([what, stall]) =>
      await stalled(await within(dir, `${direction} ${what}`), direction, stall)
    )
  );
  await allEnded(runs);
});

/** Waits for every run, failed or not: one that still writes would be in the way of whoever removes its folder. */
async function allEnded(runs: readonly Promise<void>[]): Promise<void> {
  const failed = (await Promise.allSettled(runs)).find(({ status }) => status === "rejected");
  if (failed) throw (failed as PromiseRejectedResult).reason;
}

testOrSkip(
  "a question to a daemon that goes silent is given up",
  (dir) =>
    wired(dir, async ({ control, there }) => {
      // Settings pass, of both connections: the first one tries TLS. Of the answer only the beginning does.
      control.onceAfter("fromDaemon", 120, (bytes) => {
        control.stall();
        return bytes.subarray(0, 1);
      });
      const ran = await there.blit("list-modules", `127.0.0.1:${control.port}`);
      assertStatus(ran, 1);
      assert.match(ran.stderr, /127\.0\.0\.1:\d+/);
    }, SHORT),
);

/** Has the second read of a file in each thread take longer than a silence may. */
function slowReader(file: string): string[] {
  const slow = "inject=pread64:delay_enter=7000000:when=2";
  return [
    "strace",
    "-D",
    "-f",
    "-qq",
    "-o",
    "/dev/null",
    "-e",
    "trace=pread64",
    "-e",
    slow,
    "-P",
    file,
  ];
}

testOrSkip("a side that reads for longer than a silence may last is waited for", async (dir) => {
  need(needsPrograms("strace"));
  const [near, far] = [join(dir.path, "src/large"), join(dir.path, "served/src/large")];
  await dir.write({ "src/": "", "served/": "" });
  randomFile(near, 4);
  sh(`cp -a "$0"/src "$0"/served/`, dir.path);
  await served(dir, { ...WAYS[0], env: SHORT.env }, async (there) => {
    const slowly = async (...args: string[]) => {
      const startedMs = performance.now();
      assertStatus(await dir.blitWith({ env: SHORT.env, wrapper: slowReader(near) }, ...args), 0);
      assert.ok(performance.now() - startedMs > 7000, "nothing was slow");
    };
    await allEnded([
      slowly("check", "src/", `${there.host}:/m/src/`),
      slowly("copy", `${there.host}:/m/src/large`, "pulled/"),
      slowly("copy", "src/large", `${there.host}:/m/pushed/`),
    ]);
  }, { config: SHORT.config, daemon: { wrapper: slowReader(far) } });
});

async function stalled(
  dir: Scratch,
  direction: Direction,
  stall: (proxies: Proxies) => void,
): Promise<void> {
  await wired(dir, async ({ control, data, there, runs, complete }) => {
    const stallOnce = () =>
      data.onceAfter(CONTENT[direction], 3 * MIB, () => stall({ control, data }));
    stallOnce();
    const startedMs = performance.now();
    const ran = await there.blit("mirror", "--yes", ...runs[direction]);
    assert.ok([1, 2].includes(ran.status), `${ran.status} ${ran.stderr}`);
    assert.match(ran.stderr, /silent|broke|gone|timed out/);
    assert.match(ran.stderr, /un again/);
    assert.ok(performance.now() - startedMs < SOON_MS, `${performance.now() - startedMs} ms`);
    stallOnce();
    const retried = ["--retry", "3", "--wait", "0"];
    assertStatus(await there.blit("mirror", "--yes", ...retried, ...runs[direction]), 0);
    complete(direction);
  }, SHORT);
}
