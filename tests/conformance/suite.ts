/**
 * The suite that every backend of Tree must pass.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { Traits } from "../../src/engine/tree.ts";
import { changeCases } from "./change_cases.ts";
import { copyCases } from "./copy_cases.ts";
import { faultCases } from "./fault_cases.ts";
import { listCases } from "./list_cases.ts";
import { nameCases } from "./name_cases.ts";
import { traitCases } from "./trait_cases.ts";
import { CannotRun } from "../support/needs.ts";
import { type TreePair, Workbench } from "./workbench.ts";

/** Why a case has nothing to check for a pair; it is counted as an ignored step. */
export interface Skipped {
  readonly skipped: string;
}

/** Cases by what they say; each gets empty trees. */
export type Cases = Readonly<Record<string, (bench: Workbench) => Promise<void | Skipped>>>;

/**
 * Registers the suite for a pair of backends.
 *
 * @param name of the pair, for the tests' names
 * @param makePair makes two empty trees of one file system where both are of a kind
 * @param traits what the destination is expected to declare; each lack must be reported
 */
export function conformance(
  name: string,
  makePair: () => Promise<TreePair>,
  traits: Traits,
): void {
  const all: Cases = {
    "declares its traits": ({ destination }) => {
      assert.deepEqual(destination.traits, traits);
      return Promise.resolve();
    },
    ...listCases,
    ...copyCases,
    ...faultCases,
    ...changeCases,
    ...nameCases,
    ...traitCases,
  };
  for (const [behaviour, check] of Object.entries(all)) {
    Deno.test(`${name}: ${behaviour}`, async (t) => {
      const pair = await makePair();
      const bench = new Workbench(pair);
      try {
        const outcome = await check(bench).catch((error: unknown) => {
          if (!(error instanceof CannotRun)) throw error;
          return { skipped: error.message };
        });
        if (outcome) await t.step({ name: `skipped: ${outcome.skipped}`, ignore: true, fn() {} });
      } finally {
        bench.destination.endRun(bench.run);
        await pair.source.close();
        await pair.destination.close();
        await pair.dispose();
      }
    });
  }
}

/** What a tree declares that keeps everything. */
export const FULL: Traits = {
  nanosecondTimes: true,
  modes: true,
  rawNames: true,
  xattrs: true,
  owners: true,
  losesModes: false,
  losesWriteBit: false,
  losesOwners: false,
  hardlinks: true,
  specials: true,
  holes: true,
  beneath: true,
  symlinkTimes: true,
  syncsWhole: true,
};
