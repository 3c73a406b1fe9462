/**
 * The systems that blit is made for, and the native library of each.
 *
 * @module
 */
import { buildNative } from "../ffi/build.ts";
import { ROOT } from "../tests/gate/command.ts";
import { crossCargo, TARGETS } from "../tests/gate/cross.ts";

/** A system to make things for. */
export interface System {
  readonly name: string;
  /** Deno's name for it. */
  readonly target: string;
  /** Whether it is the one that this runs on. */
  readonly here: boolean;
  /** File name of the native library there. */
  readonly library: string;
  readonly suffix: string;
}

const HERE = `${Deno.build.os}-${Deno.build.arch}`;
/** Every system that there is something for. */
export const SYSTEMS: readonly System[] = [
  system("linux-x64", "x86_64-unknown-linux-gnu", "linux-x86_64"),
  system("linux-arm64", "aarch64-unknown-linux-gnu", "linux-aarch64"),
  system("windows-x64", "x86_64-pc-windows-msvc", "windows-x86_64"),
  system("macos-x64", "x86_64-apple-darwin", "darwin-x86_64"),
  system("macos-arm64", "aarch64-apple-darwin", "darwin-aarch64"),
];

/** Why a system can't be built for. */
export class NotHere extends TypeError {}

function system(name: string, target: string, build: string): System {
  const [library, suffix] = target.includes("windows")
    ? ["blit_native.dll", ".exe"]
    : target.includes("apple")
    ? ["libblit_native.dylib", ""]
    : ["libblit_native.so", ""];
  return { name, target, here: build === HERE, library, suffix };
}

/**
 * Builds the native library for a system.
 *
 * @returns where it is
 * @throws {NotHere} where it can't be built from here
 */
export async function builtLibrary(system: System): Promise<URL> {
  if (system.here) {
    const { kind } = await buildNative();
    if (kind === "failed" || kind === "no-cargo") throw new NotHere("cargo could not build");
    return new URL(`ffi/target/release/${system.library}`, ROOT);
  }
  // The library's own name of the system: Windows's C library is another there than Deno's, which it never meets.
  const target = TARGETS.find(({ triple }) =>
    triple.replace(/-gnu$/, "") === system.target.replace(/-(gnu|msvc)$/, "")
  );
  if (target === undefined) throw new NotHere("no linker for it is known here");
  const cross = await crossCargo(target);
  if (typeof cross === "string") throw new NotHere(cross);
  const { success } = await new Deno.Command("cargo", {
    args: ["build", "--release", "--quiet", ...cross.args],
    cwd: ROOT,
    env: { ...cross.env },
    stdin: "null",
    stdout: "null",
    stderr: "inherit",
  }).output();
  if (!success) throw new NotHere("cargo could not build");
  return new URL(`ffi/target/cross/${target.triple}/release/${system.library}`, ROOT);
}
