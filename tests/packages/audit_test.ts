import assert from "node:assert/strict";
import { verdictOf } from "../../packaging/audit.ts";

Deno.test("a server that can't be reached is told apart from one that knows something", () => {
  assert.equal(verdictOf(0, "No known vulnerabilities found"), "fine");
  // As deno audit 2.9.6 and cargo-deny 0.20.2 say it.
  for (
    const words of [
      "error: error sending request for url (https://a.example/-/npm/v1/security/advisories/bulk): client error (Connect)",
      "2026-11-30 09:56:27 [ERROR] failed to fetch advisory database https://b.example/advisory-db with cli: failed to clone",
    ]
  ) {
    assert.equal(verdictOf(1, words), "not asked", words);
  }
  for (
    const words of ["error[vulnerability]: a hole", "Found 1 vulnerability", "error[rejected]"]
  ) {
    assert.equal(verdictOf(1, words), "not fine", words);
  }
});
