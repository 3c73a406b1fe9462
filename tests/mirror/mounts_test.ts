/**
 * File systems mounted below what is mirrored.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { assertStatus } from "../support/judges.ts";
import { need, needsPrograms, needsRoot, sh, testOrSkip } from "../support/loop_fs.ts";

testOrSkip(
  "mirror --one-file-system deletes nothing that is mounted below the destination",
  async (dir) => {
    need(needsRoot() ?? needsPrograms("mount"));
    await dir.write({ "src/a/f": "1", "src/a/both/": "", "src/file": "1" });
    await dir.write({ "dst/a/both/": "", "dst/only/": "", "dst/file/": "", "dst/old": "" });
    const theirs = { "a/both/b/theirs": "x", "only/theirs": "y", "file/theirs": "z" };
    const mounted: string[] = [];
    try {
      for (const name of ["a/both", "only", "file"]) {
        const path = join(dir.path, "dst", name);
        sh(`mount -t tmpfs none "$0"`, path);
        mounted.push(path);
      }
      for (const [path, text] of Object.entries(theirs)) await dir.write({ [`dst/${path}`]: text });
      const ran = await dir.blit("mirror", "--yes", "--json", "--one-file-system", "src/", "dst");
      assertStatus(ran, 2);
      const { entries_deleted, failures } = ran.json();
      assert.deepEqual([entries_deleted, failures.length, failures[0].path], [1, 1, "file"]);
      assert.deepEqual(await dir.files("dst"), { "a/f": "1", ...theirs });
    } finally {
      for (const path of mounted) sh(`umount "$0"`, path);
    }
  },
);
