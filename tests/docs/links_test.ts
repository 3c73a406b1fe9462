/**
 * Links between pages lead somewhere.
 *
 * @module
 */
import assert from "node:assert/strict";
import { pages, ROOT } from "./blocks.ts";

/** The anchors of a page's headings, as they are made on the web. */
function anchorsOf(text: string): Set<string> {
  const headings = text.matchAll(/^#{1,6} (.+)$/gm);
  return new Set(
    [...headings].map(([, words]) =>
      words.toLowerCase().replace(/[^\p{L}\p{N} _-]/gu, "").replaceAll(" ", "-")
    ),
  );
}

for (const [page, text] of pages()) {
  Deno.test(`${page}: every link to a file, and to a heading, leads somewhere`, () => {
    for (const [, target] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(target)) continue;
      const [path, anchor] = target.split("#");
      const url = path === "" ? new URL(page, ROOT) : new URL(path, new URL(page, ROOT));
      assert.ok(Deno.statSync(url), target);
      if (anchor === undefined) continue;
      assert.ok(anchorsOf(Deno.readTextFileSync(url)).has(anchor), `${page}: ${target}`);
    }
  });
}
