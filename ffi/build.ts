/**
 * Builds the native library when it is missing or older than its sources.
 *
 * `deno task build` runs it by itself; `deno task blit` loads it ahead of cli.ts (`ffi/preload.ts`).
 * Where everything is fresh it costs a stat per source file.
 *
 * @module
 */
import { libraryName } from "../src/native/library_name.ts";

/** What {@link buildNative} found or did. */
export type BuildOutcome =
  /** The library was up to date. */
  | { readonly kind: "fresh" }
  /** It was built just now. */
  | { readonly kind: "built" }
  /** There is no cargo on this machine; `stale` says whether an older library is there. */
  | { readonly kind: "no-cargo"; readonly stale: boolean }
  /** cargo said no; its words went to stderr. */
  | { readonly kind: "failed"; readonly exitCode: number };

/** Where {@link buildNative} looks, and how it speaks. */
export interface BuildPlace {
  /** Folder of Cargo.toml, ending in `/`. */
  readonly folder: URL;
  /** The program to run; `cargo` unless a test says otherwise. */
  readonly cargo?: string;
  /** Takes the one line for the user. */
  readonly say?: (line: string) => void;
}

const INPUTS = ["Cargo.toml", "Cargo.lock", "build.rs", ".cargo/config.toml"];

/**
 * Makes sure that the release build of the native library is as new as its sources.
 *
 * Any number of processes may call it at once: one builds, the others wait for it.
 *
 * @param place where the sources are; by default the folder of this module
 * @returns what was found or done; never throws because of cargo
 */
export async function buildNative(
  place: BuildPlace = { folder: new URL("./", import.meta.url) },
): Promise<BuildOutcome> {
  const { folder } = place;
  const say = place.say ?? ((line: string) => console.error(line));
  const stampFile = new URL("target/.blit-stamp", folder);
  if (isFresh(folder, stampFile)) return { kind: "fresh" };

  Deno.mkdirSync(new URL("target/", folder), { recursive: true });
  using lock = Deno.openSync(new URL("target/.blit-lock", folder), { create: true, write: true });
  await lock.lock(true);
  // Whoever held the lock may have built it meanwhile.
  if (isFresh(folder, stampFile)) return { kind: "fresh" };

  // Taken before the build: a source saved while cargo runs makes the next start build again.
  const sources = describeSources(folder);
  let building: Deno.ChildProcess;
  try {
    building = new Deno.Command(place.cargo ?? "cargo", {
      args: ["build", "--release", "--quiet", "--target-dir", "target"],
      cwd: folder,
      stdin: "null",
      // stdout belongs to the command that the user asked for.
      stdout: "null",
      stderr: "inherit",
    }).spawn();
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    return { kind: "no-cargo", stale: describeLibrary(folder) !== null };
  }
  say("Building the native library (once, about a minute)…");
  const { success, code } = await building.status;
  if (!success) return { kind: "failed", exitCode: code };
  Deno.writeTextFileSync(stampFile, `${sources}${describeLibrary(folder)}`);
  return { kind: "built" };
}

function isFresh(folder: URL, stampFile: URL): boolean {
  const library = describeLibrary(folder);
  if (library === null) return false;
  try {
    return Deno.readTextFileSync(stampFile) === `${describeSources(folder)}${library}`;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

function describeLibrary(folder: URL): string | null {
  return describe(new URL(`target/release/${libraryName()}`, folder));
}

/** One line per source file: its path, size and time. Sorted, so that equal trees give equal text. */
function describeSources(folder: URL): string {
  const lines: string[] = [];
  for (const input of INPUTS) lines.push(`${input} ${describe(new URL(input, folder))}\n`);
  const pending = ["src/"];
  for (let directory = pending.pop(); directory !== undefined; directory = pending.pop()) {
    for (const entry of Deno.readDirSync(new URL(directory, folder))) {
      const path = directory + encodeURIComponent(entry.name);
      if (entry.isDirectory) pending.push(`${path}/`);
      else lines.push(`${path} ${describe(new URL(path, folder))}\n`);
    }
  }
  return lines.sort().join("");
}

function describe(file: URL): string | null {
  try {
    const { size, mtime } = Deno.statSync(file);
    return `${size} ${mtime?.getTime()}`;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

if (import.meta.main) {
  const outcome = await buildNative();
  if (outcome.kind === "no-cargo") {
    console.error("Cannot build the native library: cargo was not found. Install Rust.");
    Deno.exit(1);
  }
  if (outcome.kind === "failed") Deno.exit(outcome.exitCode);
}
