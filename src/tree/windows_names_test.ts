import assert from "node:assert/strict";
import { refusedOnWindows } from "./windows_names.ts";

const kindOf = (path: string) => refusedOnWindows(path)?.kind ?? null;

Deno.test("names that no file system of Windows takes are told by kind", () => {
  const kinds = [
    "",
    "a/b",
    "a\\b",
    "a:b",
    "a?",
    'q"',
    "tab\t",
    "n".repeat(255),
    `a/${"é".repeat(256)}`,
  ]
    .map(kindOf);
  const bad = "unsupported";
  assert.deepEqual(kinds, [null, null, "escaped", "escaped", bad, bad, bad, null, "name_too_long"]);
});

Deno.test("names that Windows' older layers read as a device or as another file's are refused", () => {
  for (
    const path of ["CON", "a/aux.txt", "com1", "LPT³.x", "con .x", "dot.", "space /a", "nul/x"]
  ) {
    assert.equal(kindOf(path), "unsupported", path);
  }
  for (const path of ["console", "a/auxiliary.txt", "com", ".hidden", "a.b/c", " x", "x.con"]) {
    assert.equal(kindOf(path), null, path);
  }
});
