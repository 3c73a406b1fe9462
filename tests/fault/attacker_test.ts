/**
 * Somebody who swaps folders of the destination for links to elsewhere, as fast as they can.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import type { Scratch } from "../support/cli.ts";
import { sh, testOrSkip } from "../support/loop_fs.ts";
import { smallFiles } from "../support/trees.ts";

/** Perl that swaps each `ROOT/dNNNNN` for a link to a folder outside, and back, until it is ended. */
const SWAP = String.raw`
my ($root, $outside) = @ARGV; my $end = time + 60;
while (time < $end) {
  for my $path (glob("$root/d*")) {
    my $aside = $path; $aside =~ s{/d(\d+)$}{/aside$1};
    next if -l $path;
    rename($path, $aside) or next;
    symlink($outside, $path);
    select(undef, undef, undef, rand(0.004));
    unlink($path) if -l $path;
    rename($aside, $path);
  }
}`;

/** Runs `work` while the folders of `victim` are swapped, and fails where anything outside was touched. */
async function whileSwapped(dir: Scratch, victim: string, work: () => Promise<void>) {
  // The same names wait outside, so that a link that is followed does damage.
  smallFiles(join(dir.path, "outside-tree"), 200);
  sh(
    `mv "$0/outside-tree/d00000" "$0/outside"; touch -d 2020-01-01 "$0"/outside "$0"/outside/*`,
    dir.path,
  );
  const look = () =>
    sh(`find "$0" -printf '%p %i %T@ %C@ %s %m\\n' | sort`, join(dir.path, "outside"));
  const before = look();
  const words = ["-e", SWAP, join(dir.path, victim), join(dir.path, "outside")];
  const swaps = new Deno.Command("perl", { args: words }).spawn();
  try {
    await work();
  } finally {
    swaps.kill("SIGKILL");
    await swaps.status;
  }
  assert.equal(look(), before, "something outside was touched");
}

testOrSkip(
  "folders swapped for links while copy, mirror and rm work lead nothing outside",
  async (dir) => {
    smallFiles(join(dir.path, "src"), 4000);
    sh(
      `cp -a "$0/src" "$0/dst"; for f in "$0"/dst/*/f*[05]; do echo old > "$f"; done`,
      dir.path,
    );
    await whileSwapped(dir, "dst", async () => {
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
