/**
 * strace as the maker of faults: kills, delays and errors at a chosen system call of a running command.
 *
 * Numbers of calls are counted by thread, as strace counts them.
 *
 * @module
 */
import { need, needsPrograms } from "./loop_fs.ts";

/** One system call in a log of `strace -f -y`. */
export interface Call {
  readonly thread: string;
  readonly name: string;
  /** The line without its thread; cut short where another thread came in between. */
  readonly text: string;
  /** Whether strace made it fail, delayed it, or changed what it returned. */
  readonly isInjected: boolean;
  /** Which one of its name it is in its thread, from 1. */
  readonly number: number;
}

/** What is done to a call. */
export interface Injection {
  /** Name of the call. */
  readonly call: string;
  /** Which one in a thread, from 1, of those that are followed. */
  readonly number: number;
  /** What strace does: `error=EIO`, `retval=0`, `delay_enter=50000`, ...; or `SHORT_COUNT` of short_counts.ts. */
  readonly effect: string;
}

/** Reads a log. */
export function readCalls(log: string): Call[] {
  const numbers = new Map<string, number>();
  const open = new Map<string, number>();
  const calls: Call[] = [];
  for (const line of log.split("\n")) {
    const [, thread, text] = /^(\d+) +(.*)$/.exec(line) ?? [];
    if (thread === undefined) continue;
    const isInjected = /\((INJECTED|DELAYED)\)$/.test(text);
    const name = /^(\w+)\(/.exec(text)?.[1];
    if (name !== undefined) {
      const number = (numbers.get(`${thread} ${name}`) ?? 0) + 1;
      numbers.set(`${thread} ${name}`, number);
      open.set(thread, calls.length);
      calls.push({ thread, name, text, number, isInjected });
    } else if (isInjected && open.has(thread)) {
      // The end of a call that another thread came in between of.
      const at = open.get(thread)!;
      calls[at] = { ...calls[at], isInjected };
    }
  }
  return calls;
}

/** The calls of a log that lie on a path under a folder. */
export function callsUnder(calls: readonly Call[], folder: string): Call[] {
  return calls.filter(({ text }) => text.includes(`<${folder}/`) || text.includes(`<${folder}>`));
}

/**
 * The call of a log that was injected; null where it wasn't reached, or lay elsewhere.
 *
 * @param folder where it must lie
 */
export function injectedCall(log: string, injection: Injection, folder: string): Call | null {
  const { call, number } = injection;
  const reached = readCalls(log).filter((made) => made.name === call && made.number === number);
  return callsUnder(reached, folder)[0] ?? null;
}

/**
 * Words before a command that write its calls to a log; the command keeps the process that was started.
 *
 * @param paths follows only calls on these very paths; every call where left out
 */
export function tracing(
  log: string,
  calls: string,
  injection?: Injection,
  paths?: readonly string[],
): string[] {
  need(needsPrograms("strace"));
  return ["strace", "-D", "--seccomp-bpf", ...words(log, calls, injection, paths)];
}

/** A process of somebody else, followed from now on. */
export class Attached {
  readonly #tracer: Deno.ChildProcess;
  readonly #said: Promise<unknown>;

  private constructor(tracer: Deno.ChildProcess, said: Promise<unknown>) {
    this.#tracer = tracer;
    this.#said = said;
  }

  /** Follows a process with all its threads; see {@link tracing}. */
  static async to(
    pid: number,
    log: string,
    calls: string,
    injection?: Injection,
    paths?: readonly string[],
  ): Promise<Attached> {
    need(needsPrograms("strace"));
    return await Attached.by(["strace", "-p", `${pid}`, ...words(log, calls, injection, paths)]);
  }

  /** Starts a program that says "attached" once it follows the process, and lets it go at SIGINT. */
  static async by([program, ...args]: readonly string[]): Promise<Attached> {
    const tracer = new Deno.Command(program, {
      args,
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    const reader = tracer.stderr.pipeThrough(new TextDecoderStream()).getReader();
    let said = "";
    while (!said.includes("attached")) {
      const { value, done } = await reader.read();
      if (done) throw new TypeError(`${program} can't follow the process: ${said}`);
      said += value;
    }
    const rest = (async () => {
      while (!(await reader.read()).done);
    })();
    return new Attached(tracer, rest);
  }

  /** Leaves the process alone; the log is whole then. */
  async detach(): Promise<void> {
    try {
      this.#tracer.kill("SIGINT");
    } catch {
      // It ended with the process.
    }
    await this.#tracer.status;
    await this.#said;
  }
}

function words(
  log: string,
  calls: string,
  injection?: Injection,
  paths: readonly string[] = [],
): string[] {
  return [
    ...["-f", "-yy", "-s", "256", "-e", `trace=${calls}`, "-o", log],
    ...injection
      ? ["-e", `inject=${injection.call}:${injection.effect}:when=${injection.number}`]
      : [],
    ...paths.flatMap((path) => ["-P", path]),
  ];
}
