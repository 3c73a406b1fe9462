/**
 * A source that changes while it is read.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { assertNothingStaged, assertRsyncFindsNothing } from "../support/judges.ts";
import { sh, testOrSkip } from "../support/loop_fs.ts";

const RUNS = 10;

/** Perl that changes files until it is ended. Every version of a file is one letter repeated: a mix shows. */
const CHURN = String.raw`
my $root = shift; my $n = 0; my $end = time + 600;
sub whole { my ($path, $size) = @_; my $letter = chr(97 + $n++ % 26);
  open(my $f, ">", "$path.tmp~") or die $!; print $f $letter x $size; close $f; rename("$path.tmp~", $path) or die $!; }
while (time < $end) {
  my $i = int(rand 60);
  my $path = "$root/d" . ($i % 6) . "/f$i";
  my $what = int(rand 4);
  if ($what == 0) { whole($path, 1000 + int(rand 2_500_000)); }             # replaced
  elsif ($what == 1) { unlink $path; select(undef, undef, undef, 0.001); whole($path, 3000); }  # vanished, back again
  elsif ($what == 2 and -e $path) { open(my $f, ">>", $path); my $l = do { open(my $g, "<", $path); read($g, my $c, 1); $c }; print $f $l x 5000; close $f; } # grown
  elsif (-e $path) { my $s = -s $path; truncate($path, int($s / 2) + 1); }  # shrunk
}`;

testOrSkip(
  "no file is ever a mix of versions while the source churns, and deletions elsewhere happen",
  async (dir) => {
    await dir.write({ "src/quiet/a": "x" });
    sh(
      `cd "$0/src"; for i in $(seq 0 59); do mkdir -p d$((i % 6)); head -c 400000 /dev/zero | tr '\\0' a > d$((i % 6))/f$i; done`,
      dir.path,
    );
    const churn = new Deno.Command("perl", { args: ["-e", CHURN, join(dir.path, "src")] }).spawn();
    let failed = 0;
    try {
      for (let run = 0; run < RUNS; run++) {
        await dir.write({ [`dst/quiet/extraneous${run}`]: "x" });
        const ran = await dir.blit("mirror", "--yes", "--json", "--max-delete=all", "src/", "dst");
        assert.ok(ran.status === 0 || ran.status === 2, ran.stdout + ran.stderr);
        for (const { kind } of ran.json().failures) {
          assert.ok(["changed", "not_found"].includes(kind), JSON.stringify(ran.json().failures));
          failed++;
        }
        assert.deepEqual(await dir.files("dst/quiet"), { a: "x" });
        for (const [path, letters] of Object.entries(await dir.files("dst"))) {
          if (path.startsWith("quiet/")) continue;
          assert.match(letters, /^(.?)\1*$/, `${path} is a mix of versions`);
        }
      }
    } finally {
      churn.kill("SIGKILL");
      await churn.status;
    }
    console.log(`${failed} files changed twice while they were read, in ${RUNS} runs`);
    assert.equal((await dir.blit("mirror", "--yes", "--max-delete=all", "src/", "dst")).status, 0);
    assertRsyncFindsNothing(join(dir.path, "src"), join(dir.path, "dst"));
    assertNothingStaged(dir.path);
  },
);
