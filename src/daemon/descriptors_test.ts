import assert from "node:assert/strict";
import { DEFAULTS } from "./config.ts";
import { withinDescriptors } from "./descriptors.ts";

const { limits } = DEFAULTS;

Deno.test("limits stay as they are where descriptors are enough, or unlimited", () => {
  for (const descriptors of [null, 1_048_576, 524_288, 16_384]) {
    assert.equal(withinDescriptors(limits, descriptors, 4), limits);
  }
});

Deno.test("with fewer descriptors streams go first, then sessions, and a client is always taken", () => {
  const at = (descriptors: number) => {
    const { connections, streams, sessions } = withinDescriptors(limits, descriptors, 4);
    return [connections, streams, sessions];
  };
  assert.deepEqual([at(4096), at(1024), at(256), at(64)], [
    [256, 8, 25],
    [212, 1, 19],
    [20, 1, 1],
    [8, 1, 1],
  ]);
});

Deno.test("what is taken at once fits into the descriptors", () => {
  for (const descriptors of [512, 1024, 2048, 4096, 8192]) {
    const { connections, streams, sessions } = withinDescriptors(limits, descriptors, 4);
    assert.ok(connections + sessions * (16 + 16 * streams) <= descriptors, `${descriptors}`);
  }
});
