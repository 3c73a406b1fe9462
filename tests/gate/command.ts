/**
 * Runs the programs that the gate is made of.
 *
 * @module
 */

/** How a program ended, and all it said. */
export interface Ran {
  readonly code: number;
  /** stdout and stderr as they came, without colours. */
  readonly output: string;
}

/** The project's root folder, ending in `/`. */
export const ROOT = new URL("../../", import.meta.url);

/** Runs a program in the project's root, showing its output as it comes unless it is only kept. */
export async function run(
  program: string,
  args: readonly string[],
  options: {
    readonly env?: Record<string, string>;
    readonly cwd?: string | URL;
    readonly shows?: "shown" | "kept";
  } = {},
): Promise<Ran> {
  const { shows = "shown" } = options;
  const child = new Deno.Command(program, {
    args: [...args],
    cwd: options.cwd ?? ROOT,
    env: { NO_COLOR: "1", CARGO_TERM_COLOR: "never", DENO_NO_UPDATE_CHECK: "1", ...options.env },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const parts: string[] = [];
  const collect = async (stream: ReadableStream<Uint8Array>, to: typeof Deno.stdout) => {
    const decoder = new TextDecoder();
    for await (const chunk of stream) {
      for (let at = 0; shows === "shown" && at < chunk.length;) {
        at += to.writeSync(chunk.subarray(at));
      }
      parts.push(decoder.decode(chunk, { stream: true }));
    }
  };
  const [status] = await Promise.all([
    child.status,
    collect(child.stdout, Deno.stdout),
    collect(child.stderr, Deno.stderr),
  ]);
  return { code: status.code, output: parts.join("") };
}

/** What a program prints on stdout, or null where it is missing or fails. */
export async function ask(program: string, ...args: string[]): Promise<string | null> {
  try {
    const { success, stdout } = await new Deno.Command(program, { args, stderr: "null" }).output();
    return success ? new TextDecoder().decode(stdout).trim() : null;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

/** Whether a file or folder is there. */
export function isThere(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
