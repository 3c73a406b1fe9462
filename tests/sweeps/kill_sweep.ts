/**
 * SIGKILL in every phase of a mirror: of the command, and of the daemon.
 *
 * The destination's side is held at a system call that a recording run made there, which tells the phase, and meanwhile
 * it or the other side dies.
 *
 * @module
 */
import type { Scratch } from "../support/cli.ts";
import { assertNothingStaged, assertRsyncFindsNothing, assertStatus } from "../support/judges.ts";
import { assertOldOrNew, differing } from "../support/kills.ts";
import { EVERY_FS, onMount } from "../support/loop_fs.ts";
import { type Call, callsUnder, readCalls } from "../support/strace.ts";
import { WAYS } from "../support/served.ts";
import { type Side, SIDES, Trees } from "./followed.ts";
import { killAt } from "./held_kill.ts";
import { KilledMoves, type MoveWay } from "./kill_moves.ts";
import { onRoute, type Places } from "./places.ts";
import { Cases, type Context, type Counts, type Sweep } from "./sweep.ts";

/** The calls that a phase is known by, at the destination. */
const PHASES = {
  scan: ["getdents64"],
  copy: ["pwrite64", "copy_file_range", "symlinkat", "mknodat", "mkdirat"],
  replace: ["renameat", "renameat2"],
  prune: ["unlinkat"],
  finish: ["fchmod", "utimensat"],
} as const;
type Phase = keyof typeof PHASES;

const FOLLOWED = Object.values(PHASES).flat().join(",");
const MIRROR = ["mirror", "--yes", "--max-delete=all"];
/** Threads take different shares in each run: not every call that was recorded comes again. */
const TRIES = 3;

class Kills {
  readonly #context: Context;
  readonly #trees: Trees;
  readonly #cases: Cases;
  readonly #folder: string;
  /** The destination's side, where the phase is known. */
  readonly #side: Side;
  #recorded: readonly Call[] = [];
  /** Folders that are stamped after everything else. */
  #late: readonly string[] = [];

  constructor(context: Context, dir: Scratch, places: Places, cases: Cases) {
    this.#context = context;
    this.#trees = new Trees(dir, places);
    this.#cases = cases;
    this.#folder = dir.path;
    this.#side = context.route === "push" ? "daemon" : "command";
  }

  async run(victim: Side): Promise<void> {
    const { there } = this.#trees.places;
    await this.#trees.prepare((folder) => differing(folder, this.#context.short ? 20 : 40));
    await this.#record();
    const { short, part } = this.#context;
    const perPhase = short ? 1 : Math.ceil(40 * part);
    for (const phase of Object.keys(PHASES) as Phase[]) {
      const kind = there ? `${victim} in ${phase}` : phase;
      for (let i = 0; i < TRIES * perPhase && this.#cases.hitOf(kind) < perPhase; i++) {
        const { call, number } = this.#choose(phase);
        const name = `${victim}:${phase}:${call}:${number}`;
        await this.#cases.try(kind, name, () => this.#case(victim, phase, call, number));
      }
    }
  }

  /** Runs once, and keeps what the destination's side called. */
  async #record(): Promise<void> {
    const ran = await this.#trees.follow({ side: this.#side, calls: FOLLOWED }, MIRROR);
    assertStatus(ran, 0);
    this.#recorded = callsUnder(readCalls(ran.log), this.#trees.places.destination);
    const last = this.#recorded.findLastIndex(({ name, text }) =>
      name === "unlinkat" && !text.includes('".blit-')
    );
    const stamps = this.#recorded.slice(last + 1).filter(({ name }) => name === "utimensat");
    this.#late = stamps.map(({ text }) => /<([^>]*)>/.exec(text)![1]);
    this.#trees.reset();
  }

  #choose(phase: Phase): { readonly call: string; readonly number: number } {
    const { random } = this.#context;
    const any = <T>(list: readonly T[]) => list[Math.floor(random() * list.length)];
    // Each of two threads stamps about half of the folders.
    if (phase === "finish") {
      return { call: any(PHASES.finish), number: 1 + Math.floor(random() * this.#late.length / 2) };
    }
    const { name, number } = any(
      this.#recorded.filter(({ name }) => PHASES[phase].includes(name as never)),
    );
    return { call: name, number };
  }

  async #case(victim: Side, phase: Phase, call: string, number: number): Promise<boolean> {
    const { source, destination, words, blit } = this.#trees.places;
    const paths = phase === "finish" ? this.#late : [];
    const { random } = this.#context;
    const death = { victim, side: this.#side, call, number, paths, folder: destination, random };
    try {
      const made = await killAt(this.#trees, MIRROR, death);
      if (made === null || phaseOf(made) !== phase) return false;
      await assertOldOrNew(destination, this.#trees.before, this.#trees.source);
      assertStatus(await blit(...MIRROR, ...words), 0);
      assertRsyncFindsNothing(source, destination);
      assertNothingStaged(this.#folder);
      return true;
    } finally {
      this.#trees.reset();
    }
  }
}

/** What a run was doing when it made a call at the destination. */
function phaseOf({ name, text }: Call): Phase {
  if (name === "unlinkat" && text.includes('".blit-')) return "finish";
  const phases = Object.keys(PHASES) as Phase[];
  return phases.find((phase) => PHASES[phase].includes(name as never))!;
}

/** The sweep. */
export const sweep: Sweep = {
  name: "kill",
  title:
    "SIGKILL while it scans, copies, replaces, prunes and finishes, of the command and of the daemon: every " +
    "path that existed holds its old or its new content, one plain run more makes the trees equal, and nothing staged is left. " +
    "While a move renames, copies, verifies and removes: every file is whole on one side, and one run more ends the move",
  routes: ["local", "push", "pull"],
  async run(context): Promise<Counts> {
    const cases = new Cases(context);
    const { route } = context;
    for (const victim of victimsOf(context)) {
      await onMount(EVERY_FS[route === "local" ? 1 : 0], context.dir, async (dir) => {
        // Every way, without twice the time.
        const way = WAYS[victim === "daemon" ? 0 : route === "push" ? 1 : 2];
        const work = (places: Places) => new Kills(context, dir, places, cases).run(victim);
        await onRoute(route, dir, work, { way });
      });
    }
    for (const moveWay of moveWaysOf(context)) {
      await onMount(EVERY_FS[1], context.dir, async (dir) => {
        // Another file system than the destination's is what makes a local move copy.
        const source = route === "local" && moveWay === "copying" ? context.dir.path : undefined;
        const work = (places: Places) =>
          new KilledMoves(context, dir, places, cases, moveWay).run(
            route === "local" ? ["command"] : SIDES,
          );
        await onRoute(route, dir, work, { source });
      });
    }
    return cases.counts();
  },
};

/** Who is killed on a route: in the gate's selection the side that writes. */
function victimsOf({ route, short }: Context): readonly Side[] {
  if (route === "local") return ["command"];
  return short ? [route === "push" ? "daemon" : "command"] : SIDES;
}

/** Ways of moves on a route: in the gate one, where nothing else copies and removes. */
function moveWaysOf({ route, short }: Context): readonly MoveWay[] {
  if (route !== "local") return short ? [] : ["copying"];
  return short ? ["copying"] : ["renaming", "copying"];
}
