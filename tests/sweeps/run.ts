/**
 * Runs sweeps and says what they counted.
 *
 * @module
 */
import { seededRandom } from "../../bench/random.ts";
import { inScratch } from "../support/cli.ts";
import type { Counts, Route, Sweep } from "./sweep.ts";

/** How a sweep is run. */
export interface HowToRun {
  readonly short: boolean;
  readonly part: number;
  readonly seed: number;
  readonly only?: string;
  readonly report: (line: string) => void;
}

/** Runs a sweep on one route, in a scratch folder of its own. */
export async function runSweep(sweep: Sweep, route: Route, how: HowToRun): Promise<Counts> {
  let counts: Counts | undefined;
  await inScratch(async (dir) => {
    counts = await sweep.run({ ...how, route, dir, random: seededRandom(how.seed) });
  });
  return counts!;
}

/** The line that is printed for a run. */
export function lineOf(name: string, route: Route, { planned, hit, held, notes }: Counts): string {
  const more = notes.length > 0 ? ` (${notes.join("; ")})` : "";
  return `${name} ${route}: hit ${hit} / planned ${planned}, held ${held}${more}`;
}

/** Whether every case that hit held, and at least one did. */
export function isProof({ hit, held }: Counts): boolean {
  return hit > 0 && held === hit;
}
