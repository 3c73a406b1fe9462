/**
 * Disks that fail while they are read, and file systems that know less than others.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import type { Ran, RunWith, Scratch } from "../support/cli.ts";
import { assertRsyncFindsNothing, assertStatus } from "../support/judges.ts";
import { need, needsPrograms, onMount, sh, testOn, testOrSkip } from "../support/loop_fs.ts";
import { served, WAYS } from "../support/served.ts";
import { callsUnder, readCalls, tracing } from "../support/strace.ts";
import { assertSamePieces, piecesBehindHoles, randomFile } from "../support/trees.ts";

/** Every so many questions one fails. */
const SAMPLE = 29;

const EXT4 = { type: "ext4", sizeMiB: 100 } as const;

/** Copies a file with holes again and again, each time with another failure to say where its data lies. */
async function assertNoDataIsMissed(
  dir: Scratch,
  copy: (surroundings: RunWith) => Promise<Ran>,
  destination: string,
): Promise<void> {
  const [source, target] = [join(dir.path, "src/holes"), join(destination, "holes")];
  sh(`mkdir -p "$0/src"`, dir.path);
  const pieces = piecesBehindHoles(source, 100);
  const log = join(dir.env().HOME, "calls.log");
  assertStatus(await copy({ wrapper: tracing(log, "lseek") }), 0);
  const asked = callsUnder(readCalls(await Deno.readTextFile(log)), join(dir.path, "src"));
  assert.ok(asked.length > 4 * pieces.length, "its holes are looked for, and looked at again");
  for (const { number } of asked.filter((_, i) => i % SAMPLE === SAMPLE - 1)) {
    sh(`rm "$0"`, target);
    const injection = { call: "lseek", number, effect: "error=EIO" };
    assertStatus(await copy({ wrapper: tracing(log, "lseek", injection) }), 0);
    assertSamePieces(source, target, pieces);
  }
}

testOn(
  EXT4,
  "a disk that doesn't say where a file's data lies makes no hole of it",
  (dir) =>
    assertNoDataIsMissed(
      dir,
      (surroundings) => dir.blitWith(surroundings, "copy", "src/", "dst"),
      join(dir.path, "dst"),
    ),
);

testOn(
  EXT4,
  "nor on the way to a daemon",
  (dir) =>
    served(dir, WAYS[0], ({ host, folder }) =>
      assertNoDataIsMissed(
        dir,
        (surroundings) => dir.blitWith(surroundings, "copy", "src/", `${host}:/m/dst`),
        join(folder, "dst"),
      )),
);

testOrSkip(
  "a source that can't be read is not taken for a destination that can't be written",
  (outside) =>
    onMount(EXT4, outside, async (dir, mountPoint) => {
      need(needsPrograms("losetup", "findmnt"));
      randomFile(join(dir.path, "first"), 20);
      randomFile(join(dir.path, "last"), 20);
      await dir.write({ "dst/": "" });
      // The disk ends before the file does.
      sh(
        `set -e; sync; echo 3 > /proc/sys/vm/drop_caches
      truncate -s 30M "$(losetup -n -O BACK-FILE "$(findmnt -n -o SOURCE "$0")")"`,
        mountPoint,
      );
      const ran = await outside.blit("copy", join(dir.path, "last"), join(dir.path, "dst/"));
      assertStatus(ran, 2);
      assert.match(ran.stderr, /Cannot read ".*\/last": Input\/output error \(EIO\)/);
    }),
);

testOrSkip(
  "a large new file gets its name on a file system that knows only plain renames",
  async (dir) => {
    need(needsPrograms("strace"));
    await dir.write({ "src/": "" });
    randomFile(join(dir.path, "src/large"), 3);
    const log = join(dir.env().HOME, "calls.log");
    // ENOENT: the file has no names, as far as it counts them.
    for (const error of ["EOPNOTSUPP", "ENOENT"]) {
      const wrapper = ["strace", "-f", "-o", log, "-e", "trace=renameat2,linkat"].concat(
        ["-e", "inject=renameat2:error=EINVAL", "-e", `inject=linkat:error=${error}`],
      );
      assertStatus(await dir.blitWith({ wrapper }, "mirror", "src/", `dst-${error}`), 0);
      assert.match(await Deno.readTextFile(log), /linkat\(.*INJECTED/);
      assertRsyncFindsNothing(join(dir.path, "src"), join(dir.path, `dst-${error}`));
    }
  },
);

testOn(
  EXT4,
  "what a file system says only at a close fails the file, and that it can't flush does not",
  async (dir) => {
    // Its length comes before its data, and so it is flushed: everywhere as where everything is.
    sh(`mkdir "$0/src"; printf data | dd of="$0/src/holes" bs=64K seek=4 status=none`, dir.path);
    const log = join(dir.env().HOME, "calls.log");
    const made = join(dir.path, "dst/holes");
    const mirror = (call: string, error: string, ...options: string[]) => {
      const injection = { call, number: 1, effect: `error=${error}` };
      const wrapper = tracing(log, "fdatasync,fsync,close", injection, [made]);
      return dir.blitWith({ wrapper }, "mirror", ...options, "src/", "dst");
    };
    const full = await mirror("close", "ENOSPC");
    assert.match(full.stderr, /Cannot flush ".*\/holes": No space left on device \(ENOSPC\)/);
    assert.notEqual(full.status, 0);
    assert.deepEqual(await dir.files("dst"), {});
    const calls = readCalls(await Deno.readTextFile(log));
    assert.deepEqual(calls.map(({ name }) => name), ["fdatasync", "close", "close"]);
    // With --fsync it is promised.
    assert.notEqual((await mirror("fsync", "EOPNOTSUPP", "--fsync")).status, 0);
    assert.deepEqual(await dir.files("dst"), {});
    assertStatus(await mirror("fdatasync", "EOPNOTSUPP"), 0);
    assertRsyncFindsNothing(join(dir.path, "src"), join(dir.path, "dst"));
  },
);

testOrSkip(
  "a file system that can't be asked about is named, and is no bug of blit's",
  async (dir) => {
    need(needsPrograms("strace"));
    await dir.write({ "src/a": "x" });
    const log = join(dir.env().HOME, "calls.log");
    const wrapper = tracing(log, "fstatfs", { call: "fstatfs", number: 1, effect: "error=EIO" }, [
      join(dir.path, "src"),
    ]);
    const ran = await dir.blitWith({ wrapper }, "copy", "src/", "dst");
    assertStatus(ran, 1);
    assert.match(
      ran.stderr,
      /Cannot read metadata of ".*src": Input\/output error\. Check the disk/,
    );
  },
);
