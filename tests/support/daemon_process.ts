/**
 * `blit-daemon` as a process of its own.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { DAEMON_FLAGS } from "../../packaging/daemon_flags.ts";
import type { Host } from "./two_hosts.ts";

const SHIFTED_CLOCK = fileURLToPath(new URL("shifted_clock.ts", import.meta.url));
const COLLECTOR = fileURLToPath(new URL("collector.ts", import.meta.url));
const DAEMON = fileURLToPath(new URL("../../daemon.ts", import.meta.url));

/** The ready line of `--json`. */
export interface Ready {
  readonly port: number;
  readonly data_port: number;
  readonly tls: boolean;
  readonly fingerprint?: string;
}

/** Where a daemon lives. */
export interface DaemonPlace {
  /** Folder to stand in, whose owner is the caller; left out, one of its own that goes with it. */
  readonly path?: string;
  /** Host to run on; left out, this one. */
  readonly host?: Host;
  /** Words before it: `strace`, ... */
  readonly wrapper?: readonly string[];
  /** How far its clock is off, ms. */
  readonly clockMs?: number;
  /** File in which it says, on SIGUSR2, what memory it still holds once it gave back the rest. */
  readonly heldFile?: string;
  /** What differs in its surroundings. */
  readonly env?: Readonly<Record<string, string>>;
}

/** A daemon's folders, and the processes in them. */
export class DaemonHome {
  /** Where it stands: configuration files are written here. */
  readonly path: string;
  readonly #place: DaemonPlace;

  constructor(place: DaemonPlace = {}) {
    this.#place = place;
    this.path = place.path ?? Deno.makeTempDirSync({ prefix: "blit-home-" });
  }

  /** Runs `blit-daemon ARGS` to its end. */
  async run(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
    return await this.runWith({}, ...args);
  }

  /** The same with other surroundings. */
  async runWith(
    env: Record<string, string>,
    ...args: string[]
  ): Promise<{ code: number; stdout: string; stderr: string }> {
    const { code, stdout, stderr } = await this.#command(args, env).output();
    const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
    return { code, stdout: text(stdout), stderr: text(stderr) };
  }

  /** Starts a daemon with `--json` and free ports, and waits until it is ready. */
  async start(...args: string[]): Promise<DaemonProcess> {
    const ports = ["--port", "0", "--data-port", "0", "--no-mdns", "--json"];
    return await this.startAs(...ports, ...args);
  }

  /** Starts a daemon with these arguments and no others, and waits until it is ready. */
  async startAs(...args: string[]): Promise<DaemonProcess> {
    return await DaemonProcess.of(this.#command(args).spawn());
  }

  /** Writes a file in the home. */
  write(name: string, text: string): string {
    Deno.writeTextFileSync(`${this.path}/${name}`, text);
    return `${this.path}/${name}`;
  }

  [Symbol.dispose](): void {
    if (this.#place.path === undefined) Deno.removeSync(this.path, { recursive: true });
  }

  #command(args: string[], env: Record<string, string> = {}): Deno.Command {
    const { wrapper = [], clockMs, heldFile } = this.#place;
    const first = [
      ...clockMs === undefined ? [] : ["--preload", SHIFTED_CLOCK],
      ...heldFile === undefined ? [] : ["--preload", COLLECTOR],
    ];
    const run = [Deno.execPath(), "run", "-A", "--no-check", ...first, ...DAEMON_FLAGS, DAEMON];
    const words = [...wrapper, ...run, ...args];
    const [program, ...rest] = this.#place.host?.command(...words) ?? words;
    return new Deno.Command(program, {
      args: rest,
      cwd: this.path,
      env: {
        XDG_STATE_HOME: `${this.path}/state`,
        DENO_NO_UPDATE_CHECK: "1",
        NO_COLOR: "1",
        BLIT_TEST_CLOCK_MS: `${clockMs ?? 0}`,
        BLIT_TEST_HELD: heldFile ?? "",
        ...this.#place.env,
        ...env,
      },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    });
  }
}

/** A running daemon. */
export class DaemonProcess {
  /** What it printed once it was ready. */
  readonly readyLine: string;
  readonly #log: { text: string };
  readonly #child: Deno.ChildProcess;
  readonly #done: Promise<unknown>;

  private constructor(
    child: Deno.ChildProcess,
    readyLine: string,
    log: { text: string },
    done: Promise<unknown>,
  ) {
    this.#child = child;
    this.#log = log;
    this.readyLine = readyLine;
    this.#done = done;
  }

  /** The process, once it is ready. */
  static async of(child: Deno.ChildProcess): Promise<DaemonProcess> {
    const lines = child.stdout.pipeThrough(new TextDecoderStream());
    const reader = lines.getReader();
    const errors = child.stderr.pipeThrough(new TextDecoderStream());
    const log = { text: "" };
    const follow = (async () => {
      for await (const text of errors) log.text += text;
    })();
    const { value } = await reader.read();
    if (value === undefined) {
      await follow;
      throw new TypeError(`the daemon didn't start: ${log.text}`);
    }
    const rest = (async () => {
      while (!(await reader.read()).done);
    })();
    return new DaemonProcess(child, value, log, Promise.all([follow, rest]));
  }

  /** The ready line of `--json`, read. */
  get ready(): Ready {
    return JSON.parse(this.readyLine);
  }

  /** What it wrote to stderr so far. */
  get stderr(): string {
    return this.#log.text;
  }

  /** Lines of its log, from an offset on, that say that something is wrong with it. */
  errors(from = 0): string[] {
    return this.stderr.slice(from).split("\n")
      .filter((line) => /"level":"(error|fatal)"/.test(line) || /panicked at/.test(line));
  }

  get pid(): number {
    return this.#child.pid;
  }

  signal(signal: Deno.Signal): void {
    this.#child.kill(signal);
  }

  /** Waits until the log has these words. */
  async says(words: RegExp, ms = 10_000): Promise<void> {
    const deadline = performance.now() + ms;
    while (!words.test(this.stderr)) {
      if (performance.now() > deadline) throw new TypeError(`no ${words} in: ${this.stderr}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** Ends it, unless it has ended. @returns its exit status */
  async stop(signal: Deno.Signal = "SIGTERM"): Promise<number> {
    try {
      this.#child.kill(signal);
    } catch {
      // It ended by itself.
    }
    const { code } = await this.#child.status;
    await this.#done;
    return code;
  }
}
