/**
 * SIGKILL of a move: by renaming, by copying, and over the network.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { Scratch } from "../support/cli.ts";
import { assertNothingStaged, assertStatus } from "../support/judges.ts";
import { assertOldOrNew } from "../support/kills.ts";
import { assertMoved, assertNothingLost, movable } from "../support/moves.ts";
import { contents } from "../support/trees.ts";
import { type Call, callsUnder, readCalls } from "../support/strace.ts";
import { type Side, Trees } from "./followed.ts";
import { killAt } from "./held_kill.ts";
import type { Places } from "./places.ts";
import type { Cases, Context } from "./sweep.ts";

/** A part of a move: where its calls lie, and which they are. */
interface Phase {
  readonly name: string;
  readonly at: "source" | "destination";
  readonly calls: readonly string[];
}

const REMOVE: Phase = { name: "remove", at: "source", calls: ["unlinkat"] };
/** Parts of a move by the way that it takes. */
const PHASES = {
  renaming: [
    { name: "rename", at: "destination", calls: ["renameat", "renameat2"] },
    REMOVE,
  ],
  copying: [
    {
      name: "copy",
      at: "destination",
      calls: ["pwrite64", "copy_file_range", "symlinkat", "mkdirat", "renameat", "renameat2"],
    },
    { name: "verify", at: "destination", calls: ["pread64"] },
    REMOVE,
  ],
} as const satisfies Record<string, readonly Phase[]>;
/** How a move goes: within a file system, or to another one or another machine. */
export type MoveWay = keyof typeof PHASES;

const MOVE = ["move", "--yes"];
/** Moments in each part, for each victim. */
const PER_PHASE = 10;
/** Threads take different shares in each run: not every call that was recorded comes again. */
const TRIES = 3;

/** Moves of one way that are killed. */
export class KilledMoves {
  readonly #context: Context;
  readonly #trees: Trees;
  readonly #cases: Cases;
  readonly #folder: string;
  readonly #way: MoveWay;

  constructor(context: Context, dir: Scratch, places: Places, cases: Cases, way: MoveWay) {
    this.#context = context;
    this.#trees = new Trees(dir, places);
    this.#cases = cases;
    this.#folder = dir.path;
    this.#way = way;
  }

  async run(victims: readonly Side[]): Promise<void> {
    const { short, part } = this.#context;
    await this.#trees.prepare(movable, { changesSource: true });
    const perPhase = short ? 1 : Math.ceil(PER_PHASE * part);
    // In the gate the last part alone: the one that takes something away.
    for (const phase of short ? [REMOVE] : PHASES[this.#way]) {
      const recorded = await this.#record(phase);
      for (const victim of victims) {
        const who = this.#trees.places.there ? `${victim} in ` : "";
        const kind = `move ${this.#way}: ${who}${phase.name}`;
        for (let i = 0; i < TRIES * perPhase && this.#cases.hitOf(kind) < perPhase; i++) {
          const { name: call, number } =
            recorded[Math.floor(this.#context.random() * recorded.length)];
          const name = `${this.#way}:${victim}:${phase.name}:${call}:${number}`;
          await this.#cases.try(kind, name, () => this.#case(victim, phase, call, number));
        }
      }
    }
  }

  /** Runs once, and keeps the calls of a part. */
  async #record(phase: Phase): Promise<readonly Call[]> {
    const calls = phase.calls.join(",");
    const ran = await this.#trees.follow({ side: this.#sideOf(phase), calls }, MOVE);
    assertStatus(ran, 0);
    this.#trees.reset();
    const recorded = callsUnder(readCalls(ran.log), this.#trees.places[phase.at]);
    assert.ok(recorded.length > 0, `no call in ${phase.name}`);
    return recorded;
  }

  #sideOf({ at }: Phase): Side {
    const far = this.#context.route === "push" ? "destination" : "source";
    return this.#trees.places.there && at === far ? "daemon" : "command";
  }

  async #case(victim: Side, phase: Phase, call: string, number: number): Promise<boolean> {
    const { source, destination, words, blit } = this.#trees.places;
    const { before, source: moved } = this.#trees;
    const [side, folder] = [this.#sideOf(phase), this.#trees.places[phase.at]];
    const death = { victim, side, call, number, folder, random: this.#context.random };
    try {
      if (await killAt(this.#trees, MOVE, death) === null) return false;
      await assertNothingLost(moved, source, destination);
      await assertOldOrNew(destination, before, moved);
      // The other side may have ended the move meanwhile.
      if (await contents(source) !== null) assertStatus(await blit(...MOVE, ...words), 0);
      await assertMoved(this.#trees.first.source, source, destination, before);
      assertNothingStaged(this.#folder);
      return true;
    } finally {
      this.#trees.reset();
    }
  }
}
