/**
 * Names and files that Windows treats otherwise than other systems.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { assertStatus } from "../support/judges.ts";
import { need } from "../support/loop_fs.ts";
import { attrib, attributes, verbatim, windowsTest } from "./support.ts";

const RESERVED = ["CON", "NUL", "COM1", "aux.txt", "dot.", "space ", "trailing.. "];

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

windowsTest("a read-only file is copied as one, replaced, and deleted by a mirror", async (dir) => {
  await dir.write({ "src/locked": "1", "src/plain": "1" });
  attrib("+r", join(dir.path, "src", "locked"));
  assertStatus(await dir.blit("copy", "src/", "dst"), 0);
  assert.match(attributes(join(dir.path, "dst", "locked")), /R/);
  assert.doesNotMatch(attributes(join(dir.path, "dst", "plain")), /R/);
  assert.match((await dir.blit("copy", "src/", "dst")).stdout, /^Nothing to do/);

  attrib("-r", join(dir.path, "src", "locked"));
  await Deno.writeTextFile(join(dir.path, "src", "locked"), "another");
  assertStatus(await dir.blit("copy", "src/", "dst"), 0);
  assert.deepEqual(await dir.files("dst"), { locked: "another", plain: "1" });
  assert.doesNotMatch(attributes(join(dir.path, "dst", "locked")), /R/);

  attrib("+r", join(dir.path, "dst", "locked"));
  await Deno.remove(join(dir.path, "src", "locked"));
  assertStatus(await dir.blit("mirror", "--yes", "--max-delete", "5", "src/", "dst"), 0);
  assert.deepEqual(await dir.files("dst"), { plain: "1" });
});

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

windowsTest("a name that changes in case alone loses nothing, whichever way", async (dir) => {
  await dir.write({
    "src/Photo.JPG": "new",
    "src/Sub/f": "1",
    "dst/photo.jpg": "old",
    "dst/sub/f": "1",
  });
  const ran = await dir.blit("mirror", "--yes", "src/", "dst");
  assertStatus(ran, 0);
  const found = await dir.files("dst");
  const folded = Object.fromEntries(
    Object.entries(found).map(([name, is]) => [name.toLowerCase(), is]),
  );
  assert.deepEqual(folded, { "photo.jpg": "new", "sub/f": "1" });
  assert.equal(Object.keys(found).length, 2);
  const again = await dir.blit("mirror", "--yes", "src/", "dst");
  assert.match(again.stdout, /^Nothing to do/, again.stderr);
});
