/**
 * `deno task bench:compare`: blit side by side with other tools, in interleaved rounds.
 *
 * Every run gets a new file system with the trees written afresh, but for workloads that change
 * nothing. A warm-up round comes first; in it each result is compared with its source by
 * `rsync -nc`, and, where asked for, the first file, system calls and FFI calls are looked at. After
 * every timed run entries and bytes are counted.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { buildNative } from "../ffi/build.ts";
import { FILE_SYSTEMS, type FileSystemKind, FreshFileSystem, isRoot } from "./file_systems.ts";
import {
  countFfiCalls,
  countSystemCalls,
  type Measure,
  measure,
  RunFailed,
  watchFirstFile,
} from "./measure.ts";
import { findPeer, type FoundPeer, type Peer, PEERS } from "./peers.ts";
import { describeMachine, saveResults } from "./results.ts";
import { formatTable, ratioOf, type Row, type Spread } from "./table.ts";
import {
  type PlannedFile,
  sizeOf,
  type TreeSize,
  type Workload,
  WORKLOADS,
  writeTree,
} from "./workloads.ts";

const USAGE = `usage: deno task bench:compare [options]

  --workload NAME[,NAME]  ${WORKLOADS.map(({ name }) => name).join(", ")}, or all (default small)
  --fs KIND[,KIND]        ${FILE_SYSTEMS.join(", ")} (default tmpfs; all but dir need root)
  --peers NAME[,NAME]     ${PEERS.map(({ name }) => name).join(", ")} (default all that are found on
                          PATH or in the folder BLIT_PEERS)
  --rounds N              timed rounds after the warm-up (default 9)
  --scale X               0.01 makes a hundredth of the files (default 1)
  --cold                  empty the caches before every run (needs root)
  --first-file            when does the first file stand in the destination?
  --calls                 count system calls (strace) and FFI calls
  --no-save               print only; otherwise raw results go to bench/results/
`;

/** How a workload is run. */
export interface Options {
  readonly rounds: number;
  readonly scale: number;
  readonly cold: boolean;
  readonly firstFile: boolean;
  readonly calls: boolean;
}

/** What is looked at once per tool, outside of the timed rounds. */
interface Observed {
  differences: number | null;
  firstFileSeconds?: number | null;
  systemCallsPerFile?: number | null;
  ffiCallsPer1000Files?: number | null;
}

/** One workload on one file system. */
class Comparison {
  readonly #workload: Workload;
  readonly #options: Options;
  readonly #fileSystem: FreshFileSystem;
  readonly #scratch: string;
  readonly #env: Record<string, string>;
  readonly #size: TreeSize;
  #isPrepared = false;

  constructor(workload: Workload, kind: FileSystemKind, folder: string, options: Options) {
    this.#workload = workload;
    this.#options = options;
    this.#scratch = `${folder}/scratch`;
    this.#size = sizeOf(workload.source(options.scale));
    const before = workload.destination ? sizeOf(workload.destination(options.scale)) : this.#size;
    this.#fileSystem = new FreshFileSystem(kind, folder, {
      files: this.#size.files + before.files,
      bytes: this.#size.bytes + before.bytes,
    });
    // blit's history and settings, kept from run to run as a user's are, and apart from the user's own.
    this.#env = { XDG_CONFIG_HOME: `${folder}/config`, DENO_NO_UPDATE_CHECK: "1" };
  }

  get source(): string {
    return `${this.#fileSystem.path}/source`;
  }
  get destination(): string {
    return `${this.#fileSystem.path}/destination`;
  }

  /** The full command line, or null where the tool can't do this workload. */
  command({ peer, path }: FoundPeer): string[] | null {
    const args = peer.args(this.#workload, this.source, this.destination);
    return args && [path, ...args];
  }

  /** Warm-up: runs once per question, and compares the result with its source. */
  async observe(command: readonly string[], { name, isDone }: Peer): Promise<Observed> {
    const { firstFile, calls } = this.#options;
    await this.#prepare();
    await measure(command, this.#scratch, this.#env, isDone);
    const observed: Observed = { differences: await this.#differences() };
    // Where there are files before the run, the first one says nothing.
    if (firstFile && !this.#workload.destination) {
      await this.#prepare();
      observed.firstFileSeconds = await watchFirstFile(command, this.destination, this.#env);
    }
    if (calls) {
      await this.#prepare();
      const count = await countSystemCalls(command, this.#scratch, this.#env);
      observed.systemCallsPerFile = count && count / this.#size.files;
      if (name === "blit") {
        await this.#prepare();
        const ffi = await countFfiCalls(command, this.#env);
        observed.ffiCallsPer1000Files = ffi && 1000 * ffi / this.#size.files;
      }
    }
    return observed;
  }

  /** One timed run. @throws {RunFailed} where the tool failed or left a wrong tree */
  async time(command: readonly string[], isDone: Peer["isDone"]): Promise<Measure> {
    await this.#prepare();
    const taken = await measure(command, this.#scratch, this.#env, isDone);
    this.#checkResult(command);
    return taken;
  }

  async remove(): Promise<void> {
    await this.#fileSystem.remove();
  }

  async #prepare(): Promise<void> {
    const { source, destination, repeatable, unit, operation } = this.#workload;
    if (!(repeatable && this.#isPrepared)) {
      await this.#fileSystem.renew();
      writeTree(this.source, source(this.#options.scale));
      if (destination) writeTree(this.destination, destination(this.#options.scale));
      else if (unit === "file" && operation === "copy") Deno.mkdirSync(this.destination);
      this.#isPrepared = true;
    }
    await (this.#options.cold ? this.#fileSystem.dropCaches() : this.#fileSystem.settle());
  }

  #checkResult(command: readonly string[]): void {
    const found = sizeOf(listTree(this.destination));
    if (found.files !== this.#size.files || found.bytes !== this.#size.bytes) {
      throw new RunFailed(
        `${command.join(" ")}: left ${found.files} files of ${found.bytes} bytes, ` +
          `not ${this.#size.files} of ${this.#size.bytes}`,
      );
    }
  }

  async #differences(): Promise<number | null> {
    const options = ["-nciaHAX", "--delete", `${this.source}/`, `${this.destination}/`];
    try {
      const { stdout } = await new Deno.Command("rsync", { args: options, stderr: "null" })
        .output();
      return new TextDecoder().decode(stdout).split("\n").filter(isDifference).length;
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return null;
      throw error;
    }
  }
}

/** Not counted: that the folder which holds a single file has its own time. */
function isDifference(line: string): boolean {
  return line !== "" && !/^\.d\.\.t\S* \.\/$/.test(line);
}

/** The files below a folder; a name met before by its inode has no bytes of its own. */
function* listTree(root: string, folder = "", seen = new Set<number>()): Generator<PlannedFile> {
  for (const entry of Deno.readDirSync(`${root}/${folder}`)) {
    const path = folder + entry.name;
    if (entry.isDirectory) {
      yield* listTree(root, `${path}/`, seen);
      continue;
    }
    const { size, ino, nlink } = Deno.lstatSync(`${root}/${path}`);
    const isAgain = (nlink ?? 1) > 1 && ino !== null && seen.has(ino);
    if ((nlink ?? 1) > 1 && ino !== null) seen.add(ino);
    yield { path, sizeBytes: size, mtimeMs: 0, offset: 0, ...(isAgain ? { linkTo: "" } : {}) };
  }
}

/** What one workload on one file system came to. */
export interface Compared {
  readonly title: string;
  /** blit's time over the other's, by the other's name; null where it has none. */
  readonly ratios: ReadonlyMap<string, Spread | null>;
  readonly failures: readonly string[];
}

/**
 * Runs one workload on one file system and prints the table.
 *
 * @param peers blit first
 * @param isSaved whether raw results go to bench/results/
 */
export async function compare(
  workload: Workload,
  kind: FileSystemKind,
  peers: readonly FoundPeer[],
  options: Options,
  isSaved: boolean,
): Promise<Compared> {
  const folder = Deno.makeTempDirSync({ prefix: "blit-bench-" });
  const comparison = new Comparison(workload, kind, folder, options);
  const rows: {
    peer: Peer;
    name: string;
    version: string;
    command: string[];
    measures: (Measure | null)[];
    observed: Observed;
  }[] = [];
  const failures: string[] = [];
  const title = `${workload.name} on ${kind}${options.cold ? ", cold" : ""}` +
    (options.scale === 1 ? "" : `, scale ${options.scale}`);
  try {
    for (const found of peers) {
      const command = comparison.command(found);
      if (command === null) continue;
      const { name } = found.peer;
      console.error(`${title}: warming up ${name}`);
      try {
        const observed = await comparison.observe(command, found.peer);
        rows.push({
          peer: found.peer,
          name,
          version: found.version,
          command,
          measures: [],
          observed,
        });
      } catch (error) {
        if (!(error instanceof RunFailed)) throw error;
        failures.push(`${name}: ${error.message}`);
      }
    }
    for (let round = 0; round < options.rounds; round++) {
      console.error(`${title}: round ${round + 1} of ${options.rounds}`);
      // Each round begins with another tool, so that none always runs after the same one.
      for (let turn = 0; turn < rows.length; turn++) {
        const row = rows[(round + turn) % rows.length];
        try {
          row.measures.push(await comparison.time(row.command, row.peer.isDone));
        } catch (error) {
          if (!(error instanceof RunFailed)) throw error;
          row.measures.push(null);
          failures.push(`${row.name}, round ${round + 1}: ${error.message}`);
        }
      }
    }
  } finally {
    await comparison.remove();
    Deno.removeSync(folder, { recursive: true });
  }
  const table: Row[] = rows.map(({ name, command, measures, observed }) => ({
    name,
    command: command.join(" "),
    measures,
    differences: observed.differences,
  }));
  console.log(`\n### ${title}\n\n${workload.what}; ${options.rounds} rounds, medians\n`);
  if (table.length > 0) console.log(formatTable(table));
  for (const { name, observed } of rows) {
    const { differences: _, ...more } = observed;
    if (Object.keys(more).length > 0) console.log(`\n${name}: ${JSON.stringify(more)}`);
  }
  for (const failure of failures) console.log(`\nFAILED ${failure}`);
  const compared: Compared = {
    title,
    ratios: new Map(table.slice(1).map((row) => [row.name, ratioOf(table[0], row)])),
    failures,
  };
  if (!isSaved || rows.length === 0) return compared;
  const file = saveResults(`${workload.name}-${kind}${options.cold ? "-cold" : ""}`, {
    workload: { name: workload.name, what: workload.what, scale: options.scale },
    fileSystem: kind,
    cold: options.cold,
    rounds: options.rounds,
    machine: await describeMachine(),
    tools: rows.map(({ peer: _, ...row }, index) => ({
      ...row,
      ratio: index ? ratioOf(table[0], table[index]) : null,
    })),
    failures,
  });
  console.log(`\nraw results: ${file}`);
  return compared;
}

function choose<T extends { name: string }>(all: readonly T[], names: string): T[] {
  if (names === "all") return [...all];
  return names.split(",").map((name) => {
    const found = all.find((candidate) => candidate.name === name);
    if (!found) fail(`unknown name "${name}"; known: ${all.map(({ name }) => name).join(", ")}`);
    return found;
  });
}

function fail(message: string): never {
  console.error(`${message}\n\n${USAGE}`);
  Deno.exit(64);
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      workload: { type: "string", default: "small" },
      fs: { type: "string", default: "tmpfs" },
      peers: { type: "string", default: "all" },
      rounds: { type: "string", default: "9" },
      scale: { type: "string", default: "1" },
      cold: { type: "boolean", default: false },
      "first-file": { type: "boolean", default: false },
      calls: { type: "boolean", default: false },
      "no-save": { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return console.log(USAGE);
  const workloads = choose(WORKLOADS, values.workload);
  const kinds = choose(FILE_SYSTEMS.map((name) => ({ name })), values.fs).map(({ name }) => name);
  const options: Options = {
    rounds: Number(values.rounds),
    scale: Number(values.scale),
    cold: values.cold,
    firstFile: values["first-file"],
    calls: values.calls,
  };
  if (!Number.isInteger(options.rounds) || options.rounds < 0) {
    fail("--rounds takes a whole number");
  }
  if (!(options.scale > 0 && options.scale <= 10)) fail("--scale takes a number up to 10");
  if ((options.cold || kinds.some((kind) => kind !== "dir")) && !isRoot()) {
    fail("Mounting file systems and emptying caches needs root. Without it: --fs dir");
  }
  const wanted = choose(PEERS, values.peers);
  if (wanted.some(({ name }) => name === "blit")) {
    const outcome = await buildNative();
    if (outcome.kind === "failed") Deno.exit(outcome.exitCode);
  }
  const peers: FoundPeer[] = [];
  for (const peer of wanted) {
    const found = await findPeer(peer);
    if (found) peers.push(found);
    else console.error(`not found, left out: ${peer.name}`);
  }
  for (const workload of workloads) {
    for (const kind of kinds) await compare(workload, kind, peers, options, !values["no-save"]);
  }
}

if (import.meta.main) await main();
