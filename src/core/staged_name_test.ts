import assert from "node:assert/strict";
import { isMarkerName, isStagedName, runOfStagedName, stagedName } from "./staged_name.ts";

Deno.test("a staged name carries its run as 16 hex digits and is recognised", () => {
  const name = stagedName(0xabcn, 7);
  assert.equal(name, ".blit-0000000000000abc-7");
  assert.ok(isStagedName(name));
  assert.equal(runOfStagedName(name), 0xabcn);
  assert.ok(!isMarkerName(name));
  assert.ok(isMarkerName(stagedName(0xabcn, 0)));
});

Deno.test("a run id with its highest bit set stays 16 digits", () => {
  assert.equal(stagedName(-1n, 1), ".blit-ffffffffffffffff-1");
});

Deno.test("names that only look like staged ones are ordinary", () => {
  for (
    const name of [
      ".blit-0000000000000abc-",
      ".blit-0000000000000ABC-1",
      ".blit-abc-1",
      ".blit-0000000000000abc-1x",
      "x.blit-0000000000000abc-1",
      ".blit-0000000000000abc-1\n",
      ".blit",
    ]
  ) {
    assert.ok(!isStagedName(name), name);
    assert.equal(runOfStagedName(name), undefined);
  }
});
