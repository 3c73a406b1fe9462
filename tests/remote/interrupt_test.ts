/**
 * Ctrl-C of a push and of a pull; SIGTERM of a daemon that is at work.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import {
  assertNothingStaged,
  assertRsyncFindsNothing,
  assertStatus,
  until,
} from "../support/judges.ts";
import { EVERY_FS, sh, testOn } from "../support/loop_fs.ts";
import { type Served, served, WAYS } from "../support/served.ts";
import { randomFile, smallFiles } from "../support/trees.ts";

/** A second, and what a busy machine adds. */
const SOON_MS = 2000;

async function running(there: Served, places: readonly string[], folder: string) {
  const child = there.spawn({}, "mirror", "--yes", ...places);
  await child.stdin.close();
  const said = Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()])
    .then((texts) => texts.join(""));
  const begun = () =>
    sh(`find "$0" -type f 2>/dev/null | head -300 | wc -l`, folder).trim() === "300";
  await until(begun, 60_000);
  return { child, said };
}

for (const direction of ["push", "pull"] as const) {
  testOn(
    EVERY_FS[0],
    `Ctrl-C ends a ${direction} within a second and says what was done`,
    (dir) =>
      served(dir, WAYS[0], async (there) => {
        const { host, folder } = there;
        const [source, destination] = direction === "push"
          ? [join(dir.path, "src"), join(folder, "dst")]
          : [join(folder, "src"), join(dir.path, "dst")];
        const places = direction === "push"
          ? ["src/", `${host}:/m/dst`]
          : [`${host}:/m/src/`, "dst"];
        smallFiles(source, 10_000);
        randomFile(join(source, "large"), 32);
        const { child, said } = await running(there, places, destination);
        const startMs = performance.now();
        child.kill("SIGINT");
        const { code } = await child.status;
        const tookMs = performance.now() - startMs;
        assert.equal(code, 130, await said);
        assert.ok(tookMs < SOON_MS, `${tookMs} ms`);
        assert.match(await said, /Interrupted.*files/s);
        assertStatus(await there.blit("mirror", "--yes", ...places), 0);
        assertRsyncFindsNothing(source, destination);
        assertNothingStaged(dir.path);
      }),
  );
}

testOn(
  EVERY_FS[0],
  "SIGTERM of a daemon lets the push that runs end, and takes no other",
  (dir) =>
    served(dir, WAYS[0], async (there) => {
      smallFiles(join(dir.path, "src"), 10_000);
      const places = ["src/", `${there.host}:/m/dst`];
      const { child, said } = await running(there, places, join(there.folder, "dst"));
      child.kill("SIGSTOP");
      there.daemon.signal("SIGTERM");
      await there.daemon.says(/no new sessions/);
      const late = await there.blit("copy", ...places);
      child.kill("SIGCONT");
      assertStatus(late, 1);
      assert.match(late.stderr, /shut down/);
      assert.equal((await child.status).code, 0, await said);
      assertRsyncFindsNothing(join(dir.path, "src"), join(there.folder, "dst"));
      assertNothingStaged(there.folder);
      assert.equal(await there.daemon.stop("SIGURG"), 0);
    }),
);
