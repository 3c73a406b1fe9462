/**
 * Whole runs against a daemon of its own process: push, pull, mirror, move, check, over every way that content can go,
 * judged by rsync.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import {
  assertMtreeAgrees,
  assertNothingStaged,
  assertRsyncFindsNothing,
  assertStatus,
} from "../support/judges.ts";
import type { Ran } from "../support/cli.ts";
import { sh, testOrSkip } from "../support/loop_fs.ts";
import { served, type Way, WAYS } from "../support/served.ts";
import { richTree } from "../support/trees.ts";

for (const way of WAYS) {
  testOrSkip(
    `push and pull keep everything over ${way.name}`,
    (dir) =>
      served(dir, way, async ({ host, folder, blit }) => {
        const source = join(dir.path, "src");
        richTree(source);
        for (const isFirst of [true, false]) {
          const pushed = await blit("mirror", "--yes", "--json", "src/", `${host}:/m/copy`);
          assertStatus(pushed, 0);
          const { files_transferred, metadata_updated, transport, warnings } = pushed.json();
          if (isFirst) {
            assert.ok(files_transferred > 50);
            assert.equal(transport, way.transport);
            // Content that doesn't go over the data plane is said, once.
            assert.equal(warnings.length, way.transport === "control_plane" ? 1 : 0);
          } else assert.deepEqual([files_transferred, metadata_updated], [0, 0]);
          assertRsyncFindsNothing(source, join(folder, "copy"));
          assertMtreeAgrees(source, join(folder, "copy"));
        }
        for (const isFirst of [true, false]) {
          const pulled = await blit("mirror", "--yes", "--json", `${host}:/m/copy/`, "back");
          assertStatus(pulled, 0);
          const { files_transferred, metadata_updated, transport } = pulled.json();
          if (isFirst) {
            assert.ok(files_transferred > 50);
            assert.equal(transport, way.transport);
          } else assert.deepEqual([files_transferred, metadata_updated], [0, 0]);
          assertRsyncFindsNothing(source, join(dir.path, "back"));
          assertMtreeAgrees(source, join(dir.path, "back"));
        }
        assertStatus(await blit("check", "src/", `${host}:/m/copy`), 0);
        sh(`printf changed > "$0/copy/plain/file"`, folder);
        assertStatus(await blit("check", "src/", `${host}:/m/copy`), 1);
        assertNothingStaged(dir.path);
      }),
  );
}

const WITHOUT_NATIVE: Way = {
  name: "a client without the native library",
  env: { BLIT_NO_NATIVE: "1" },
  transport: "control_plane",
};

testOrSkip(
  "a client without the native library pushes and pulls through the control plane",
  (dir) =>
    served(dir, WITHOUT_NATIVE, async ({ host, folder, blit }) => {
      await dir.write({ "src/a": "1", "src/sub/b": "2", "src/empty/": "", "src/link": "-> a" });
      sh(`head -c 3000000 /dev/urandom > "$0/src/large"`, dir.path);
      // Its times are of milliseconds.
      sh(`find "$0/src" -depth -exec touch -h -d 2024-05-06T07:08:09.125 {} +`, dir.path);
      const pushed = await blit("mirror", "--yes", "--json", "src/", `${host}:/m/copy`);
      assertStatus(pushed, 0);
      assert.equal(pushed.json().transport, "control_plane");
      assertRsyncFindsNothing(join(dir.path, "src"), join(folder, "copy"));
      assertStatus(await blit("mirror", "--yes", `${host}:/m/copy/`, "back"), 0);
      assertRsyncFindsNothing(join(dir.path, "src"), join(dir.path, "back"));
      assertStatus(await blit("check", "src/", `${host}:/m/copy`), 0);
    }),
);

testOrSkip(
  "the destination rule is the same with a daemon on either side",
  (dir) =>
    served(dir, WAYS[0], async ({ host, blit }) => {
      await dir.write({ "src/a": "1", "file": "f" });
      for (let i = 0; i < 2; i++) {
        assertStatus(await blit("copy", "src", `${host}:/m/new`), 0);
        assertStatus(await blit("copy", "file", `${host}:/m/new/`), 0);
        assertStatus(await blit("copy", "file", `${host}:/m/renamed`), 0);
        assertStatus(await blit("copy", `${host}:/m/new`, "got"), 0);
        assertStatus(await blit("copy", `${host}:/m/new/file`, "got"), 0);
        assertStatus(await blit("copy", `${host}:/m/`, "all"), 0);
        assert.deepEqual(await dir.files("served"), {
          "new/src/a": "1",
          "new/file": "f",
          renamed: "f",
        });
        assert.deepEqual(await dir.files("got"), { "new/src/a": "1", "new/file": "f", file: "f" });
        assert.deepEqual(await dir.files("all"), await dir.files("served"));
      }
      assertStatus(await blit("copy", "src", `${host}:/m/renamed`), 1);
      assertStatus(await blit("copy", `${host}:/m/nothing`, "x"), 1);
      assertStatus(await blit("copy", `${host}:/none/x`, "x"), 1);
    }),
);

testOrSkip(
  "a mirror deletes at the daemon what the source doesn't have, within its limits",
  (dir) =>
    served(dir, WAYS[0], async ({ host, blit }) => {
      await dir.write({ "src/a": "1", "served/d/a": "1", "served/d/old/b": "2", "empty/": "" });
      const dry = await blit("mirror", "--dry-run", "src/", `${host}:/m/d`);
      assertStatus(dry, 0);
      assert.match(dry.stdout, /delete +old\/b/);
      assert.deepEqual(await dir.files("served/d"), { a: "1", "old/b": "2" });
      assertStatus(await blit("mirror", "--yes", "empty/", `${host}:/m/d`), 1);
      assertStatus(await blit("mirror", "--yes", "--max-delete", "1", "src/", `${host}:/m/d`), 1);
      assert.deepEqual(await dir.files("served/d"), { a: "1", "old/b": "2" });
      assertStatus(await blit("mirror", "--yes", "src/", `${host}:/m/d`), 0);
      assert.deepEqual(await dir.files("served/d"), { a: "1" });
    }),
);

testOrSkip(
  "a move to and from a daemon leaves nothing behind, and removes only what it verified",
  (dir) =>
    served(dir, WAYS[1], async ({ host, blit }) => {
      await dir.write({ "src/a": "1", "src/sub/b": "2", "src/link": "-> a" });
      const files = await dir.files("src");
      assertStatus(await blit("move", "--yes", "src", `${host}:/m/there`), 0);
      assert.deepEqual(await dir.files("served/there/src"), files);
      assert.deepEqual(await dir.files("."), { ...withPrefix("served/there/src/", files) });
      assertStatus(await blit("move", "--yes", `${host}:/m/there/src`, "."), 0);
      assert.deepEqual(await dir.files("src"), files);
      assert.deepEqual(await dir.files("served"), { "there/": "" });
      // Within one module it is renamed: the inode stays.
      await dir.write({ "served/x/file": "1" });
      const { ino } = await Deno.stat(join(dir.path, "served/x/file"));
      assertStatus(await blit("move", "--yes", `${host}:/m/x/`, `${host}:/m/y`), 0);
      assert.equal((await Deno.stat(join(dir.path, "served/y/file"))).ino, ino);
    }),
);

testOrSkip(
  "places of one module that overlap are refused",
  (dir) =>
    served(dir, WAYS[0], async ({ host, blit }) => {
      await dir.write({ "served/a/b/c": "1" });
      for (
        const [source, destination] of [["a/", "a"], ["a/", "a/b"], ["", "a"], ["a/b/", "a"]]
      ) {
        const ran = await blit(
          "mirror",
          "--yes",
          `${host}:/m/${source}`,
          `${host}:/m/${destination}`,
        );
        assertStatus(ran, 1);
        assert.match(ran.stderr, /overlap|same directory/);
      }
      // By another name it is the same folder.
      const ran = await blit("mirror", "--yes", "served/a/", `${host}:/m/a`);
      assertStatus(ran, 1);
      assert.match(ran.stderr, /same directory/);
      assert.deepEqual(await dir.files("served"), { "a/b/c": "1" });
    }),
);

testOrSkip(
  "a copy within a daemon stays there, whatever is in it",
  (dir) =>
    served(dir, WAYS[0], async ({ host, folder, blit }) => {
      richTree(join(folder, "a"));
      const ran = await blit("mirror", "--yes", "--json", `${host}:/m/a/`, `${host}:/m/b`);
      assertStatus(ran, 0);
      assert.ok(!Object.keys(ran.json().copy_methods).some((method) => method.endsWith("_plane")));
      assertRsyncFindsNothing(join(folder, "a"), join(folder, "b"));
      assertMtreeAgrees(join(folder, "a"), join(folder, "b"));
      assertStatus(await blit("check", `${host}:/m/a/`, `${host}:/m/b`), 0);
    }),
);

testOrSkip(
  "between two modules of a daemon content stays there, by whichever name it is called",
  (dir) => {
    const at = (name: string) => join(dir.path, "served", name);
    for (const name of ["a", "b", "untrusting"]) Deno.mkdirSync(at(name), { recursive: true });
    const modules = [
      { name: "a", path: at("a"), trustMetadata: true },
      { name: "b", path: at("b"), trustMetadata: true },
      { name: "fixed", path: at("a"), readOnly: true, trustMetadata: true },
      { name: "untrusting", path: at("untrusting") },
    ];
    return served(dir, WAYS[0], async ({ host, blit }) => {
      richTree(at("a/x"));
      sh(`cp -a "$0/x" "$0/kept"`, at("a"));
      const stayed = (ran: Ran) =>
        !Object.keys(ran.json().copy_methods).some((method) => method.endsWith("_plane"));
      const ran = await blit("mirror", "--yes", "--json", `${host}:/a/x/`, `${host}:/b/x`);
      assertStatus(ran, 0);
      assert.ok(stayed(ran), ran.stdout);
      assertRsyncFindsNothing(at("a/x"), at("b/x"));
      assertMtreeAgrees(at("a/x"), at("b/x"));
      sh(`rm -r "$0/x"`, at("b"));
      const inode = Deno.statSync(at("a/x/plain/file")).ino;
      const moved = await blit("move", "--yes", "--json", `${host}:/a/x`, `${host}:/b`);
      assertStatus(moved, 0);
      assert.equal(Deno.statSync(at("b/x/plain/file")).ino, inode);
      assertMtreeAgrees(at("a/kept"), at("b/x"));
      // Nothing goes away where the rights don't allow it, and nothing privileged comes where nobody is trusted.
      const kept = await blit("move", "--yes", `${host}:/fixed/kept`, `${host}:/b`);
      assertStatus(kept, 1);
      assert.match(kept.stderr, /read-only/);
      assert.ok(Deno.statSync(at("a/kept/plain/file")).isFile);
      const plain = await blit("copy", "--json", `${host}:/a/kept/modes`, `${host}:/untrusting`);
      assert.ok([0, 2].includes(plain.status), plain.stderr);
      assert.equal(sh(`find "$0" -perm /6000 -type f`, at("untrusting")), "");
    }, { config: { modules } });
  },
);

testOrSkip(
  "modules that lie in each other are found out before anything is deleted",
  (dir) => {
    const outer = join(dir.path, "served"), inner = join(outer, "x/inner");
    Deno.mkdirSync(inner, { recursive: true });
    const modules = [{ name: "outer", path: outer }, { name: "inner", path: inner }];
    return served(dir, WAYS[0], async ({ host, blit }) => {
      await dir.write({ "served/x/inner/a": "1", "served/x/b": "2", "served/inner/c": "3" });
      const before = await dir.files("served");
      const places = [["inner/", "outer"], ["outer/", "inner"]];
      for (const [source, destination] of places) {
        const words = [`${host}:/${source}`, `${host}:/${destination}`];
        const ran = await blit("mirror", "--yes", "--max-delete", "all", ...words);
        assertStatus(ran, 1);
        assert.match(ran.stderr, /overlap/);
        for (const [path, text] of Object.entries(before)) {
          assert.equal(Deno.readTextFileSync(join(outer, path)), text);
        }
      }
    }, { config: { modules } });
  },
);

function withPrefix(prefix: string, files: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(files).map(([path, text]) => [prefix + path, text]));
}
