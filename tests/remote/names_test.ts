/**
 * Names that other tools trip over, through a daemon and back, by every route; and places that are mistyped.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { assertRsyncFindsNothing, assertStatus } from "../support/judges.ts";
import { EVERY_FS, sh, testOn, testOrSkip } from "../support/loop_fs.ts";
import { served, WAYS } from "../support/served.ts";
import { deepTree } from "../support/trees.ts";

for (const way of [WAYS[0], WAYS[2]]) {
  testOn(
    EVERY_FS[0],
    `every name and paths of 4,200 bytes survive ${way.name}`,
    (dir) =>
      served(dir, way, async ({ host, folder, blit }) => {
        deepTree(join(dir.path, "src/deep"));
        sh(
          String
            .raw`cd "$0/src"; echo x > $'new\nline'; echo x > $'\xff\xfe'; mkdir $'\xe9'; echo x > $'\xe9/\x80'
        echo x > 'a\b'; echo x > 'a..b'; echo x > 'nas:9031'; echo x > "$(printf '%0255d' 0)"; echo x > $'\e[31m'
        echo x > $'\xf0\x9f\x98\x80'; echo x > $'\xef\xbf\xbf'; echo x > ' '; echo x > -r`,
          dir.path,
        );
        assertStatus(await blit("mirror", "--yes", "src/", `${host}:/m/there`), 0);
        assertSame(join(dir.path, "src"), join(folder, "there"));
        assertStatus(await blit("mirror", "--yes", `${host}:/m/there/`, "back"), 0);
        assertSame(join(dir.path, "src"), join(dir.path, "back"));
        const again = await blit("mirror", "--yes", "--json", "src/", `${host}:/m/there`);
        assertStatus(again, 0);
        const { files_transferred, entries_deleted } = again.json();
        assert.deepEqual([files_transferred, entries_deleted], [0, 0]);
      }),
  );
}

testOrSkip(
  "a mistyped place is an error that says how it is written, never a local folder",
  (dir) =>
    served(dir, WAYS[0], async ({ host, blit }) => {
      await dir.write({ "src/a": "1" });
      for (const place of [`${host}//x`, `${host}:m/x`, `${host}:\\m\\x`, `${host}/m`, "nas//x"]) {
        const ran = await blit("copy", "src/", place);
        assert.ok(ran.status !== 0, `${place}: ${ran.stdout}`);
        assert.match(ran.stderr, /"[^"]+"/);
      }
      const unknown = await blit("copy", "src/", `${host}:/M/x`);
      assertStatus(unknown, 1);
      assert.deepEqual(Object.keys(await dir.files(".")), ["served/", "src/a"]);
    }),
);

/** rsync takes no path of that length: there find must say the same of both. */
function assertSame(source: string, destination: string): void {
  assertRsyncFindsNothing(source, destination, "--exclude=/deep");
  const look = (path: string) =>
    sh(`cd "$0"; find deep -printf '%P %y %m %T@ %s %l\\n' | sort`, path);
  assert.equal(look(destination), look(source));
}
