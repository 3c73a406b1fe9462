/**
 * Raw results, kept with the machine and the versions that made them.
 *
 * @module
 */

/** What kind of machine this is, as far as it matters for a measure. */
export async function describeMachine(): Promise<Record<string, unknown>> {
  const cpu = /^Model name:\s*(.*)$/m.exec(await ask("lscpu"))?.[1] ?? Deno.build.arch;
  return {
    system: await ask("uname", "-srm"),
    cpu,
    cores: navigator.hardwareConcurrency,
    memoryBytes: Deno.systemMemoryInfo().total,
    rust: await ask("rustc", "--version"),
    deno: Deno.version.deno,
  };
}

async function ask(program: string, ...args: string[]): Promise<string> {
  try {
    const { stdout } = await new Deno.Command(program, { args, stderr: "null" }).output();
    return new TextDecoder().decode(stdout).trim();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "unknown";
    throw error;
  }
}

/** Writes one comparison to bench/results/; returns the file's path from the project's root. */
export function saveResults(name: string, results: Record<string, unknown>): string {
  const date = new Date().toISOString();
  const folder = new URL("results/", import.meta.url);
  Deno.mkdirSync(folder, { recursive: true });
  const file = `${date.slice(0, 16).replace(":", "")}-${name}.json`;
  Deno.writeTextFileSync(
    new URL(file, folder),
    `${JSON.stringify({ date, ...results }, null, 1)}\n`,
  );
  return `bench/results/${file}`;
}
