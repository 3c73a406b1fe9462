/**
 * `deno task package:npm`: makes the npm packages of the native library: one for each system, with nothing but the
 * library in it, and `@blit/native`, which names them as optional dependencies and says where the one for this system lies.
 * Nothing runs when they are installed.
 *
 * usage: npm.ts [--out DIR] [--finder | SYSTEM...]    (default dist/npm, every system that can be built for from here)
 *
 * `@blit/native` names the packages that are in DIR when this ends, also those that other machines made: `--finder`, where
 * all of them are, makes it alone. macOS can be built for on macOS alone.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { isThere, ROOT } from "../tests/gate/command.ts";
import { VERSION } from "../src/app/version.ts";
import { builtLibrary, NotHere, type System, SYSTEMS } from "./systems.ts";

/** Name of the package that finds the others. */
export const PACKAGE = "@blit/native";

/** Newest glibc that a Linux library may need. */
export const GLIBC_FLOOR = "2.34";

/** What every package says of itself. */
const ABOUT = {
  version: VERSION,
  license: "MIT",
  engines: { deno: ">=2.9.0" },
  // What has a scope is private to npm unless it says otherwise, and then the first publishing fails.
  publishConfig: { access: "public" },
};

/** What npm calls a system. */
function npmSystem({ name }: System): { readonly os: string; readonly cpu: string } {
  const [os, cpu] = name.split("-");
  return { os: { windows: "win32", macos: "darwin" }[os] ?? os, cpu };
}

/** The newest glibc that a library asks for; null where it asks for none. */
export function glibcOf(library: Uint8Array): string | null {
  const text = new TextDecoder("latin1").decode(library);
  const minors = [...text.matchAll(/\0GLIBC_2\.(\d+)/g)].map(([, minor]) => Number(minor));
  return minors.length > 0 ? `2.${Math.max(...minors)}` : null;
}

/** Makes the package of one system. */
async function packSystem(system: System, out: string): Promise<void> {
  const library = Deno.readFileSync(await builtLibrary(system));
  const isLinux = system.name.startsWith("linux");
  const glibc = isLinux ? glibcOf(library) : null;
  if (glibc !== null && Number(glibc.slice(2)) > Number(GLIBC_FLOOR.slice(2))) {
    throw new NotHere(`the library needs glibc ${glibc}, more than ${GLIBC_FLOOR}`);
  }
  const { os, cpu } = npmSystem(system);
  const needs = glibc === null ? "" : ` with glibc ${glibc} or newer`;
  const folder = `${out}/native-${system.name}`;
  write(folder, {
    "package.json": json({
      name: `${PACKAGE}-${system.name}`,
      ...ABOUT,
      description: `The native library of blit for ${system.name}${needs}.`,
      os: [os],
      cpu: [cpu],
      ...isLinux ? { libc: ["glibc"] } : {},
      files: [system.library, "THIRD-PARTY.txt"],
    }),
    "README.md": `# ${PACKAGE}-${system.name}\n\n` +
      `The native library of blit for ${system.name}${needs}; ${PACKAGE} finds it.\n`,
    [system.library]: library,
  });
  console.log(`${folder}: ${(library.length / 2 ** 20).toFixed(1)} MiB${needs}`);
}

/** Makes the package that finds the others. */
function packFinder(out: string): void {
  const made = SYSTEMS.filter(({ name }) => versionIn(`${out}/native-${name}`) === VERSION);
  const places = Object.fromEntries(made.map((system) => {
    const { os, cpu } = npmSystem(system);
    return [`${os}-${cpu}`, `${PACKAGE}-${system.name}/${system.library}`];
  }));
  if (made.length === 0) throw new NotHere(`${out} has no package of version ${VERSION}`);
  write(`${out}/native`, {
    "package.json": json({
      name: PACKAGE,
      ...ABOUT,
      description: "Finds the native library of blit for this system.",
      type: "module",
      exports: { ".": { types: "./index.d.ts", default: "./index.js" } },
      files: ["index.js", "index.d.ts"],
      optionalDependencies: Object.fromEntries(
        made.map(({ name }) => [`${PACKAGE}-${name}`, VERSION]),
      ),
    }),
    "README.md": `# ${PACKAGE}\n\nFinds the native library of blit for this system. ` +
      "Nothing runs when it is installed; without a library blit goes on through Deno alone.\n",
    "index.js": `import { createRequire } from "node:module";
const places = ${json(places).trim()};
const system = process.platform + "-" + process.arch;
export let library = null;
export let reason = "there is no native library for " + system;
if (system in places) {
  try {
    library = createRequire(import.meta.url).resolve(places[system]);
  } catch {
    reason = "the npm package of the native library for " + system + " is not installed";
  }
}
`,
    "index.d.ts":
      `/** Absolute path of the native library for this system; null where there is none. */
export const library: string | null;
/** In words why there is none. */
export const reason: string;
`,
  });
  console.log(`${out}/native: ${made.map(({ name }) => name).join(", ")}`);
}

/** Version of the package in a folder; null where there is none. */
function versionIn(folder: string): string | null {
  const path = `${folder}/package.json`;
  return isThere(path) ? JSON.parse(Deno.readTextFileSync(path)).version : null;
}

/** Writes a package's folder, in place of what is there. */
function write(folder: string, files: Readonly<Record<string, string | Uint8Array>>): void {
  if (isThere(folder)) Deno.removeSync(folder, { recursive: true });
  Deno.mkdirSync(folder, { recursive: true });
  for (const [name, content] of Object.entries(files)) {
    if (typeof content === "string") Deno.writeTextFileSync(`${folder}/${name}`, content);
    else Deno.writeFileSync(`${folder}/${name}`, content);
  }
  for (const name of ["LICENSE", "THIRD-PARTY.txt"]) {
    Deno.copyFileSync(new URL(name, ROOT), `${folder}/${name}`);
  }
}

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

async function main(args: string[]): Promise<number> {
  const { values: { out, finder }, positionals } = parseArgs({
    args,
    options: {
      out: { type: "string", default: "dist/npm" },
      finder: { type: "boolean", default: false },
    },
    allowPositionals: true,
  });
  for (const name of positionals) {
    if (!SYSTEMS.some((system) => system.name === name)) {
      console.error(`"${name}": expected one of: ${SYSTEMS.map(({ name }) => name).join(", ")}.`);
      return 64;
    }
  }
  if (finder && positionals.length > 0) {
    console.error("--finder makes no package of a system. Leave one of them out.");
    return 64;
  }
  let status = 0;
  for (const system of finder ? [] : SYSTEMS) {
    if (positionals.length > 0 && !positionals.includes(system.name)) continue;
    try {
      await packSystem(system, out);
    } catch (error) {
      if (!(error instanceof NotHere)) throw error;
      console.error(`${system.name}: not made here: ${error.message}`);
      if (system.here || positionals.length > 0) status = 1;
    }
  }
  try {
    packFinder(out);
  } catch (error) {
    if (!(error instanceof NotHere)) throw error;
    console.error(error.message);
    status = 1;
  }
  return status;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
