/**
 * docs/lessons.md names tests: they must be there, or a lesson was forgotten.
 *
 * @module
 */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

Deno.test("every test that docs/lessons.md names is there", () => {
  const rows = Deno.readTextFileSync(`${ROOT}docs/lessons.md`).split("\n")
    .filter((line) =>
      line.startsWith("| ") && !line.startsWith("| ---") && !/ \| (what|test)\b[^`]*\|$/.test(line)
    );
  assert.ok(rows.length > 60);
  for (const row of rows) {
    const named = [...row.matchAll(/`([\w./]+)`: "([^"]+)"/g)];
    assert.ok(named.length > 0, `no test for: ${row}`);
    for (const [, file, name] of named) {
      assert.ok(Deno.readTextFileSync(ROOT + file).includes(name), `${file} has no "${name}"`);
    }
  }
});
