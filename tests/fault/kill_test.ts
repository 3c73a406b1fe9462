/**
 * What runs with options make of the leftovers of a killed one; tests/sweeps/kill_sweep.ts kills plain ones.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import type { Scratch } from "../support/cli.ts";
import {
  assertNothingStaged,
  assertRsyncFindsNothing,
  assertStatus,
  killAfter,
  until,
} from "../support/judges.ts";
import { EVERY_FS, sh, testOn } from "../support/loop_fs.ts";
import { digestOf, randomFile, smallFiles } from "../support/trees.ts";

testOn(
  EVERY_FS[0],
  "after a kill --update mends what the killed run left half done",
  async (dir) => {
    smallFiles(join(dir.path, "src"), 6000);
    sh(`find "$0/src" -exec touch -d '2020-01-01 UTC' {} +`, dir.path);
    const hasMarker = () => sh(`ls "$0"/dst/.blit-*-0 2>/dev/null || true`, dir.path) !== "";
    const child = dir.spawn({}, "copy", "src/", "dst");
    await until(hasMarker);
    assert.ok(await killAfter(child, 0) && hasMarker(), "the run was over before it was killed");
    // What a crash can leave: the right length, wrong bytes, newer than the source.
    sh(`cd "$0"; mkdir -p dst/d00000; printf 'content X' > dst/d00000/f7`, dir.path);
    assertStatus(await dir.blit("copy", "--update", "src/", "dst"), 0);
    assertRsyncFindsNothing(join(dir.path, "src"), join(dir.path, "dst"));
    assertNothingStaged(dir.path);
    // Without a marker the option means what it says.
    sh(`printf 'content Y' > "$0/dst/d00000/f7"`, dir.path);
    assertStatus(await dir.blit("copy", "--update", "src/", "dst"), 0);
    assert.equal(await Deno.readTextFile(join(dir.path, "dst/d00000/f7")), "content Y");
  },
);

testOn(
  { type: "ext4", sizeMiB: 1200 },
  "--resume goes on with a large file, and heals what rotted in it",
  async (dir) => {
    await dir.write({ "src/": "" });
    const [source, copy] = [join(dir.path, "src/large"), join(dir.path, "dst/large")];
    randomFile(source, 300);
    for (const flip of [false, true]) {
      const partial = await killedWithPartial(dir);
      // A flipped byte in its first MiB: all that follows must be copied again.
      if (flip) sh(`printf X | dd of="$0" bs=1 seek=70000 conv=notrunc status=none`, partial);
      const ran = await dir.blit("mirror", "--yes", "--json", "--resume", "src/", "dst");
      assertStatus(ran, 0);
      const { files_resumed, bytes_transferred } = ran.json();
      assert.equal(files_resumed, 1);
      if (!flip) assert.ok(bytes_transferred < 300 * 2 ** 20, `${bytes_transferred}`);
      assert.equal(await digestOf(copy), await digestOf(source));
      assertNothingStaged(dir.path);
      await Deno.remove(copy);
    }
  },
);

/** Kills a resumable mirror of one large file once some MiB are there; the partial file. */
async function killedWithPartial(dir: Scratch): Promise<string> {
  for (let tries = 0; tries < 8; tries++) {
    const child = dir.spawn({}, "mirror", "--yes", "--resume", "src/", "dst");
    const end = performance.now() + 5000;
    let found = "";
    while (found === "" && performance.now() < end) {
      found = sh(`find "$0" -name '.blit-*' -size +8M 2>/dev/null | head -1`, dir.path).trim();
    }
    await killAfter(child, 0);
    const left = sh(`find "$0" -name '.blit-*' -size +8M | head -1`, dir.path).trim();
    if (left !== "") return left;
    sh(`rm -rf "$0/dst"`, dir.path);
  }
  assert.fail("no run could be killed half way");
}
