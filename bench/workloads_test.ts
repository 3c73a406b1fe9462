import assert from "node:assert/strict";
import { sizeOf, WORKLOADS, writeTree } from "./workloads.ts";

const MIB = 1024 * 1024;

function workload(name: string) {
  const found = WORKLOADS.find((candidate) => candidate.name === name);
  assert(found, name);
  return found;
}

Deno.test("workloads have the sizes that their names promise", () => {
  const small = sizeOf(workload("small").source(1));
  assert.equal(small.files, 100_000);
  assert(small.bytes > 500 * MIB && small.bytes < 580 * MIB, `${small.bytes}`);
  const folders = new Set(
    [...workload("small").source(1)].map(({ path }) => path.replace(/[^/]*$/, "")),
  );
  assert.equal(folders.size, 1000);
  const mixed = sizeOf(workload("mixed").source(1));
  assert.equal(mixed.files, 1000);
  assert(Math.abs(mixed.bytes - 2048 * MIB) < MIB, `${mixed.bytes}`);
  assert.equal(sizeOf(workload("large").source(1)).bytes, 4096 * MIB);
});

Deno.test("incremental changes 1 %, drops 0.5 % and adds 0.5 %", () => {
  const { source, destination } = workload("incremental");
  const after = new Map([...source(1)].map((file) => [file.path, file]));
  const before = new Map([...destination!(1)].map((file) => [file.path, file]));
  const gone = [...before.keys()].filter((path) => !after.has(path)).length;
  const fresh = [...after.keys()].filter((path) => !before.has(path)).length;
  const changed =
    [...after.values()].filter(({ path, mtimeMs }) =>
      (before.get(path)?.mtimeMs ?? mtimeMs) !== mtimeMs
    ).length;
  for (const [count, wanted] of [[gone, 500], [fresh, 500], [changed, 1000]]) {
    assert(Math.abs(count - wanted) < wanted * 0.15, `${count} for ${wanted}`);
  }
});

Deno.test("the same workload is written the same way twice, times and links with it", () => {
  const folder = Deno.makeTempDirSync({ prefix: "blit-bench-test-" });
  try {
    for (const name of ["mixed", "million-links", "tiny"]) {
      const files = [...workload(name).source(name === "mixed" ? 0.01 : 0.00001)];
      writeTree(`${folder}/${name}-1`, files);
      writeTree(`${folder}/${name}-2`, files);
      for (const { path, sizeBytes, mtimeMs, linkTo } of files) {
        const stat = Deno.statSync(`${folder}/${name}-1/${path}`);
        assert.deepEqual([stat.size, stat.mtime?.getTime()], [sizeBytes, mtimeMs]);
        if (linkTo) assert.equal(stat.ino, Deno.statSync(`${folder}/${name}-1/${linkTo}`).ino);
        assert.deepEqual(
          Deno.readFileSync(`${folder}/${name}-1/${path}`),
          Deno.readFileSync(`${folder}/${name}-2/${path}`),
        );
      }
    }
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});
