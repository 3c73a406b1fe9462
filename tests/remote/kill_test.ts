/**
 * SIGKILL of the client or of the daemon at any moment of a push and of a pull: old content or new, a clear error on
 * the side that lives, and one plain re-run converges.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import {
  assertNothingStaged,
  assertRsyncFindsNothing,
  assertStatus,
  killAfter,
  sleep,
} from "../support/judges.ts";
import { assertOldOrNew, differing } from "../support/kills.ts";
import { EVERY_FS, sh, testOn } from "../support/loop_fs.ts";
import { type Served, served, WAYS } from "../support/served.ts";
import { contents } from "../support/trees.ts";

/** Kills of each side in each direction. */
const KILLS = 3;
/** Before that nothing has begun. */
const START_MS = 150;

for (const direction of ["push", "pull"] as const) {
  for (const victim of ["client", "daemon"] as const) {
    // Both routes, without twice the time.
    const way = WAYS[victim === "daemon" ? 0 : direction === "push" ? 1 : 2];
    testOn(
      EVERY_FS[0],
      `a ${direction} whose ${victim} is killed at any moment leaves old or new content (${way.name})`,
      (dir) =>
        served(dir, way, async (there) => {
          differing(dir.path);
          const { host, folder } = there;
          const remote = join(folder, "tree");
          const [source, destination] = direction === "push"
            ? [join(dir.path, "src"), remote]
            : [remote, join(dir.path, "dst")];
          const arguments_ = direction === "push"
            ? ["src/", `${host}:/m/tree`]
            : [`${host}:/m/tree/`, "dst"];
          sh(
            `cd "$0"; mv "$1" served/tree; cp -a "$2" first`,
            dir.path,
            direction === "push" ? "dst" : "src",
            destination,
          );
          const [sourceBytes, before] = [await contents(source), await contents(destination)];
          const startMs = performance.now();
          assertStatus(await there.blit("mirror", "--yes", "--max-delete=all", ...arguments_), 0);
          const runMs = performance.now() - startMs;
          sh(`rm -rf "$1"; cp -a "$0/first" "$1"`, dir.path, destination);
          let killed = 0;
          for (let i = 0; i < KILLS; i++) {
            const ms = START_MS + Math.random() * Math.max(0, runMs - 2 * START_MS);
            const child = there.spawn({}, "mirror", "--yes", ...arguments_);
            if (victim === "client") {
              if (await killAfter(child, ms)) killed++;
            } else if (await daemonKilledAfter(there, child, ms)) killed++;
            await assertOldOrNew(destination, before!, sourceBytes!);
            // The leftovers of one kill meet the next.
            if (i === 1) continue;
            assertStatus(await there.blit("mirror", "--yes", "--max-delete=all", ...arguments_), 0);
            assertRsyncFindsNothing(source, destination);
            assertNothingStaged(dir.path);
            sh(`rm -rf "$1"; cp -a "$0/first" "$1"`, dir.path, destination);
          }
          assert.ok(killed > 0, "at least one run must have been killed while it ran");
        }),
    );
  }
}

/** Kills the daemon while the command runs, and starts it again; whether the command met that, and then said so. */
async function daemonKilledAfter(there: Served, child: Deno.ChildProcess, ms: number) {
  await child.stdin.close();
  const said = new Response(child.stderr).text();
  const drained = child.stdout.cancel();
  await Promise.race([sleep(ms), child.status]);
  await there.daemon.stop("SIGKILL");
  const startMs = performance.now();
  const { code } = await child.status;
  await drained;
  await there.start();
  if (code === 0) return false;
  assert.equal(code, 1, await said);
  assert.match(await said, /^error: .+\. (Run again|Check)\b.*\.$/m);
  assert.ok(performance.now() - startMs < 10_000, "it took too long to notice");
  return true;
}
