/**
 * How content is moved: by reference where the file system can, holes as holes, and by the method that is claimed.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { allocatedBytes, assertStatus, isShared, peakOf, traced } from "../support/judges.ts";
import { type FsKind, sh, testOn } from "../support/loop_fs.ts";
import { assertSamePieces, digestOf, piecesBehindHoles, randomFile } from "../support/trees.ts";

const SIZE_MIB = 400;
const fs = (type: FsKind["type"]): FsKind => ({ type, sizeMiB: SIZE_MIB });

for (const type of ["xfs", "btrfs"] as const) {
  testOn(
    fs(type),
    `a file is copied as a reflink on ${type}: its extents are shared`,
    async (dir) => {
      await dir.write({ "src/": "" });
      randomFile(join(dir.path, "src/large"), 64);
      const { ran, calls } = await traced(dir, "ioctl", "mirror", "--yes", "--json", "src/", "dst");
      assertStatus(ran, 0);
      assert.deepEqual(ran.json().copy_methods, { reflink: { files: 1, bytes: 64 * 2 ** 20 } });
      assert.ok(calls.some((line) => /FICLONE.*= 0$/.test(line)), calls.join("\n"));
      assert.ok(isShared(join(dir.path, "dst/large")));
    },
  );
}

testOn(
  fs("ext4"),
  "copy_file_range is what is claimed where it is what was called",
  async (dir) => {
    await dir.write({ "src/": "" });
    randomFile(join(dir.path, "src/large"), 40);
    const call = "copy_file_range";
    const { ran, calls } = await traced(dir, call, "mirror", "--yes", "--json", "src/", "dst");
    assertStatus(ran, 0);
    const methods = ran.json().copy_methods;
    const moved = calls.filter((line) => line.startsWith(call))
      .reduce((sum, line) => sum + Math.max(0, Number(/= (-?\d+)/.exec(line)?.[1] ?? 0)), 0);
    assert.equal(moved, methods.copy_file_range?.bytes ?? 0, JSON.stringify(methods));
    const [source, copy] = [join(dir.path, "src/large"), join(dir.path, "dst/large")];
    assert.equal(await digestOf(copy), await digestOf(source));
  },
);

for (const type of ["tmpfs", "ext4", "xfs", "btrfs"] as const) {
  testOn(fs(type), `holes stay holes on ${type}, and 4 GiB of them are quick`, async (dir) => {
    await dir.write({ "src/": "" });
    const source = join(dir.path, "src/sparse");
    sh(
      `truncate -s 4G "$0"; for at in 0 1 2048 4095; do
        head -c 65536 /dev/urandom | dd of="$0" bs=64K seek=$((at * 16)) conv=notrunc status=none; done`,
      source,
    );
    const start = performance.now();
    const { ran, peakMiB } = await peakOf(dir, "mirror", "--yes", "--json", "src/", "dst");
    assertStatus(ran, 0);
    assert.ok(performance.now() - start < 5000, "a hole is not read");
    assert.ok(peakMiB < 250, `${peakMiB} MiB`);
    const copy = join(dir.path, "dst/sparse");
    assert.ok(allocatedBytes(copy) <= allocatedBytes(source) + 65_536, `${allocatedBytes(copy)}`);
    // Reading 4 GiB of zeros twice tells nothing more.
    sh(
      `for at in 0 1 2048 4095; do cmp -i $((at * 2**20)) -n 131072 "$0" "$1"; done`,
      source,
      copy,
    );
    assert.equal((await Deno.stat(copy)).size, 4 * 2 ** 30);
  });
}

testOn(
  fs("xfs"),
  "a file in a hole-keeping copy to another file system holds the same bytes, and takes no more",
  async (dir, outside) => {
    const source = join(outside.path, "sparse");
    const pieces = piecesBehindHoles(source, 1024 * 1024);
    assertStatus(await dir.blit("copy", source, "."), 0);
    const copy = join(dir.path, "sparse");
    assertSamePieces(source, copy, pieces);
    const [took, takes] = [allocatedBytes(source), allocatedBytes(copy)];
    assert.ok(takes <= took + 65_536, `${takes} of ${took}`);
  },
);
