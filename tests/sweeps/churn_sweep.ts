/**
 * A source that churns while it is mirrored.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import type { Ran } from "../support/cli.ts";
import { CHANGES, Churner } from "../support/churner.ts";
import { assertNothingStaged, assertStatus } from "../support/judges.ts";
import { served, WAYS } from "../support/served.ts";
import { assertJudgesAgree } from "../support/three_judges.ts";
import { Cases, type Context, ROUTES, type Sweep } from "./sweep.ts";

const FULL = { mirrors: 50 };
const SHORT = { mirrors: 3 };

/** What may be said of an entry that changed again while it was read again. */
const EXPECTED = new Set(["changed", "not_found"]);

/** Mirrors of a tree that changes. */
export const sweep: Sweep = {
  name: "churn",
  title:
    "while a process creates, grows, shrinks, renames, replaces, rewrites and deletes files and takes folders away for a moment, mirrors run: each file at the destination holds a version that existed, whole, deletions elsewhere happen, and once it is quiet one run makes the trees equal",
  routes: ROUTES,
  run: async (context) => {
    const { dir, route } = context;
    const run = (from: string, to: string, blit: (...args: string[]) => Promise<Ran>) =>
      mirrors(
        context,
        (...options) => blit("mirror", "--yes", "--json", "--max-delete=all", ...options, from, to),
      );
    await dir.write({ "src/quiet/a": "x", "src/quiet/sub/b": "y", "dst/": "" });
    if (route === "local") return await run("src/", "dst", (...args) => dir.blit(...args));
    let counts: Awaited<ReturnType<typeof mirrors>>;
    await served(dir, WAYS[0], async ({ host, blit }) => {
      counts = route === "push"
        ? await run("src/", `${host}:/m/dst`, blit)
        : await run(`${host}:/m/src/`, "dst", blit);
    }, { folder: dir.path });
    return counts!;
  },
};

async function mirrors(context: Context, mirror: (...options: string[]) => Promise<Ran>) {
  const { dir, short, seed } = context;
  const cases = new Cases(context);
  const [source, copy] = [join(dir.path, "src"), join(dir.path, "dst")];
  const churner = Churner.start(source, join(dir.env().HOME, "versions"), seed);
  let failed = 0, copied = 0;
  const { mirrors } = short ? SHORT : FULL;
  try {
    for (let i = 0; i < mirrors; i++) {
      await cases.try("mirrors", `mirror ${i}`, async () => {
        await dir.write({ [`dst/quiet/extraneous${i}`]: "x", [`dst/quiet/gone${i}/a`]: "x" });
        const ran = await mirror();
        assert.ok(ran.status === 0 || ran.status === 2, ran.stdout + ran.stderr);
        const { failures, files_transferred } = ran.json();
        for (const failure of failures) {
          assert.ok(EXPECTED.has(failure.kind) && failure.path, JSON.stringify(failure));
        }
        failed += failures.length;
        copied += files_transferred;
        assert.deepEqual(churner.neverWere(copy), []);
        assert.deepEqual(await dir.files("dst/quiet"), { a: "x", "sub/b": "y" });
        return true;
      });
    }
  } finally {
    const changes = await churner.stop();
    cases.note(`${copied} files copied, ${failed} failed since they changed again`);
    cases.note(`changes: ${CHANGES.map((what, i) => `${what} ${changes[i]}`).join(", ")}`);
  }
  await cases.try("when it is quiet", "one more run", async () => {
    assertStatus(await mirror(), 0);
    assertJudgesAgree(source, copy);
    assertNothingStaged(dir.path);
    return true;
  });
  return cases.counts();
}
