/**
 * How cases are counted, and the page that shows the figures.
 *
 * @module
 */
import assert from "node:assert/strict";
import { withSection } from "../docs/sections.ts";
import { Scratch } from "../support/cli.ts";
import { CannotRun } from "../support/loop_fs.ts";
import { figuresSection, PAGE, readFigures } from "./figures.ts";
import { isProof, lineOf } from "./run.ts";
import { Cases, type Context, loadSweeps } from "./sweep.ts";

// Before any test: some of them load the native library, which stays.
const SWEEPS = await loadSweeps();
const CONTEXT: Context = {
  route: "local",
  short: true,
  part: 1,
  seed: 7,
  random: () => 0.5,
  dir: new Scratch("/nowhere", "/nowhere"),
  report: () => {},
};

Deno.test("a case counts as hit where its fault took place, and as held where nothing was thrown", async () => {
  const cases = new Cases(CONTEXT);
  await cases.try("copy", "copy 1", () => Promise.resolve(true));
  await cases.try("copy", "copy 2", () => Promise.resolve(false));
  await cases.try("scan", "scan 1", () => Promise.reject(new TypeError("a mix of old and new")));
  const counts = cases.counts();
  assert.deepEqual({ ...counts, failures: [] }, {
    planned: 3,
    hit: 2,
    held: 1,
    failures: [],
    notes: ["copy 1, scan 1"],
  });
  assert.deepEqual(counts.failures, ["scan 1 (--seed 7): a mix of old and new"]);
  assert.equal(
    lineOf("kill", "push", counts),
    "kill push: hit 2 / planned 3, held 1 (copy 1, scan 1)",
  );
  assert.ok(!isProof(counts) && !isProof({ ...counts, hit: 0, held: 0 }));
});

Deno.test("one case can be made again alone, and a machine that can't is no failure", async () => {
  const cases = new Cases({ ...CONTEXT, only: "b" });
  await cases.try("x", "a", () => Promise.reject(new TypeError("not asked for")));
  await cases.try("x", "b", () => Promise.resolve(true));
  assert.equal(cases.counts().planned, 1);
  await assert.rejects(
    cases.try("x", "b", () => Promise.reject(new CannotRun("not root"))),
    CannotRun,
  );
});

Deno.test("docs/reliability.md shows the figures that were kept", () => {
  const page = Deno.readTextFileSync(PAGE);
  const section = figuresSection(readFigures(), SWEEPS);
  const shorn = (text: string) => text.replace(/ +\|/g, " |").replace(/-+ \|/g, "--- |");
  assert.equal(
    shorn(page),
    shorn(withSection(page, section)),
    "deno task test:faults --table mends it",
  );
});
