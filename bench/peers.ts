/**
 * The tools that blit is measured against, and how each is told to do a workload.
 *
 * @module
 */
import type { Workload } from "./workloads.ts";

/** A tool. */
export interface Peer {
  readonly name: string;
  /** Program to look for on PATH and in `BLIT_PEERS`; blit itself runs from its source. */
  readonly program: string;
  /** Options that print the version. */
  readonly versionArgs: readonly string[];
  /** Which exit codes are success, where it isn't 0 alone. */
  isDone?(code: number): boolean;
  /** What this tool keeps of section 3 of the design is for the table's reader. */
  readonly note?: string;
  /** The arguments for a workload, or null where the tool can't do it. */
  args(workload: Workload, source: string, destination: string): string[] | null;
}

/** Folder of the project. */
const ROOT = decodeURIComponent(new URL("../", import.meta.url).pathname);

/** How the command is run from its source, with the permissions of an installed one for local use. */
export const BLIT_RUN = [
  "run",
  "--no-prompt",
  "--allow-read",
  "--allow-write",
  "--allow-env",
  "--allow-sys",
]
  .concat("--allow-ffi", `${ROOT}cli.ts`);

const isLinked = (workload: Workload) => workload.name === "million-links";

function blitArgs({ unit, operation, name }: Workload, source: string, destination: string) {
  const [from, options] = unit === "file" && operation === "copy"
    ? [`${source}/file`, []]
    : [`${source}/`, operation === "mirror" ? ["--yes"] : []];
  return [
    operation,
    ...options,
    ...(name === "million-deletions" ? ["--max-delete", "all"] : []),
    from,
  ]
    .concat(unit === "file" && operation === "copy" ? `${destination}/file` : destination);
}

/** For tools that only copy: a file to a file, a tree to a new tree. */
function copyArgs(options: readonly string[]): Peer["args"] {
  return ({ unit, operation }, source, destination) => {
    if (operation !== "copy") return null;
    return unit === "file"
      ? [...options, `${source}/file`, `${destination}/file`]
      : [...options, source, destination];
  };
}

/** Every tool, blit first: the ratios are to it. */
export const PEERS: readonly Peer[] = [
  {
    name: "blit",
    program: Deno.execPath(),
    versionArgs: ["--version"],
    args: (...given) => [...BLIT_RUN, ...blitArgs(...given)],
  },
  {
    name: "cp",
    program: "cp",
    versionArgs: ["--version"],
    note: "cp -a",
    args: copyArgs(["-a", "-T"]),
  },
  {
    name: "rsync",
    program: "rsync",
    versionArgs: ["--version"],
    note: "rsync -a",
    args(workload, source, destination) {
      const options = ["-a", ...(isLinked(workload) ? ["-H"] : [])];
      if (workload.operation === "mirror") options.push("--delete");
      return workload.unit === "file" && workload.operation === "copy"
        ? [...options, `${source}/file`, `${destination}/file`]
        : [...options, `${source}/`, `${destination}/`];
    },
  },
  {
    name: "xcp",
    program: "xcp",
    versionArgs: ["--version"],
    note: "keeps no owner, no folder times, no hardlinks",
    args: copyArgs(["--recursive", "--no-progress", "--no-target-directory"]),
  },
  {
    name: "cpz",
    program: "cpz",
    versionArgs: ["--version"],
    note: "keeps no times, no owner, no xattrs, no hardlinks",
    args: copyArgs([]),
  },
  {
    name: "robocopy",
    program: "robocopy",
    versionArgs: ["/?"],
    note: "robocopy /E, 16 threads, with times and attributes",
    // Bits: copied, extra, mismatched; from 8 on something failed.
    isDone: (code) => code < 8,
    args({ unit, operation }, source, destination) {
      const [from, to] = [source, destination].map((path) => path.replaceAll("/", "\\"));
      const quiet = ["/R:0", "/W:0", "/NFL", "/NDL", "/NJH", "/NJS", "/NP"];
      const kept = ["/COPY:DAT", "/DCOPY:DAT", "/MT:16", ...quiet];
      if (unit === "file" && operation === "copy") return [from, to, "file", ...kept];
      return [from, to, operation === "mirror" ? "/MIR" : "/E", ...kept];
    },
  },
  {
    name: "v1",
    program: "blit",
    versionArgs: ["--version"],
    args(workload, source, destination) {
      if (workload.name === "million-links") return null;
      const [operation, ...rest] = blitArgs(
        { ...workload, name: workload.operation },
        source,
        destination,
      );
      return [operation, "--yes", ...rest.filter((arg) => arg !== "--yes")];
    },
  },
];

/** A tool that is there. */
export interface FoundPeer {
  readonly peer: Peer;
  readonly path: string;
  readonly version: string;
}

/** Looks for a tool; null where it is missing or doesn't start. */
export async function findPeer(peer: Peer): Promise<FoundPeer | null> {
  const folder = Deno.env.get("BLIT_PEERS") ?? "";
  for (const path of [`${folder}/${peer.program}`, peer.program]) {
    try {
      const { success, stdout } = await new Deno.Command(path, {
        args: [...peer.versionArgs],
        stdin: "null",
        stderr: "null",
      }).output();
      const version = new TextDecoder().decode(stdout).split("\n")[0].trim();
      // Who has exit codes of his own has one for this, too: that it starts is enough.
      if (success || peer.isDone) {
        return { peer, path, version: peer.name === "blit" ? await ownVersion() : version };
      }
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory)) {
        throw error;
      }
    }
  }
  return null;
}

/** blit's commit, with a `+` where files differ from it, and Deno's version. */
async function ownVersion(): Promise<string> {
  const git = await new Deno.Command("git", {
    args: ["describe", "--always", "--dirty=+"],
    cwd: ROOT,
    stderr: "null",
  }).output();
  return `${
    new TextDecoder().decode(git.stdout).trim() || "uncommitted"
  }, Deno ${Deno.version.deno}`;
}
