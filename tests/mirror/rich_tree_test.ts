/**
 * A tree with everything in it, on real file systems, judged by rsync and mtree.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import {
  assertMtreeAgrees,
  assertNothingStaged,
  assertRsyncFindsNothing,
  assertStatus,
} from "../support/judges.ts";
import { EVERY_FS, sh, testOn, testOrSkip } from "../support/loop_fs.ts";
import { deepTree, richTree } from "../support/trees.ts";

for (const fs of EVERY_FS) {
  testOn(
    fs,
    `mirror keeps everything on ${fs.type}, and a second run has nothing to do`,
    async (dir) => {
      const [source, destination] = [join(dir.path, "src"), join(dir.path, "parent/dst")];
      richTree(source);
      // What is made below inherits this, and must not keep it.
      sh(`mkdir "$0"; setfacl -d -m u:99:rwx,g:98:rwx "$0"`, join(dir.path, "parent"));
      for (const isFirst of [true, false]) {
        const ran = await dir.blit("mirror", "--yes", "--json", "src/", "parent/dst");
        assertStatus(ran, 0);
        const { files_transferred, directories_created, metadata_updated, warnings } = ran.json();
        if (isFirst) assert.ok(files_transferred > 50);
        else {assert.deepEqual([files_transferred, directories_created, metadata_updated], [
            0,
            0,
            0,
          ]);}
        assert.deepEqual(warnings, []);
        assertRsyncFindsNothing(source, destination);
        assertMtreeAgrees(source, destination);
        assert.equal(timesOf(source), timesOf(destination));
      }
      const again = await dir.blit("mirror", "--yes", "--json", "--checksum", "src/", "parent/dst");
      assertStatus(again, 0);
      assert.deepEqual([again.json().files_transferred, again.json().metadata_updated], [0, 0]);
      assertStatus(await dir.blit("check", "src/", "parent/dst"), 0);
      assertNothingStaged(dir.path);
    },
  );
}

testOrSkip("a path of 4,200 bytes is mirrored, compared and deleted", async (dir) => {
  deepTree(join(dir.path, "src"));
  for (let i = 0; i < 2; i++) {
    const ran = await dir.blit("mirror", "--yes", "--json", "src/", "dst");
    assertStatus(ran, 0);
    assert.equal(ran.json().files_transferred, i === 0 ? 2 : 0);
    assert.equal(timesOf(join(dir.path, "src")), timesOf(join(dir.path, "dst")));
  }
  assert.match(sh(`find "$0" -name file -execdir cat {} +`, join(dir.path, "dst")), /^deep$/m);
  assertStatus(await dir.blit("check", "src/", "dst"), 0);
  await dir.write({ "other/file": "x" });
  const ran = await dir.blit("mirror", "--yes", "--json", "other/", "dst");
  assertStatus(ran, 0);
  assert.equal(ran.json().entries_deleted, 23);
  assertStatus(await dir.blit("rm", "--yes", "src"), 0);
  assert.deepEqual(await dir.files(), { "other/file": "x", "dst/file": "x" });
});

/** Every entry's time to the nanosecond. */
function timesOf(folder: string): string {
  return sh(`cd "$0" && find . -printf '%p %T@\\n' | sort`, folder);
}
