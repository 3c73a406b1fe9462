/**
 * `deno task bench:memory`: the most memory that a daemon has resident while many clients work with it at once.
 *
 * Trees lie on tmpfs; every client is a process of its own, and every case has a daemon of its own. Half of the clients
 * of the first case pull a tree of small files and half push one; in the second all of them pull one large file, which
 * they throw away.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { buildNative } from "../ffi/build.ts";
import { FreshFileSystem } from "./file_systems.ts";
import { peakOf } from "./measure.ts";
import { CLIENT_RUN, PROJECT, SERVER_RUN } from "./servers.ts";
import { type PlannedFile, sizeOf, type Workload, WORKLOADS, writeTree } from "./workloads.ts";

const USAGE = `usage: deno task bench:memory [options]

  --clients N    clients at once (default 8)
  --files N      small files in each tree (default 20000)
  --file-mib N   size of the large file (default 1024)
`;

/** Where a daemon is, and its process. */
interface RunningDaemon {
  readonly host: string;
  readonly child: Deno.ChildProcess;
}

/** Arguments of each client of one case. */
type Case = (host: string) => string[][];

async function startDaemon(root: string, said: string): Promise<RunningDaemon> {
  const words = [
    ...SERVER_RUN,
    ...["--root", root, "--port", "0", "--data-port", "0", "--no-mdns", "--json"],
  ];
  // Into a file, which nobody has to empty: a full pipe would stop the daemon.
  const child = new Deno.Command("sh", {
    args: ["-c", 'exec "$@" >"$0" 2>/dev/null', said, Deno.execPath(), ...words],
    env: { DENO_NO_UPDATE_CHECK: "1" },
    stdin: "null",
  }).spawn();
  for (let attempt = 0; attempt < 200; attempt++) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    const [ready] = Deno.readTextFileSync(said).split("\n");
    if (ready !== "") return { host: `127.0.0.1:${JSON.parse(ready).port}`, child };
  }
  throw new Error("the daemon didn't start");
}

async function measureCase(what: string, root: string, scratch: string, clients: Case) {
  const said = `${scratch}/said`;
  Deno.writeTextFileSync(said, "");
  const { host, child } = await startDaemon(root, said);
  try {
    const idleBytes = await peakOf(child.pid);
    const ended = await Promise.all(
      clients(host).map(async (words) => {
        const { code, stderr } = await new Deno.Command(Deno.execPath(), {
          args: [...CLIENT_RUN, ...words],
          env: { DENO_NO_UPDATE_CHECK: "1", XDG_CONFIG_HOME: `${scratch}/config` },
          stdin: "null",
          stdout: "null",
        }).output();
        return code === 0 ? null : new TextDecoder().decode(stderr);
      }),
    );
    const failed = ended.find((words) => words !== null);
    if (failed) throw new Error(`a client failed: ${failed}`);
    const mib = (bytes: number) => `${(bytes / 2 ** 20).toFixed(0)} MiB`;
    console.log(`${what}: peak ${mib(await peakOf(child.pid))}, before it ${mib(idleBytes)}`);
  } finally {
    child.kill("SIGKILL");
    await child.status;
  }
}

/** The files of a named workload, as many of them as are asked for. */
function* some(name: string, count: number): Generator<PlannedFile> {
  const { source } = WORKLOADS.find((workload) => workload.name === name) as Workload;
  let left = count;
  for (const file of source(1)) {
    if (left-- === 0) return;
    yield file;
  }
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      clients: { type: "string", default: "8" },
      files: { type: "string", default: "20000" },
      "file-mib": { type: "string", default: "1024" },
      help: { type: "boolean", default: false },
    },
  });
  const [clients, files, fileMib] = [values.clients, values.files, values["file-mib"]].map(Number);
  if (values.help || ![clients, files, fileMib].every((number) => number > 0)) {
    console.error(USAGE);
    Deno.exit(values.help ? 0 : 64);
  }
  const built = await buildNative();
  if (built.kind === "failed") Deno.exit(built.exitCode);
  Deno.chdir(PROJECT);
  const folder = Deno.makeTempDirSync({ prefix: "blit-bench-" });
  const { bytes } = sizeOf(some("small", files));
  const room = { files: files * (clients + 2), bytes: bytes * (clients + 2) + fileMib * 2 ** 20 };
  const disk = new FreshFileSystem("tmpfs", folder, room);
  try {
    await disk.renew();
    const near = `${disk.path}/near`, far = `${disk.path}/far`;
    for (const side of [near, far]) writeTree(`${side}/tree`, some("small", files));
    writeTree(`${far}/large`, [{
      path: "file",
      sizeBytes: fileMib * 2 ** 20,
      mtimeMs: 0,
      offset: 0,
    }]);
    const each = (words: (i: number) => string[]) =>
      Array.from({ length: clients }, (_, i) => words(i));
    const pulling = Math.ceil(clients / 2);
    await measureCase(
      `${pulling} clients pull and ${clients - pulling} push ${files} small files each`,
      far,
      folder,
      (host) =>
        each((i) =>
          i < pulling
            ? ["copy", `${host}://tree/`, `${near}/pulled-${i}`]
            : ["copy", `${near}/tree/`, `${host}://pushed-${i}`]
        ),
    );
    await measureCase(
      `${clients} clients pull a file of ${fileMib} MiB`,
      far,
      folder,
      (host) => each((i) => ["copy", "--null", `${host}://large/file`, `${near}/file-${i}`]),
    );
  } finally {
    await disk.remove();
    Deno.removeSync(folder, { recursive: true });
  }
}

if (import.meta.main) await main();
