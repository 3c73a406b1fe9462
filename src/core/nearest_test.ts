import assert from "node:assert/strict";
import { didYouMean, nearest } from "./nearest.ts";

const WORDS = ["copy", "mirror", "move", "check", "diagnostics", "completions"];

Deno.test("the nearest word is found through swaps, losses and beginnings", () => {
  const cases = { cpoy: "copy", miror: "mirror", mov: "move", chek: "check", diag: "diagnostics" };
  for (const [given, word] of Object.entries(cases)) assert.equal(nearest(given, WORDS), word);
});

Deno.test("nothing is suggested for what is near nothing", () => {
  assert.equal(nearest("frobnicate", WORDS), null);
  assert.equal(didYouMean("zzz", WORDS), "");
  assert.equal(didYouMean("cpoy", WORDS, "blit "), " Did you mean blit copy?");
});
