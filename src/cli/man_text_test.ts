import assert from "node:assert/strict";
import { clientPages } from "./man.ts";
import { manText } from "./man_text.ts";

Deno.test("a page for a terminal is text within its columns, without a trace of roff", () => {
  for (const page of clientPages()) {
    const text = manText(page, 80);
    for (const line of text.split("\n")) assert.ok(line.length <= 80, `${page.name}: ${line}`);
    assert.doesNotMatch(text, /^\s*\.[A-Z]|\\f|\\-|\\e|\\&|\\\(|\n\n\n/m, page.name);
    assert.match(text, /^NAME\n {4}blit/);
    assert.match(text, /\n\nSEE ALSO\n {4}blit[-a-z]*\(\d\)/);
  }
});

Deno.test("options of a page stand above what they do", () => {
  const page = clientPages().find(({ name }) => name === "blit-mirror")!;
  assert.match(
    manText(page, 80),
    /\n {4}--exclude GLOB\n {8}Leave out what matches, whatever else takes it;.*\n {8}\S/,
  );
  assert.match(manText(page, 80), /\n {2}Compare\n {4}-c, --checksum\n/);
});
