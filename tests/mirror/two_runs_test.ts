/**
 * Two runs at the same time.
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
  until,
} from "../support/judges.ts";
import { sh, testOn } from "../support/loop_fs.ts";
import { smallFiles } from "../support/trees.ts";

const TMPFS = { type: "tmpfs", sizeMiB: 400 } as const;

testOn(
  TMPFS,
  "a second mirror into a destination is refused while the first works",
  async (dir) => {
    smallFiles(join(dir.path, "src"), 5000);
    const first = dir.spawn({}, "mirror", "--yes", "src/", "dst");
    await until(() => sh(`ls -d "$0"/dst/.blit-*-0 2>/dev/null || true`, dir.path) !== "");
    first.kill("SIGSTOP");
    const second = await dir.blit("mirror", "--yes", "src/", "dst");
    first.kill("SIGCONT");
    assertStatus(second, 1);
    assert.match(second.stderr, /Another run of blit works in .*dst.*Wait/);
    await Promise.all([first.stdin.close(), first.stdout.cancel(), first.stderr.cancel()]);
    assert.equal((await first.status).code, 0);
    assertRsyncFindsNothing(join(dir.path, "src"), join(dir.path, "dst"));
    assertNothingStaged(dir.path);
  },
);

testOn(TMPFS, "copies into one destination at the same time are all right", async (dir) => {
  for (const name of ["a", "b", "c"]) smallFiles(join(dir.path, name), 1500);
  const runs = await Promise.all(
    ["a", "b", "c", "a"].map((name) => dir.blit("copy", name, "dst")),
  );
  // The same file twice at once: each is old or new, and who comes second says so.
  for (const ran of runs.slice(1, 3)) assertStatus(ran, 0);
  for (const ran of [runs[0], runs[3]]) assert.ok([0, 2].includes(ran.status), ran.stderr);
  assertStatus(await dir.blit("copy", "a", "dst"), 0);
  for (const name of ["a", "b", "c"]) {
    assertRsyncFindsNothing(join(dir.path, name), join(dir.path, "dst", name));
  }
  assertNothingStaged(dir.path);
});

testOn(TMPFS, "a killed mirror's lock goes with it", async (dir) => {
  smallFiles(join(dir.path, "src"), 5000);
  const first = dir.spawn({}, "mirror", "--yes", "src/", "dst");
  await until(() => sh(`ls -d "$0"/dst/.blit-*-0 2>/dev/null || true`, dir.path) !== "");
  assert.ok(await killAfter(first, 0));
  assertStatus(await dir.blit("mirror", "--yes", "src/", "dst"), 0);
  assertNothingStaged(dir.path);
});
