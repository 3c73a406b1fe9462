import assert from "node:assert/strict";
import fc from "fast-check";
import {
  bytesToName,
  displayName,
  hasRawBytes,
  isUtf8Name,
  nameToPath,
  textToName,
} from "./rel_path.ts";

Deno.test("a path's text gives back every byte that its name has", () => {
  const bytes = fc.uint8Array({ minLength: 0, maxLength: 12 });
  const texts = fc.string({ unit: "binary", maxLength: 6 });
  fc.assert(fc.property(bytes, texts, bytes, (before, text, after) => {
    const name = bytesToName(before) + textToName(text) + bytesToName(after);
    const path = nameToPath(name);
    assert.equal(textToName(path), name);
    assert.equal(hasRawBytes(path), !isUtf8Name(name));
  }));
});

Deno.test("text that is UTF-8 stays as it is, emoji with halves like raw bytes too", () => {
  for (const text of ["a", "é", "\u{1f480}", "\u{1f4ff}x", "\ufffd"]) {
    assert.equal(hasRawBytes(text), false);
    assert.equal(nameToPath(textToName(text)), text);
  }
});

Deno.test("a backslash is shown once on Windows, where it separates names, and escaped elsewhere", () => {
  assert.equal(displayName("C:\\new\tx", "windows"), "C:\\new\\tx");
  assert.equal(displayName("C:\\new\tx", "linux"), "C:\\\\new\\tx");
});
