/**
 * Somebody on the daemon's machine who swaps folders of the module for links to elsewhere while a client works in it.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { whileSwapped } from "../support/attacker.ts";
import { sh, testOrSkip } from "../support/loop_fs.ts";
import { served, WAYS } from "../support/served.ts";
import { smallFiles } from "../support/trees.ts";

testOrSkip(
  "folders swapped for links in a module while push, mirror, pull and rm work lead nothing outside",
  (dir) =>
    served(dir, WAYS[0], async ({ host, folder, blit }) => {
      const source = join(dir.path, "src");
      smallFiles(source, 2000);
      sh(`cp -a "$0" "$1/dst"; for f in "$1"/dst/*/f*5; do echo old > "$f"; done`, source, folder);
      await whileSwapped(dir, join(folder, "dst"), async () => {
        for (
          const words of [
            ["copy", "src/", `${host}:/m/dst`],
            ["mirror", "--yes", "--max-delete=all", "src/", `${host}:/m/dst`],
            ["mirror", "--yes", "--max-delete=all", `${host}:/m/dst/`, "back"],
            ["check", "src/", `${host}:/m/dst`],
            ["rm", "--yes", `${host}:/m/dst`],
          ]
        ) {
          const ran = await blit(...words, "-q");
          assert.ok(
            [0, 1, 2].includes(ran.status),
            `${words}: ${ran.status} ${ran.stderr.slice(0, 2000)}`,
          );
        }
      });
      // Nothing that waited behind the links was read either.
      const stolen = sh(`grep -rl 'from outside' "$0/back" || true`, dir.path);
      assert.equal(stolen, "");
    }),
);
