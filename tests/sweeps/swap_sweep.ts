/**
 * A hostile local user, who swaps folders and files for links to elsewhere in the trees that blit works on.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { need, needsPrograms, needsRoot, sh } from "../support/loop_fs.ts";
import { served, WAYS } from "../support/served.ts";
import { Outside, swappable } from "../support/swapper.ts";
import { Cases, type Context, ROUTES, type Sweep } from "./sweep.ts";

const FULL = { rounds: 40 };
const SHORT = { rounds: 1 };
/** Ends that a run may have while somebody takes its folders away. */
const ENDS = [0, 1, 2];

/** Copies, mirrors, checks and removals over trees whose folders are swapped. */
export const sweep: Sweep = {
  name: "swap",
  title:
    "while a process swaps folders and files of the source and of the destination (on push and pull: of the module too) for links to a folder outside, and at the daemon the whole tree, too, copy, mirror, check, move and rm work: nothing outside is opened, read, written, made or removed (inotify and find see that), nothing from there arrives, and whatever move took is in one of the two trees",
  routes: ROUTES,
  run: async (context) => {
    need(needsRoot() ?? needsPrograms("perl", "find", "grep"));
    if (Deno.build.arch !== "x86_64") need("system calls are known by number for x86_64");
    const { dir, route } = context;
    if (route === "local") {
      return await rounds(context, (...args) => dir.blit(...args), { from: "src/", to: "dst" });
    }
    let counts: Awaited<ReturnType<typeof rounds>>;
    await served(dir, WAYS[0], async ({ host, blit }) => {
      counts = await rounds(
        context,
        blit,
        route === "push"
          ? { from: "src/", to: `${host}:/m/dst` }
          : { from: `${host}:/m/src/`, to: "dst" },
      );
    }, { folder: dir.path });
    return counts!;
  },
};

async function rounds(
  context: Context,
  blit: (...args: string[]) => Promise<{ readonly status: number; readonly stderr: string }>,
  { from, to }: { readonly from: string; readonly to: string },
) {
  const { dir, short, part, route } = context;
  const cases = new Cases(context);
  const outside = new Outside(dir.path);
  const trees = ["src", "dst", "moved"].map((name) => join(dir.path, name));
  swappable(join(dir.path, "first"));
  // Below a module no link is followed, not even to the root of a run; a path of this machine may be one.
  const beneath = { local: null, push: trees[1], pull: trees[0] }[route];
  const other = route === "local" ? "moved" : to.replace("dst", "moved");
  const words: readonly (readonly string[])[] = [
    ["copy", "--ignore-times", from, to],
    ["mirror", "--yes", "--max-delete=all", from, to],
    ["mirror", "--yes", "--max-delete=all", "--checksum", from, to],
    ["check", from, to],
    ["move", "--yes", "--force", from, other],
    ["rm", "--yes", to],
  ];
  let swaps = 0, errors = 0;
  const ends = ENDS.map(() => 0);
  const count = short ? SHORT.rounds : Math.ceil(FULL.rounds * part);
  for (let i = 0; i < count; i++) {
    sh(
      `cd "$0"; rm -rf src dst moved; cp -a first src; cp -a first dst; mkdir moved; rm dst/d0000[1-5]/*0; for f in dst/*/f*5; do echo old > $f; done; mkdir -p dst/d00007/gone/sub dst/gone; touch dst/gone/a dst/d00007/gone/sub/b`,
      dir.path,
    );
    for (const command of words) {
      await cases.try(command[0], `${i}: ${command.slice(0, -2).join(" ")}`, async () => {
        const before = contentsOf(dir.path, "src");
        const seen = await outside.whileSwapped(trees, beneath, async () => {
          const ran = await blit(...command, "-q");
          assert.ok(ENDS.includes(ran.status), `${ran.status}: ${ran.stderr.slice(-1000)}`);
          const said = ran.stderr.split("\n").filter((line) => line.startsWith("error: "));
          assert.deepEqual(said.filter((line) => !/"[^"]+"/.test(line)), [], "without a path");
          errors += said.length;
          ends[ran.status]++;
        });
        assert.equal(seen.touched, "", "something happened outside");
        for (const tree of trees) assert.equal(outside.stolen(tree), "", "read from outside");
        if (command[0] === "move") {
          const now = contentsOf(dir.path, "src", "moved");
          assert.deepEqual([...before.difference(now)], [], "the only copy is lost");
        }
        swaps += seen.swaps;
        return seen.swaps > 0;
      });
    }
  }
  cases.note(`they ended with ${ENDS.map((status) => `${status}: ${ends[status]}`).join(", ")}`);
  cases.note(`${swaps} swaps, ${errors} errors, of which without a path: 0`);
  return cases.counts();
}

/** What the files of trees hold, each something of its own; what is staged doesn't count. */
function contentsOf(folder: string, ...trees: string[]): Set<string> {
  const lines = sh(
    `cd "$0"; grep -rh --exclude='.blit-*' --exclude-dir='.blit-*' '' "$@" || true`,
    folder,
    ...trees,
  );
  return new Set(lines.trim().split("\n"));
}
