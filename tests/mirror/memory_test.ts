/**
 * Memory that doesn't grow with the tree, scaled down for the gate; a million of each is run by hand.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { assertStatus, peakOf } from "../support/judges.ts";
import { sh, testOn } from "../support/loop_fs.ts";
import { smallFiles } from "../support/trees.ts";

const COUNT = 200_000;
/** More than the 131,072 that the table holds at once. */
const GROUPS = 140_000;
const LIMIT_MIB = 250;
/** Empty files: what counts is their number. */
const MANY = { type: "tmpfs", sizeMiB: 2000, inodes: 1_000_000 } as const;

testOn(
  MANY,
  "200,000 entries in one folder, then their deletion, stay under 250 MiB",
  async (dir) => {
    sh(
      `mkdir "$0"; cd "$0"; perl -e 'for $i (1 .. ${COUNT}) { open(F, ">", "f$i"); close F }'`,
      join(dir.path, "src"),
    );
    const made = await peakOf(dir, "mirror", "--yes", "--json", "src/", "dst");
    assertStatus(made.ran, 0);
    assert.equal(made.ran.json().files_transferred, COUNT);
    await dir.write({ "small/keep": "x" });
    const gone = await peakOf(
      dir,
      "mirror",
      "--yes",
      "--json",
      "--max-delete=all",
      "small/",
      "dst",
    );
    assertStatus(gone.ran, 0);
    assert.equal(gone.ran.json().entries_deleted, COUNT);
    console.log(
      `one folder: ${made.peakMiB.toFixed(0)} MiB, its deletion: ${gone.peakMiB.toFixed(0)} MiB`,
    );
    assert.ok(made.peakMiB < LIMIT_MIB && gone.peakMiB < LIMIT_MIB);
  },
);

testOn(
  MANY,
  "more hardlinked files than the table of groups holds stay under 250 MiB",
  async (dir) => {
    smallFiles(join(dir.path, "src"), GROUPS, 2000);
    sh(
      `for d in "$0"/d*; do cp -al "$d" "$d.links"; done`,
      join(dir.path, "src"),
    );
    const { ran, peakMiB } = await peakOf(dir, "mirror", "--yes", "--json", "src/", "dst");
    assertStatus(ran, 0);
    assert.equal(ran.json().links_made, GROUPS);
    const again = await peakOf(dir, "mirror", "--yes", "--json", "src/", "dst");
    assert.equal(again.ran.json().files_transferred, 0);
    console.log(`hardlinks: ${peakMiB.toFixed(0)} MiB, again: ${again.peakMiB.toFixed(0)} MiB`);
    assert.ok(peakMiB < LIMIT_MIB && again.peakMiB < LIMIT_MIB);
  },
);
