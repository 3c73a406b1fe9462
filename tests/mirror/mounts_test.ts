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

testOrSkip("a backup to a disk that is mounted inside the source stays out of it", async (dir) => {
  need(needsRoot() ?? needsPrograms("mount"));
  await dir.write({ "root/etc/f": "1", "root/mnt/disk/": "", "root/mnt/bind/": "" });
  const disk = join(dir.path, "root/mnt/disk"), bind = join(dir.path, "root/mnt/bind");
  sh(
    `mount -t tmpfs none "$0"; mkdir "$2"; mount --bind "$2" "$1"`,
    disk,
    bind,
    `${dir.path}/same`,
  );
  try {
    const backUp = async (mode: string, to: string, ...more: string[]) =>
      await dir.blit(mode, "--yes", "--json", ...more, "root/", to);
    assertStatus(await backUp("mirror", `${disk}/backup`, "--one-file-system"), 0);
    const copied = { "etc/f": "1", "mnt/bind/": "", "mnt/disk/": "" };
    assert.deepEqual(await dir.files("root/mnt/disk/backup"), copied);
    const again = await backUp("mirror", `${disk}/backup`, "--one-file-system");
    assertStatus(again, 0);
    assert.deepEqual([again.json().files_transferred, again.json().entries_deleted], [0, 0]);
    // Nothing keeps these out of themselves.
    for (
      const refused of [
        await backUp("mirror", `${disk}/backup`),
        await backUp("move", `${disk}/backup`, "--one-file-system"),
        await backUp("mirror", `${bind}/backup`, "--one-file-system"),
        await backUp("copy", `${bind}/backup`, "--one-file-system"),
      ]
    ) {
      assertStatus(refused, 1);
      assert.match(refused.json().error.message, /the destination is inside the source/);
    }
    assert.deepEqual(await dir.files("root/mnt/disk/backup"), copied);
  } finally {
    sh(`umount "$0" "$1"`, disk, bind);
  }
});
