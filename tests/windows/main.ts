/**
 * The tests that make sense on Windows, there or under wine: `deno task test:windows`.
 *
 * usage: main.ts [TEST ...]    files or folders of tests instead of all that make sense
 *
 * ffi/target/windows keeps a Debian with wine 10 and Deno for Windows; BLIT_WINE_FOLDER names another folder.
 *
 * On Linux it needs root, debootstrap, npm, and what the gate builds the library for Windows with. The first run makes the
 * root and takes some minutes.
 *
 * @module
 */
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { buildNative } from "../../ffi/build.ts";
import { ask, isThere, ROOT, run } from "../gate/command.ts";
import { crossCargo, TARGETS, TEST_PROFILE } from "../gate/cross.ts";
import {
  type Counts,
  judged,
  PASSED,
  readJunit,
  readSkipLines,
  type Skip,
  sumOf,
} from "../gate/reports.ts";
import { DaemonHome, type DaemonProcess } from "../support/daemon_process.ts";

/** The last one whose Windows build every registry has. */
const DENO = "2.9.5";
/** Test files and folders of the project. */
const TESTS = [
  "tests/windows/",
  "tests/abi_test.ts",
  "tests/cli/copy_test.ts",
  "tests/cli/library_test.ts",
  "tests/cli/local_only_test.ts",
  "tests/cli/man_test.ts",
  "tests/cli/manage_test.ts",
  "tests/conformance/",
  "tests/engine/",
  "tests/mirror/",
  "src/app/",
  "src/cli/",
  "src/core/",
  "src/engine/",
  "src/native/",
  "src/net/",
  "src/rpc/",
  "src/tree/",
  "src/wire/",
];
const CONSOLE_TEST = "tests/windows/console_test.ts";
const JUNIT = "ffi/target/windows-junit.xml";

/** How `deno.exe test` is started, and where the daemon's files are for it. */
interface Place {
  readonly program: string;
  readonly args: readonly string[];
  readonly env: Record<string, string>;
  /** A folder of both sides, where a console can be typed into. */
  readonly console?: { readonly folder: string; readonly path: string };
}

async function onWindows(): Promise<Place> {
  const built = await buildNative();
  if (built.kind === "failed") throw new TypeError("the native library can't be built");
  return { program: Deno.execPath(), args: [], env: {} };
}

/** A root with wine and Deno, in a mount namespace of its own that ends with the tests. */
async function underWine(folder: string): Promise<Place> {
  const root = join(folder, "root");
  must("debootstrap, wine", await madeRoot(folder, root));
  must("Deno for Windows", await unpackedDeno(folder, root));
  must("the library for Windows", await builtLibrary());
  must("npm packages", await copiedPackages(root));
  const script = `set -e
mount --bind "$BLIT_REPO" ${root}/blit
mount -t proc proc ${root}/proc
mount --rbind /dev ${root}/dev
mkdir -p ${root}/root/share ${root}/root/prefix/drive_c ${root}/root/prefix/dosdevices/unc/nas
# wine makes these only together with the folder that they are in.
ln -sfn ../drive_c ${root}/root/prefix/dosdevices/c:
ln -sfn / ${root}/root/prefix/dosdevices/z:
ln -sfn /root/share ${root}/root/prefix/dosdevices/unc/nas/data
exec chroot ${root} /bin/sh -c 'cd /blit && exec wine Z:/deno/deno.exe "$@"' sh "$@"`;
  const typed = { folder: join(root, "root/console"), path: "Z:\\root\\console" };
  Deno.mkdirSync(typed.folder, { recursive: true });
  return {
    console: typed,
    program: "unshare",
    args: ["--mount", "sh", "-c", script, "sh"],
    env: {
      BLIT_REPO: fileURLToPath(ROOT),
      BLIT_TEST_SHARE: "\\\\nas\\data",
      DENO_DIR: "Z:\\deno\\cache",
      HOME: "/root",
      // In any other wine has no name with an accent.
      LC_ALL: "C.UTF-8",
      PATH: "/usr/bin:/bin:/usr/sbin:/sbin",
      WINEDEBUG: "-all",
      WINEPREFIX: "/root/prefix",
      // Keeps wine from offering to install Mono and Gecko.
      WINEDLLOVERRIDES: "mscoree,mshtml=",
    },
  };
}

function must(what: string, problem: string | null): void {
  if (problem === null) return;
  console.error(`Cannot run the tests for Windows: ${what}: ${problem}.`);
  Deno.exit(1);
}

async function madeRoot(folder: string, root: string): Promise<string | null> {
  if (Deno.uid() !== 0) return "only root can make and enter it";
  if (isThere(join(root, "usr/bin/wine"))) return null;
  if (await ask("debootstrap", "--version") === null) return "debootstrap is not installed";
  Deno.mkdirSync(folder, { recursive: true });
  const made = await run("debootstrap", [
    "--variant=minbase",
    "--include=wine64,wine",
    "trixie",
    root,
  ], { shows: "kept" });
  if (made.code !== 0) return made.output.trim().split("\n").at(-1)!;
  for (const name of ["blit", "deno/cache"]) {
    Deno.mkdirSync(join(root, name), { recursive: true });
  }
  return null;
}

async function unpackedDeno(folder: string, root: string): Promise<string | null> {
  const exe = join(root, "deno/deno.exe");
  if (isThere(exe)) return null;
  const packed = await run("npm", ["pack", "--silent", `@deno/win32-x64@${DENO}`], {
    cwd: folder,
    shows: "kept",
  });
  if (packed.code !== 0) return "npm pack failed";
  const archive = packed.output.trim().split("\n").at(-1)!;
  const unpacked = await run("tar", ["xzf", archive, "package/deno.exe"], { cwd: folder });
  if (unpacked.code !== 0) return "its package can't be unpacked";
  Deno.mkdirSync(join(root, "deno/cache"), { recursive: true });
  Deno.copyFileSync(join(folder, "package/deno.exe"), exe);
  return null;
}

/** The build that the gate tests too: one compilation for both. */
async function builtLibrary(): Promise<string | null> {
  const target = TARGETS.find(({ name }) => name === "windows")!;
  const cross = await crossCargo(target);
  if (typeof cross === "string") return cross;
  const { args } = cross;
  const env = { ...cross.env, ...TEST_PROFILE };
  const built = await run("cargo", ["build", "--quiet", ...args], { env });
  if (built.code !== 0) return "cargo failed, see above";
  const name = "blit_native.dll";
  const file = new URL(`ffi/target/cross/${target.triple}/debug/${name}`, ROOT);
  Deno.mkdirSync(new URL("ffi/target/release/", ROOT), { recursive: true });
  Deno.copyFileSync(file, new URL(`ffi/target/release/${name}`, ROOT));
  return null;
}

/** Deno for Windows keeps packages as this one does. */
async function copiedPackages(root: string): Promise<string | null> {
  const info = await ask(Deno.execPath(), "info", "--json");
  if (info === null) return "deno info failed";
  const { npmCache } = JSON.parse(info);
  const copied = await run("cp", ["-ru", npmCache, join(root, "deno/cache/")]);
  return copied.code === 0 ? null : "they can't be copied";
}

/** Daemons on this machine, plain with umask 027 and with TLS with this process' own, 022, and how tests are told of them. */
async function daemons(
  home: DaemonHome,
  started: DaemonProcess[],
): Promise<Record<string, string>> {
  const served = join(home.path, "served");
  Deno.mkdirSync(join(served, "hostile"), { recursive: true });
  for (const name of ["a:b", "q?", 'quo"te', "plain", "Twice", "twice"]) {
    Deno.writeTextFileSync(join(served, "hostile", name), name);
  }
  Deno.mkdirSync(join(served, "modes", "private"), { recursive: true });
  for (
    const [name, mode] of [["private/key", 0o600], ["script", 0o755], ["large", 0o640]] as const
  ) {
    Deno.writeTextFileSync(join(served, "modes", name), name);
    Deno.chmodSync(join(served, "modes", name), mode);
  }
  Deno.chmodSync(join(served, "modes", "private"), 0o700);
  const before = Deno.umask(0o027);
  const plain = await home.start("--root", served);
  Deno.umask(before);
  started.push(plain);
  const token = await home.run(
    ...["token", "add", "windows", "--module", "*", "--access", "delete"],
  );
  const secure = await home.start("--bind", "0.0.0.0", "--root", served);
  started.push(secure);
  const words = /\S*blit_\S+/.exec(token.stdout)?.[0] ?? token.stdout.trim();
  return {
    BLIT_TEST_DAEMON: `127.0.0.1:${plain.ready.port}`,
    BLIT_TEST_SECURE: `127.0.0.1:${secure.ready.port} ${secure.ready.fingerprint} ${words}`,
  };
}

async function tested(place: Place, env: Record<string, string>): Promise<Counts> {
  const words = ["test", "--cached-only", "--no-check", "--allow-all", `--junit-path=${JUNIT}`];
  const { code, output } = await run(place.program, [...place.args, ...words, ...tests], {
    env: { ...place.env, ...env },
  });
  const text = output.replaceAll("\r", "");
  const junit = readJunit(Deno.readTextFileSync(new URL(JUNIT, ROOT)));
  // A test that says so itself as it runs is a passed one in the report.
  return judged({ ...junit, passed: junit.passed - readSkipLines(text).length }, code, text);
}

/** What happens on a console: typed into from this side. */
async function onConsole({ program, args, env, console: typed }: Place): Promise<Counts> {
  if (typed === undefined) return PASSED;
  const told = { program, args, env, ...typed };
  const words = ["test", "--no-check", "--allow-all", `--junit-path=${JUNIT}`];
  const { code, output } = await run(Deno.execPath(), [...words, CONSOLE_TEST], {
    env: { BLIT_TEST_WINE: JSON.stringify(told) },
  });
  const junit = readJunit(Deno.readTextFileSync(new URL(JUNIT, ROOT)));
  return judged({ ...junit, passed: junit.passed - readSkipLines(output).length }, code, output);
}

/** The skips by their cause, most first. */
function causes(skips: readonly Skip[]): string[] {
  const counted = new Map<string, number>();
  for (const { name, reason } of skips) {
    const words = reason === "ignored" ? /skipped: (.*)/.exec(name)?.[1] ?? name : reason;
    const cause = words.split(": ").at(-1)!;
    counted.set(cause, (counted.get(cause) ?? 0) + 1);
  }
  return [...counted].sort(([, a], [, b]) => b - a).map(([cause, count]) => `${count} × ${cause}`);
}

const isWindows = Deno.build.os === "windows";
const folder = resolve(
  Deno.env.get("BLIT_WINE_FOLDER") ?? fileURLToPath(new URL("ffi/target/windows", ROOT)),
);
const tests = Deno.args.length > 0 ? Deno.args : TESTS;
const place = isWindows ? await onWindows() : await underWine(folder);
const started: DaemonProcess[] = [];
using home = new DaemonHome();
let counts: Counts;
try {
  counts = await tested(place, isWindows ? {} : await daemons(home, started));
  if (tests.includes("tests/windows/")) counts = sumOf([counts, await onConsole(place)]);
} finally {
  for (const daemon of started) await daemon.stop();
}
for (const failure of counts.failures) console.log(`\n${failure}`);
for (const line of causes(counts.skips)) console.log(`skipped: ${line}`);
console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.skips.length} skipped`);
if (counts.failed > 0) Deno.exitCode = 1;
