/**
 * A run of the command of which one side is followed by strace, and the trees that it works on.
 *
 * @module
 */
import { join } from "node:path";
import type { Ran, RunWith, Scratch } from "../support/cli.ts";
import { sleep } from "../support/judges.ts";
import { sh } from "../support/loop_fs.ts";
import { buildShortener, SHORT_COUNT, shortening } from "../support/short_counts.ts";
import { Attached, type Injection, tracing } from "../support/strace.ts";
import { contents } from "../support/trees.ts";
import type { Places } from "./places.ts";

/** Processes of a run: the command alone where both trees are local. */
export const SIDES = ["command", "daemon"] as const;
/** One of {@link SIDES}. */
export type Side = typeof SIDES[number];

/** A run that takes longer hangs. */
const LONGEST_MS = 60_000;

/** What is followed. */
export interface Following {
  readonly side: Side;
  /** Names of calls, with commas. */
  readonly calls: string;
  readonly injection?: Injection;
  /** Follows only calls on these very paths. */
  readonly paths?: readonly string[];
}

/** How a followed run ended. */
export interface Followed extends Ran {
  /** The signal that ended it. */
  readonly signal: Deno.Signal | null;
  /** What strace saw. */
  readonly log: string;
  /** Whether it had to be ended. */
  readonly hung: boolean;
}

/** Trees that every case finds as they were. */
export class Trees {
  readonly places: Places;
  /** Digests of the destination's files before a run. */
  before!: Map<string, string>;
  /** Digests of the source's files. */
  source!: Map<string, string>;
  /** Copies of both as they were; of the source only where runs change it. */
  readonly first: { readonly source: string; readonly destination: string };
  readonly #dir: Scratch;
  readonly #log: string;
  #changesSource = false;
  #shortener?: string;

  constructor(dir: Scratch, places: Places) {
    this.#dir = dir;
    this.places = places;
    const [source, destination] = [join(dir.path, "first-source"), join(dir.path, "first")];
    this.first = { source, destination };
    this.#log = join(dir.env().HOME, "calls.log");
  }

  /** Puts the trees that `make` makes, as `src` and `dst` in the folder it is given, in their places. */
  async prepare(
    make: (folder: string) => void,
    { changesSource = false }: { readonly changesSource?: boolean } = {},
  ): Promise<void> {
    const { source, destination } = this.places;
    this.#changesSource = changesSource;
    sh(`rm -rf "$@"`, "", source, destination, this.first.source, this.first.destination);
    make(this.#dir.path);
    for (const [name, place] of [["src", source], ["dst", destination]]) {
      const made = join(this.#dir.path, name);
      if (made !== place) sh(`mv "$0" "$1"`, made, place);
    }
    sh(`cp -a "$0" "$1"`, destination, this.first.destination);
    if (changesSource) sh(`cp -a "$0" "$1"`, source, this.first.source);
    this.before = (await contents(destination))!;
    this.source = (await contents(source))!;
  }

  /** Makes the destination what it was, and the source where runs change it. */
  reset(): void {
    const again = `rm -rf "$1"; cp -a "$0" "$1"`;
    sh(again, this.first.destination, this.places.destination);
    if (this.#changesSource) sh(again, this.first.source, this.places.source);
  }

  /** What strace has seen so far. */
  async log(): Promise<string> {
    return await Deno.readTextFile(this.#log).catch(() => "");
  }

  /** What a call names that lies on the trees, or on a connection between the sides. */
  get marks(): readonly string[] {
    const { source, destination, there } = this.places;
    const ports = there ? [there.daemon.ready.port, there.daemon.ready.data_port] : [];
    return [source, destination, ...ports.map((port) => `:${port}`)];
  }

  /**
   * Runs the command between the places.
   *
   * @param args verb and options
   * @param meanwhile is given the running command
   */
  async follow(
    { side, calls, injection, paths }: Following,
    args: readonly string[],
    meanwhile: (run: Deno.ChildProcess) => Promise<void> = () => Promise.resolve(),
  ): Promise<Followed> {
    const { there, spawn, words } = this.places;
    await Deno.remove(this.#log).catch(() => {});
    const shortener = injection?.effect === SHORT_COUNT
      ? shortening(this.#shortens(), this.#log, injection, this.marks)
      : null;
    const pid = side === "daemon" ? there!.daemon.pid : null;
    const attached = pid === null
      ? null
      : shortener
      ? await Attached.by([...shortener, "-p", `${pid}`])
      : await Attached.to(pid, this.#log, calls, injection, paths);
    const surroundings: RunWith = attached
      ? {}
      : { wrapper: shortener ?? tracing(this.#log, calls, injection, paths) };
    const [verb, ...options] = args;
    const child = spawn(surroundings, verb, ...options, ...words);
    await child.stdin.close();
    let hung = false;
    const deadline = setTimeout(() => {
      hung = true;
      child.kill("SIGKILL");
    }, LONGEST_MS);
    const said = Promise.all([
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
    ]);
    await meanwhile(child);
    const { code, signal } = await child.status;
    clearTimeout(deadline);
    const [stdout, stderr] = await said;
    await attached?.detach();
    // The tracer of a command that was killed writes its last lines when that is gone.
    if (!attached) await sleep(20);
    const log = await this.log();
    return { status: code, signal, stdout, stderr, json: () => JSON.parse(stdout), log, hung };
  }

  #shortens(): string {
    return this.#shortener ??= buildShortener(this.#dir.env().HOME);
  }
}

/** Whether a process is alive; one that ended and wasn't collected yet isn't. */
export function isRunning(pid: number): boolean {
  try {
    return Deno.readTextFileSync(`/proc/${pid}/cmdline`) !== "";
  } catch {
    return false;
  }
}
