/**
 * A full disk: no short file under a final name, a clear message, and the next run finishes.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { assertNothingStaged, assertRsyncFindsNothing, assertStatus } from "../support/judges.ts";
import { sh, testOn } from "../support/loop_fs.ts";
import { contents, randomFile, smallFiles } from "../support/trees.ts";

const CASES = [
  { fs: { type: "ext4", sizeMiB: 40 }, what: "bytes" },
  { fs: { type: "tmpfs", sizeMiB: 40 }, what: "bytes" },
  { fs: { type: "ext4", sizeMiB: 200, inodes: 1000 }, what: "inodes" },
] as const;

for (const { fs, what } of CASES) {
  testOn(
    fs,
    `a disk out of ${what} (${fs.type}) ends the run, and once there is room it finishes`,
    async (dir, outside) => {
      const [source, copy] = [join(outside.path, "src"), join(dir.path, "dst")];
      smallFiles(source, what === "inodes" ? 3000 : 300);
      if (what === "bytes") {
        for (let i = 0; i < 4; i++) randomFile(join(source, `large${i}`), 5);
        sh(`head -c 22M /dev/zero > "$0/ballast"`, dir.path);
      } else {sh(
          `mkdir "$0/ballast"; cd "$0/ballast"; for i in $(seq 300); do echo > $i; done`,
          dir.path,
        );}
      await dir.write({
        "dst/large0": "old",
        "dst/extraneous": "must not be deleted: copying failed",
      });
      const wanted = (await contents(source))!;
      const ran = await dir.blit("mirror", "--yes", "--json", `${source}/`, "dst");
      assertStatus(ran, 1);
      const { error } = ran.json();
      assert.match(error.message, /Cannot \w+ "[^"]+".*No space left on device.*[A-Z].*\.$/s);
      assertNothingStaged(dir.path);
      for (const [path, digest] of (await contents(copy))!) {
        if (path === "extraneous" || path === "large0" && digest !== wanted.get(path)) continue;
        assert.equal(digest, wanted.get(path), `${path} is cut short`);
      }
      assert.ok((await contents(copy))!.has("extraneous"));
      if (what === "inodes") {
        // Room for the source can't be made: a part of it has to do.
        sh(`rm -rf "$0"/d0000[3-9] "$0"/d0001*`, source);
      }
      sh(`rm -rf "$0/ballast"`, dir.path);
      assertStatus(await dir.blit("mirror", "--yes", "--max-delete=all", `${source}/`, "dst"), 0);
      assertRsyncFindsNothing(source, copy);
      assertNothingStaged(dir.path);
    },
  );
}
