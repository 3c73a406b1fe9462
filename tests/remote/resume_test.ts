/**
 * A killed push or pull of a large file goes on with --resume; after a kill `--update` mistakes nothing half done for
 * finished; two runs keep out of each other's way.
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
import { EVERY_FS, sh, testOn } from "../support/loop_fs.ts";
import { served, WAYS } from "../support/served.ts";
import { digestOf, randomFile, smallFiles } from "../support/trees.ts";

const SIZE_MIB = 128;
const DIRECTIONS = ["push", "pull"] as const;
const FS = { type: "tmpfs", sizeMiB: 600 } as const;

for (const direction of DIRECTIONS) {
  testOn(
    FS,
    `a killed ${direction} of a large file goes on with --resume, and heeds a change of it`,
    (dir) =>
      served(dir, WAYS[0], async ({ host, folder, blit, spawn }) => {
        const [source, destination] = direction === "push"
          ? [join(dir.path, "src"), join(folder, "dst")]
          : [join(folder, "src"), join(dir.path, "dst")];
        const words = ["mirror", "--yes", "--resume", "--json"];
        const places = direction === "push"
          ? ["src/", `${host}:/m/dst`]
          : [`${host}:/m/src/`, "dst"];
        sh(`mkdir -p "$0"`, source);
        randomFile(join(source, "large"), SIZE_MIB);
        for (const changes of [false, true]) {
          await killedHalfWay(() => spawn({}, ...words, ...places), destination);
          if (changes) {
            // A byte in the middle of what was sent already, and a later time.
            sh(`printf X | dd of="$0/large" bs=1 seek=3000000 conv=notrunc status=none`, source);
          }
          const ran = await blit(...words, ...places);
          assertStatus(ran, 0);
          const { bytes_transferred } = ran.json();
          if (!changes) assert.ok(bytes_transferred < SIZE_MIB * 2 ** 20, `${bytes_transferred}`);
          assert.equal(
            await digestOf(join(destination, "large")),
            await digestOf(join(source, "large")),
          );
          assertNothingStaged(source, destination);
          sh(`rm -rf "$0"`, destination);
        }
      }),
  );
}

testOn(
  EVERY_FS[0],
  "after a killed push --update mends what it left half done",
  (dir) =>
    served(dir, WAYS[0], async ({ host, folder, blit, spawn }) => {
      smallFiles(join(dir.path, "src"), 4000);
      sh(`find "$0/src" -exec touch -d '2020-01-01 UTC' {} +`, dir.path);
      const hasMarker = () => sh(`ls "$0"/dst/.blit-*-0 2>/dev/null || true`, folder) !== "";
      const child = spawn({}, "copy", "src/", `${host}:/m/dst`);
      await until(hasMarker);
      assert.ok(await killAfter(child, 0) && hasMarker(), "the run was over before it was killed");
      for (const option of ["--update", "--ignore-existing", "--size-only"]) {
        // What a crash can leave: the right length, wrong bytes, newer than the source.
        sh(`mkdir -p "$0/dst/d00000"; printf 'content X' > "$0/dst/d00000/f7"`, folder);
        const dry = await blit("copy", "--dry-run", "--json", option, "src/", `${host}:/m/dst`);
        assertStatus(dry, 0);
        assert.equal(dry.json().files_replaced >= 1, true, option);
      }
      assertStatus(await blit("copy", "--update", "src/", `${host}:/m/dst`), 0);
      assertRsyncFindsNothing(join(dir.path, "src"), join(folder, "dst"));
      assertNothingStaged(folder);
      // Without a marker the option means what it says.
      sh(`printf 'content Y' > "$0/dst/d00000/f7"`, folder);
      assertStatus(await blit("copy", "--update", "src/", `${host}:/m/dst`), 0);
      assert.equal(await Deno.readTextFile(join(folder, "dst/d00000/f7")), "content Y");
    }),
);

testOn(
  EVERY_FS[0],
  "a second mirror into one place of a daemon is refused while the first runs",
  (dir) =>
    served(dir, WAYS[0], async ({ host, folder, blit, spawn }) => {
      smallFiles(join(dir.path, "src"), 8000);
      const words = ["mirror", "--yes", "src/", `${host}:/m/dst`];
      const first = spawn({}, ...words);
      await Promise.all([first.stdin.close(), first.stdout.cancel()]);
      await until(() => sh(`ls "$0"/dst/.blit-*-0 2>/dev/null || true`, folder) !== "");
      first.kill("SIGSTOP");
      try {
        const second = await blit(...words);
        assertStatus(second, 1);
        assert.match(second.stderr, /Another run of blit works in .*Wait for it to end/);
      } finally {
        first.kill("SIGCONT");
      }
      const said = await new Response(first.stderr).text();
      assert.equal((await first.status).code, 0, said);
      assertRsyncFindsNothing(join(dir.path, "src"), join(folder, "dst"));
      assertNothingStaged(folder);
    }),
);

/** Kills a run once some MiB of a staged file are there. */
async function killedHalfWay(start: () => Deno.ChildProcess, folder: string): Promise<void> {
  const partial = () =>
    sh(`find "$0" -name '.blit-*' -size +8M 2>/dev/null | head -1`, folder).trim() !== "";
  for (let tries = 0; tries < 8; tries++) {
    const child = start();
    await until(partial, 5000).catch(() => {});
    await killAfter(child, 0);
    if (partial()) return;
    sh(`rm -rf "$0"`, folder);
  }
  assert.fail("no run could be killed half way");
}
