/**
 * `--fsync`: done means on disk, in the order that a power cut can't undo.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { assertStatus, traced } from "../support/judges.ts";
import { testOn } from "../support/loop_fs.ts";
import { randomFile } from "../support/trees.ts";

const CALLS = "fsync,fdatasync,syncfs,renameat,renameat2,rename";

testOn(
  { type: "ext4", sizeMiB: 60 },
  "--fsync flushes the file, renames it, and flushes its folder, in this order",
  async (dir) => {
    await dir.write({ "src/folder/": "" });
    randomFile(join(dir.path, "src/folder/large"), 3);
    const { ran, calls } = await traced(dir, CALLS, "copy", "--fsync", "src/", "dst");
    assertStatus(ran, 0);
    const isSync = (line: string) => /^(fsync|fdatasync|syncfs)\(.*= 0$/.test(line);
    const named = calls.findIndex((line) => /^rename.*"large".*= 0$/.test(line));
    const data = calls.findIndex((line) => isSync(line) && /dst\/folder\/\.blit-/.test(line));
    const folder = calls.findLastIndex((line) => isSync(line) && /dst\/folder>|^syncfs/.test(line));
    assert.ok(data >= 0 && data < named && named < folder, calls.join("\n"));
  },
);

testOn(
  { type: "ext4", sizeMiB: 60 },
  "--fsync gives a file its time when its content is written out",
  async (dir) => {
    const files = Object.fromEntries(Array.from({ length: 12 }, (_, i) => [`src/f${i}`, `${i}`]));
    await dir.write({ ...files, "dst/f1": "was longer" });
    const ordered = ["sync_file_range", "utimensat", "fsync"];
    const { ran, calls } = await traced(
      dir,
      ordered.join(","),
      ...["mirror", "--yes", "--fsync", "src/", "dst"],
    );
    assertStatus(ran, 0);
    const byFile = Object.groupBy(calls, (line) => /^\w+\(\d+<([^>]*)>/.exec(line)?.[1] ?? "");
    const made = Object.entries(byFile).filter(([path]) =>
      /dst\/(f\d+|\.blit-\w+-[1-9]\d*)$/.test(path)
    );
    assert.equal(made.length, 12, calls.join("\n"));
    for (const [path, lines] of made) {
      assert.deepEqual(lines!.map((line) => line.split("(")[0]), ordered, path);
    }
  },
);

testOn(
  { type: "ext4", sizeMiB: 60 },
  "without --fsync only what needs it is flushed",
  async (dir) => {
    await dir.write({ "src/a": "x", "src/b": "y", "dst/a": "old" });
    const { ran, calls } = await traced(dir, CALLS, "copy", "src/", "dst");
    assertStatus(ran, 0);
    // Deno now and then flushes a cache of its own.
    const ours = calls.filter((line) => line.includes(dir.path));
    assert.ok(ours.some((line) => line.startsWith("rename")), calls.join("\n"));
    assert.deepEqual(ours.filter((line) => /sync/.test(line)), []);
  },
);

testOn(
  { type: "ext4", sizeMiB: 60 },
  "--fsync of small files and deletions flushes every folder that changed",
  async (dir) => {
    const files = Object.fromEntries(
      Array.from({ length: 40 }, (_, i) => [`src/d${i % 4}/f${i}`, `${i}`]),
    );
    await dir.write({ ...files, "dst/d0/gone": "x", "dst/d1/f1": "old" });
    const { ran, calls } = await traced(
      dir,
      `${CALLS},unlinkat`,
      "mirror",
      "--yes",
      "--fsync",
      "src/",
      "dst",
    );
    assertStatus(ran, 0);
    const gone = calls.findIndex((line) => /^unlinkat.*"gone".*= 0$/.test(line));
    const last = calls.findLastIndex((line) => /^(fsync\(.*dst\/d0>|syncfs\().*= 0$/.test(line));
    assert.ok(gone >= 0 && gone < last, calls.join("\n"));
  },
);
