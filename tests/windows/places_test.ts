/**
 * Arguments, folders of settings and exit codes on Windows.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { assertStatus } from "../support/judges.ts";
import { need } from "../support/loop_fs.ts";
import { windowsTest } from "./support.ts";

windowsTest(
  "a path has a drive, slashes of either kind, or the long form, and is never a host",
  async (dir) => {
    await dir.write({ "src/a/f": "1" });
    const forms = [
      join(dir.path, "src"),
      join(dir.path, "src").replaceAll("\\", "/"),
      `\\\\?\\${join(dir.path, "src")}`,
      "src\\a\\..",
      ".\\src",
    ];
    for (const [i, form] of forms.entries()) {
      const ran = await dir.blit("copy", `${form}\\`, `dst${i}\\in`);
      assertStatus(ran, 0);
      assert.ok(ran.stderr.startsWith(`${form}\\ → ${dir.path}\\dst${i}\\in`), ran.stderr);
      assert.deepEqual(await dir.files(`dst${i}`), { "in/a/f": "1" });
    }
    // From the drive's own folder, from its root, and by the drive alone.
    const drive2 = dir.path.slice(0, 2);
    for (const [i, form] of [`${drive2}src`, dir.path.slice(2) + "\\src"].entries()) {
      assertStatus(await dir.blit("copy", `${form}\\`, `${drive2}relative${i}`), 0);
      assert.deepEqual(await dir.files(`relative${i}`), { "a/f": "1" });
    }
    // With a slash behind it the folder's contents, without it the folder.
    assertStatus(await dir.blit("copy", "src", "whole\\"), 0);
    assert.deepEqual(await dir.files("whole"), { "src/a/f": "1" });
    const drive = await dir.blit("copy", "src", "Q:\\x\\y");
    assertStatus(drive, 1);
    assert.doesNotMatch(drive.stderr, /reach Q/);
  },
);

windowsTest("a share is source and destination, and is compared", async (dir) => {
  const share = Deno.env.get("BLIT_TEST_SHARE") ?? "";
  need(share === "" ? "BLIT_TEST_SHARE names no share that can be written" : null);
  const folder = `${share}\\blit-${crypto.randomUUID()}`;
  await dir.write({ "src/a/f": "1" });
  assertStatus(await dir.blit("mirror", "--yes", "src/", folder), 0);
  assertStatus(await dir.blit("check", "src/", folder), 0);
  assertStatus(await dir.blit("copy", `${folder}\\a\\f`, "back"), 0);
  assertStatus(await dir.blit("copy", folder, "dst\\"), 0);
  assert.equal(Object.keys(await dir.files("dst")).length, 1);
  const into = await dir.blit("mirror", "--yes", folder, `${folder}\\a`);
  assertStatus(into, 1);
  assert.match(into.stderr, /the destination is inside the source/);
  assertStatus(await dir.blit("mirror", "--yes", "src/", share), 1);
  assertStatus(await dir.blit("copy", `${folder}\\gone`, "x"), 1);
  assertStatus(await dir.blit("rm", "--yes", folder), 0);
});

windowsTest("settings and history are in %APPDATA%", async (dir) => {
  await dir.write({ "src/f": "1" });
  const env = { XDG_CONFIG_HOME: "", APPDATA: join(dir.path, "roaming") };
  assertStatus(await dir.blitWith({ env }, "copy", "src", "dst"), 0);
  assert.ok(Deno.statSync(join(dir.path, "roaming", "blit", "perf_local.jsonl")).size > 0);
  assertStatus(await dir.blit("copy", "--config-dir", join(dir.path, "own"), "src", "dst2"), 0);
  assert.ok(Deno.statSync(join(dir.path, "own", "perf_local.jsonl")).size > 0);
});

windowsTest("the profile's folder and a drive's root are protected", async (dir) => {
  await dir.write({ "src/f": "1", "home/x": "1" });
  const env = { USERPROFILE: join(dir.path, "home") };
  for (const target of ["home", "HOME", dir.path.slice(0, 3)]) {
    assertStatus(await dir.blitWith({ env }, "mirror", "--yes", "src/", target), 1);
  }
  assert.deepEqual(await dir.files("home"), { x: "1" });
});

windowsTest("the exit status is a plain one, for `if errorlevel 1`", async (dir) => {
  await dir.write({ "src/f": "1", "dst/": "", "clash/f/inner": "1" });
  const statuses: Record<string, number> = {};
  for (
    const [words, ...args] of [
      ["copied", "copy", "src/", "dst"],
      ["nothing to do", "copy", "src/", "dst"],
      ["the same", "check", "src/", "dst"],
      ["no source", "copy", "gone", "dst"],
      ["some failed", "copy", "src/", "clash"],
      ["differs", "check", "src/", "clash"],
      ["no such option", "copy", "--mir", "src/", "dst"],
      ["asks, and nobody is there", "mirror", "src/", "clash"],
    ]
  ) statuses[words] = (await dir.blit(...args)).status;
  assert.deepEqual(statuses, {
    "copied": 0,
    "nothing to do": 0,
    "the same": 0,
    "no source": 1,
    "some failed": 2,
    "differs": 1,
    "no such option": 64,
    "asks, and nobody is there": 64,
  });
  assert.deepEqual(await dir.files("clash"), { "f/inner": "1" });
});

windowsTest(
  "who comes from robocopy is told what to write, and nothing is touched",
  async (dir) => {
    await dir.write({ "src/f": "1", "dst/data/keep": "1" });
    const before = await dir.files();
    for (
      const [args, said] of [
        [["copy", "src", "dst", "/MIR"], /"\/MIR"\. Write blit mirror/],
        [["mirror", "--yes", "src", "dst", "/L"], /"\/L"\. Write --dry-run/],
        [["copy", "src", "dst", "*.docx", "/S"], /Write --include "\*\.docx"/],
        // As a pattern it would match nothing, and so protect nothing.
        [["mirror", "--yes", "--exclude", "data\\keep", "src/", "dst"], /Write "data\/keep"/],
      ] as const
    ) {
      const ran = await dir.blit(...args);
      assertStatus(ran, 64);
      assert.match(ran.stderr, said);
    }
    assert.deepEqual(await dir.files(), before);
    const help = await dir.blit("copy", "/?");
    assertStatus(help, 0);
    assert.match(help.stdout, /blit copy \[OPTIONS\] SRC DST/);
    assertStatus(await dir.blit("mirror", "--yes", "--exclude", "data/keep", "src/", "dst"), 0);
    assert.deepEqual(await dir.files("dst"), { "data/keep": "1", f: "1" });
  },
);

windowsTest("a list of files has slashes of either kind", async (dir) => {
  await dir.write({ "src/a/b": "1", "src/c/d": "2", "src/e": "3", list: "a\\b\r\nc/d\r\n" });
  assertStatus(await dir.blit("copy", "--files-from", "list", "src/", "dst"), 0);
  assert.deepEqual(await dir.files("dst"), { "a/b": "1", "c/d": "2" });
  await Deno.writeFile(
    join(dir.path, "list"),
    Uint8Array.of(0xff, 0xfe, 0x61, 0, 0x0d, 0, 0x0a, 0),
  );
  const utf16 = await dir.blit("copy", "--files-from", "list", "src/", "dst");
  assertStatus(utf16, 64);
  assert.match(utf16.stderr, /UTF-16\. Write it as UTF-8/);
});
