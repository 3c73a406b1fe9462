import assert from "node:assert/strict";
import { cannotOpen, ownFileError } from "./named_file.ts";

const DENIED = new Deno.errors.PermissionDenied("Permission denied (os error 13)");

Deno.test("what may not be read and is no part of a tree isn't to be left out of one", () => {
  const named = cannotOpen(DENIED, "list");
  assert.match(named.message, /^Cannot open "list": .* Run as a user who may read it\.$/);
  const own = ownFileError(DENIED, "read", "/root/.config/blit/settings.jsonc");
  assert.match(own.message, /settings\.jsonc": .* name a folder of your own with --config-dir\.$/);
  for (const error of [named, own]) assert.doesNotMatch(error.message, /--exclude/);
});

Deno.test("a named file that isn't there was misspelt", () => {
  const missing = new Deno.errors.NotFound("No such file or directory (os error 2)");
  assert.match(cannotOpen(missing, "lst").message, /^Cannot open "lst": .* Check the path\.$/);
});
