/**
 * Moves of random trees with random options, held against the model.
 *
 * @module
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import { onMount } from "../support/loop_fs.ts";
import { type Scratch, scratch } from "../support/cli.ts";
import { type Case, casesOf } from "./choices.ts";
import { type Moved, predictAcross, predictRename } from "./model_move.ts";
import { readTree, type Tree, twoTrees } from "./real_tree.ts";
import { again, type Ground, onGround, onTrees, type Route, runsOf } from "./runs.ts";
import { expectForetold, expectTree } from "./verdict.ts";

type Predict = (source: Tree, destination: Tree, one: Case) => Moved;

async function expectMoves(ground: Ground, route: Route, predict: Predict): Promise<void> {
  const renames = predict === predictRename;
  const property = fc.asyncProperty(
    twoTrees,
    casesOf("move"),
    (trees, one) =>
      onTrees(ground, one, trees, async ({ from, to, run }) => {
        const [source, before] = [readTree(from), readTree(to)];
        const planned = await run(true);
        assert.deepEqual(
          [readTree(from), readTree(to)],
          [source, before],
          "a dry run touched something",
        );
        const ran = await run();
        const [left, after] = [readTree(from), readTree(to)];
        const { summary } = ran;
        const wanted = predict(source, before, one);
        assert.equal(ran.error, null);
        if (wanted.isUnsure) return;
        assert.deepEqual(
          summary.failures.map(({ path }) => path).sort(),
          [...wanted.failed].sort(),
        );
        assert.equal(summary.outcome, wanted.failed.length > 0 ? "partial" : "done");
        expectTree(after, wanted.tree, one);
        // SRC itself goes with the last of what is in it, SRC/ stays.
        const isGone = one.named && wanted.left.size === 1 && wanted.failed.length === 0;
        assert.deepEqual(
          [...left.keys()].sort(),
          isGone ? [] : [...wanted.left].sort(),
          "the source",
        );
        for (const [at, { inode }] of left) assert.equal(inode, source.get(at)?.inode, at);
        assert.deepEqual([summary.filesSkipped, summary.filesFailed], [
          wanted.skipped.length,
          wanted.failed.length,
        ]);
        if (renames) expectForetold(source, planned, ran);
        else assert.equal(summary.entriesDeleted, source.size - left.size - (isGone ? 1 : 0));
      }),
  );
  await fc.assert(property, { numRuns: runsOf(route), ...again() });
}

for (const route of ["local", "within"] as const) {
  Deno.test(`move within a file system does what the model says and tells what it does: ${route}`, async () => {
    await onGround(route, (ground) => expectMoves(ground, route, predictRename));
  });
}

for (const route of ["push", "pull", "between"] as const) {
  Deno.test(`move between machines does what the model says: ${route}`, async () => {
    await onGround(route, (ground) => expectMoves(ground, route, predictAcross));
  });
}

Deno.test(
  "move between file systems does what the model says",
  scratch(async (outside: Scratch) => {
    await onMount(
      { type: "tmpfs", sizeMiB: 64 },
      outside,
      (dir) => onGround("local", (ground) => expectMoves(ground, "local", predictAcross), dir.path),
    );
  }),
);
