/**
 * Names and files that Windows treats otherwise than other systems.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import type { Ran, Scratch } from "../support/cli.ts";
import { assertStatus } from "../support/judges.ts";
import { need } from "../support/loop_fs.ts";
import { attrib, attributes, changesCase, junction, verbatim, windowsTest } from "./support.ts";

/** Registers a test of the command as it is, and of one that has no native library. */
function bothWays(
  name: string,
  test: (dir: Scratch, blit: (...args: string[]) => Promise<Ran>) => Promise<void>,
): void {
  windowsTest(name, (dir) => test(dir, (...args) => dir.blit(...args)));
  const env = { BLIT_NO_NATIVE: "1" };
  windowsTest(
    `without the native library ${name}`,
    (dir) => test(dir, (...args) => dir.blitWith({ env }, ...args)),
  );
}

// Of `dot.` and `dot` neither may be taken for the other.
const RESERVED = ["CON", "NUL", "COM1", "aux.txt", "dot", "dot.", "space ", "trailing.. "];

windowsTest("paths beyond 260 characters are copied, compared and removed", async (dir) => {
  const deep = Array.from({ length: 8 }, (_, i) => `${i}`.repeat(60));
  await Deno.mkdir(verbatim(dir.path, "src", ...deep), { recursive: true });
  await Deno.writeTextFile(verbatim(dir.path, "src", ...deep, "file"), "deep");
  assertStatus(await dir.blit("mirror", "--yes", "src", "dst"), 0);
  const copied = verbatim(dir.path, "dst", "src", ...deep, "file");
  assert.equal(await Deno.readTextFile(copied), "deep");
  assertStatus(await dir.blit("check", "src", "dst"), 0);
  // Named as an argument too, by its plain path and by the long form.
  const file = join(dir.path, "src", ...deep, "file");
  assertStatus(await dir.blit("copy", file, "short"), 0);
  assertStatus(await dir.blit("copy", `\\\\?\\${file}`, "short2"), 0);
  assert.equal(await Deno.readTextFile(join(dir.path, "short2")), "deep");
  assertStatus(await dir.blit("rm", "--yes", "dst"), 0);
  assert.deepEqual((await dir.files("src"))[""], undefined);
  await assert.rejects(Deno.stat(join(dir.path, "dst")), Deno.errors.NotFound);
  assertStatus(await dir.blit("rm", "--yes", "src"), 0);
});

windowsTest(
  "reserved names, and dots and spaces at the end, are names like others",
  async (dir) => {
    await Deno.mkdir(join(dir.path, "src"));
    for (const name of RESERVED) {
      await Deno.writeTextFile(verbatim(dir.path, "src", name), `is ${name}`);
    }
    await Deno.mkdir(verbatim(dir.path, "src", "PRN."));
    const names = (folder: string) =>
      [...Deno.readDirSync(join(dir.path, folder))].map(({ name }) => name).sort();
    assert.deepEqual(names("src"), [...RESERVED, "PRN."].sort());

    assertStatus(await dir.blit("mirror", "--yes", "src/", "dst"), 0);
    assert.deepEqual(names("dst"), names("src"));
    for (const name of RESERVED) {
      assert.equal(await Deno.readTextFile(verbatim(dir.path, "dst", name)), `is ${name}`);
    }
    assertStatus(await dir.blit("check", "src/", "dst"), 0);
    await Deno.writeTextFile(verbatim(dir.path, "dst", "LPT1"), "extraneous");
    const mirrored = await dir.blit("mirror", "--yes", "--json", "src/", "dst");
    assert.equal(mirrored.json().files_deleted ?? mirrored.json().entries_deleted, 1);
    assert.deepEqual(names("dst"), names("src"));
    for (const folder of ["src", "dst"]) assertStatus(await dir.blit("rm", "--yes", folder), 0);
  },
);

windowsTest(
  "without the native library no name is taken for another one: what it can't keep apart is told, and stays",
  async (dir) => {
    await Deno.mkdir(join(dir.path, "src"));
    for (const name of RESERVED) {
      await Deno.writeTextFile(verbatim(dir.path, "src", name), `is ${name}`);
    }
    await dir.write({ "src/plain": "is plain", "dst/gone": "1" });
    await Deno.writeTextFile(verbatim(dir.path, "dst", "dot."), "was here");
    const env = { BLIT_NO_NATIVE: "1" };
    const ran = await dir.blitWith({ env }, "mirror", "--yes", "src/", "dst");
    assertStatus(ran, 2);
    for (const name of RESERVED.filter((name) => name !== "dot")) {
      assert.ok(ran.stderr.includes(`${name}": Name not allowed`), `${name}: ${ran.stderr}`);
    }
    const there = [...Deno.readDirSync(join(dir.path, "dst"))].map(({ name }) => name).sort();
    assert.deepEqual(there, ["dot", "dot.", "plain"]);
    assert.equal(await Deno.readTextFile(verbatim(dir.path, "dst", "dot")), "is dot");
    assert.equal(await Deno.readTextFile(verbatim(dir.path, "dst", "dot.")), "was here");
    for (const folder of ["src", "dst"]) assertStatus(await dir.blit("rm", "--yes", folder), 0);
  },
);

bothWays(
  "a read-only file is copied as one, replaced, and deleted by a mirror",
  async (dir, blit) => {
    await dir.write({ "src/locked": "1", "src/plain": "1" });
    attrib("+r", join(dir.path, "src", "locked"));
    assertStatus(await blit("copy", "src/", "dst"), 0);
    assert.match(attributes(join(dir.path, "dst", "locked")), /R/);
    assert.doesNotMatch(attributes(join(dir.path, "dst", "plain")), /R/);
    assert.match((await blit("copy", "src/", "dst")).stdout, /^Nothing to do/);

    attrib("-r", join(dir.path, "src", "locked"));
    await Deno.writeTextFile(join(dir.path, "src", "locked"), "another");
    assertStatus(await blit("copy", "src/", "dst"), 0);
    assert.deepEqual(await dir.files("dst"), { locked: "another", plain: "1" });
    assert.doesNotMatch(attributes(join(dir.path, "dst", "locked")), /R/);

    attrib("+r", join(dir.path, "dst", "locked"));
    await Deno.remove(join(dir.path, "src", "locked"));
    assertStatus(await blit("mirror", "--yes", "--max-delete", "5", "src/", "dst"), 0);
    assert.deepEqual(await dir.files("dst"), { plain: "1" });
  },
);

windowsTest("hidden files stay hidden", async (dir) => {
  await dir.write({ "src/desktop.ini": "x", "src/plain": "x" });
  attrib("+h", join(dir.path, "src", "desktop.ini"));
  const isHidden = /H/.test(attributes(join(dir.path, "src", "desktop.ini")));
  need(isHidden ? null : "the file system keeps no such attribute");
  assertStatus(await dir.blit("copy", "src/", "dst"), 0);
  assert.match(attributes(join(dir.path, "dst", "desktop.ini")), /H/);
  assert.doesNotMatch(attributes(join(dir.path, "dst", "plain")), /H/);
});

windowsTest("alternate data streams are copied, small and large", async (dir) => {
  await dir.write({ "src/f": "main" });
  const stream = (folder: string, name: string) => `${join(dir.path, folder, "f")}:${name}`;
  const large = "s".repeat(300_000);
  try {
    await Deno.writeTextFile(stream("src", "Zone.Identifier"), "[ZoneTransfer]");
    await Deno.writeTextFile(stream("src", "large"), large);
  } catch {
    need("this file system keeps no streams (wine has none)");
  }
  const isOne = Object.keys(await dir.files("src")).length === 1;
  need(isOne ? null : "streams become files of their own (wine has none)");
  assertStatus(await dir.blit("copy", "src/", "dst"), 0);
  assert.equal(await Deno.readTextFile(stream("dst", "Zone.Identifier")), "[ZoneTransfer]");
  assert.equal(await Deno.readTextFile(stream("dst", "large")), large);
});

windowsTest("a mirror ends with the source's case of each name, and loses nothing", async (dir) => {
  const T = new Date("2024-05-01T12:00:00Z");
  await dir.write({
    "src/Photo.JPG": "new",
    "src/Same.txt": "same",
    "src/Sub/F": "1",
    "dst/photo.jpg": "old",
    "dst/same.txt": "same",
    "dst/sub/f": "1",
    "dst/sub/gone": "1",
  });
  for (const name of ["src/Same.txt", "dst/same.txt"]) {
    await Deno.utime(join(dir.path, name), T, T);
  }
  assertStatus(await dir.blit("mirror", "--yes", "src/", "dst"), 0);
  const found = await dir.files("dst");
  const folded = Object.fromEntries(
    Object.entries(found).map(([name, is]) => [name.toLowerCase(), is]),
  );
  assert.deepEqual(folded, { "photo.jpg": "new", "same.txt": "same", "sub/f": "1" });
  assert.equal(Object.keys(found).length, 3);
  need(changesCase(dir) ? null : "this system leaves the case of a name (wine does)");
  assert.deepEqual(found, { "Photo.JPG": "new", "Same.txt": "same", "Sub/F": "1" });
  const again = await dir.blit("mirror", "--yes", "src/", "dst");
  assert.match(again.stdout, /^Nothing to do/, again.stderr);
});

windowsTest("move changes the case of a file's name, and of a folder's", async (dir) => {
  await dir.write({ "a.txt": "1", "photos/f": "2" });
  for (const [from, to] of [["a.txt", "A.txt"], ["photos", "Photos"]]) {
    const ran = await dir.blit("move", "--yes", from, to);
    // Nothing is lost where the system can't, either.
    if (!changesCase(dir)) assert.ok([0, 64].includes(ran.status), ran.stderr);
    else assertStatus(ran, 0);
  }
  const found = await dir.files();
  assert.deepEqual(Object.values(found).sort(), ["1", "2"]);
  need(changesCase(dir) ? null : "this system leaves the case of a name (wine does)");
  assert.deepEqual(found, { "A.txt": "1", "Photos/f": "2" });
});

windowsTest("a move into a folder merges what differs in case", async (dir) => {
  await dir.write({
    "src/Docs/a": "1",
    "src/README": "new",
    "dst/docs/b": "2",
    "dst/readme": "old",
  });
  assertStatus(await dir.blit("move", "--yes", "src/", "dst"), 0);
  const found = await dir.files("dst");
  const folded = Object.entries(found).map(([name, is]) => `${name.toLowerCase()}=${is}`).sort();
  assert.deepEqual(folded, ["docs/a=1", "docs/b=2", "readme=new"]);
  assert.deepEqual(await dir.files("src"), {});
});

windowsTest(
  "a junction is copied as one, not entered, and what it leads to is left",
  async (dir) => {
    await dir.write({ "src/f": "1", "outside/kept": "2", "dst/sub/f": "1" });
    junction(join(dir.path, "outside"), join(dir.path, "src", "way"));
    junction(join(dir.path, "outside"), join(dir.path, "dst", "old"));
    assertStatus(await dir.blit("mirror", "--yes", "src/", "dst"), 0);
    assert.ok(Deno.lstatSync(join(dir.path, "dst", "way")).isSymlink);
    await assert.rejects(Deno.lstat(join(dir.path, "dst", "old")), Deno.errors.NotFound);
    assertStatus(await dir.blit("rm", "--yes", "dst"), 0);
    assert.deepEqual(await dir.files("outside"), { kept: "2" });
  },
);
