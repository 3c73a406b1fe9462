/**
 * docs/daemon.md has the lines of the daemon's log as the code writes them.
 *
 * @module
 */
import assert from "node:assert/strict";
import { ROOT } from "./blocks.ts";

/** Lines of the code from `info` on, with their level, as they stand there. */
function logged(): Set<string> {
  const found = new Set<string>();
  for (const folder of ["src/daemon/", "src/rpc/service/"]) {
    for (const { name } of Deno.readDirSync(new URL(folder, ROOT))) {
      if (!name.endsWith(".ts") || name.endsWith("_test.ts")) continue;
      const text = Deno.readTextFileSync(new URL(folder + name, ROOT));
      for (
        const [, level, , line] of text.matchAll(
          /[lL]og(?:\(\))?\.(info|warn|error)\(\s*(["`])(.*?)\2/g,
        )
      ) {
        found.add(`${level === "warn" ? "warning" : level} ${line}`);
      }
    }
  }
  return found;
}

Deno.test("every line that the daemon logs from info on is in docs/daemon.md, and none besides", () => {
  const page = Deno.readTextFileSync(new URL("docs/daemon.md", ROOT));
  const shown = [...page.matchAll(/^\| (info|warning|error) +\| `(.+?)` +\|/gm)]
    .map(([, level, line]) => `${level} ${line}`);
  // The two parts that are put together there.
  const known = [...logged()].map((line) =>
    line.replace("${by}", " by {user}").replace("${on}", "module {module}")
  );
  assert.ok(known.length > 12, `${known.length}`);
  assert.deepEqual(shown.sort(), known.sort());
});
