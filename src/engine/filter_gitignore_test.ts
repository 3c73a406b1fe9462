import assert from "node:assert/strict";
import fc from "fast-check";
import { hasProgram } from "../../tests/support/cli.ts";
import {
  git,
  hiddenByBlit,
  hiddenByGit,
  hostileCase,
  NAMED_CASES,
} from "../../tests/support/gitignore_cases.ts";

const RUNS = Number(Deno.env.get("BLIT_PROPERTY_RUNS") ?? 300);

Deno.test({
  name: "gitignore hides what git check-ignore says, for hostile patterns and trees",
  ignore: !hasProgram("git"),
  fn: likeGit,
});

function likeGit(): void {
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
}
