/**
 * A tree of this machine as it is, pushed to a daemon; a source that changes while it is sent.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { assertNothingStaged, assertRsyncFindsNothing, assertStatus } from "../support/judges.ts";
import { CannotRun, sh, testOn, testOrSkip } from "../support/loop_fs.ts";
import { served, WAYS } from "../support/served.ts";
import { smallFiles } from "../support/trees.ts";

/** Entries of the real tree that are taken, about. */
const ENTRIES = 20_000;

testOn(
  { type: "tmpfs", sizeMiB: 2500 },
  "a real tree comes to a daemon as it is, and a second mirror does nothing",
  (dir) =>
    served(dir, WAYS[0], async ({ host, folder, blit }) => {
      const source = join(dir.path, "src");
      sh(
        `mkdir "$0"; cd /usr/share; find . -mindepth 1 -maxdepth 1 | sort | while read -r d; do
         [ "$(find "$0" | wc -l)" -gt ${ENTRIES} ] && break; cp -a "$d" "$0"; done`,
        source,
      );
      if (Number(sh(`find "$0" | wc -l`, source)) < 1000) {
        throw new CannotRun("/usr/share is small");
      }
      const words = ["mirror", "--yes", "--json", "src/", `${host}:/m/dst`];
      assertStatus(await blit(...words), 0);
      assertRsyncFindsNothing(source, join(folder, "dst"));
      const again = await blit(...words);
      assertStatus(again, 0);
      const { files_transferred, metadata_updated, entries_deleted, links_made } = again.json();
      assert.deepEqual([files_transferred, metadata_updated, entries_deleted, links_made], [
        0,
        0,
        0,
        0,
      ]);
    }),
);

/** Perl that grows, cuts, removes and makes files below a folder until it is ended. */
const CHURN = String.raw`
my ($root) = @ARGV; my $end = time + 60; my $n = 0;
while (time < $end) {
  my $d = sprintf("%s/d%05d", $root, int(rand(8)));
  my $f = "$d/f" . int(rand(1600));
  my $what = int(rand(4));
  if ($what == 0) { if (open(my $h, ">>", $f)) { print $h "x" x int(rand(3000000)); } }
  elsif ($what == 1) { truncate($f, int(rand(10))); }
  elsif ($what == 2) { unlink($f); }
  else { if (open(my $h, ">", "$d/new" . $n++)) { print $h "new"; } }
  select(undef, undef, undef, 0.002);
}`;

for (const direction of ["push", "pull"] as const) {
  testOrSkip(
    `a ${direction} of files that grow, shrink and vanish ends, and then converges`,
    (dir) =>
      served(dir, WAYS[0], async ({ host, folder, blit }) => {
        const [source, destination] = direction === "push"
          ? [join(dir.path, "src"), join(folder, "dst")]
          : [join(folder, "src"), join(dir.path, "dst")];
        const places = direction === "push"
          ? ["src/", `${host}:/m/dst`]
          : [`${host}:/m/src/`, "dst"];
        smallFiles(source, 1600);
        const churn = new Deno.Command("perl", { args: ["-e", CHURN, source] }).spawn();
        try {
          for (let i = 0; i < 2; i++) {
            const ran = await blit("mirror", "--yes", "--max-delete=all", "--json", ...places);
            assert.ok(
              [0, 2].includes(ran.status),
              ran.stdout.slice(0, 3000) + ran.stderr.slice(0, 3000),
            );
          }
        } finally {
          churn.kill("SIGKILL");
          await churn.status;
        }
        assertStatus(await blit("mirror", "--yes", "--max-delete=all", ...places), 0);
        assertRsyncFindsNothing(source, destination);
        assertNothingStaged(destination);
      }),
  );
}
