import assert from "node:assert/strict";
import { ChunkSpool } from "./spool.ts";

const chunk = (n: number, length = 100) => new Uint8Array(length).fill(n);

/** Sizes of the spool files that this process holds open though they have no name. */
function unlinkedFiles(): number[] {
  return [...Deno.readDirSync("/proc/self/fd")].flatMap(({ name }) => {
    try {
      const path = `/proc/self/fd/${name}`;
      return /blit-spool-.*\(deleted\)$/.test(Deno.readLinkSync(path))
        ? [Deno.statSync(path).size]
        : [];
    } catch {
      return [];
    }
  });
}

Deno.test("a queue gives back what was put in, oldest first, past its memory", () => {
  const spool = new ChunkSpool<number>("queue", 250);
  for (let n = 0; n < 50; n++) spool.push(chunk(n), n);
  const tags = [];
  for (let c = spool.shift(); c !== undefined; c = spool.shift()) {
    assert.deepEqual(c.bytes, chunk(c.tag));
    tags.push(c.tag);
  }
  assert.deepEqual(tags, Array.from({ length: 50 }, (_, n) => n));
  spool.close();
});

Deno.test("a stack gives back what was put in, newest first, past its memory", () => {
  const spool = new ChunkSpool<number>("stack", 250);
  for (let n = 0; n < 50; n++) spool.push(chunk(n), n);
  for (let n = 49; n >= 0; n--) assert.deepEqual(spool.pop(), { bytes: chunk(n), tag: n });
  assert.equal(spool.pop(), undefined);
  spool.close();
});

Deno.test("pushing and taking mix in any order", () => {
  for (const order of ["queue", "stack"] as const) {
    const spool = new ChunkSpool<number>(order, 300);
    const model: number[] = [];
    let random = 42;
    for (let n = 0; n < 2000; n++) {
      random = (random * 1103515245 + 12345) & 0x7fffffff;
      if (random % 100 < (n < 1500 ? 60 : 20)) {
        spool.push(chunk(n & 255, 1 + n % 150), n);
        model.push(n);
      } else {
        const wanted = order === "queue" ? model.shift() : model.pop();
        const got = order === "queue" ? spool.shift() : spool.pop();
        assert.equal(got?.tag, wanted);
        if (wanted !== undefined) {
          assert.deepEqual(got!.bytes, chunk(wanted & 255, 1 + wanted % 150));
        }
      }
      assert.equal(spool.length, model.length);
    }
    spool.close();
  }
});

Deno.test({
  name: "all past the memory limit lies in a file without a name, gone when it is closed",
  ignore: Deno.build.os !== "linux",
  fn() {
    const before = unlinkedFiles().length;
    for (const order of ["queue", "stack"] as const) {
      const spool = new ChunkSpool(order, 250);
      spool.push(chunk(1), undefined);
      spool.push(chunk(2), undefined);
      assert.equal(unlinkedFiles().length, before, "nothing is written before the limit");
      for (let n = 0; n < 100; n++) spool.push(chunk(n), undefined);
      const sizes = unlinkedFiles();
      assert.equal(sizes.length, before + 1);
      assert.ok(sizes.some((size) => size >= 102 * 100 - 250), `${order}: ${sizes}`);
      spool.close();
      assert.equal(unlinkedFiles().length, before);
    }
  },
});

Deno.test("the file's room is used again once it has been read", () => {
  const spool = new ChunkSpool<number>("queue", 100);
  for (let round = 0; round < 5; round++) {
    for (let n = 0; n < 20; n++) spool.push(chunk(n), n);
    for (let n = 0; n < 20; n++) assert.deepEqual(spool.shift(), { bytes: chunk(n), tag: n });
  }
  assert.equal(spool.length, 0);
  spool.close();
});

Deno.test({
  name: "where no temporary file can be made it says why, and what to set",
  ignore: Deno.build.os === "windows",
  fn() {
    const before = Deno.env.get("TMPDIR");
    const spool = new ChunkSpool("queue", 50);
    try {
      Deno.env.set("TMPDIR", "/nowhere");
      assert.throws(() => spool.push(chunk(1), undefined), {
        message: "Cannot make a temporary file for long lists: No such file or directory. " +
          "Set TMPDIR to a folder with room.",
      });
    } finally {
      if (before === undefined) Deno.env.delete("TMPDIR");
      else Deno.env.set("TMPDIR", before);
      spool.close();
    }
  },
});
