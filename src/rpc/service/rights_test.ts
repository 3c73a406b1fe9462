import assert from "node:assert/strict";
import { ACCESS, rightsIn } from "./rights.ts";

Deno.test("what somebody may do is what their access includes, and reading alone where nobody may do more", () => {
  const open = { readOnly: false }, closed = { readOnly: true };
  assert.deepEqual(rightsIn(open, null), []);
  assert.deepEqual(rightsIn(closed, null), []);
  for (const [i, access] of ACCESS.entries()) {
    assert.deepEqual(rightsIn(open, access), ACCESS.slice(0, i + 1));
    assert.deepEqual(rightsIn(closed, access), ["read"]);
    assert.deepEqual(rightsIn(open, access, true), ["read"]);
  }
});
