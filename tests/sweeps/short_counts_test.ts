/**
 * Calls that move less than they were asked for.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { assertRsyncFindsNothing, assertStatus } from "../support/judges.ts";
import { testOrSkip } from "../support/loop_fs.ts";
import { served, WAYS } from "../support/served.ts";
import { buildShortener, SHORT_COUNT, shortening } from "../support/short_counts.ts";
import { readCalls } from "../support/strace.ts";
import { randomFile } from "../support/trees.ts";

testOrSkip("a read, a write and a copied range that move 7 bytes are gone on with", async (dir) => {
  await dir.write({ "src/small": "some content\n" });
  randomFile(join(dir.path, "src/large"), 3);
  const home = dir.env().HOME;
  const [log, program] = [join(home, "calls.log"), buildShortener(home)];
  const seen = new Set<string>();
  for (const call of ["pread64", "pwrite64", "copy_file_range"]) {
    const injection = { call, number: 1, effect: SHORT_COUNT };
    const wrapper = shortening(program, log, injection, [dir.path]);
    assertStatus(await dir.blitWith({ wrapper }, "copy", "src/", call), 0);
    assertRsyncFindsNothing(join(dir.path, "src"), join(dir.path, call));
    for (const { name, text, isInjected } of readCalls(await Deno.readTextFile(log))) {
      assert.ok(isInjected && /, [1-7] of \d+\) = [1-7] /.test(text), text);
      seen.add(name);
    }
  }
  assert.deepEqual([...seen].sort(), ["copy_file_range", "pread64", "pwrite64"]);
});

testOrSkip(
  "a daemon's first words may come in pieces while TLS is tried",
  (dir) =>
    served(dir, WAYS[0], async ({ host, folder, daemon }) => {
      await dir.write({ "src/a": "some content\n" });
      const home = dir.env().HOME;
      const log = join(home, "calls.log");
      const injection = { call: "recvfrom", number: 1, effect: SHORT_COUNT };
      const wrapper = shortening(buildShortener(home), log, injection, [`:${daemon.ready.port}`]);
      assertStatus(await dir.blitWith({ wrapper }, "copy", "src/", `${host}:/m/dst`), 0);
      assertRsyncFindsNothing(join(dir.path, "src"), join(folder, "dst"));
      assert.ok(readCalls(await Deno.readTextFile(log)).some(({ isInjected }) => isInjected));
    }),
);
