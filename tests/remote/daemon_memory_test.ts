/**
 * How much memory a daemon takes with many clients at once. `deno task bench:memory` measures the same with more.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { DAEMON_FLAGS } from "../../packaging/daemon_flags.ts";
import { transfer } from "../../src/app/transfer.ts";
import { defaultOptions } from "../../src/core/options.ts";
import { footprint } from "../support/footprint.ts";
import { testOn } from "../support/loop_fs.ts";
import { served, WAYS } from "../support/served.ts";
import { randomFile, smallFiles } from "../support/trees.ts";

const CLIENTS = 8;
const FILES = 1500;
const MOST_BYTES = 200 << 20;

testOn(
  { type: "tmpfs", sizeMiB: 800 },
  "a daemon stays below 200 MiB with eight clients at once",
  (dir) =>
    served(dir, WAYS[0], async ({ host, folder, daemon }) => {
      for (const base of [dir.path, folder]) {
        smallFiles(join(base, "tree"), FILES);
        randomFile(join(base, "tree/large"), 24);
      }
      const results = await Promise.all(Array.from({ length: CLIENTS }, (_, i) => {
        const [source, destination] = i % 2 === 0
          ? [join(dir.path, "tree/"), `${host}:/m/pushed-${i}`]
          : [`${host}:/m/tree/`, join(dir.path, `pulled-${i}`)];
        return transfer({
          source,
          destination,
          options: defaultOptions("copy"),
          cwd: dir.path,
          configDir: dir.configDir,
        });
      }));
      for (const { summary } of results) assert.equal(summary.filesTransferred, FILES + 1);
      const { peakBytes } = footprint(daemon.pid);
      assert.ok(peakBytes < MOST_BYTES, `${(peakBytes / 2 ** 20).toFixed(0)} MiB`);
    }),
);

Deno.test("the task that runs the daemon gives Deno the same flags as the compiled one", () => {
  const { tasks } = JSON.parse(Deno.readTextFileSync(new URL("../../deno.json", import.meta.url)));
  for (const flag of DAEMON_FLAGS) assert.ok(tasks.daemon.command.includes(` ${flag} `), flag);
});
