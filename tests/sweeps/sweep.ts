/**
 * What a sweep is: many tries to break one promise, each counted only if it hit.
 *
 * @module
 */
import type { Scratch } from "../support/cli.ts";
import { CannotRun } from "../support/loop_fs.ts";

/** Where source and destination are: both here, or one of them at a daemon. */
export type Route = "local" | "push" | "pull";

/** Every route, in the order of the table. */
export const ROUTES: readonly Route[] = ["local", "push", "pull"];

/** What one run of a sweep is given. */
export interface Context {
  readonly route: Route;
  /** A selection for the gate: a few cases of each kind, in seconds. */
  readonly short: boolean;
  /** Which part of the full number of cases is tried, up to 1, where a machine is busy. */
  readonly part: number;
  /** The cases follow from it alone, as far as the machine's timing lets them. */
  readonly seed: number;
  /** Numbers in [0, 1) that follow from the seed. */
  readonly random: () => number;
  /** A folder that is there as long as the run. */
  readonly dir: Scratch;
  /** The one case to try, by its name; every case where left out. */
  readonly only?: string;
  /** Told of each case that didn't hold, as soon as it is known. */
  readonly report: (line: string) => void;
}

/** What a run of a sweep counted. */
export interface Counts {
  readonly planned: number;
  /** Cases whose fault took place: the process was alive, the call lay on a path of the test's trees. */
  readonly hit: number;
  /** Cases that hit, and after which the promise held. */
  readonly held: number;
  /** Cases after which it didn't, by their name, with what was seen. */
  readonly failures: readonly string[];
  /** What the table says besides: kinds of cases and how many of each, cases that didn't hit and why. */
  readonly notes: readonly string[];
}

/** One sweep. */
export interface Sweep {
  /** Name of its file without `_sweep.ts`. */
  readonly name: string;
  /** What it does and what must hold, a sentence for the table. */
  readonly title: string;
  readonly routes: readonly Route[];
  /** @throws {CannotRun} where this machine lacks something */
  run(context: Context): Promise<Counts>;
}

/** What is shown of a failure: a run that fails may list every entry. */
const LONGEST_WORDS = 1000;

/** Counts the cases of one run. */
export class Cases {
  readonly #context: Context;
  readonly #kinds = new Map<string, { hit: number; held: number }>();
  readonly #failures: string[] = [];
  readonly #notes: string[] = [];
  #planned = 0;
  #hit = 0;

  constructor(context: Context) {
    this.#context = context;
  }

  /**
   * Tries one case.
   *
   * @param kind what it is counted under in the notes
   * @param name what makes it again, with the seed: `--only NAME`
   * @param work makes the fault and judges what came of it; false where the fault didn't take place. What it throws says
   *   that the promise didn't hold.
   */
  async try(kind: string, name: string, work: () => Promise<boolean>): Promise<void> {
    if (this.#context.only !== undefined && this.#context.only !== name) return;
    this.#planned++;
    const count = this.#kinds.get(kind) ?? { hit: 0, held: 0 };
    this.#kinds.set(kind, count);
    try {
      if (!await work()) return;
      count.held++;
    } catch (error) {
      if (error instanceof CannotRun) throw error;
      const said = (error instanceof Error ? error.message : String(error)).slice(0, LONGEST_WORDS);
      const failure = `${name} (--seed ${this.#context.seed}): ${said}`;
      this.#failures.push(failure);
      this.#context.report(failure);
    }
    count.hit++;
    this.#hit++;
  }

  /** How many cases of a kind hit. */
  hitOf(kind: string): number {
    return this.#kinds.get(kind)?.hit ?? 0;
  }

  /** Adds a line to the notes. */
  note(line: string): void {
    this.#notes.push(line);
  }

  /** What was counted so far. */
  counts(): Counts {
    const kinds = [...this.#kinds].map(([kind, { hit }]) => `${kind} ${hit}`);
    return {
      planned: this.#planned,
      hit: this.#hit,
      held: this.#hit - this.#failures.length,
      failures: this.#failures,
      notes: [...kinds.length > 1 ? [kinds.join(", ")] : [], ...this.#notes],
    };
  }
}

/** Every sweep of this folder, by name. */
export async function loadSweeps(): Promise<Sweep[]> {
  const folder = new URL("./", import.meta.url);
  const names = Array.from(Deno.readDirSync(folder), ({ name }) => name);
  const files = names.filter((name) => name.endsWith("_sweep.ts")).sort();
  return await Promise.all(
    files.map(async (name) => (await import(new URL(name, folder).href)).sweep as Sweep),
  );
}
