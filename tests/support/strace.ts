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
  /** Which one of its name it is in its thread, from 1. */
  readonly number: number;
}

/** What is done to a call. */
export interface Injection {
  /** Name of the call. */
  readonly call: string;
  /** Which one in a thread, from 1, of those that are followed. */
  readonly number: number;
  /** What strace does: `signal=KILL`, `error=EIO`, `retval=0`, `delay_enter=50000`, ... */
  readonly effect: string;
  /** Follows only calls on these very paths; every call where left out. */
  readonly paths?: readonly string[];
}

/** Reads a log. */
export function readCalls(log: string): Call[] {
  const numbers = new Map<string, number>();
  const calls: Call[] = [];
  for (const line of log.split("\n")) {
    const [, thread, text, name] = /^(\d+) +((\w+)\(.*)$/.exec(line) ?? [];
    if (name === undefined) continue;
    const number = (numbers.get(`${thread} ${name}`) ?? 0) + 1;
    numbers.set(`${thread} ${name}`, number);
    calls.push({ thread, name, text, number });
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

/** Words before a command that write its calls to a log; the command keeps the process that was started. */
export function tracing(log: string, calls: string, injection?: Injection): string[] {
  need(needsPrograms("strace"));
  return ["strace", "-D", "--seccomp-bpf", ...words(log, calls, injection)];
}

/** A process of somebody else, followed from now on. */
export class Attached {
  readonly #strace: Deno.ChildProcess;
  readonly #said: Promise<unknown>;

  private constructor(strace: Deno.ChildProcess, said: Promise<unknown>) {
    this.#strace = strace;
    this.#said = said;
  }

  /** Follows a process with all its threads. */
  static async to(pid: number, log: string, calls: string, injection?: Injection) {
    need(needsPrograms("strace"));
    const strace = new Deno.Command("strace", {
      args: ["-p", `${pid}`, ...words(log, calls, injection)],
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    const reader = strace.stderr.pipeThrough(new TextDecoderStream()).getReader();
    let said = "";
    while (!said.includes("attached")) {
      const { value, done } = await reader.read();
      if (done) throw new TypeError(`strace can't follow ${pid}: ${said}`);
      said += value;
    }
    const rest = (async () => {
      while (!(await reader.read()).done);
    })();
    return new Attached(strace, rest);
  }

  /** Leaves the process alone; the log is whole then. */
  async detach(): Promise<void> {
    try {
      this.#strace.kill("SIGINT");
    } catch {
      // It ended with the process.
    }
    await this.#strace.status;
    await this.#said;
  }
}

function words(log: string, calls: string, injection?: Injection): string[] {
  const { call, number, effect, paths = [] } = injection ?? {};
  return [
    ...["-f", "-y", "-s", "64", "-e", `trace=${calls}`, "-o", log],
    ...call ? ["-e", `inject=${call}:${effect}:when=${number}`] : [],
    ...paths.flatMap((path) => ["-P", path]),
  ];
}
