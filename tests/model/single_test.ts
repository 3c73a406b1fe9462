/**
 * A file or the like as SRC, with random options, held against the model.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import fc from "fast-check";
import { type Case, casesOf } from "./choices.ts";
import { predict } from "./model.ts";
import { predictRename } from "./model_move.ts";
import { readTree, type Seen, type Tree, twoTrees } from "./real_tree.ts";
import {
  again,
  onGround,
  onTrees,
  type Places,
  type Ran,
  ROUTES,
  runCase,
  runsOf,
} from "./runs.ts";
import { expectForetold, expectIdle, expectTree, expectUntouched, kindOf } from "./verdict.ts";

/** Which entry is copied, and what DST names: a new name, or the folder. */
const named = fc.record({
  nth: fc.nat(5),
  target: fc.constantFrom("a", "b", "c.o", "d.c", null),
});

/** An entry and what is in it, as `name`, in a tree of its own. */
function only(tree: Tree, path: string, name: string): Tree {
  const below = [...tree].filter(([at]) => at === path || at.startsWith(`${path}/`));
  return new Map<string, Seen>([
    ["", tree.get("")!],
    ...below.map(([at, entry]): [string, Seen] => [name + at.slice(path.length), entry]),
  ]);
}

/** A tree without an entry, and without its root, whose time changes. */
function without(tree: Tree, path: string): Tree {
  return new Map(
    [...tree].filter(([at]) => at !== "" && at !== path && !at.startsWith(`${path}/`)),
  );
}

async function expectSingle(
  one: Case,
  { nth, target }: { readonly nth: number; readonly target: string | null },
  { from, to, source, destination, given }: Places,
): Promise<void> {
  const [all, before] = [readTree(from), readTree(to)];
  const singles = [...all].filter(([at, { kind }]) => !at.includes("/") && kind !== "directory");
  const there = target === null ? undefined : before.get(target)?.kind;
  // A folder, and a link to one, takes SRC in: that is what no target stands for.
  if (singles.length === 0 || there === "directory" || there === "symlink") return;
  const [src, { kind }] = singles[nth % singles.length];
  const dst = target ?? src;
  const run = (dryRun: boolean): Promise<Ran> =>
    runCase(one, `${source}${src}`, join(destination, target ?? ""), { ...given, dryRun });

  const planned = await run(true);
  assert.deepEqual([readTree(from), readTree(to)], [all, before], "a dry run touched something");
  const ran = await run(false);
  const [left, after] = [readTree(from), readTree(to)];
  const here = only(all, src, src);
  const moves = one.mode === "move";
  // A mirror of one file deletes nothing.
  const choice = { ...one, mode: moves ? one.mode : "copy" as const };
  const wanted = (moves ? predictRename : predict)(here, only(before, dst, src), choice);
  if (wanted.failed.length > 0) {
    assert.equal(kindOf(ran) ?? ran.summary.failures[0]?.kind, "is_directory");
    assert.deepEqual([left, after], [all, before]);
    return;
  }
  assert.equal(ran.error, null);
  assert.equal(ran.summary.outcome, "done");
  const landed = only(after, dst, src);
  expectTree(landed, new Map([...wanted.tree, ["", landed.get("")!]]), one);
  expectUntouched(without(after, dst), without(before, dst), "the others");
  assert.equal(ran.summary.filesSkipped, wanted.skipped.length);
  expectForetold(here, planned, ran);
  const isGone = moves && wanted.skipped.length === 0;
  expectUntouched(without(left, src), without(all, src), "the others of the source");
  assert.equal(left.has(src), !isGone);
  // A link that was copied to a name of its own may lead into a folder.
  if (!moves && (target === null || kind !== "symlink")) expectIdle(await run(false), one);
}

for (const route of ROUTES) {
  for (const mode of ["copy", "mirror", "move"] as const) {
    if (mode === "move" && route !== "local") continue;
    // Only the .gitignore of folders are read.
    const cases = casesOf(mode).map((one): Case => ({
      ...one,
      paths: null,
      gitignore: false,
      named: false,
    }));
    Deno.test(`${mode} of one file does what the model says: ${route}`, async () => {
      await onGround(route, async (ground) => {
        const property = fc.asyncProperty(
          twoTrees,
          cases,
          named,
          (trees, one, names) =>
            onTrees(ground, one, trees, (places) => expectSingle(one, names, places)),
        );
        await fc.assert(property, { numRuns: runsOf(route), ...again() });
      });
    });
  }
}
