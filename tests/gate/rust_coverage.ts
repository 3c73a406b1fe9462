/**
 * `deno task coverage:rust`: which lines of the native library the tests reach, on this system.
 *
 * usage: rust_coverage.ts [--typescript [PATH...]]
 *
 * Counts what the Rust tests reach; with `--typescript` what the TypeScript tests (all, or those of some paths) reach through
 * the library. Needs the tools of the compiler's LLVM: `rustup component add llvm-tools`, or a system's `llvm-22`.
 *
 * @module
 */
import { libraryName } from "../../src/native/library_name.ts";
import { ask, isThere, ROOT, run } from "./command.ts";
import { isCovered, sourcesOf } from "./coverage.ts";
import { readCoverage } from "./reports.ts";

/** Least part of the lines that the Rust tests must reach, in per cent. */
const LEAST_COVERAGE = 80;
const FOLDER = "ffi/target/coverage";
const BUILD = ["--manifest-path", "ffi/Cargo.toml", "--target-dir", FOLDER];
/** What is tests, and what other systems build. */
const NOT_COUNTED = /\/(tests|testing|loopback|vectors|windows|macos|lacking)(\/|\.rs$)/;

/** A tool of the LLVM that the compiler was made with. */
async function llvmTool(name: string): Promise<string> {
  const about = await ask("rustc", "-vV") ?? "";
  const [, host] = /^host: (\S+)$/m.exec(about) ?? [];
  const [, major] = /^LLVM version: (\d+)/m.exec(about) ?? [];
  const component = `${await ask("rustc", "--print", "sysroot")}/lib/rustlib/${host}/bin/${name}`;
  if (isThere(component)) return component;
  for (const program of [`${name}-${major}`, name]) {
    if ((await ask(program, "--version"))?.includes(`LLVM version ${major}.`)) return program;
  }
  console.error(
    `${name} of LLVM ${major} was not found. Run: rustup component add llvm-tools, or install llvm-${major}.`,
  );
  Deno.exit(1);
}

/** Runs the Rust tests. @returns what was instrumented, and whether they passed */
async function testRust(env: Record<string, string>): Promise<[programs: string[], code: number]> {
  const { code, output } = await run("cargo", ["test", "--no-fail-fast", ...BUILD], { env });
  const programs = [...output.matchAll(/^ +Running .* \((.+)\)$/gm)].map(([, path]) => path);
  return [programs, code];
}

/** Runs TypeScript tests with an instrumented library; processes that they kill say nothing. */
async function testTypeScript(
  paths: readonly string[],
  env: Record<string, string>,
): Promise<[programs: string[], code: number]> {
  const built = await run("cargo", ["build", "--release", ...BUILD], { env });
  if (built.code !== 0) return [[], built.code];
  const library = decodeURIComponent(
    new URL(`${FOLDER}/release/${libraryName()}`, ROOT).pathname,
  );
  const { code } = await run(
    Deno.execPath(),
    ["test", "--no-check", "--no-prompt", "--allow-all", ...paths],
    { env: { ...env, BLIT_NATIVE_LIB: library } },
  );
  return [[library], code];
}

/** The report of what was reached. */
async function reached(profiles: string, programs: readonly string[]): Promise<string> {
  const [profdata, cov] = [await llvmTool("llvm-profdata"), await llvmTool("llvm-cov")];
  const merged = `${profiles}/all.profdata`;
  const raw = Array.from(Deno.readDirSync(profiles), ({ name }) => `${profiles}/${name}`);
  // A process that was killed may leave a torn file.
  const merging = await run(profdata, ["merge", "--failure-mode=all", "-o", merged, ...raw]);
  if (merging.code !== 0) Deno.exit(1);
  const { success, stdout, stderr } = await new Deno.Command(cov, {
    args: [
      ...["export", "--format=lcov", `--instr-profile=${merged}`],
      ...programs.flatMap((program) => ["--object", program]),
    ],
    cwd: ROOT,
  }).output();
  if (!success) console.error(new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout);
}

/** The library's sources without their tests, as far as this system's build has them. */
function sources(report: string): Map<string, string> {
  const found = sourcesOf("ffi/src/", (path) => path.endsWith(".rs") && !NOT_COUNTED.test(path));
  const built = [...found].filter(([path]) =>
    report.includes(`\nSF:${path}\n`) || report.startsWith(`SF:${path}\n`)
  );
  return new Map(
    built.map(([path, text]) => [path, text.replace(/^#\[cfg\(test\)\]\nmod \w+ \{.*/ms, "")]),
  );
}

const [option, ...paths] = Deno.args;
if (option !== undefined && option !== "--typescript") {
  console.error("usage: deno task coverage:rust [--typescript [PATH...]]");
  Deno.exit(64);
}
const profiles = Deno.makeTempDirSync({ prefix: "blit-coverage-" });
try {
  const env = {
    RUSTFLAGS: "-C instrument-coverage",
    // Files that any number of processes add to.
    LLVM_PROFILE_FILE: `${profiles}/%4m.profraw`,
  };
  const [programs, code] = option === undefined
    ? await testRust(env)
    : await testTypeScript(paths, env);
  const report = await reached(profiles, programs);
  const isEnough = isCovered(
    "ffi/src/",
    readCoverage(report, sources(report)),
    option === undefined ? LEAST_COVERAGE : 0,
  );
  if (code !== 0 || !isEnough) Deno.exit(1);
} finally {
  Deno.removeSync(profiles, { recursive: true });
}
