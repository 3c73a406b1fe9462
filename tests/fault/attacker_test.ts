/**
 * Somebody who swaps folders of the destination for links to elsewhere, as fast as they can.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { whileSwapped } from "../support/attacker.ts";
import { sh, testOrSkip } from "../support/loop_fs.ts";
import { smallFiles } from "../support/trees.ts";

testOrSkip(
  "folders swapped for links while copy, mirror and rm work lead nothing outside",
  async (dir) => {
    smallFiles(join(dir.path, "src"), 4000);
    sh(
      `cp -a "$0/src" "$0/dst"; for f in "$0"/dst/*/f*[05]; do echo old > "$f"; done`,
      dir.path,
    );
    await whileSwapped(dir, join(dir.path, "dst"), async () => {
      for (let i = 0; i < 4; i++) {
        sh(`find "$0" -name 'f*5' -exec touch {} + 2>/dev/null || true`, join(dir.path, "src"));
        for (
          const [command, options] of [["copy", []], ["mirror", [
            "--yes",
            "--max-delete=all",
          ]]] as const
        ) {
          const ran = await dir.blit(command, ...options, "-q", "src/", "dst");
          assert.ok(
            [0, 2].includes(ran.status),
            `${command}: ${ran.status} ${ran.stderr.slice(0, 2000)}`,
          );
        }
      }
      const removed = await dir.blit("rm", "--yes", "-q", "dst");
      assert.ok([0, 1, 2].includes(removed.status), removed.stderr);
    });
  },
);
