/**
 * What a mirror refuses on real file systems, so that nobody loses a destination to a mistake.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import type { Scratch } from "../support/cli.ts";
import { assertStatus } from "../support/judges.ts";
import { need, needsRoot, onMount, sh, testOrSkip } from "../support/loop_fs.ts";

/** Runs a mirror that must be refused, and leave everything as it was. */
async function refused(dir: Scratch, said: RegExp, ...args: string[]): Promise<void> {
  const before = sh(`find "$0" -printf '%p %i %T@ %s\\n' | sort`, dir.path);
  const ran = await dir.blit("mirror", "--yes", ...args);
  assertStatus(ran, 1);
  assert.match(ran.stderr, said);
  assert.equal(sh(`find "$0" -printf '%p %i %T@ %s\\n' | sort`, dir.path), before);
}

testOrSkip("mirror keeps the copies and deletes nothing where over half would go", async (dir) => {
  await dir.write({ "src/new": "x", "dst/": "" });
  sh(`cd "$0"; for i in $(seq 150); do echo x > dst/old$i; done`, dir.path);
  const ran = await dir.blit("mirror", "--yes", "--json", "src/", "dst");
  assertStatus(ran, 1);
  assert.match(ran.json().error.message, /150.*--max-delete/s);
  assert.deepEqual([ran.json().entries_deleted, ran.json().files_transferred], [0, 1]);
  assert.equal(sh(`ls "$0" | wc -l`, join(dir.path, "dst")).trim(), "151");
  assertStatus(await dir.blit("mirror", "--yes", "--max-delete", "149", "src/", "dst"), 1);
  assertStatus(await dir.blit("mirror", "--yes", "--max-delete", "150", "src/", "dst"), 0);
  assert.deepEqual(await dir.files("dst"), { new: "x" });
});

testOrSkip("a source that is no longer mounted deletes nothing", async (outside) => {
  const destination = join(outside.path, "backup");
  await outside.write({ "backup/a": "x", "backup/b": "x" });
  let mounted = "";
  await onMount({ type: "ext4", sizeMiB: 20 }, outside, async (_, mountPoint) => {
    mounted = mountPoint;
    // Just made: only lost+found is there, and the folder of this test goes.
    await Deno.remove(join(mountPoint, "work"));
    const ran = await outside.blit("mirror", "--yes", `${mountPoint}/`, destination);
    assertStatus(ran, 1);
    assert.match(ran.stderr, /is empty.*mounted/);
    await Deno.mkdir(join(mountPoint, "work"));
  });
  await Deno.mkdir(mounted);
  const unmounted = await outside.blit("mirror", "--yes", `${mounted}/`, destination);
  await Deno.remove(mounted);
  assertStatus(unmounted, 1);
  const missing = await outside.blit("mirror", "--yes", `${mounted}/`, destination);
  assertStatus(missing, 1);
  assert.match(missing.stderr, new RegExp(`Cannot read "${mounted}`));
  assert.deepEqual(await outside.files("backup"), { a: "x", b: "x" });
});

testOrSkip(
  "the same tree by another path is refused: bind mount, link, dots, other way round",
  async (dir) => {
    need(needsRoot());
    await dir.write({ "tree/sub/file": "x", "bound/": "", "link": "-> tree" });
    sh(`mount --bind "$0/tree" "$0/bound"`, dir.path);
    try {
      for (
        const [source, destination] of [["tree/", "bound"], ["bound/", "tree"], ["link/", "tree"]]
      ) {
        await refused(dir, /same|overlap/, source, destination);
      }
      await refused(dir, /overlap/, "tree/", "bound/sub");
      await refused(dir, /overlap/, "bound/sub/", "tree");
      await refused(dir, /same|overlap/, "tree/", "tree/sub/..");
    } finally {
      sh(`umount "$0/bound"`, dir.path);
    }
    assert.deepEqual(await dir.files("tree"), { "sub/file": "x" });
  },
);

testOrSkip("what is mounted in a leftover of an earlier run is not part of it", async (dir) => {
  need(needsRoot());
  const leftover = "dst/.blit-0123456789abcdef-5";
  await dir.write({ "src/a": "x", "other/kept": "x", [`${leftover}/bound/`]: "" });
  // Of the same device: its number tells nothing.
  sh(`mount --bind "$0/other" "$0/$1/bound"`, dir.path, leftover);
  try {
    const ran = await dir.blit("mirror", "--yes", "src/", "dst");
    assertStatus(ran, 0);
    assert.match(ran.stderr, /leftover could not be removed: "\.blit-0123456789abcdef-5"/);
  } finally {
    sh(`umount "$0/$1/bound"`, dir.path, leftover);
  }
  assert.deepEqual(await dir.files("other"), { kept: "x" });
  assertStatus(await dir.blit("mirror", "--yes", "src/", "dst"), 0);
  assert.deepEqual(await dir.files("dst"), { a: "x" });
});

testOrSkip("the root of the system is refused by whatever path it is reached", async (dir) => {
  await dir.write({ "src/a": "x", root: "-> /", "bound/": "" });
  for (const target of ["/", "root", "//", "/usr/..", "root/."]) {
    const ran = await dir.blit("mirror", "--dry-run", "src/", target);
    assertStatus(ran, 1);
    assert.match(ran.stderr, /Refusing.*--allow-root|overlap/, target);
  }
  for (const folder of ["/", "root/"]) {
    assertStatus(await dir.blit("rm", "--yes", "--dry-run", folder), 1);
  }
});

testOrSkip("at the root of a file system lost+found stays", async (outside) => {
  await outside.write({ "src/a": "x" });
  await onMount({ type: "ext4", sizeMiB: 20 }, outside, async (_, mountPoint) => {
    await outside.write({ "src/work/": "" });
    const ran = await outside.blit("mirror", "--yes", "--json", "src/", mountPoint);
    assertStatus(ran, 0);
    assert.equal(ran.json().entries_protected, 1);
    assert.ok((await Deno.stat(join(mountPoint, "lost+found"))).isDirectory);
  });
});

testOrSkip("a destination that is a file is refused and stays what it was", async (dir) => {
  await dir.write({ "src/a": "x", dst: "precious" });
  await refused(dir, /"[^"]*dst".*(not a folder|is a file|not a directory)/i, "src/", "dst");
});

testOrSkip(
  "a read-only destination ends the run with its reason, not with a list of files",
  async (outside) => {
    await outside.write({ "src/a": "x", "src/b": "x" });
    await onMount({ type: "ext4", sizeMiB: 20 }, outside, async (dir, mountPoint) => {
      await dir.write({ "dst/old": "x" });
      sh(`mount -o remount,ro "$0"`, mountPoint);
      for (const target of [join(dir.path, "dst"), join(dir.path, "new")]) {
        const ran = await outside.blit("mirror", "--yes", "src/", target);
        assertStatus(ran, 1);
        assert.match(ran.stderr, /read-only/i);
        assert.ok(
          ran.stderr.split("\n").filter((line) => /error|Cannot/.test(line)).length <= 2,
          ran.stderr,
        );
      }
      assert.deepEqual(await dir.files("dst"), { old: "x" });
      sh(`mount -o remount,rw "$0"`, mountPoint);
    });
  },
);
