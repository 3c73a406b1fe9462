/**
 * blit as a user without rights.
 *
 * @module
 */
import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Ran, Scratch } from "../support/cli.ts";
import { assertStatus } from "../support/judges.ts";
import { need, needsPrograms, needsRoot, sh, testOrSkip } from "../support/loop_fs.ts";

const NOBODY = 65534;
const REPO = fileURLToPath(new URL("../../", import.meta.url));

/** Makes a copy of blit and Deno that anybody may run, and runs it as nobody in the scratch folder. */
function asNobody(dir: Scratch): (...args: string[]) => Ran {
  need(needsRoot());
  need(needsPrograms("setpriv"));
  const place = join(dirname(dir.path), "installed");
  sh(
    `set -e; mkdir -p "$0/ffi/target/release" "$0/home" "$0/cache"
    cp "$2" "$0/deno"; cd "$1"; cp -r cli.ts src deno.json deno.lock "$0/"
    cp ffi/target/release/libblit_native.* "$0/ffi/target/release/"
    cp -r "$3/npm" "$0/cache/"; chown -R ${NOBODY} "$0/home" "$0/cache" "$4"; chmod -R a+rX "$0"
    chmod 755 "$0/.." "$4"`,
    place,
    REPO,
    Deno.execPath(),
    dir.env().DENO_DIR,
    dir.path,
  );
  return (...args) => {
    const { code, stdout, stderr } = new Deno.Command("setpriv", {
      args: [
        ...[`--reuid=${NOBODY}`, `--regid=${NOBODY}`, "--clear-groups", join(place, "deno")],
        ...["run", "-A", "--no-check", join(place, "cli.ts"), ...args],
      ],
      cwd: dir.path,
      clearEnv: true,
      env: {
        PATH: "/usr/bin:/bin",
        HOME: join(place, "home"),
        DENO_DIR: join(place, "cache"),
        DENO_NO_UPDATE_CHECK: "1",
      },
    }).outputSync();
    const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
    return {
      status: code,
      stdout: text(stdout),
      stderr: text(stderr),
      json: () => JSON.parse(text(stdout)),
    };
  };
}

testOrSkip(
  "a folder that nobody may read protects what is below it, and only that",
  async (dir) => {
    await dir.write({
      "src/open/a": "x",
      "src/shut/b": "new",
      "src/shut/deep/c": "x",
      "src/unreadable": "new",
      "dst/open/gone": "x",
      "dst/shut/old": "x",
      "dst/shut/deep/old": "x",
      "dst/unreadable": "old",
      "dst/gone/x": "x",
    });
    const blit = asNobody(dir);
    // Root's own, so that its mode holds for nobody.
    sh(`cd "$0"; chown -R 0 src; chmod 700 src/shut; chmod 600 src/unreadable`, dir.path);
    const look = blit("ls", "src/shut");
    assertStatus(look, 1);
    assert.match(
      look.stderr,
      /Cannot .*shut": Permission denied \(EACCES\)\. Run as its owner\.\n$/,
    );
    const ran = blit("mirror", "--yes", "--json", "src/", "dst");
    assertStatus(ran, 2);
    assert.deepEqual(
      ran.json().failures.map(({ path, kind }: Record<string, string>) => [path, kind]).sort(),
      [
        ["shut", "permission"],
        ["unreadable", "permission"],
      ],
    );
    assert.deepEqual(await dir.files("dst"), {
      "open/a": "x",
      "shut/deep/old": "x",
      "shut/old": "x",
      unreadable: "old",
    });
    const text = blit("mirror", "--yes", "src/", "dst");
    assert.match(text.stderr, /Cannot \w+ "[^"]*src\/shut": Permission denied \(EACCES\)\. [A-Z]/);
  },
);

testOrSkip(
  "read-only folders are mirrored, changed and emptied; set-id bits and owners are left out",
  async (dir) => {
    await dir.write({ "src/ro/sub/a": "1", "src/ro/b": "1", "src/suid": "x", "src/locked/": "" });
    const blit = asNobody(dir);
    sh(
      `cd "$0"; chown 0:0 src/suid; chmod 6755 src/suid; chmod 0555 src/ro/sub src/ro; chmod 0111 src/locked`,
      dir.path,
    );
    sh(`rmdir "$0/src/locked"`, dir.path);
    assertStatus(blit("mirror", "--yes", "src/", "dst"), 0);
    assert.equal(
      sh(`stat -c '%a %u' "$0/dst/ro" "$0/dst/ro/sub" "$0/dst/suid"`, dir.path),
      `555 ${NOBODY}\n555 ${NOBODY}\n755 ${NOBODY}\n`,
    );
    const again = blit("mirror", "--yes", "--json", "src/", "dst");
    assertStatus(again, 0);
    assert.deepEqual([again.json().files_transferred, again.json().metadata_updated], [0, 0]);
    sh(`cd "$0/src/ro"; echo 2 > b; echo 3 > sub/c; rm -f sub/a`, dir.path);
    assertStatus(blit("mirror", "--yes", "src/", "dst"), 0);
    assert.deepEqual(await dir.files("dst"), { "ro/b": "2\n", "ro/sub/c": "3\n", suid: "x" });
    assert.equal(sh(`stat -c %a "$0/dst/ro" "$0/dst/ro/sub"`, dir.path), "555\n555\n");
  },
);

testOrSkip(
  "what a user gave read-only files and folders besides their content is mended as anything else",
  async (dir) => {
    need(needsPrograms("setfattr", "getfattr"));
    await dir.write({ "src/ro/file": "x" });
    const blit = asNobody(dir);
    const give = (changes: string) =>
      sh(
        `cd "$0/src"; chmod 755 ro; chmod 644 ro/file; for name in ro ro/file; do ${changes}; done; chmod 444 ro/file; chmod 555 ro`,
        dir.path,
      );
    const mirror = () => assertStatus(blit("mirror", "--yes", "--checksum", "src/", "dst"), 0);
    give(`setfattr -n user.kept -v 1 $name; setfattr -n user.gone -v 1 $name`);
    mirror();
    give(
      `setfattr -n user.kept -v 2 $name; setfattr -x user.gone $name`,
    );
    mirror();
    const look = (place: string) =>
      sh(`cd "$0/${place}"; getfattr -d ro ro/file; stat -c '%n %a' ro ro/file`, dir.path);
    assert.match(look("dst"), /user\.kept="2"/);
    assert.equal(look("dst"), look("src"));
  },
);

testOrSkip(
  "devices are reported and the rest is copied, and a destination of somebody else's is refused by name",
  async (dir) => {
    await dir.write({ "src/a": "x", "theirs/": "" });
    const blit = asNobody(dir);
    sh(`cd "$0"; mknod src/null c 1 3; chown 0 theirs; chmod 755 theirs`, dir.path);
    const ran = blit("mirror", "--yes", "--json", "src/", "dst");
    assertStatus(ran, 2);
    assert.equal(ran.json().failures[0].path, "null");
    assert.deepEqual(await dir.files("dst"), { a: "x" });
    const refused = blit("mirror", "--yes", "src/", "theirs/new");
    assertStatus(refused, 1);
    assert.match(refused.stderr, /Cannot \w+.*theirs.*Permission denied/);
  },
);
