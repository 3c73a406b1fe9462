/**
 * A daemon whose clock is a day ahead of its clients', or behind; and a read grant whose time is over.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { nameToBytes } from "../../src/core/rel_path.ts";
import { assertRsyncFindsNothing, assertStatus } from "../support/judges.ts";
import { need, needsPrograms, testOrSkip } from "../support/loop_fs.ts";
import { served, WAYS } from "../support/served.ts";
import { smallFiles } from "../support/trees.ts";
import { daemonTest, rejectsWith } from "./daemon_support.ts";
import { remoteScene } from "./remote_pair.ts";

const DAY_MS = 86_400_000;

for (const [shift, words] of [[DAY_MS, "ahead"], [-DAY_MS, "behind"]] as const) {
  testOrSkip(`a daemon whose clock is a day ${words} is pushed to and pulled from`, async (dir) => {
    need(needsPrograms("rsync"));
    smallFiles(join(dir.path, "src"), 50);
    await served(dir, WAYS[1], async (there) => {
      const host = `${there.host}:/m`;
      const pushed = await there.blit("mirror", "--yes", "--json", "src/", `${host}/far/`);
      assertStatus(pushed, 0);
      assert.equal(pushed.json().transport, "data_plane_tls");
      assertStatus(await there.blit("mirror", "--yes", `${host}/far/`, "near/"), 0);
      for (const copy of [join(there.folder, "far"), join(dir.path, "near")]) {
        assertRsyncFindsNothing(join(dir.path, "src"), copy);
      }
      // Nothing has changed by either clock.
      const again = await there.blit("mirror", "--yes", "--json", "src/", `${host}/far/`);
      assert.equal(again.json().files_transferred, 0);
      assert.ok(Math.abs(clockOf(there.daemon.stderr) - Date.now() - shift) < DAY_MS / 2);
    }, { daemon: { clockMs: shift } });
  });
}

/** When the first line of a log was written, ms. */
function clockOf(log: string): number {
  const [stamp] = /\d{4}-\d\d-\d\d[T ][\d:.]+(Z|[+ ][\d:]+)?/.exec(log) ?? [""];
  return new Date(stamp.replace(" ", "T").replace(/ ?\+00:00$/, "Z")).getTime();
}

let waitedMs = 0;

const tokenClock = () => performance.now() + waitedMs;

Deno.test("tokens of streams that grew too old are asked for anew", async () => {
  const scene = await remoteScene({ tokenClock });
  try {
    const tree = await scene.tree(await scene.session(), "");
    const run = await tree.beginRun(7n, new AbortController().signal);
    tree.setWorkers(4);
    // The first stream asks for the tokens of all.
    const leases = [await tree.content!.lease(run)];
    waitedMs += 31_000;
    for (let i = 1; i < 4; i++) leases.push(await tree.content!.lease(run));
    assert.equal(new Set(leases.map(({ handle }) => handle)).size, 4);
    for (const { release } of leases) release(false);
    tree.endRun(run);
    assert.deepEqual(scene.warnings, []);
  } finally {
    await scene.dispose();
  }
});

daemonTest("a read grant is worth nothing after its time", async (scene) => {
  Deno.writeTextFileSync(`${scene.folder}/file`, "1");
  const user = scene.client();
  const session = await user.open({ module: "m" });
  const grant = async () => {
    const { grant } = await user.sessions.grantRead({ session: session.id, path: nameToBytes("") });
    return { readGrant: grant };
  };
  const [early, late] = [await grant(), await grant()];
  await (await scene.client().open(early)).close();
  waitedMs += 31_000;
  await rejectsWith(scene.client().open(late), "unauthenticated", /too old/);
  await (await scene.client().open(await grant())).close();
  await session.close();
}, { tokenClock });
