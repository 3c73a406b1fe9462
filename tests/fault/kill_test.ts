/**
 * SIGKILL at any moment: old content or new, and one plain re-run converges.
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
import { contents, digestOf, randomFile, smallFiles } from "../support/trees.ts";

const KILLS = 12;

/** A source that differs from its destination in every way. */
function differing(dir: Scratch): void {
  smallFiles(join(dir.path, "src"), 5000);
  sh(
    `set -e; cd "$0"; cp -a src dst; cd src
    for d in d0000[0-4]; do for f in $d/*0 $d/*1; do echo new content > $f; done; done
    rm -r d0000[5-7]; mkdir gone; echo x > gone/x; mv gone new
    ln d00000/f3 new/linked; ln -s ../x new/symlink; mkfifo new/fifo
    cd ../dst; mkdir -p new d00001/f2x; ln d00002/f401 new/extra; rm d00003/f60? d0001[0-3]/*; mkdir d00009/sub; echo x > d00009/sub/old
    chmod 0555 d00008; rm d00014/*; rmdir d00014; echo file > d00014`,
    dir.path,
  );
  for (const [name, size] of [["large", 24], ["new/large", 16]] as const) {
    randomFile(join(dir.path, "src", name), size);
  }
  randomFile(join(dir.path, "dst/large"), 20);
}

/** Fails where a path holds anything but what it held before or what the source holds. */
async function assertOldOrNew(
  dir: Scratch,
  before: ReadonlyMap<string, string>,
  source: ReadonlyMap<string, string>,
): Promise<void> {
  const now = (await contents(join(dir.path, "dst")))!;
  for (const [path, digest] of now) {
    if (/(^|\/)\.blit-/.test(path)) continue;
    if (digest === before.get(path) || digest === source.get(path)) continue;
    // A new file of at most 1 MiB may be cut short in place: it never replaced anything.
    const isNewAndSmall = !before.has(path) && !path.endsWith("large");
    assert.ok(isNewAndSmall, `${path} is neither old nor new`);
  }
  // Nothing that the source has, too, is ever missing.
  for (const path of before.keys()) {
    if (source.has(path)) assert.ok(now.has(path), `${path} is gone`);
  }
}

for (const fs of [EVERY_FS[0], EVERY_FS[1]]) {
  testOn(
    fs,
    `a mirror killed at any moment leaves old or new content, and runs again, on ${fs.type}`,
    async (dir) => {
      differing(dir);
      const [source, before] = [
        await contents(join(dir.path, "src")),
        await contents(join(dir.path, "dst")),
      ];
      sh(`cp -a "$0/dst" "$0/first"`, dir.path);
      let killed = 0;
      for (let i = 0; i < KILLS; i++) {
        // A run takes about half a second, the start of Deno a tenth.
        const ms = 90 + Math.random() * 450;
        if (await killAfter(dir.spawn({}, "mirror", "--yes", "src/", "dst"), ms)) killed++;
        await assertOldOrNew(dir, before!, source!);
        // One re-run converges, now and then; else the next kill meets the leftovers of the last.
        if (i % 3 !== 2) continue;
        assertStatus(await dir.blit("mirror", "--yes", "--max-delete=all", "src/", "dst"), 0);
        assertRsyncFindsNothing(join(dir.path, "src"), join(dir.path, "dst"));
        assertNothingStaged(dir.path);
        sh(`cd "$0"; rm -rf dst; cp -a first dst`, dir.path);
      }
      assert.ok(killed > 0, "at least one run must have been killed while it ran");
    },
  );
}

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
