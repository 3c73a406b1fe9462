/**
 * `deno task bench:resume`: a large file that was half sent, gone on with, against sending it again from its start.
 *
 * Both trees lie on tmpfs, and the daemon is reached over loopback. A run is killed once half of the content is there; rounds
 * are interleaved.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { buildNative } from "../ffi/build.ts";
import { DAEMON_FLAGS } from "../packaging/daemon_flags.ts";
import { FreshFileSystem } from "./file_systems.ts";
import { begin, type Measure, measure } from "./measure.ts";
import { describeMachine, saveResults } from "./results.ts";
import { PROJECT } from "./servers.ts";
import { formatTable, ratioOf, type Row } from "./table.ts";

const USAGE = `usage: deno task bench:resume [options]

  --rounds N   timed rounds (default 5)
  --mib N      size of the file (default 1024)
  --no-save    print only
`;

const MIB = 2 ** 20;
const DENO = [Deno.execPath(), "run", "-A", "--no-check"];
/** How long a killed run's daemon may take until it has put down what came. */
const SETTLE_MS = 1000;

class ResumeComparison {
  readonly #folder: string;
  readonly #files: FreshFileSystem;
  readonly #bytes: number;

  constructor(folder: string, bytes: number) {
    this.#folder = folder;
    this.#bytes = bytes;
    this.#files = new FreshFileSystem("tmpfs", folder, { files: 64, bytes: bytes * 3 });
  }

  get #copy(): string {
    return `${this.#files.path}/far/copy`;
  }
  get #env(): Record<string, string> {
    return {
      XDG_CONFIG_HOME: `${this.#folder}/config`,
      XDG_STATE_HOME: `${this.#folder}/state`,
      DENO_NO_UPDATE_CHECK: "1",
      BLIT_DISABLE_PERF_HISTORY: "1",
    };
  }

  /** Writes the source and starts the daemon; the result ends that. */
  async start(): Promise<{ readonly command: string[]; stop(): Promise<void> }> {
    await this.#files.renew();
    for (const side of ["near", "far"]) Deno.mkdirSync(`${this.#files.path}/${side}`);
    const source = `${this.#files.path}/near`;
    await output(
      "sh",
      "-c",
      'head -c "$1" /dev/urandom >"$0"',
      `${source}/large`,
      `${this.#bytes}`,
    );
    const ports = ["--port", "0", "--data-port", "0", "--no-mdns", "--json"];
    const daemon = [...DENO, ...DAEMON_FLAGS, `${PROJECT}/daemon.ts`, ...ports];
    const child = new Deno.Command(daemon[0], {
      args: [...daemon.slice(1), "--root", `${this.#files.path}/far`],
      env: this.#env,
      stdin: "null",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    const reader = child.stdout.getReader();
    const { value } = await reader.read();
    const { port } = JSON.parse(new TextDecoder().decode(value).split("\n")[0]);
    const place = `127.0.0.1:${port}://copy`;
    return {
      command: [...DENO, `${PROJECT}/cli.ts`, "copy", "--resume", `${source}/`, place],
      stop: async () => {
        child.kill("SIGKILL");
        await reader.cancel();
        await child.status;
        await this.#files.remove();
      },
    };
  }

  /** Times the whole way, from nothing. */
  async again(command: readonly string[]): Promise<Measure | null> {
    await this.#empty();
    return await this.#time(command);
  }

  /** Times the rest of the way, from about the half of it; null where no run could be killed there. */
  async rest(command: readonly string[]): Promise<Measure | null> {
    for (let tries = 0; tries < 5; tries++) {
      await this.#empty();
      const run = begin(command, this.#env);
      while (run.isRunning && this.#stagedBytes() < this.#bytes / 2) await sleep(2);
      run.kill();
      await run.ended;
      await sleep(SETTLE_MS);
      const staged = this.#stagedBytes();
      if (staged === 0) continue;
      console.error(`half sent: ${Math.round(staged / MIB)} MiB`);
      return await this.#time(command);
    }
    return null;
  }

  async #time(command: readonly string[]): Promise<Measure | null> {
    const taken = await measure(command, `${this.#folder}/scratch`, this.#env);
    const same = await output("cmp", `${this.#files.path}/near/large`, `${this.#copy}/large`);
    return same ? taken : null;
  }

  async #empty(): Promise<void> {
    await output("rm", "-rf", this.#copy);
  }

  #stagedBytes(): number {
    let bytes = 0;
    try {
      for (const { name } of Deno.readDirSync(this.#copy)) {
        if (!name.startsWith(".blit-")) continue;
        bytes += (Deno.statSync(`${this.#copy}/${name}`).blocks ?? 0) * 512;
      }
    } catch {
      // Not there yet, or named meanwhile.
    }
    return bytes;
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

async function output(program: string, ...args: string[]): Promise<boolean> {
  return (await new Deno.Command(program, { args }).output()).success;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      rounds: { type: "string", default: "5" },
      mib: { type: "string", default: "1024" },
      "no-save": { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    console.error(USAGE);
    Deno.exit(0);
  }
  const built = await buildNative();
  if (built.kind === "failed") Deno.exit(built.exitCode);
  const [rounds, mib] = [Number(values.rounds), Number(values.mib)];
  const folder = Deno.makeTempDirSync({ prefix: "blit-bench-" });
  const comparison = new ResumeComparison(folder, mib * MIB);
  const { command, stop } = await comparison.start();
  const row = (name: string): Row & { measures: (Measure | null)[] } => ({
    name,
    command: command.join(" "),
    measures: [],
    differences: 0,
  });
  const [rest, again] = [row("resume"), row("start again")];
  try {
    await comparison.again(command);
    for (let round = 0; round < rounds; round++) {
      console.error(`round ${round + 1} of ${rounds}`);
      const turns = [
        async () => rest.measures.push(await comparison.rest(command)),
        async () => again.measures.push(await comparison.again(command)),
      ];
      for (const turn of round % 2 === 0 ? turns : turns.reverse()) await turn();
    }
  } finally {
    await stop();
    Deno.removeSync(folder, { recursive: true });
  }
  const what = `one file of ${mib} MiB, half sent before`;
  console.log(`\n### resume, push, loopback\n\n${what}; ${rounds} rounds, medians\n`);
  console.log(formatTable([rest, again]));
  if (values["no-save"]) return;
  const file = saveResults("resume-push", {
    workload: { name: "resume", what, scale: mib / 1024 },
    link: "loopback",
    rounds,
    machine: await describeMachine(),
    tools: [{ ...rest, ratio: null }, { ...again, ratio: ratioOf(rest, again) }],
  });
  console.log(`\nraw results: ${file}`);
}

if (import.meta.main) await main();
