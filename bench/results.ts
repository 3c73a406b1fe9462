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
  const file = `${date.slice(0, 19).replaceAll(":", "")}-${name}.json`;
  Deno.writeTextFileSync(
    new URL(file, folder),
    `${withoutPlaces(JSON.stringify({ date, ...results }, null, 1))}\n`,
  );
  return `bench/results/${file}`;
}

/** Leaves out where things lie on this machine: that is nobody's business, and the same command differs by it. */
function withoutPlaces(text: string): string {
  const project = decodeURIComponent(new URL("../", import.meta.url).pathname);
  const peers = Deno.env.get("BLIT_PEERS");
  return [project, ...(peers ? [`${peers}/`] : [])]
    .reduce((rest, place) => rest.replaceAll(place, ""), text.replaceAll(Deno.execPath(), "deno"))
    .replace(/[^ "]*\/blit-bench-[0-9a-f]+/g, "FOLDER");
}
