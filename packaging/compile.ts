/**
 * `deno task compile`: makes the programs `blit` and `blit-daemon`, each one file with Deno and the native library inside,
 * for every system that can be built for from here. A system that can't is named with the reason, and the others go on.
 *
 * usage: compile.ts [--out DIR] [SYSTEM...]
 *
 * Without a SYSTEM all of them are tried, and the exit status is 0 where at least this one was made; what is
 * asked for by name must succeed. `DENORT_BIN` names the base program to compile into, for this system alone, where
 * Deno's own can't be downloaded.
 *
 * @module
 */
import { basename, dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { isThere, ROOT } from "../tests/gate/command.ts";
import { DAEMON_FLAGS } from "./daemon_flags.ts";
import { builtLibrary, NotHere, type System, SYSTEMS } from "./systems.ts";

/** The programs, and what Deno lets each of them do. */
const PROGRAMS = [
  {
    name: "blit",
    entry: "cli.ts",
    may: ["read", "write", "env", "sys", "net", "ffi"],
    flags: [],
  },
  {
    name: "blit-daemon",
    entry: "daemon.ts",
    may: ["read", "write", "env", "sys", "net", "ffi"],
    flags: DAEMON_FLAGS,
  },
] as const;

/** Where the program finds the library that it carries; see `src/native/load.ts`. */
const CARRIED = new URL("ffi/target/carried/", ROOT);

/** Compiles both programs for one system. */
async function compile(system: System, out: string): Promise<void> {
  if (!system.here && Deno.env.has("DENORT_BIN")) {
    throw new NotHere("DENORT_BIN is a base for this system alone");
  }
  await carry(await builtLibrary(system), system.library);
  for (const { name, entry, may, flags } of PROGRAMS) {
    const output = `${out}/${system.name}/${name}${system.suffix}`;
    const { success, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        "compile",
        "--quiet",
        "--frozen",
        // Its types were checked by the gate.
        "--no-check",
        // It would be read from the temporary folder, under a name where anybody can put one of theirs.
        "--no-code-cache",
        "--no-prompt",
        ...flags,
        ...may.map((what) => `--allow-${what}`),
        `--target=${system.target}`,
        `--include=${CARRIED.pathname}`,
        `--output=${output}`,
        entry,
      ],
      cwd: ROOT,
      env: {
        NO_COLOR: "1",
        DENO_NO_UPDATE_CHECK: "1",
        // Deno looks through packages by recursion: @opentelemetry/api overflowed the 2 MiB that its threads have.
        RUST_MIN_STACK: `${16 * 2 ** 20}`,
      },
      stdin: "null",
    }).output();
    if (!success) {
      removeLeftOver(output);
      const words = new TextDecoder().decode(stderr).split("\n\nStack backtrace")[0].trim();
      throw new NotHere(`deno compile: ${words}`);
    }
    console.log(`${output}: ${(Deno.statSync(output).size / 2 ** 20).toFixed(1)} MiB`);
  }
}

/** Removes what a `deno compile` that broke off left: a release sums up all that is in the folder. */
export function removeLeftOver(output: string): void {
  const folder = dirname(output);
  if (!isThere(folder)) return;
  for (const { name } of Deno.readDirSync(folder)) {
    if (name.startsWith(`${basename(output)}.tmp-`)) Deno.removeSync(join(folder, name));
  }
}

/** Puts a library, and nothing else, where it is taken from. */
async function carry(library: URL, name: string): Promise<void> {
  if (isThere(CARRIED.pathname)) Deno.removeSync(CARRIED, { recursive: true });
  Deno.mkdirSync(CARRIED, { recursive: true });
  const bytes = Deno.readFileSync(library);
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
  Deno.writeFileSync(new URL(name, CARRIED), bytes);
  Deno.writeTextFileSync(new URL(`${name}.sha256`, CARRIED), digest);
}

async function main(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args,
    options: { out: { type: "string", default: "dist" } },
    allowPositionals: true,
  });
  for (const name of positionals) {
    if (!SYSTEMS.some((system) => system.name === name)) {
      console.error(`"${name}": expected one of: ${SYSTEMS.map(({ name }) => name).join(", ")}.`);
      return 64;
    }
  }
  const asked = SYSTEMS.filter(({ name }) => !positionals.length || positionals.includes(name));
  let status = 0;
  for (const system of asked) {
    try {
      await compile(system, values.out);
    } catch (error) {
      if (!(error instanceof NotHere)) throw error;
      console.error(`${system.name}: not made here: ${error.message}`);
      if (system.here || positionals.length > 0) status = 1;
    }
  }
  return status;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
