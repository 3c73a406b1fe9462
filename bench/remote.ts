/**
 * `deno task bench:remote`: blit side by side with an rsync daemon, v1's daemon and iperf3.
 *
 * Both trees lie on tmpfs, so that the network and the programs are what is measured. Over the loopback
 * device by default; with `--near` and `--far` client and server run in two network namespaces that
 * somebody has joined before. Every run begins with an empty destination, rounds are interleaved.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { buildNative } from "../ffi/build.ts";
import { FreshFileSystem } from "./file_systems.ts";
import { type Measure, measure, peakOf } from "./measure.ts";
import { describeMachine, saveResults } from "./results.ts";
import {
  iperfArgs,
  PROJECT,
  REMOTE_PEERS,
  type RemotePeer,
  type Route,
  type ServerPlace,
} from "./servers.ts";
import { formatTable, ratioOf, type Row } from "./table.ts";
import { sizeOf, type Workload, WORKLOADS, writeTree } from "./workloads.ts";

const USAGE = `usage: deno task bench:remote [options]

  --workload NAME      ${WORKLOADS.map(({ name }) => name).join(", ")} (default small)
  --route push|pull    (default push)
  --peers NAME[,NAME]  ${
  REMOTE_PEERS.map(({ name }) => name).join(", ")
}, iperf, secure (default all but secure)
  --rounds N           timed rounds after the warm-up (default 9)
  --scale X            0.2 makes a fifth of the files (default 1)
  --near NS --far NS   network namespaces of client and server, with
  --address IP         the server's address in its namespace (default 127.0.0.1)
  --streams N          connections of iperf3 (default 4)
  --label TEXT         says in the results what the link is
  --no-save            print only
`;

interface Options {
  readonly workload: Workload;
  readonly route: Route;
  readonly rounds: number;
  readonly scale: number;
  readonly near: string | undefined;
  readonly far: string | undefined;
  readonly address: string;
  readonly streams: number;
}

const PORT = 19310;

/** One tool in the comparison. */
interface Contender {
  readonly name: string;
  readonly command: string[];
  /** Starts the server; the result ends it and tells its peak memory, bytes. */
  start(): Promise<() => Promise<number>>;
  readonly copies: boolean;
}

class RemoteComparison {
  readonly #options: Options;
  readonly #files: FreshFileSystem;
  readonly #folder: string;

  constructor(options: Options, folder: string) {
    this.#options = options;
    this.#folder = folder;
    const size = sizeOf(options.workload.source(options.scale));
    this.#files = new FreshFileSystem("tmpfs", folder, {
      files: size.files * 2,
      bytes: size.bytes * 2,
    });
  }

  get #source(): string {
    return `${this.#files.path}/${this.#options.route === "push" ? "near" : "far"}/tree`;
  }
  get #destination(): string {
    return `${this.#files.path}/${this.#options.route === "push" ? "far" : "near"}/copy`;
  }

  /** Writes the source, once. */
  async prepare(): Promise<void> {
    await this.#files.renew();
    for (const side of ["near", "far"]) Deno.mkdirSync(`${this.#files.path}/${side}`);
    writeTree(this.#source, this.#options.workload.source(this.#options.scale));
    await this.empty();
  }

  /** Makes the destination as it is before each run. */
  async empty(): Promise<void> {
    const { workload, scale } = this.#options;
    await new Deno.Command("rm", { args: ["-rf", this.#destination] }).output();
    if (workload.destination) writeTree(this.#destination, workload.destination(scale));
    else if (workload.unit === "file") Deno.mkdirSync(this.#destination);
  }

  get #env(): Record<string, string> {
    return {
      XDG_CONFIG_HOME: `${this.#folder}/config`,
      XDG_STATE_HOME: `${this.#folder}/state`,
      DENO_NO_UPDATE_CHECK: "1",
    };
  }

  contender(peer: RemotePeer, index: number, secure: boolean): Contender | null {
    const { workload, route, address, near, far } = this.#options;
    const place: ServerPlace = {
      address,
      port: PORT + 10 * index,
      root: `${this.#files.path}/far`,
      scratch: this.#folder,
      secure,
    };
    const wanted = route === "push"
      ? { workload, route, local: this.#source, remote: "copy" }
      : { workload, route, local: this.#destination, remote: "tree" };
    const args = peer.transfer(place, wanted);
    const client = find(peer.client), server = find(peer.server);
    if (args === null || client === null || server === null) return null;
    return {
      name: secure ? `${peer.name}, TLS` : peer.name,
      command: [...within(near), client, ...args],
      start: async () => {
        const words = [...within(far), server, ...peer.serve(server, place)];
        const { ready, stop } = await this.#startServer(words, place);
        for (const { args, stdinFrom } of peer.introduce?.(place, ready) ?? []) {
          const stdin = stdinFrom ? await this.#output([server, ...stdinFrom], "") : "";
          await this.#output([...within(near), client, ...args], stdin);
        }
        return stop;
      },
      copies: true,
    };
  }

  iperf(index: number): Contender | null {
    const program = find("iperf3");
    if (program === null) return null;
    const { workload, scale, address, near, far, streams, route } = this.#options;
    const place = {
      address,
      port: PORT + 10 * index,
      root: "",
      scratch: this.#folder,
      secure: false,
    };
    const { bytes } = sizeOf(workload.source(scale));
    return {
      name: `iperf3 -P ${streams}`,
      command: [...within(near), program, ...iperfArgs(place, bytes, streams, route)],
      start: async () => {
        const words = [...within(far), program, "-s", "-B", address, "-p", `${place.port}`];
        return (await this.#startServer(words, place)).stop;
      },
      copies: false,
    };
  }

  /** @returns the timed run, or null where the result was wrong */
  async time(contender: Contender): Promise<Measure | null> {
    if (contender.copies) await this.empty();
    const taken = await measure(contender.command, `${this.#folder}/scratch`, this.#env);
    return contender.copies && (await this.differences()) !== 0 ? null : taken;
  }

  /** What rsync would still change, by size and time alone. */
  async differences(): Promise<number> {
    const { stdout } = await new Deno.Command("rsync", {
      args: ["-nria", "--delete", `${this.#source}/`, `${this.#destination}/`],
      stderr: "null",
    }).output();
    const lines = new TextDecoder().decode(stdout).split("\n");
    return lines.filter((line) => line !== "" && !/^\.d\.\.t\S* \.\/$/.test(line)).length;
  }

  async remove(): Promise<void> {
    await this.#files.remove();
  }

  async #startServer(
    [program, ...args]: string[],
    { address, port }: ServerPlace,
  ): Promise<{ readonly ready: string; stop(): Promise<number> }> {
    const said = `${this.#folder}/said-${port}`;
    // Into a file, which nobody has to empty: a full pipe would stop the server.
    const child = new Deno.Command("sh", {
      args: ["-c", 'exec "$@" >"$0" 2>/dev/null', said, program, ...args],
      env: this.#env,
      stdin: "null",
    }).spawn();
    await listening([...within(this.#options.near), "nc", "-z", address, `${port}`]);
    return {
      ready: Deno.readTextFileSync(said),
      stop: async () => {
        const peak = await peakOf(child.pid);
        child.kill("SIGKILL");
        await child.status;
        return peak;
      },
    };
  }

  /** What a command prints; it must succeed. */
  async #output([program, ...args]: string[], stdin: string): Promise<string> {
    const child = new Deno.Command(program, {
      args,
      env: this.#env,
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    const writer = child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(stdin));
    await writer.close();
    const { success, stdout } = await child.output();
    if (!success) throw new Error(`${program} ${args.join(" ")} failed`);
    return new TextDecoder().decode(stdout);
  }
}

function within(namespace: string | undefined): string[] {
  return namespace === undefined ? [] : ["ip", "netns", "exec", namespace];
}

function find(program: string): string | null {
  if (program.includes("/")) return program;
  const folders = [Deno.env.get("BLIT_PEERS"), ...(Deno.env.get("PATH") ?? "").split(":")];
  for (const folder of folders) {
    try {
      if (folder && Deno.statSync(`${folder}/${program}`).isFile) return `${folder}/${program}`;
    } catch {
      // Not there.
    }
  }
  return null;
}

async function listening([program, ...args]: string[]): Promise<void> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const { success } = await new Deno.Command(program, { args, stdout: "null", stderr: "null" })
      .output();
    if (success) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`nothing listens: ${args.join(" ")}`);
}

async function compare(options: Options, peers: string, label: string, isSaved: boolean) {
  const folder = Deno.makeTempDirSync({ prefix: "blit-bench-" });
  const comparison = new RemoteComparison(options, folder);
  const rows: (Row & { measures: (Measure | null)[]; serverPeakBytes: number })[] = [];
  const stops: (() => Promise<number>)[] = [];
  const wanted = peers.split(",");
  const title = `${options.workload.name}, ${options.route}, ${label}`;
  try {
    await comparison.prepare();
    const contenders: Contender[] = [];
    for (const [index, peer] of REMOTE_PEERS.entries()) {
      if (!wanted.includes(peer.name)) continue;
      const contender = comparison.contender(peer, index, false);
      if (contender) contenders.push(contender);
      else console.error(`not found, left out: ${peer.name}`);
    }
    if (wanted.includes("secure")) {
      const secure = comparison.contender(REMOTE_PEERS[0], REMOTE_PEERS.length + 1, true);
      if (secure) contenders.push(secure);
    }
    if (wanted.includes("iperf")) {
      const iperf = comparison.iperf(REMOTE_PEERS.length);
      if (iperf) contenders.push(iperf);
    }
    for (const contender of contenders) {
      console.error(`${title}: warming up ${contender.name}`);
      stops.push(await contender.start());
      await comparison.time(contender);
      const differences = contender.copies ? await comparison.differences() : null;
      rows.push({
        name: contender.name,
        command: contender.command.join(" "),
        measures: [],
        differences,
        serverPeakBytes: 0,
      });
    }
    for (let round = 0; round < options.rounds; round++) {
      console.error(`${title}: round ${round + 1} of ${options.rounds}`);
      for (let turn = 0; turn < rows.length; turn++) {
        const index = (round + turn) % rows.length;
        rows[index].measures.push(await comparison.time(contenders[index]));
      }
    }
  } finally {
    for (const [index, stop] of stops.entries()) {
      const peak = await stop();
      if (rows[index]) rows[index].serverPeakBytes = peak;
    }
    await comparison.remove();
    Deno.removeSync(folder, { recursive: true });
  }
  console.log(`\n### ${title}\n\n${options.workload.what}; ${options.rounds} rounds, medians\n`);
  console.log(formatTable(rows));
  for (const { name, serverPeakBytes } of rows) {
    console.log(`\n${name}: server's peak ${(serverPeakBytes / 1024 ** 2).toFixed(0)} MiB`);
  }
  if (!isSaved) return;
  const file = saveResults(`remote-${options.workload.name}-${options.route}`, {
    workload: { name: options.workload.name, what: options.workload.what, scale: options.scale },
    route: options.route,
    link: label,
    rounds: options.rounds,
    machine: await describeMachine(),
    tools: rows.map((row, index) => ({ ...row, ratio: index ? ratioOf(rows[0], row) : null })),
  });
  console.log(`\nraw results: ${file}`);
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      workload: { type: "string", default: "small" },
      route: { type: "string", default: "push" },
      peers: { type: "string", default: "blit,rsync,v1,iperf" },
      rounds: { type: "string", default: "9" },
      scale: { type: "string", default: "1" },
      near: { type: "string" },
      far: { type: "string" },
      address: { type: "string", default: "127.0.0.1" },
      streams: { type: "string", default: "4" },
      label: { type: "string" },
      "no-save": { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  const workload = WORKLOADS.find(({ name }) => name === values.workload);
  const { route } = values;
  if (values.help || !workload || (route !== "push" && route !== "pull")) {
    console.error(USAGE);
    Deno.exit(values.help ? 0 : 64);
  }
  const built = await buildNative();
  if (built.kind === "failed") Deno.exit(built.exitCode);
  const options: Options = {
    workload,
    route,
    rounds: Number(values.rounds),
    scale: Number(values.scale),
    near: values.near,
    far: values.far,
    address: values.address,
    streams: Number(values.streams),
  };
  Deno.chdir(PROJECT);
  await compare(options, values.peers, values.label ?? "loopback", !values["no-save"]);
}

if (import.meta.main) await main();
