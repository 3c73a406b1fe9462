import assert from "node:assert/strict";
import fc from "fast-check";
import {
  git,
  hiddenByBlit,
  hiddenByGit,
  hostileCase,
  NAMED_CASES,
} from "../../tests/support/gitignore_cases.ts";

const RUNS = Number(Deno.env.get("BLIT_PROPERTY_RUNS") ?? 300);

Deno.test("gitignore hides what git check-ignore says, for hostile patterns and trees", () => {
  const root = Deno.makeTempDirSync({ prefix: "blit-ignore-" });
  try {
    git(root, ["init", "-q", "--template="]);
    fc.assert(
      fc.property(hostileCase, (example) => {
        assert.deepEqual(hiddenByBlit(example), hiddenByGit(example, root));
      }),
      { numRuns: RUNS + NAMED_CASES.length, examples: NAMED_CASES.map((named) => [named]) },
    );
  } finally {
    Deno.removeSync(root, { recursive: true });
  }
});
