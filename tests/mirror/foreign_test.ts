/**
 * Destinations that keep less than Linux's own file systems, or keep it differently: what is unchanged stays unchanged,
 * and what isn't kept is said once.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import type { Scratch } from "../support/cli.ts";
import { assertNothingStaged, assertStatus } from "../support/judges.ts";
import { need, needsPrograms, needsRoot, sh, testOrSkip } from "../support/loop_fs.ts";

interface Foreign {
  readonly programs: readonly string[];
  /** Mounts it at `$0`; `$1` is a folder for what it needs. */
  readonly mount: string;
  /** What the first run says isn't kept. */
  readonly warning: RegExp | null;
}

/** Steps of a second, no modes, owners or links, one name for all cases, other inode numbers with each look. */
const EXFAT: Foreign = {
  programs: ["mount.exfat-fuse", "mkfs.exfat"],
  mount: `truncate -s 64M "$1/image"; mkfs.exfat "$1/image" >"$1/log"
    mount.exfat-fuse "$(losetup -f --show "$1/image")" "$0" >>"$1/log" 2>&1`,
  warning: /doesn't keep permissions/,
};

const FOREIGN: Readonly<Record<string, Foreign>> = {
  "exFAT by exfat-fuse": EXFAT,
  // Steps of 100 ns, no modes, no owners.
  "NTFS by ntfs-3g": {
    programs: ["ntfs-3g", "mkntfs"],
    mount: `truncate -s 64M "$1/image"; mkntfs -Q -F "$1/image" >"$1/log" 2>&1
      ntfs-3g "$(losetup -f --show "$1/image")" "$0"`,
    warning: /doesn't keep permissions/,
  },
  // libfuse 2: a time is taken with the access time only.
  "bindfs": {
    programs: ["bindfs"],
    mount: `mkdir "$1/under"; bindfs "$1/under" "$0"`,
    warning: null,
  },
  // Everything is another user's. The kernel keeps nothing: the count of names would be that of a moment ago.
  "bindfs of another user": {
    programs: ["bindfs"],
    mount:
      `mkdir "$1/under"; bindfs -o attr_timeout=0 --force-user=12345 --chown-deny --chgrp-deny "$1/under" "$0"`,
    warning: /Owners can't be set/,
  },
  // A folder's inode number is made of its path.
  "mergerfs": {
    programs: ["mergerfs"],
    mount: `mkdir "$1/one" "$1/two"; mergerfs -o inodecalc=path-hash "$1/one:$1/two" "$0"`,
    warning: null,
  },
};

async function onForeign(
  { programs, mount }: Foreign,
  dir: Scratch,
  work: (there: string) => Promise<void>,
): Promise<void> {
  need(needsRoot());
  need(needsPrograms(...programs));
  need(sh("test -c /dev/fuse && echo yes || true") === "" ? "no FUSE" : null);
  const there = join(dir.path, "there"), needs = join(dir.path, "needs");
  sh(`set -e; mkdir "$0" "$1"; ${mount}`, there, needs);
  try {
    await work(there);
  } finally {
    sh(
      `umount "$0" || { sleep 1; umount --lazy "$0"; }
      losetup -j "$1/image" 2>/dev/null | cut -d: -f1 | xargs -r losetup -d`,
      there,
      needs,
    );
  }
}

/** Files with times to the nanosecond, folders, a mode that isn't usual, and a link unless `$1` says so. */
const SOURCE = `set -e; mkdir -p "$0/trip/day" "$0/old"; cd "$0"
  for i in 1 2 3 4 5 6 7 8 9; do head -c $((i * 7000)) /dev/urandom > "trip/day/$i ü.jpg"; done
  head -c 3000000 /dev/urandom > trip/film; echo x > old/x; echo y > old/y; : > empty; chmod 600 old/x
  touch -d "2024-03-31 02:30:15.123456789" trip/film; touch -d "1999-12-31 23:59:59.999999999" "trip/day/1 ü.jpg"
  [ -n "$1" ] || { ln -s film trip/link; touch -h -d "2020-02-02 02:02:02" trip/link; }
  touch -d "2020-02-02 02:02:02" old trip/day`;

for (const [name, foreign] of Object.entries(FOREIGN)) {
  testOrSkip(`what is unchanged stays unchanged on ${name}`, async (dir) => {
    await onForeign(foreign, dir, async (there) => {
      const source = join(dir.path, "source"), copy = join(there, "copy");
      sh(SOURCE, source, foreign === EXFAT ? "no links" : "");
      const mirror = async () => await dir.blit("mirror", "--yes", "--json", `${source}/`, copy);
      const first = await mirror();
      assertStatus(first, 0);
      assert.equal(first.json().files_transferred, foreign === EXFAT ? 13 : 14);
      const warnings = first.json().warnings.join("\n");
      if (foreign.warning === null) assert.equal(warnings, "");
      else assert.match(warnings, foreign.warning);
      const second = await mirror();
      assertStatus(second, 0);
      assert.equal(second.json().files_transferred, 0);
      assert.equal(second.json().entries_deleted, 0);
      if (foreign.warning?.source !== "Owners can't be set") {
        assertStatus(await dir.blit("check", `${source}/`, copy), 0);
        assert.match(
          (await dir.blit("mirror", "--dry-run", `${source}/`, copy)).stdout,
          /^Would copy 0 files\./m,
        );
      }
      // A second later, of the same size: changed.
      sh(
        `touch -d "2024-03-31 02:30:18" "$0/trip/film"; printf z > "$0/old/y"; echo >> "$0/old/y"; touch -d "2024-03-31 02:30:18" "$0/old/y"`,
        source,
      );
      assert.equal((await mirror()).json().files_transferred, 2);
      assert.equal(sh(`diff -r "$0" "$1" && echo same`, source, copy), "same\n");
    });
  });

  testOrSkip(`kinds change, and entries go, on ${name}`, async (dir) => {
    await onForeign(foreign, dir, async (there) => {
      const source = join(dir.path, "source"), copy = join(there, "copy");
      sh(SOURCE, source, foreign === EXFAT ? "no links" : "");
      assertStatus(await dir.blit("mirror", "--yes", `${source}/`, copy), 0);
      sh(
        `set -e; cd "$0"; rm -r old; echo file > old; rm empty; mkdir empty; echo in > empty/in
        mv trip/day day; rm -f trip/link; echo no link > trip/link`,
        source,
      );
      assertStatus(await dir.blit("mirror", "--yes", "--max-delete", "all", `${source}/`, copy), 0);
      assert.equal(sh(`diff -r "$0" "$1" && echo same`, source, copy), "same\n");
      assertNothingStaged(copy);
      // Within it, and away again.
      assertStatus(await dir.blit("move", "--yes", copy, join(there, "below/")), 0);
      assert.equal(
        sh(`diff -r "$0" "$1" && echo same`, source, join(there, "below/copy")),
        "same\n",
      );
      const back = join(dir.path, "back");
      assertStatus(await dir.blit("move", "--yes", `${there}/below/copy/`, back), 0);
      assert.equal(sh(`diff -r "$0" "$1" && echo same`, source, back), "same\n");
      assertStatus(await dir.blit("rm", "--yes", join(there, "below")), 0);
      assert.equal(sh(`ls -A "$0"`, there), "");
    });
  });
}

testOrSkip("a name whose case has changed is no other one on exFAT by exfat-fuse", async (dir) => {
  await onForeign(EXFAT, dir, async (there) => {
    const source = join(dir.path, "source"), copy = join(there, "copy");
    sh(`set -e; mkdir -p "$0/Trip"; echo 1 > "$0/Trip/Photo.JPG"; echo 2 > "$0/Other"`, source);
    assertStatus(await dir.blit("mirror", "--yes", `${source}/`, copy), 0);
    sh(`set -e; cd "$0"; mv Trip/Photo.JPG Trip/photo.jpg; mv Trip trip`, source);
    const again = await dir.blit("mirror", "--yes", "--json", `${source}/`, copy);
    assertStatus(again, 0);
    assert.equal(again.json().entries_deleted, 0);
    assert.equal(sh(`cat "$0/trip/photo.jpg" "$0/other"`, copy), "1\n2\n");
  });
});
