/**
 * Tests of a program that publishes a site, without a disk to clean up: what it would mirror goes into memory.
 *
 * usage: deno test -A examples/memory_test.ts
 *
 * @module
 */
import assert from "node:assert/strict";
import { check, MemoryFolder, mirror } from "../mod.ts";

/** The program: publishes a folder, drafts aside. */
async function publish(site: string | MemoryFolder, target: string | MemoryFolder) {
  const drafts = { action: "exclude", pattern: "*.draft.html", origin: "publish" } as const;
  return await mirror(site, target, { filter: { rules: [drafts] } });
}

Deno.test("publishing leaves drafts out, and takes away what is gone", async () => {
  const site = MemoryFolder.of({
    "index.html": "<h1>Hello</h1>",
    "news/new.draft.html": "soon",
    "news/old.html": "yesterday",
  });
  const target = MemoryFolder.of({ "gone.html": "of last year" });

  const { summary } = await publish(site, target);

  assert.equal(summary.entriesDeleted, 1);
  assert.deepEqual(target.files(), {
    "index.html": "<h1>Hello</h1>",
    "news/": null,
    "news/old.html": "yesterday",
  });
});

Deno.test("a folder of the disk is mirrored into memory, and found the same", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/index.html`, "<h1>Hello</h1>");
    const target = MemoryFolder.of();
    await publish(folder, target);
    assert.equal((await check(folder, target)).summary.outcome, "done");
    target.put("index.html", "<h1>Goodbye</h1>");
    assert.equal((await check(folder, target)).summary.outcome, "different");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
