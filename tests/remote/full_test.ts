/**
 * A daemon whose disk is full or read-only, and a pull onto such a disk: a clear error, nothing cut short, and once there
 * is room the next run finishes.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { assertNothingStaged, assertRsyncFindsNothing, assertStatus } from "../support/judges.ts";
import { type FsKind, sh, testOn } from "../support/loop_fs.ts";
import { served, WAYS } from "../support/served.ts";
import { contents, randomFile, smallFiles } from "../support/trees.ts";

const CASES: readonly { fs: FsKind; what: string; far: boolean }[] = [
  { fs: { type: "tmpfs", sizeMiB: 40 }, what: "bytes", far: true },
  { fs: { type: "tmpfs", sizeMiB: 200, inodes: 1000 }, what: "inodes", far: true },
  { fs: { type: "tmpfs", sizeMiB: 40 }, what: "bytes", far: false },
];

for (const { fs, what, far } of CASES) {
  testOn(
    fs,
    `a ${
      far ? "daemon's" : "client's"
    } disk out of ${what} ends the run, and with room it finishes`,
    (dir, outside) => {
      const [near, there] = far ? [outside, dir] : [dir, outside];
      return served(near, WAYS[0], async ({ host, folder, blit }) => {
        const [source, copy] = far
          ? [join(outside.path, "src"), join(folder, "dst")]
          : [join(folder, "src"), join(dir.path, "dst")];
        const places = far ? [`${source}/`, `${host}:/m/dst`] : [`${host}:/m/src/`, copy];
        smallFiles(source, what === "inodes" ? 900 : 300);
        if (what === "bytes") {
          for (let i = 0; i < 4; i++) randomFile(join(source, `large${i}`), 5);
          sh(`head -c 22M /dev/zero > "$0/ballast"`, dir.path);
        } else {sh(
            `mkdir "$0/ballast"; cd "$0/ballast"; for i in $(seq 300); do echo > $i; done`,
            dir.path,
          );}
        sh(`mkdir -p "$0"; echo old > "$0/large0"; echo x > "$0/extraneous"`, copy);
        const wanted = (await contents(source))!;
        const ran = await blit("mirror", "--yes", "--json", ...places);
        assertStatus(ran, 1);
        assert.match(
          ran.json().error.message,
          /Cannot \w+ "[^"]+".*No space left on device.*[A-Z].*\.$/s,
        );
        assertNothingStaged(copy);
        const found = (await contents(copy))!;
        assert.ok(found.has("extraneous"), "copying failed: nothing may be deleted");
        for (const [path, digest] of found) {
          if (path === "extraneous" || path === "large0") continue;
          assert.equal(digest, wanted.get(path), `${path} is cut short`);
        }
        sh(`rm -rf "$0/ballast"`, dir.path);
        assertStatus(await blit("mirror", "--yes", "--max-delete=all", ...places), 0);
        assertRsyncFindsNothing(source, copy);
        assertNothingStaged(copy);
      }, { folder: join(there.path, "served") });
    },
  );
}

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
