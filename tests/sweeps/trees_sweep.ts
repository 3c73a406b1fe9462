/**
 * Hostile trees: all that file systems allow, judged by three programs that aren't ours.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import type { Ran, Scratch } from "../support/cli.ts";
import { HOSTILE_TREES, type HostileTree } from "../support/hostile_trees.ts";
import { assertNothingStaged, assertStatus } from "../support/judges.ts";
import { EVERY_FS, type FsKind, onMount, sh } from "../support/loop_fs.ts";
import { served, WAYS } from "../support/served.ts";
import { assertJudgesAgree } from "../support/three_judges.ts";
import { Cases, type Context, type Counts, type Route, ROUTES, type Sweep } from "./sweep.ts";

/** Room for every tree, and inodes for the widest. */
const ROOM = { sizeMiB: 1200, inodes: 300_000 };
const MOST = { full: 100_000, short: 1000 };

/** What the trees are called, and the command that reaches them. */
interface Places {
  readonly source: string;
  readonly destination: string;
  blit(...args: string[]): Promise<Ran>;
}

/** Trees that are copied, compared, found the same and removed, on every file system. */
export const sweep: Sweep = {
  name: "trees",
  title:
    "names of every byte, 255-byte names, paths beyond PATH_MAX, 100,000 entries in a folder, 1,000 levels, webs of hardlinks, sparse files of 1 TiB, every mode, ACLs, attributes, case and Unicode pairs, special files and odd times, on tmpfs, ext4, xfs and btrfs: rsync, mtree and find with checksums and filefrag agree that a mirror is the same, a second one has nothing to do, and rm leaves nothing",
  routes: ROUTES,
  run: async (context) => {
    const cases = new Cases(context);
    for (const fs of context.short ? EVERY_FS.slice(0, 1) : EVERY_FS) {
      const room = { ...fs, sizeMiB: ROOM.sizeMiB, ...inodesOf(fs) };
      await onMount(room, context.dir, async (dir) => {
        await withPlaces(dir, context.route, async (places) => {
          for (const tree of chosen(context)) {
            const name = `${fs.type}: ${tree.name}`;
            if (context.only === undefined && context.random() >= context.part) continue;
            await cases.try(fs.type, name, () => holds(dir, places, tree, context));
            sh(`rm -rf "$0/src" "$0/dst"`, dir.path);
          }
        });
      });
    }
    return counted(cases, context);
  },
};

function counted(cases: Cases, { short }: Context): Counts {
  cases.note(`the widest folder has ${short ? MOST.short : MOST.full} entries`);
  return cases.counts();
}

function inodesOf({ type }: FsKind): Partial<FsKind> {
  return type === "ext4" || type === "tmpfs" ? { inodes: ROOM.inodes } : {};
}

/** Every tree; of the gate's selection each route has a third. */
function chosen({ short, route }: Context): readonly HostileTree[] {
  if (!short) return HOSTILE_TREES;
  // rsync takes seconds for that one.
  const quick = HOSTILE_TREES.filter(({ name }) => name !== "1,000 levels");
  return quick.filter((_, i) => i % ROUTES.length === ROUTES.indexOf(route));
}

async function withPlaces(
  dir: Scratch,
  route: Route,
  work: (places: Places) => Promise<void>,
): Promise<void> {
  const blit = (...args: string[]) => dir.blit(...args);
  if (route === "local") return await work({ source: "src/", destination: "dst", blit });
  await served(dir, WAYS[0], ({ host, blit }) =>
    work(
      route === "push"
        ? { source: "src/", destination: `${host}:/m/dst`, blit }
        : { source: `${host}:/m/src/`, destination: "dst", blit },
    ), { folder: dir.path });
}

async function holds(
  dir: Scratch,
  { source, destination, blit }: Places,
  tree: HostileTree,
  { short }: Context,
): Promise<boolean> {
  const [there, here] = [join(dir.path, "src"), join(dir.path, "dst")];
  tree.make(there, short ? MOST.short : MOST.full);
  for (const isFirst of [true, false]) {
    const ran = await blit("mirror", "--yes", "--json", source, destination);
    assert.equal(ran.status, 0, `${ran.stdout.slice(0, 1500)}\n${ran.stderr.slice(0, 500)}`);
    const { warnings, files_transferred, directories_created, metadata_updated, links_made } = ran
      .json();
    assert.deepEqual(warnings, []);
    const done = [files_transferred, directories_created, metadata_updated, links_made];
    if (isFirst) assert.ok(files_transferred > 1, ran.stdout);
    else assert.deepEqual(done, [0, 0, 0, 0], "a second run did something");
    if (isFirst) assertJudgesAgree(there, here, tree.beyond);
  }
  // Nobody reads whole holes of 1 TiB.
  if (tree.beyond !== "content") assertStatus(await blit("check", source, destination), 0);
  assertNothingStaged(dir.path);
  const removed = await blit("rm", "--yes", destination);
  assertStatus(removed, 0);
  assert.equal(sh(`ls -A "$0" | grep -v '^src$' || true`, dir.path), "", "rm left this");
  return true;
}
