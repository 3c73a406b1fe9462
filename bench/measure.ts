/**
 * Runs one command and takes its measures from outside.
 *
 * @module
 */

/** What one run took. */
export interface Measure {
  readonly wallSeconds: number;
  /** User and system time of the process and all its descendants. */
  readonly cpuSeconds: number;
  /** The most memory that any one of its processes had resident. */
  readonly peakBytes: number;
}

/** A run that ended with an error, with its own words. */
export class RunFailed extends Error {}

/**
 * Runs a command to its end.
 *
 * Wall time is this process's clock round the start and the end, since GNU time counts hundredths; CPU
 * and memory are what the kernel accounted (wait4) to GNU time, which starts the command.
 *
 * @param scratch a file to write to
 * @param isDone which exit codes are success
 */
export async function measure(
  command: readonly string[],
  scratch: string,
  env: Record<string, string>,
  isDone: (code: number) => boolean = (code) => code === 0,
): Promise<Measure> {
  const isWindows = Deno.build.os === "windows";
  const [program, ...args] = isWindows
    ? command
    : ["/usr/bin/time", "-q", "-f", "%U %S %M", "-o", scratch, ...command];
  const start = performance.now();
  const { code, stderr } = await new Deno.Command(program, {
    args,
    env,
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).output();
  const wallSeconds = (performance.now() - start) / 1000;
  if (!isDone(code)) throw failed(command, code, stderr);
  // Windows has nothing that starts a command and tells what its children took.
  if (isWindows) return { wallSeconds, cpuSeconds: NaN, peakBytes: NaN };
  const [user, system, kib] = Deno.readTextFileSync(scratch).trim().split(/\s+/).map(Number);
  return { wallSeconds, cpuSeconds: user + system, peakBytes: kib * 1024 };
}

function failed(command: readonly string[], code: number, stderr: Uint8Array): RunFailed {
  const words = new TextDecoder().decode(stderr).trim().split("\n").slice(-5).join("\n");
  return new RunFailed(`${command.join(" ")}: exit ${code}\n${words}`);
}

/**
 * Seconds from the start of a command until the first file stands in its destination under its final
 * name, seen from outside every 5 ms; null where none was seen. Runs the command to its end.
 */
export async function watchFirstFile(
  command: readonly string[],
  destination: string,
  env: Record<string, string>,
): Promise<number | null> {
  const start = performance.now();
  const run = begin(command, env);
  let seen: number | null = null;
  while (run.isRunning && seen === null) {
    if (hasFile(destination)) seen = (performance.now() - start) / 1000;
    else await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await run.ended;
  return seen;
}

/** A command under way. */
export interface Begun {
  readonly isRunning: boolean;
  /** Fulfilled at its end, however it ends. */
  readonly ended: Promise<void>;
  /** Ends it at once, unless it has ended. */
  kill(): void;
}

/** Starts a command to be looked at from outside while it runs. */
export function begin(command: readonly string[], env: Record<string, string>): Begun {
  const child = new Deno.Command(command[0], {
    args: command.slice(1),
    env,
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  let isRunning = true;
  const ended = child.status.then(() => {
    isRunning = false;
  });
  return {
    get isRunning() {
      return isRunning;
    },
    ended,
    kill: () => {
      if (isRunning) child.kill("SIGKILL");
    },
  };
}

/** Whether a tree holds a file that is not staged; looks at the first few entries of each folder. */
function hasFile(folder: string, depth = 4): boolean {
  try {
    let looked = 0;
    const folders: string[] = [];
    for (const entry of Deno.readDirSync(folder)) {
      if (entry.isFile && !/^\.blit-|^\..*\.[A-Za-z0-9]{6}$/.test(entry.name)) return true;
      if (entry.isDirectory) folders.push(entry.name);
      if (++looked >= 8) break;
    }
    return depth > 0 && folders.some((name) => hasFile(`${folder}/${name}`, depth - 1));
  } catch {
    // The folder isn't there yet, or its rights are still being set.
    return false;
  }
}

/** System calls of a command and its descendants, by strace; null where strace is missing. */
export async function countSystemCalls(
  command: readonly string[],
  scratch: string,
  env: Record<string, string>,
): Promise<number | null> {
  try {
    const { code, stderr } = await new Deno.Command("strace", {
      args: ["-f", "-c", "-q", "-o", scratch, ...command],
      env,
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).output();
    if (code !== 0) throw failed(command, code, stderr);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
  const total = /^\s*100\.00\s+\S+\s+(?:\S+\s+)?(\d+)\s+(?:\d+\s+)?total$/m
    .exec(Deno.readTextFileSync(scratch));
  return total ? Number(total[1]) : null;
}

/**
 * blit's own count of calls into its native library, from the line `{"stats":{"ffi_calls":N}}` that it
 * prints on stderr under `BLIT_STATS=1`; null where it prints none.
 */
export async function countFfiCalls(
  command: readonly string[],
  env: Record<string, string>,
): Promise<number | null> {
  const { stderr } = await new Deno.Command(command[0], {
    args: command.slice(1),
    env: { ...env, BLIT_STATS: "1" },
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).output();
  const found = /"ffi_calls":\s*(\d+)/.exec(new TextDecoder().decode(stderr));
  return found ? Number(found[1]) : null;
}

/** Most memory that a process had resident so far, bytes; by grep, as Deno keeps /proc to itself. */
export async function peakOf(pid: number): Promise<number> {
  const { stdout } = await new Deno.Command("grep", {
    args: ["VmHWM", `/proc/${pid}/status`],
    stderr: "null",
  }).output();
  return 1024 * Number(/(\d+)/.exec(new TextDecoder().decode(stdout))?.[1] ?? 0);
}
