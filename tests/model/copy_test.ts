/**
 * Copies and mirrors of random trees with random options, held against the model: what they do, what a dry run says
 * before, and what the summary says after.
 *
 * `BLIT_PROPERTY_RUNS` sets how many cases are tried, `BLIT_PROPERTY_SEED` and `BLIT_PROPERTY_PATH` which one, as a failure
 * prints them.
 *
 * @module
 */
import fc from "fast-check";
import { casesOf } from "./choices.ts";
import { predict } from "./model.ts";
import { readTree, twoTrees } from "./real_tree.ts";
import { again, onGround, onTrees, ROUTES, runsOf } from "./runs.ts";
import {
  expectCounts,
  expectForetold,
  expectIdle,
  expectOutcome,
  expectUntouched,
} from "./verdict.ts";

for (const route of ROUTES) {
  for (const mode of ["copy", "mirror"] as const) {
    Deno.test(`${mode} does what the model says and tells what it does: ${route}`, async () => {
      await onGround(route, async (ground) => {
        const property = fc.asyncProperty(
          twoTrees,
          casesOf(mode),
          (trees, one) =>
            onTrees(ground, one, trees, async ({ from, to, run }) => {
              const [source, before] = [readTree(from), readTree(to)];
              const planned = await run(true);
              expectUntouched(readTree(to), before, "a dry run touched the destination");
              const ran = await run();
              const after = readTree(to);
              expectUntouched(readTree(from), source, "the source was touched");
              const wanted = predict(source, before, one);
              const scene = { source, before, after };
              expectOutcome(scene, wanted, ran, one);
              expectCounts(scene, wanted, ran);
              expectForetold(source, planned, ran);
              // What was copied counts for a limit in percent.
              if (ran.error !== null) return;
              expectIdle(await run(), one);
              if (!one.compare.ignoreTimes && !one.compare.force) {
                expectUntouched(readTree(to), after, "the second run changed something");
              }
            }),
        );
        await fc.assert(property, { numRuns: runsOf(route), ...again() });
      });
    });
  }
}
