/**
 * The steps of the gate, in the order of how soon they can say no.
 *
 * @module
 */
import { buildNative } from "../../ffi/build.ts";
import { ask, ROOT, run } from "./command.ts";
import { isCovered, sourcesOf } from "./coverage.ts";
import { checkMac, TARGETS, testTarget } from "./cross.ts";
import { checkProto } from "./proto.ts";
import {
  type Counts,
  dropTornFiles,
  FAILED,
  judged,
  lastWords,
  PASSED,
  readCargoTest,
  readCoverage,
  readJunit,
  sumOf,
} from "./reports.ts";

/** One step: a name, and what it does. */
export interface Step {
  readonly name: string;
  run(): Promise<Counts>;
}

/** Least part of the lines of src/ that tests must reach, in per cent. */
const LEAST_COVERAGE = 85;
/** Where the tests are that take half of the time. */
const REMOTE = "tests/remote/";
const MANIFEST = ["--manifest-path", "ffi/Cargo.toml"];
const FUZZ_MANIFEST = ["--manifest-path", "ffi/fuzz/Cargo.toml"];

/** A step that runs one program and fails where the program does. It counts no tests. */
function command(name: string, program: string, ...args: string[]): Step {
  return {
    name,
    run: async () => {
      const { code, output } = await run(program, args);
      return code === 0 ? PASSED : { ...FAILED, failures: [lastWords(output)] };
    },
  };
}

function deno(name: string, ...args: string[]): Step {
  return command(name, Deno.execPath(), ...args);
}

async function build(): Promise<Counts> {
  const outcome = await buildNative();
  if (outcome.kind !== "no-cargo") return outcome.kind === "failed" ? FAILED : PASSED;
  return { ...PASSED, skips: [{ name: "native library", reason: "cargo was not found" }] };
}

/** Runs a program that not every machine has; without it the step is skipped aloud. */
function optional(name: string, program: string, probe: string[], ...args: string[]): Step {
  return {
    name,
    run: async () => {
      if (await ask(program, ...probe) === null) {
        return { ...PASSED, skips: [{ name, reason: `${program} ${probe[0]} is missing` }] };
      }
      return await command(name, program, ...args).run();
    },
  };
}

/** The workflows under .github, by actionlint: on PATH, or where `go install` puts it. */
async function lintWorkflows(): Promise<Counts> {
  const name = "workflows";
  const places = ["actionlint", `${Deno.env.get("HOME")}/go/bin/actionlint`];
  for (const program of places) {
    if (await ask(program, "-version") === null) continue;
    return await command(name, program).run();
  }
  return { ...PASSED, skips: [{ name, reason: "actionlint is missing" }] };
}

/**
 * Runs the TypeScript tests in two processes at once, as most of them wait: for a peer, for a program, for a time to be
 * over. What the second says is printed once it has ended.
 */
async function testTypeScript(coverageFolder: string | null): Promise<Counts> {
  const [remote, others] = await Promise.all([
    testLane(coverageFolder, "shown", REMOTE),
    testLane(coverageFolder, "kept", `--ignore=${REMOTE}`),
  ]);
  await Deno.stdout.write(new TextEncoder().encode(others.output));
  return sumOf([remote.counts, others.counts]);
}

async function testLane(
  coverageFolder: string | null,
  shows: "shown" | "kept",
  which: string,
): Promise<{ readonly counts: Counts; readonly output: string }> {
  const report = Deno.makeTempFileSync({ prefix: "blit-tests-", suffix: ".xml" });
  try {
    const { code, output } = await run(Deno.execPath(), [
      "test",
      "--no-check",
      "--no-prompt",
      // Tests look into /proc and make trees in /dev/shm, which Deno opens to nothing less than this.
      "--allow-all",
      `--junit-path=${report}`,
      ...(coverageFolder ? [`--coverage=${coverageFolder}`, "--coverage-raw-data-only"] : []),
      which,
    ], { shows });
    return { counts: judged(readJunit(Deno.readTextFileSync(report)), code, output), output };
  } finally {
    Deno.removeSync(report);
  }
}

async function testRust(args: readonly string[]): Promise<Counts> {
  if (await ask("cargo", "--version") === null) {
    return { ...PASSED, skips: [{ name: "cargo test", reason: "cargo was not found" }] };
  }
  const { code, output } = await run("cargo", ["test", "--no-fail-fast", ...args]);
  return judged(readCargoTest(output), code, output);
}

async function testWithCoverage(): Promise<Counts> {
  const folder = Deno.makeTempDirSync({ prefix: "blit-coverage-" });
  try {
    const counts = await testTypeScript(folder);
    dropTornFiles(folder);
    const { stdout, stderr, success } = await new Deno.Command(Deno.execPath(), {
      args: ["coverage", "--lcov", "--include=/src/", folder],
      cwd: ROOT,
    }).output();
    if (!success) console.log(new TextDecoder().decode(stderr));
    const files = readCoverage(new TextDecoder().decode(stdout), sourcesOf("src/", isSource));
    return isCovered("src/", files, LEAST_COVERAGE) ? counts : {
      ...counts,
      failed: counts.failed + 1,
      failures: [...counts.failures, `line coverage of src/ is under ${LEAST_COVERAGE} %`],
    };
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

/** The product's sources. */
function isSource(path: string): boolean {
  return path.endsWith(".ts") && !path.startsWith("src/gen/") && !/_(test|bench)\.ts$/.test(path);
}

const BUILD: Step = { name: "native library", run: build };
const RUST: Step = { name: "Rust tests", run: () => testRust(MANIFEST) };
/** What fuzzing found worth keeping, carried out once each. */
const CORPUS: Step = {
  name: "fuzz corpus",
  run: () => testRust([...FUZZ_MANIFEST, "--target-dir", "ffi/target"]),
};

/** What `deno task test` runs. */
export const TEST_STEPS: readonly Step[] = [
  BUILD,
  { name: "TypeScript tests", run: () => testTypeScript(null) },
  RUST,
  CORPUS,
];

/** What `deno task ok` runs. */
export const GATE_STEPS: readonly Step[] = [
  deno("format", "fmt", "--check"),
  deno("lint", "lint"),
  deno("types", "check"),
  deno("public docs", "doc", "--lint", "mod.ts", "cli.ts", "daemon.ts"),
  { name: "proto", run: checkProto },
  { name: "workflows", run: lintWorkflows },
  optional(
    "crates",
    "cargo",
    ["deny", "--version"],
    ...["deny", "--manifest-path=ffi/Cargo.toml", "--offline", "check"],
    ...["licenses", "bans", "sources"],
  ),
  command("Rust format", "cargo", "fmt", "--check", ...MANIFEST),
  command("format of the fuzz targets", "cargo", "fmt", "--check", ...FUZZ_MANIFEST),
  BUILD,
  command(
    "clippy",
    "cargo",
    "clippy",
    "--quiet",
    "--all-targets",
    ...MANIFEST,
    "--",
    "-D",
    "warnings",
  ),
  RUST,
  CORPUS,
  { name: "TypeScript tests with coverage", run: testWithCoverage },
  ...TARGETS.map((target) => ({ name: `${target.name} library`, run: () => testTarget(target) })),
  { name: "macos types", run: checkMac },
];
