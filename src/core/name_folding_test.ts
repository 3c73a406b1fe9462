import assert from "node:assert/strict";
import { changesCase, foldName } from "./name_folding.ts";
import { textToName } from "./rel_path.ts";

const COMPOSED = textToName("Caf\u00e9"), DECOMPOSED = textToName("Cafe\u0301");
const NOTHING = { foldsCase: false, normalisesUnicode: false, dropsFinalDots: false };
const CASE = { ...NOTHING, foldsCase: true };
const UNICODE = { ...NOTHING, normalisesUnicode: true };
const DOTS = { ...CASE, dropsFinalDots: true };

Deno.test("a name's form is that of every name that the file system takes for it", () => {
  const loud = textToName("CAFE\u0301");
  assert.equal(foldName(COMPOSED), foldName(loud));
  assert.equal(foldName(COMPOSED, UNICODE), foldName(DECOMPOSED, UNICODE));
  assert.notEqual(foldName(COMPOSED, UNICODE), foldName(loud, UNICODE));
  assert.equal(foldName(DECOMPOSED, CASE), foldName(loud, CASE));
  assert.notEqual(foldName(COMPOSED, CASE), foldName(loud, CASE));
  assert.notEqual(foldName("A", NOTHING), foldName("a", NOTHING));
});

Deno.test("dots at a name's end are left out where the file system does", () => {
  assert.equal(foldName("R.E.M..", DOTS), foldName("r.e.m", DOTS));
  assert.notEqual(foldName("a.", CASE), foldName("a", CASE));
  assert.notEqual(foldName(".a", DOTS), foldName("a", DOTS));
  assert.equal(foldName("\xff.", DOTS), foldName("\xff", DOTS));
  assert.ok(changesCase("a", "A.", DOTS) && !changesCase("a", "a.", DOTS));
});

Deno.test("a name that isn't UTF-8 is folded by nothing, and is no other's", () => {
  const names = ["\xe9", "\xc9", textToName("\u00e9"), textToName("\ufffd"), "A\xff", "a\xff"];
  assert.equal(new Set(names.map((name) => foldName(name))).size, names.length);
  assert.equal(changesCase("A\xff", "a\xff"), false);
});

Deno.test("a change of case is one whatever the Unicode form, and not one of the form alone", () => {
  assert.ok(changesCase("a", "A"));
  assert.ok(changesCase(COMPOSED, textToName("CAFE\u0301")));
  assert.ok(!changesCase(COMPOSED, DECOMPOSED));
  assert.ok(!changesCase("a", "a") && !changesCase("a", "b"));
  assert.ok(!changesCase("a", "A", UNICODE) && !changesCase("a", "A", NOTHING));
});
