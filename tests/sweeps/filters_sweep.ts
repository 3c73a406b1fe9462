/**
 * Filters: gitignore as git has it, globs as they are documented.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import fc from "fast-check";
import { Kind } from "../../src/core/entry_block.ts";
import { baseOf, textToName } from "../../src/core/rel_path.ts";
import { Filter } from "../../src/engine/filter.ts";
import { git, hiddenByBlit, hiddenByGit, hostileCase } from "../support/gitignore_cases.ts";
import { type GlobCase, globCase } from "../support/glob_cases.ts";
import { need, needsPrograms } from "../support/loop_fs.ts";
import { Cases, type Sweep } from "./sweep.ts";

const FULL = 10_000;
const SHORT = 100;

/** Generated filters on generated trees. */
export const sweep: Sweep = {
  name: "filters",
  title:
    "generated .gitignore files hide of generated trees what git check-ignore --no-index says, entry by entry; generated globs match what their documented meaning, known from how they were made, says",
  routes: ["local"],
  run: async (context) => {
    need(needsPrograms("git"));
    const cases = new Cases(context);
    const count = context.short ? SHORT : FULL;
    const root = join(context.dir.path, "repository");
    await Deno.mkdir(root);
    git(root, ["init", "-q", "--template="]);
    let hidden = 0, asked = 0;
    const sampled = { numRuns: count, seed: context.seed };
    for (const [i, example] of fc.sample(hostileCase, sampled).entries()) {
      await cases.try("gitignore", `gitignore ${i}`, () => {
        const said = hiddenByGit(example, root);
        assert.deepEqual(hiddenByBlit(example), said, JSON.stringify([...example.ignores]));
        hidden += said.filter(Boolean).length;
        asked += said.length;
        return Promise.resolve(true);
      });
    }
    cases.note(`git hid ${hidden} of ${asked} entries`);
    let matched = 0, tried = 0;
    for (const [i, example] of fc.sample(globCase, sampled).entries()) {
      await cases.try("globs", `glob ${i}`, () => {
        const counts = compare(example);
        matched += counts.matched;
        tried += counts.tried;
        return Promise.resolve(true);
      });
    }
    cases.note(`globs matched ${matched} of ${tried} entries`);
    return cases.counts();
  },
};

function compare({ pattern, paths, matches }: GlobCase): { matched: number; tried: number } {
  const rule = { action: "exclude" as const, pattern, origin: "--exclude" };
  const filter = Filter.compile({ rules: [rule], gitignore: false, nowMs: 0 });
  let matched = 0;
  for (const text of paths) {
    const path = textToName(text);
    for (const kind of [Kind.file, Kind.directory]) {
      const said = filter.decide(filter.root(), path, baseOf(path), kind, 0, 0) === "hide";
      const meant = matches(text, kind === Kind.directory);
      const what = `${JSON.stringify(pattern)} on ${JSON.stringify(text)}`;
      assert.equal(said, meant, `${what} as ${kind === Kind.file ? "a file" : "a folder"}`);
      if (meant) matched++;
    }
  }
  return { matched, tried: paths.length * 2 };
}
