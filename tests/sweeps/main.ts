/**
 * `deno task test:faults`: the sweeps that try to break the promises of the design, in full.
 *
 * Ends with 1 where a case that hit didn't hold, or none hit.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { buildNative } from "../../ffi/build.ts";
import { withSection } from "../docs/sections.ts";
import { CannotRun } from "../support/loop_fs.ts";
import { figuresSection, keepFigure, PAGE, readFigures } from "./figures.ts";
import { isProof, lineOf, runSweep } from "./run.ts";
import { loadSweeps, type Route, ROUTES } from "./sweep.ts";

const sweeps = await loadSweeps();
const USAGE = `usage: deno task test:faults [options]

  --sweep NAME             one of ${
  sweeps.map(({ name }) => name).join(", ")
}; all of them by default
  --route ROUTE            one of ${ROUTES.join(", ")}; all that the sweep has by default
  --short                  the selection that runs in the gate
  --part X                 0.1 tries a tenth of the cases
  --seed N                 chooses the cases; another one each day by default
  --only CASE              this case alone, as a failure names it
  --table                  runs nothing, renews the table of docs/reliability.md
  --save                   keeps the figures, and renews the table of docs/reliability.md

Needs root, strace, rsync, and tools that make file systems.
`;

function readOptions() {
  try {
    const { values } = parseArgs({
      options: {
        sweep: { type: "string" },
        route: { type: "string" },
        short: { type: "boolean", default: false },
        part: { type: "string", default: "1" },
        seed: { type: "string", default: `${Math.floor(Date.now() / 86_400_000)}` },
        only: { type: "string" },
        table: { type: "boolean", default: false },
        save: { type: "boolean", default: false },
        help: { type: "boolean", default: false },
      },
    });
    const { sweep, route, seed, part } = values;
    const isKnown = sweep === undefined || sweeps.some(({ name }) => name === sweep);
    const isRoute = route === undefined || ROUTES.includes(route as Route);
    const areNumbers = /^\d+$/.test(seed) && Number(part) > 0 && Number(part) <= 1;
    return isKnown && isRoute && areNumbers ? values : null;
  } catch {
    return null;
  }
}

const options = readOptions();
if (options === null || options.help) {
  console.log(USAGE);
  Deno.exit(options === null ? 64 : 0);
}
let failed = 0;
if (!options.table) await buildNative();
for (const sweep of options.table ? [] : sweeps) {
  if (options.sweep !== undefined && options.sweep !== sweep.name) continue;
  for (const route of sweep.routes) {
    if (options.route !== undefined && options.route !== route) continue;
    const { short, only } = options;
    const how = { short, part: Number(options.part), seed: Number(options.seed), only };
    try {
      const report = (line: string) => console.log(`  ${line}`);
      const counts = await runSweep(sweep, route, { ...how, report });
      console.log(lineOf(sweep.name, route, counts));
      if (!isProof(counts)) failed++;
      if (options.save && options.only === undefined) keepFigure(sweep.name, route, how, counts);
    } catch (error) {
      if (!(error instanceof CannotRun)) throw error;
      failed++;
      console.log(`${sweep.name} ${route}: can't run here: ${error.message}`);
    }
  }
}
if (options.save || options.table) {
  const section = figuresSection(readFigures(), sweeps);
  Deno.writeTextFileSync(PAGE, withSection(Deno.readTextFileSync(PAGE), section));
  await new Deno.Command(Deno.execPath(), { args: ["fmt", "--quiet", PAGE.pathname] }).output();
}
Deno.exit(failed === 0 ? 0 : 1);
