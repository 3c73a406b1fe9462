/**
 * The gate's selection of the sweeps: a few cases of each kind on every route.
 *
 * @module
 */
import assert from "node:assert/strict";
import { CannotRun } from "../support/loop_fs.ts";
import { isProof, lineOf, runSweep } from "./run.ts";
import { loadSweeps } from "./sweep.ts";

/** The same cases in every run of the gate. */
const SEED = 1;

for (const sweep of await loadSweeps()) {
  for (const route of sweep.routes) {
    const name = `sweep ${sweep.name}, ${route}: every case that hit held`;
    Deno.test(name, async () => {
      try {
        const how = { short: true, part: 1, seed: SEED, report: () => {} };
        const counts = await runSweep(sweep, route, how);
        console.log(lineOf(sweep.name, route, counts));
        assert.ok(isProof(counts), counts.failures.join("\n") || "no case hit");
      } catch (error) {
        if (!(error instanceof CannotRun)) throw error;
        // The gate counts this line.
        console.log(`SKIP: ${name}: ${error.message}`);
      }
    });
  }
}
