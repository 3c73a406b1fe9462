/**
 * SIGKILL in every phase of a mirror: of the command, and of the daemon.
 *
 * The destination's side is held at a system call that a recording run made there, which tells the phase, and meanwhile
 * it or the other side dies.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import type { RunWith, Scratch } from "../support/cli.ts";
import {
  assertNothingStaged,
  assertRsyncFindsNothing,
  assertStatus,
  sleep,
} from "../support/judges.ts";
import { assertOldOrNew, differing } from "../support/kills.ts";
import { EVERY_FS, onMount, sh } from "../support/loop_fs.ts";
import {
  Attached,
  type Call,
  callsUnder,
  injectedCall,
  type Injection,
  readCalls,
  tracing,
} from "../support/strace.ts";
import { WAYS } from "../support/served.ts";
import { contents } from "../support/trees.ts";
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
const VICTIMS = ["command", "daemon"] as const;
type Victim = typeof VICTIMS[number];

const FOLLOWED = Object.values(PHASES).flat().join(",");
const MIRROR = ["mirror", "--yes", "--max-delete=all"];
/** Time for which a call is held. */
const HELD_MS = 150;
/** A kill that the other side didn't notice by then is a stall. */
const NOTICED_MS = 10_000;
/** Threads take different shares in each run: not every call that was recorded comes again. */
const TRIES = 3;

class Kills {
  readonly #context: Context;
  readonly #dir: Scratch;
  readonly #places: Places;
  readonly #cases: Cases;
  readonly #log: string;
  #bytes!: { readonly before: Map<string, string>; readonly source: Map<string, string> };
  #recorded: readonly Call[] = [];
  /** Folders that are stamped after everything else. */
  #late: readonly string[] = [];

  constructor(context: Context, dir: Scratch, places: Places, cases: Cases) {
    this.#context = context;
    this.#dir = dir;
    this.#places = places;
    this.#cases = cases;
    this.#log = join(context.dir.env().HOME, "calls.log");
  }

  async run(victim: Victim): Promise<void> {
    const { source, destination, there } = this.#places;
    differing(this.#dir.path, this.#context.short ? 20 : 40);
    for (const [name, place] of [["src", source], ["dst", destination]]) {
      const made = join(this.#dir.path, name);
      if (made !== place) sh(`mv "$0" "$1"`, made, place);
    }
    sh(`cp -a "$1" "$0/first"`, this.#dir.path, destination);
    this.#bytes = {
      before: (await contents(destination))!,
      source: (await contents(source))!,
    };
    await this.#record();
    const perPhase = this.#context.short ? 1 : 40;
    for (const phase of Object.keys(PHASES) as Phase[]) {
      const kind = there ? `${victim} in ${phase}` : phase;
      for (let i = 0; i < TRIES * perPhase && this.#cases.hitOf(kind) < perPhase; i++) {
        const { call, number, paths } = this.#choose(phase);
        const name = `${victim}:${phase}:${call}:${number}`;
        const injection = { call, number, paths };
        await this.#cases.try(kind, name, () => this.#case(victim, phase, injection));
      }
    }
  }

  /** Runs once, and keeps what the destination's side called. */
  async #record(): Promise<void> {
    const { status } = await this.#follow(FOLLOWED);
    assert.equal(status.code, 0);
    const log = await Deno.readTextFile(this.#log);
    this.#recorded = callsUnder(readCalls(log), this.#places.destination);
    const last = this.#recorded.findLastIndex(({ name, text }) =>
      name === "unlinkat" && !text.includes('".blit-')
    );
    const stamps = this.#recorded.slice(last + 1).filter(({ name }) => name === "utimensat");
    this.#late = stamps.map(({ text }) => /<([^>]*)>/.exec(text)![1]);
    this.#reset();
  }

  #choose(phase: Phase): Omit<Injection, "effect"> {
    const { random } = this.#context;
    const made = this.#recorded.filter(({ name }) => PHASES[phase].includes(name as never));
    if (phase === "finish") {
      const call = PHASES.finish[Math.floor(random() * PHASES.finish.length)];
      // Each of two threads has about half.
      return { call, number: 1 + Math.floor(random() * this.#late.length / 2), paths: this.#late };
    }
    const { name, number } = made[Math.floor(random() * made.length)];
    return { call: name, number };
  }

  async #case(
    victim: Victim,
    phase: Phase,
    chosen: Omit<Injection, "effect">,
  ): Promise<boolean> {
    const { source, destination, words, there } = this.#places;
    const injection = { ...chosen, effect: `delay_enter=${HELD_MS * 1000}` };
    const startMs = performance.now();
    const { status, said, killed } = await this.#follow(chosen.call, injection, async (run) => {
      if (!await this.#isReached(injection, run)) return;
      await sleep(this.#context.random() * HELD_MS * 0.6);
      if (victim === "command") run.kill("SIGKILL");
      else await there!.daemon.stop("SIGKILL");
    });
    if (victim === "daemon") {
      await there!.daemon.stop("SIGKILL");
      await there!.start();
    }
    try {
      const call = injectedCall(await Deno.readTextFile(this.#log), injection, destination);
      if (call === null || phaseOf(call) !== phase || !killed(victim)) return false;
      if (victim === "daemon" && status.code !== 0) {
        assert.equal(status.code, 1, said);
        assert.match(said, /^error: .+\. (Run again|Check)\b.*\.$/m);
        assert.ok(performance.now() - startMs < NOTICED_MS, "it took too long to notice");
      }
      await assertOldOrNew(destination, this.#bytes.before, this.#bytes.source);
      assertStatus(await this.#places.blit(...MIRROR, ...words), 0);
      assertRsyncFindsNothing(source, destination);
      assertNothingStaged(this.#dir.path);
      return true;
    } finally {
      this.#reset();
    }
  }

  /** Runs a mirror whose destination's side is followed. */
  async #follow(
    calls: string,
    injection?: Injection,
    meanwhile: (run: Deno.ChildProcess) => Promise<void> = () => Promise.resolve(),
  ) {
    const { there, spawn, words } = this.#places;
    await Deno.remove(this.#log).catch(() => {});
    const isPush = this.#context.route === "push";
    const attached = isPush
      ? await Attached.to(there!.daemon.pid, this.#log, calls, injection)
      : null;
    const surroundings: RunWith = isPush ? {} : { wrapper: tracing(this.#log, calls, injection) };
    const child = spawn(surroundings, ...MIRROR, ...words);
    const drained = Promise.all([child.stdout.cancel(), child.stdin.close()]);
    const errors = new Response(child.stderr).text();
    const daemonPid = there?.daemon.pid;
    await meanwhile(child);
    const [status, said] = await Promise.all([child.status, errors]);
    await drained.catch(() => {});
    await attached?.detach();
    const daemonIsGone = daemonPid !== undefined && !isAlive(daemonPid);
    const killed = (victim: Victim) =>
      victim === "command" ? status.signal === "SIGKILL" : daemonIsGone;
    return { status, said, killed };
  }

  /** Waits until the call is made; false where the run ended before. */
  async #isReached(injection: Injection, run: Deno.ChildProcess): Promise<boolean> {
    let hasEnded = false;
    run.status.then(() => hasEnded = true);
    while (!hasEnded) {
      const log = await Deno.readTextFile(this.#log).catch(() => "");
      if (injectedCall(log, injection, this.#places.destination) !== null) return true;
      await sleep(3);
    }
    return false;
  }

  #reset(): void {
    sh(`rm -rf "$1"; cp -a "$0/first" "$1"`, this.#dir.path, this.#places.destination);
  }
}

/** What a run was doing when it made a call at the destination. */
function phaseOf({ name, text }: Call): Phase {
  if (name === "unlinkat" && text.includes('".blit-')) return "finish";
  const phases = Object.keys(PHASES) as Phase[];
  return phases.find((phase) => PHASES[phase].includes(name as never))!;
}

function isAlive(pid: number): boolean {
  try {
    // A process that was killed and not yet collected has no command line any more.
    return Deno.readTextFileSync(`/proc/${pid}/cmdline`) !== "";
  } catch {
    return false;
  }
}

/** The sweep. */
export const sweep: Sweep = {
  name: "kill",
  title:
    "SIGKILL while it scans, copies, replaces, prunes and finishes, of the command and of the daemon: every " +
    "path that existed holds its old or its new content, one plain run more makes the trees equal, and nothing staged is left.",
  routes: ["local", "push", "pull"],
  async run(context): Promise<Counts> {
    const cases = new Cases(context);
    const { route } = context;
    for (const victim of route === "local" ? ["command"] as const : VICTIMS) {
      await onMount(EVERY_FS[route === "local" ? 1 : 0], context.dir, async (dir) => {
        // Every way, without twice the time.
        const way = WAYS[victim === "daemon" ? 0 : route === "push" ? 1 : 2];
        const work = (places: Places) => new Kills(context, dir, places, cases).run(victim);
        await onRoute(route, dir, work, { way });
      });
    }
    return cases.counts();
  },
};
