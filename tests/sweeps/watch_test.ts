/**
 * What the sweeps watch with must see what it is there for.
 *
 * @module
 */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { need, needsPrograms, needsRoot, sh, testOrSkip } from "../support/loop_fs.ts";
import { until } from "../support/judges.ts";
import { Outside, swappable } from "../support/swapper.ts";

testOrSkip("whoever follows a swapped link, and only they, is seen", async (dir) => {
  need(needsRoot() ?? needsPrograms("perl"));
  const outside = new Outside(dir.path);
  swappable(join(dir.path, "tree"));
  const quiet = await outside.whileSwapped([join(dir.path, "tree")], null, () => {
    sh(`for i in $(seq 20); do find "$0" > /dev/null 2>&1 || true; done`, join(dir.path, "tree"));
    return Promise.resolve();
  });
  assert.ok(quiet.swaps > 0);
  assert.equal(quiet.touched, "");
  const gone = join(dir.path, "gone");
  const others = await outside.whileSwapped([join(dir.path, "tree")], null, async () => {
    sh(STRANGER, outside.path, gone);
    await until(() => existsSync(gone));
  });
  assert.equal(others.touched, "", "somebody else looked");
  for (const follow of ["cat f1", "ls sub", "echo x > f2", "rm f3", "touch f4", "chmod 0600 f5"]) {
    const seen = await outside.whileSwapped([join(dir.path, "tree")], null, () => {
      sh(`cd "$0"; ${follow}`, outside.path);
      return Promise.resolve();
    });
    assert.notEqual(seen.touched, "", follow);
  }
});

/** A process that isn't a descendant of this one once it looks. */
const STRANGER =
  `( while test -d /proc/$$; do sleep 0.01; done; ls "$0/sub"; touch "$1" ) > /dev/null 2>&1 &`;
