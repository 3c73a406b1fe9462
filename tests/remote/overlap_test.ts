/**
 * Trees inside each other, where only a daemon's side shows it.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import type { Scratch } from "../support/cli.ts";
import { assertStatus } from "../support/judges.ts";
import { testOrSkip } from "../support/loop_fs.ts";
import { type Served, served, WAYS } from "../support/served.ts";

/** Runs with the module's folder inside the folder `src`, which has few files, so that they are copied directly. */
function within(test: (there: Served, dir: Scratch) => Promise<void>) {
  return async (dir: Scratch) => {
    await dir.write({ "src/a": "1", "src/m/b": "2", "src/m/m/c": "3", "src/m/sub/d": "4" });
    await served(dir, WAYS[0], (there) => test(there, dir), { folder: join(dir.path, "src/m") });
  };
}

const SOURCE_INSIDE = /overlap: the source is inside the destination/;
const DESTINATION_INSIDE = /overlap: the destination is inside the source/;

testOrSkip(
  "a daemon of this machine that serves what is inside the source, or holds it, is refused",
  within(async ({ host, blit }, dir) => {
    const cases: readonly [string, RegExp, ...string[]][] = [
      ["copy", DESTINATION_INSIDE, "src/", `${host}:/m/x`],
      ["copy", DESTINATION_INSIDE, "src/", `${host}:/m`],
      ["mirror", DESTINATION_INSIDE, "src/", `${host}:/m/sub`],
      ["move", DESTINATION_INSIDE, "src/", `${host}:/m/x`],
      ["copy", DESTINATION_INSIDE, `${host}:/m/`, "src/m/sub"],
      ["copy", DESTINATION_INSIDE, `${host}:/m/`, "src/m/new"],
      ["mirror", DESTINATION_INSIDE, `${host}:/m/`, "src/m/sub"],
      ["mirror", SOURCE_INSIDE, "src/m/sub/", `${host}:/m`],
      ["mirror", SOURCE_INSIDE, `${host}:/m/`, "src"],
      // `m` of the module would be the module itself.
      ["copy", SOURCE_INSIDE, `${host}:/m/`, "src"],
    ];
    for (const [mode, why, ...places] of cases) {
      const ran = await blit(mode, ...mode === "copy" ? [] : ["--yes"], ...places);
      assertStatus(ran, 1);
      assert.match(ran.stderr, why, places.join(" "));
      const kept = [["src/m/b", "2"], ["src/m/m/c", "3"], ["src/m/sub/d", "4"]];
      for (const [path, text] of kept) {
        assert.equal(await Deno.readTextFile(join(dir.path, path)), text, places.join(" "));
      }
    }
  }),
);

testOrSkip(
  "up and down a level within a module of this machine is copied where nothing lands on itself",
  within(async ({ host, blit }, dir) => {
    assertStatus(await blit("copy", "src/m/sub/", `${host}:/m`), 0);
    assertStatus(await blit("copy", `${host}:/m/sub/`, "src/m"), 0);
    assert.equal(await Deno.readTextFile(join(dir.path, "src/m/d")), "4");
    assertStatus(await blit("check", "src/", `${host}:/m/`), 1);
  }),
);
