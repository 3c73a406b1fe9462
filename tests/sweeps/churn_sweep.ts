/**
 * A source that churns while it is mirrored.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import type { Ran } from "../support/cli.ts";
import { CHANGES, Churner } from "../support/churner.ts";
import { assertNothingStaged, assertStatus, sleep } from "../support/judges.ts";
import { EVERY_FS, onMount, sh } from "../support/loop_fs.ts";
import { served, WAYS } from "../support/served.ts";
import { assertJudgesAgree } from "../support/three_judges.ts";
import { Cases, type Context, ROUTES, type Sweep } from "./sweep.ts";

const FULL = { mirrors: 50, moves: 20 };
const SHORT = { mirrors: 3, moves: 1 };

/** What may be said of an entry that changed again while it was read again. */
const EXPECTED = new Set(["changed", "not_found"]);
/** The same of a move, which leaves alone what somebody has open for writing. */
const EXPECTED_OF_MOVES = new Set([...EXPECTED, "busy"]);
/** Time that the tree has to fill up again between two moves. */
const REFILL_MS = 300;

/** Mirrors of a tree that changes. */
export const sweep: Sweep = {
  name: "churn",
  title:
    "while a process creates, grows, shrinks, renames, replaces, rewrites and deletes files and takes folders away for a moment, mirrors run: each file at the destination holds a version that existed, whole, deletions elsewhere happen, and once it is quiet one run makes the trees equal. " +
    "Moves (on local in turns within a file system and to another one) lose no file's last version, and once it is quiet one more leaves nothing behind",
  routes: ROUTES,
  run: async (context) => {
    const { dir, route } = context;
    const cases = new Cases(context);
    await dir.write({ "src/quiet/a": "x", "src/quiet/sub/b": "y", "dst/": "" });
    if (route === "local") {
      await mirrors(context, cases, (...words) => dir.blit(...words), ["src/", "dst"]);
      await onMount(EVERY_FS[0], dir, async (other) => {
        const targets = [join(other.path, "moved"), join(dir.path, "moved")];
        const to = (i: number): Words => ["going/", targets[i % targets.length]];
        await moves(context, cases, (...words) => dir.blit(...words), to, targets);
      });
      return cases.counts();
    }
    await served(dir, WAYS[0], async ({ host, blit }) => {
      const at = (from: string, to: string): Words =>
        route === "push" ? [`${from}/`, `${host}:/m/${to}`] : [`${host}:/m/${from}/`, to];
      await mirrors(context, cases, blit, at("src", "dst"));
      await moves(context, cases, blit, () => at("going", "moved"), [join(dir.path, "moved")]);
    }, { folder: dir.path });
    return cases.counts();
  },
};

/** Source and destination, as the command is told. */
type Words = readonly [source: string, destination: string];
type Blit = (...args: string[]) => Promise<Ran>;

async function mirrors(context: Context, cases: Cases, blit: Blit, words: Words): Promise<void> {
  const { dir, short, seed } = context;
  const mirror = () => blit("mirror", "--yes", "--json", "--max-delete=all", ...words);
  const [source, copy] = [join(dir.path, "src"), join(dir.path, "dst")];
  const churner = Churner.start(source, join(dir.env().HOME, "versions"), seed);
  let failed = 0, copied = 0;
  const { mirrors } = short ? SHORT : FULL;
  try {
    for (let i = 0; i < mirrors; i++) {
      await cases.try("mirrors", `mirror ${i}`, async () => {
        await dir.write({ [`dst/quiet/extraneous${i}`]: "x", [`dst/quiet/gone${i}/a`]: "x" });
        const ran = await mirror();
        failed += failuresOf(ran, EXPECTED);
        copied += ran.json().files_transferred;
        assert.deepEqual(churner.neverWere(copy), []);
        assert.deepEqual(await dir.files("dst/quiet"), { a: "x", "sub/b": "y" });
        return true;
      });
    }
  } finally {
    const changes = await churner.stop();
    cases.note(`${copied} files copied, ${failed} failed since they changed again`);
    cases.note(`changes: ${changesOf(changes)}`);
  }
  await cases.try("when it is quiet", "one more run", async () => {
    assertStatus(await mirror(), 0);
    assertJudgesAgree(source, copy);
    assertNothingStaged(dir.path);
    return true;
  });
}

/**
 * Moves of a tree that changes.
 *
 * @param words of each move by its number
 * @param targets folders that they go to, on this machine
 */
async function moves(
  context: Context,
  cases: Cases,
  blit: Blit,
  words: (i: number) => Words,
  targets: readonly string[],
): Promise<void> {
  const { dir, short, seed } = context;
  const move = (i: number) => blit("move", "--yes", "--json", ...words(i));
  const source = join(dir.path, "going");
  await dir.write({ "going/quiet/a": "x" });
  const churner = Churner.start(source, join(dir.env().HOME, "moved-versions"), seed, true);
  let stayed = 0, gone = 0;
  const { moves } = short ? SHORT : FULL;
  try {
    for (let i = 0; i < moves; i++) {
      await cases.try("moves", `move ${i}`, async () => {
        await sleep(REFILL_MS);
        const ran = await move(i);
        stayed += failuresOf(ran, EXPECTED_OF_MOVES);
        gone += ran.json().entries_moved + ran.json().entries_deleted;
        for (const target of targets) assert.deepEqual(churner.neverWere(target), []);
        return true;
      });
    }
  } finally {
    const changes = await churner.stop();
    cases.note(`${gone} entries moved, ${stayed} stayed since they changed or were being written`);
    cases.note(`changes beside moves: ${changesOf(changes)}`);
  }
  await cases.try("moves, when it is quiet", "one more move", async () => {
    assert.deepEqual(churner.lost(source, ...targets), [], "the last versions are nowhere");
    assertStatus(await move(0), 0);
    assert.equal(sh(`test ! -e "$0" || find "$0" -mindepth 1`, source), "", "it still has this");
    assert.deepEqual(churner.lost(...targets), [], "the last versions are nowhere");
    assertNothingStaged(dir.path, ...targets.map((target) => join(target, "..")));
    return true;
  });
}

/** How many entries a run says failed; each for a reason that is expected, and with its path. */
function failuresOf(ran: Ran, expected: ReadonlySet<string>): number {
  assert.ok(ran.status === 0 || ran.status === 2, ran.stdout + ran.stderr);
  const { failures } = ran.json();
  for (const failure of failures) {
    assert.ok(expected.has(failure.kind) && failure.path, JSON.stringify(failure));
  }
  return failures.length;
}

function changesOf(counts: readonly number[]): string {
  return CHANGES.map((what, i) => `${what} ${counts[i]}`).join(", ");
}
