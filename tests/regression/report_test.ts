/**
 * What was once reported wrongly.
 *
 * @module
 */
import assert from "node:assert/strict";
import { assertStatus } from "../support/judges.ts";
import { sh, testOn } from "../support/loop_fs.ts";

testOn(
  { type: "tmpfs", sizeMiB: 4 },
  "a full disk is reported once, and leaves no marker behind",
  async (dir, outside) => {
    await outside.write({ "src/folder/": "" });
    sh(`head -c 8M /dev/zero > "$0/src/folder/large"`, outside.path);
    const ran = await outside.blit("mirror", "--yes", "src/", dir.path);
    assertStatus(ran, 1);
    assert.equal(ran.stderr.match(/No space left/g)?.length, 1, ran.stderr);
    assert.equal(sh(`find "$0" -type f`, dir.path), "");
  },
);
