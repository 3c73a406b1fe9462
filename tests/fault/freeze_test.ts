/**
 * A file system that stops answering.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { assertNothingStaged, assertRsyncFindsNothing, assertStatus } from "../support/judges.ts";
import { need, needsPrograms, onMount, sh, testOrSkip } from "../support/loop_fs.ts";
import { smallFiles } from "../support/trees.ts";

for (const target of ["dst", "new"]) {
  testOrSkip(
    `a frozen destination (${target}) ends the run after 10 s and says where`,
    async (outside) => {
      need(needsPrograms("fsfreeze"));
      smallFiles(join(outside.path, "src"), 2000);
      await onMount({ type: "ext4", sizeMiB: 60 }, outside, async (dir, mountPoint) => {
        await dir.write({ "dst/old": "x" });
        const start = performance.now();
        // Without a thaw of its own the test would leave a file system that nobody can take away.
        const thaw = setTimeout(() => sh(`fsfreeze --unfreeze "$0"`, mountPoint), 30_000);
        sh(`fsfreeze --freeze "$0"`, mountPoint);
        const child = outside.spawn({}, "mirror", "--yes", "src/", join(dir.path, target));
        await child.stdin.close();
        const stdout = new Response(child.stdout).text();
        let saidMs = 0, said = "";
        const stderr = (async () => {
          for await (const piece of child.stderr.pipeThrough(new TextDecoderStream())) {
            said += piece;
            if (saidMs === 0 && said.includes("Stalled")) saidMs = performance.now() - start;
          }
        })();
        // The kernel ends no thread that waits for the thaw: it comes once the message was seen.
        const end = start + 25_000;
        while (saidMs === 0 && performance.now() < end) await new Promise((r) => setTimeout(r, 50));
        await new Promise((resolve) => setTimeout(resolve, 1500));
        clearTimeout(thaw);
        const thawed = performance.now();
        sh(`fsfreeze --unfreeze "$0"`, mountPoint);
        const { code } = await child.status;
        await Promise.all([stderr, stdout]);
        assert.equal(code, 1, said);
        assert.ok(saidMs > 9000 && saidMs < 14_000, `${saidMs} ms: ${said}`);
        assert.match(
          said,
          /Stalled (in phase \w+: no progress for \d+ s at "[^"]*"|at the start).*Check the disk/s,
        );
        assert.ok(performance.now() - thawed < 2000, "the process ends with the thaw");
        assertStatus(await outside.blit("mirror", "--yes", "src/", join(dir.path, target)), 0);
        assertRsyncFindsNothing(join(outside.path, "src"), join(dir.path, target));
        assertNothingStaged(dir.path);
      });
    },
  );
}
