/**
 * A daemon whose disk is read-only; tests/sweeps/full_sweep.ts fills disks.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { assertRsyncFindsNothing, assertStatus } from "../support/judges.ts";
import { sh, testOn } from "../support/loop_fs.ts";
import { served, WAYS } from "../support/served.ts";
import { smallFiles } from "../support/trees.ts";

testOn(
  { type: "tmpfs", sizeMiB: 40 },
  "a daemon whose disk is read-only says so, and writes again once it isn't",
  (dir, outside) =>
    served(outside, WAYS[0], async ({ host, folder, blit }) => {
      const source = join(outside.path, "src");
      smallFiles(source, 300);
      assertStatus(await blit("mirror", "--yes", `${source}/`, `${host}:/m/dst`), 0);
      sh(`echo new > "$0/d00000/f1"`, source);
      sh(`mount -o remount,ro "$0"`, join(dir.path, ".."));
      const ran = await blit("mirror", "--yes", `${source}/`, `${host}:/m/dst`);
      assertStatus(ran, 1);
      assert.match(ran.stderr, /Read-only file system \(EROFS\)/);
      sh(`mount -o remount,rw "$0"`, join(dir.path, ".."));
      assertStatus(await blit("mirror", "--yes", `${source}/`, `${host}:/m/dst`), 0);
      assertRsyncFindsNothing(source, join(folder, "dst"));
    }, { folder: join(dir.path, "served") }),
);
