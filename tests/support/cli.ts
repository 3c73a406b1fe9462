/**
 * Runs the command in a folder of its own, so that an end-to-end test takes five lines.
 *
 * @module
 */
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { CannotRun, need, needsSymlinks } from "./needs.ts";

/** Windows has links to files and links to folders. */
function linkType(path: string, target: string): "file" | "dir" {
  try {
    return Deno.statSync(join(dirname(path), target)).isDirectory ? "dir" : "file";
  } catch {
    return "file";
  }
}

const CLI = fileURLToPath(new URL("../../cli.ts", import.meta.url));

/** A command that waits on its terminal for longer is stuck. */
const TERMINAL_MS = 30_000;

/** How a command ended. */
export interface Ran {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
  /** Standard output, parsed. */
  // deno-lint-ignore no-explicit-any
  json(): any;
}

/** What differs from a plain run. */
export interface RunWith {
  readonly env?: Readonly<Record<string, string>>;
  /** Folder to stand in, relative to the scratch folder. */
  readonly cwd?: string;
  readonly stdin?: string;
  /** Words before the command: `strace`, `setpriv`, ... */
  readonly wrapper?: readonly string[];
}

/** Content of files by path; a path that ends in `/` is a folder, content `-> X` a symlink. */
export type Files = Readonly<Record<string, string>>;

/** A folder for one test, and the command in it. */
export class Scratch {
  /** Absolute path. */
  readonly path: string;
  readonly #home: string;

  constructor(path: string, home: string) {
    this.path = path;
    this.#home = home;
  }

  /** Folder of settings and history. */
  get configDir(): string {
    return join(this.#home, "config", "blit");
  }

  /** Runs `blit ARGS`. */
  async blit(...args: string[]): Promise<Ran> {
    return await this.blitWith({}, ...args);
  }

  /** Runs `blit ARGS` with other surroundings. */
  async blitWith(surroundings: RunWith, ...args: string[]): Promise<Ran> {
    return await ended(this.spawn(surroundings, ...args), surroundings.stdin);
  }

  /** Starts `blit ARGS`; its streams are the caller's to read and close. */
  spawn(surroundings: RunWith, ...args: string[]): Deno.ChildProcess {
    const [program, ...words] = [
      ...surroundings.wrapper ?? [],
      ...[Deno.execPath(), "run", "-A", "--no-check", CLI, ...args],
    ];
    return new Deno.Command(program, {
      args: words,
      cwd: join(this.path, surroundings.cwd ?? "."),
      env: { ...this.env(), ...surroundings.env },
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
  }

  /**
   * Runs `blit ARGS` on a terminal, whose lines end in CRLF and hold both streams.
   *
   * @param answer what is typed when the command asks
   */
  async blitOnTerminal(answer: string, ...args: string[]): Promise<Ran> {
    const words = [Deno.execPath(), "run", "-A", "--no-check", CLI, ...args];
    const command = words.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(" ");
    const child = new Deno.Command("script", {
      args: ["--quiet", "--return", "--echo", "never", "--command", command, "/dev/null"],
      cwd: this.path,
      // What the test runner wants of its own output is not what a terminal shows.
      env: { ...this.env(), TERM: "xterm", NO_COLOR: "" },
      stdin: "piped",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    const deadline = setTimeout(() => child.kill("SIGKILL"), TERMINAL_MS);
    const writer = child.stdin.getWriter();
    let stdout = "";
    let asked = false;
    for await (const piece of child.stdout.pipeThrough(new TextDecoderStream())) {
      stdout += piece;
      if (asked || !stdout.includes("[y/N] ")) continue;
      // Typed earlier, a Ctrl-C would find nobody to interrupt.
      asked = true;
      await writer.write(new TextEncoder().encode(answer));
    }
    const { code } = await child.status;
    clearTimeout(deadline);
    await writer.close().catch(() => {});
    return { status: code, stdout, stderr: "", json: () => JSON.parse(stdout) };
  }

  /** Makes files. */
  async write(files: Files): Promise<void> {
    for (const [path, content] of Object.entries(files)) {
      const whole = join(this.path, path);
      await Deno.mkdir(path.endsWith("/") ? whole : dirname(whole), { recursive: true });
      if (path.endsWith("/")) continue;
      if (content.startsWith("-> ")) {
        need(needsSymlinks());
        await Deno.symlink(content.slice(3), whole, { type: linkType(whole, content.slice(3)) });
      } else await Deno.writeTextFile(whole, content);
    }
  }

  /** What is below a folder, in the form of {@link Files}; folders only where they are empty. */
  async files(path = "."): Promise<Files> {
    const found: Record<string, string> = {};
    const visit = async (folder: string, prefix: string) => {
      const entries = await Array.fromAsync(Deno.readDir(folder));
      if (entries.length === 0 && prefix !== "") found[prefix] = "";
      for (const entry of entries.sort((a, b) => a.name < b.name ? -1 : 1)) {
        const whole = join(folder, entry.name);
        if (entry.isDirectory) await visit(whole, `${prefix}${entry.name}/`);
        else if (entry.isSymlink) found[prefix + entry.name] = `-> ${await Deno.readLink(whole)}`;
        else found[prefix + entry.name] = await Deno.readTextFile(whole);
      }
    };
    await visit(join(this.path, path), "");
    return found;
  }

  /** Writes the settings file. */
  async settings(text: string): Promise<void> {
    await Deno.mkdir(this.configDir, { recursive: true });
    await Deno.writeTextFile(join(this.configDir, "settings.jsonc"), text);
  }

  /** Environment that keeps the command away from the user's own files. */
  env(): Record<string, string> {
    return {
      HOME: this.#home,
      USERPROFILE: this.#home,
      XDG_CONFIG_HOME: join(this.#home, "config"),
      // Deno's own cache must stay where it is, or every run would fetch its packages.
      DENO_DIR: denoDir(),
      DENO_NO_UPDATE_CHECK: "1",
    };
  }
}

/**
 * Wraps a test that needs a scratch folder; it counts as skipped where it throws {@link CannotRun}.
 *
 * @example
 * Deno.test("copies", scratch(async (dir) => { await dir.blit("copy", "a", "b"); }));
 */
export function scratch(
  test: (dir: Scratch) => Promise<void>,
): (context: Pick<Deno.TestContext, "name">) => Promise<void> {
  return async ({ name }) => {
    try {
      await inScratch(test);
    } catch (error) {
      if (!(error instanceof CannotRun)) throw error;
      // The gate counts this line.
      console.log(`SKIP: ${name}: ${error.message}`);
    }
  };
}

/** Works in a scratch folder, which goes again. */
export async function inScratch(work: (dir: Scratch) => Promise<void>): Promise<void> {
  const base = await Deno.makeTempDir({ prefix: "blit-cli-" });
  try {
    const [folder, home] = [join(base, "work"), join(base, "home")];
    await Deno.mkdir(folder);
    await Deno.mkdir(home);
    await work(new Scratch(await Deno.realPath(folder), await Deno.realPath(home)));
  } finally {
    await Deno.remove(base, { recursive: true });
  }
}

/** Whether a program is there; a test that needs it is skipped aloud without it. */
export function hasProgram(name: string): boolean {
  const isWindows = Deno.build.os === "windows";
  const folders = (Deno.env.get("PATH") ?? "").split(isWindows ? ";" : ":");
  return folders.some((folder) => {
    try {
      return Deno.statSync(join(folder, isWindows ? `${name}.exe` : name)).isFile;
    } catch {
      return false;
    }
  });
}

/** Types something, closes the input, and waits for the end. */
export async function ended(child: Deno.ChildProcess, stdin?: string): Promise<Ran> {
  const writer = child.stdin.getWriter();
  if (stdin) await writer.write(new TextEncoder().encode(stdin));
  await writer.close().catch(() => {});
  const [status, stdout, stderr] = await Promise.all([
    child.status,
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  return { status: status.code, stdout, stderr, json: () => JSON.parse(stdout) };
}

let knownDenoDir: string | undefined;

function denoDir(): string {
  if (knownDenoDir !== undefined) return knownDenoDir;
  const given = Deno.env.get("DENO_DIR");
  if (given) return knownDenoDir = given;
  const { stdout } = new Deno.Command(Deno.execPath(), { args: ["info", "--json"] }).outputSync();
  return knownDenoDir = JSON.parse(new TextDecoder().decode(stdout)).denoDir;
}
