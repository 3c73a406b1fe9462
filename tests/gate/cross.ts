/**
 * Builds the native library for systems other than this one, and runs its tests where an emulator is
 * installed.
 *
 * @module
 */
import { ask, isThere, type Ran, ROOT, run } from "./command.ts";
import { type Counts, FAILED, judged, lastWords, PASSED, readCargoTest } from "./reports.ts";

/** A system to build for. */
export interface Target {
  /** Name in messages and in `.ci/allowed-skips`. */
  readonly name: string;
  readonly triple: string;
  readonly linker: string;
  readonly emulator: readonly string[];
}

/** The systems that the gate builds for. */
export const TARGETS: readonly Target[] = [
  {
    name: "windows",
    triple: "x86_64-pc-windows-gnu",
    linker: "x86_64-w64-mingw32-gcc",
    emulator: ["wine"],
  },
  {
    name: "arm64",
    triple: "aarch64-unknown-linux-gnu",
    linker: "aarch64-linux-gnu-gcc",
    emulator: ["qemu-aarch64", "-L", "/usr/aarch64-linux-gnu"],
  },
];

/** Nobody debugs these builds; a third of their time goes into what a debugger would read. */
export const TEST_PROFILE = { CARGO_PROFILE_DEV_DEBUG: "0" } as const;

const MANIFEST = "ffi/Cargo.toml";
/** Debian's compiler, whose package rust-web-src carries the sources of std. */
const DEBIAN_RUSTC = "/usr/bin/rustc";
const DEBIAN_STD = "/usr/lib/rustlib/src/rust/library/std/Cargo.toml";

/** How cargo builds for another system. */
export interface CrossCargo {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** Finds out how cargo builds for a target; in words why it can't. */
export async function crossCargo(target: Target): Promise<CrossCargo | string> {
  if (await ask(target.linker, "--version") === null) return `${target.linker} is missing`;
  const standard = await standardLibrary(target.triple);
  if (standard === null) return "neither rustup's target nor rustc-web and rust-web-src";
  const id = target.triple.toUpperCase().replaceAll("-", "_");
  return {
    // A folder of its own: the other compiler would make this one build everything again, in turns.
    args: ["--manifest-path", MANIFEST, "--target-dir", "ffi/target/cross"]
      .concat("--target", target.triple, standard.args),
    env: { ...standard.env, [`CARGO_TARGET_${id}_LINKER`]: target.linker },
  };
}

/** Builds the library and its tests for one target, and runs the tests. */
export async function testTarget(target: Target): Promise<Counts> {
  const skipped = (name: string, reason: string): Counts => ({
    ...PASSED,
    skips: [{ name, reason }],
  });
  const cross = await crossCargo(target);
  if (typeof cross === "string") return skipped(`${target.name} build`, cross);
  const { args } = cross;
  const id = target.triple.toUpperCase().replaceAll("-", "_");
  const env = {
    ...cross.env,
    // Naming the frames of one backtrace takes an emulator 20 seconds: longer than tests wait.
    RUST_BACKTRACE: "0",
    ...TEST_PROFILE,
    [`CARGO_TARGET_${id}_RUNNER`]: target.emulator.join(" "),
  };
  const built = await run("cargo", ["build", ...args], { env });
  if (built.code !== 0) return failedToBuild(built);
  const compiled = await run("cargo", ["test", "--no-run", "--tests", ...args], { env });
  if (compiled.code !== 0) return failedToBuild(compiled);
  if (await ask(target.emulator[0], "--version") === null) {
    return skipped(`${target.name} tests`, `${target.emulator[0]} is missing`);
  }
  const tested = await run("cargo", ["test", "--no-fail-fast", "--tests", ...args], {
    env: { ...env, ...(target.name === "windows" ? await wineEnvironment() : {}) },
  });
  const counts = judged({ ...readCargoTest(tested.output), skips: [] }, tested.code, tested.output);
  // The same tests are ignored here as at home; only what is special to the target is told again.
  const skips = counts.skips.map(({ name, reason }) => ({
    name: `${target.name}: ${name}`,
    reason,
  }));
  return { ...counts, skips };
}

function failedToBuild({ output }: Ran): Counts {
  return { ...FAILED, failures: [lastWords(output)] };
}

/**
 * Type-checks the library for macOS: there is neither a linker nor an emulator for it here, so nothing of it
 * ever ran.
 */
export async function checkMac(): Promise<Counts> {
  const triple = "x86_64-apple-darwin";
  const standard = await standardLibrary(triple);
  if (standard === null) {
    const reason = "neither rustup's target nor rustc-web and rust-web-src";
    return { ...PASSED, skips: [{ name: "macos check", reason }] };
  }
  // Without the parts in C of blake3 and of TLS, which a compiler for macOS would have to build.
  const args = ["check", "--lib", "--no-default-features", "--features", "blake3/pure"]
    .concat("--manifest-path", MANIFEST)
    .concat("--target-dir", "ffi/target/cross", "--target", triple, standard.args);
  const ran = await run("cargo", args, { env: standard.env });
  return ran.code === 0 ? PASSED : failedToBuild(ran);
}

/** How to get a standard library for the target: rustup's, else built from Debian's sources. */
async function standardLibrary(
  triple: string,
): Promise<{ readonly args: string[]; readonly env: Record<string, string> } | null> {
  const folder = await ask("rustc", "--print", "target-libdir", "--target", triple);
  if (folder !== null && isThere(folder)) return { args: [], env: {} };
  if (!isThere(DEBIAN_RUSTC) || !isThere(DEBIAN_STD)) return null;
  return {
    args: ["-Z", "build-std=std,panic_unwind,test"],
    // build-std is not in stable cargo without this word.
    env: { RUSTC: DEBIAN_RUSTC, RUSTC_BOOTSTRAP: "1" },
  };
}

/**
 * Prepares wine: its own prefix, and a stand-in for the library that Rust's std takes random
 * numbers from and that wine 8 lacks.
 */
async function wineEnvironment(): Promise<Record<string, string>> {
  const folder = new URL("ffi/target/wine/", ROOT).pathname;
  Deno.mkdirSync(folder, { recursive: true });
  await run("x86_64-w64-mingw32-gcc", [
    "-shared",
    "-o",
    `${folder}bcryptprimitives.dll`,
    "tests/gate/wine_random.c",
    "-ladvapi32",
  ]);
  return {
    WINEPREFIX: `${folder}prefix`,
    WINEDEBUG: "-all",
    WINEPATH: folder,
    // The second part keeps wine from offering to install Mono and Gecko.
    WINEDLLOVERRIDES: "bcryptprimitives=n;mscoree,mshtml=",
  };
}
