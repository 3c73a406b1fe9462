/**
 * Somebody who swaps folders of a tree for links to elsewhere, as fast as they can.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import type { Scratch } from "./cli.ts";
import { sh } from "./loop_fs.ts";
import { smallFiles } from "./trees.ts";

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

/**
 * Runs `work` while the folders of a tree of {@link smallFiles} are swapped, and fails where anything outside was touched.
 *
 * @param victim the tree's folder
 */
export async function whileSwapped(
  dir: Scratch,
  victim: string,
  work: () => Promise<void>,
): Promise<void> {
  // The same names wait outside, so that a link that is followed does damage, or is seen in what was read.
  smallFiles(join(dir.path, "outside-tree"), 200);
  sh(
    `mv "$0/outside-tree/d00000" "$0/outside"; for f in "$0"/outside/*; do echo from outside > "$f"; done; touch -d 2020-01-01 "$0"/outside "$0"/outside/*`,
    dir.path,
  );
  const look = () =>
    sh(`find "$0" -printf '%p %i %T@ %C@ %s %m\\n' | sort`, join(dir.path, "outside"));
  const before = look();
  const words = ["-e", SWAP, victim, join(dir.path, "outside")];
  const swaps = new Deno.Command("perl", { args: words }).spawn();
  try {
    await work();
  } finally {
    swaps.kill("SIGKILL");
    await swaps.status;
  }
  assert.equal(look(), before, "something outside was touched");
}
