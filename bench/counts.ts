/**
 * What a copy costs in calls: system calls on the trees for each file, calls across the native border for a thousand
 * files.
 *
 * One worker copies, in lockstep (`lockstep.ts`), so that the numbers are the same at each run. Of two runs the lesser
 * count is taken all the same: the kernel may answer a call with EINTR or EAGAIN, and it is made again.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { BLIT_RUN } from "./peers.ts";
import { sizeOf, WORKLOADS, writeTree } from "./workloads.ts";

/** Calls of one copy. */
export interface CallCounts {
  readonly systemCallsPerFile: number;
  readonly ffiCallsPer1000Files: number;
}

/** What the calls may grow by. */
export const MOST_GROWTH = 1.02;

/** Share of the workload that is copied: few enough files that one call across the border more is over 2 %. */
const SCALE = 0.03;
const LOCKSTEP = fileURLToPath(new URL("lockstep.ts", import.meta.url));
const RECORDED = new URL("counts.json", import.meta.url);

/** Most runs. */
const RUNS = 2;

const source = () => WORKLOADS.find(({ name }) => name === "small")!.source(SCALE);

/** Files that are copied to count. */
export function countedFiles(): number {
  return sizeOf(source()).files;
}

/** The recorded counts. */
export function recordedCounts(): CallCounts {
  return JSON.parse(Deno.readTextFileSync(RECORDED));
}

/** Copies small files and counts: once, and a second time where `isEnough` says no of the first. */
export async function leastCounts(
  isEnough: (least: CallCounts) => boolean = () => false,
): Promise<CallCounts> {
  let least: CallCounts | null = null;
  await eachRun((counts) => {
    least = least === null ? counts : {
      systemCallsPerFile: Math.min(least.systemCallsPerFile, counts.systemCallsPerFile),
      ffiCallsPer1000Files: Math.min(least.ffiCallsPer1000Files, counts.ffiCallsPer1000Files),
    };
    return isEnough(least);
  });
  return least!;
}

/** Which counts are more than the recorded ones may grow by, in words; empty where none is. */
export function grownCounts(now: CallCounts, before: CallCounts): string[] {
  return (["systemCallsPerFile", "ffiCallsPer1000Files"] as const)
    .filter((key) => now[key] > before[key] * MOST_GROWTH)
    .map((key) => `${key}: ${now[key].toFixed(2)}, recorded ${before[key].toFixed(2)}`);
}

/** Counts anew and records that. */
export async function recordCounts(): Promise<CallCounts> {
  const counts = await leastCounts();
  Deno.writeTextFileSync(RECORDED, `${JSON.stringify(counts, null, 2)}\n`);
  return counts;
}

async function eachRun(isDone: (counts: CallCounts) => boolean): Promise<void> {
  const folder = Deno.makeTempDirSync({ prefix: "blit-bench-" });
  try {
    writeTree(`${folder}/tree/source`, source());
    for (let run = 0; run < RUNS; run++) {
      if (isDone(await countedRun(folder, `${folder}/tree/copy${run}`))) return;
    }
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

async function countedRun(folder: string, destination: string): Promise<CallCounts> {
  const files = countedFiles();
  const log = `${folder}/calls`;
  const [first, ...rest] = BLIT_RUN;
  const run = [first, "--preload", LOCKSTEP, ...rest];
  const { success, stderr } = await new Deno.Command("strace", {
    args: ["-f", "-y", "-qq", "--seccomp-bpf", "-e", "trace=%file,%desc", "-o", log]
      .concat(Deno.execPath(), run, "copy", "--workers", "1", "--max-threads", "1")
      .concat(`${folder}/tree/source/`, destination),
    env: {
      DENO_NO_UPDATE_CHECK: "1",
      BLIT_STATS: "1",
      // What earlier runs taught it changes what it does.
      BLIT_DISABLE_PERF_HISTORY: "1",
    },
    stdin: "null",
  }).output();
  const said = new TextDecoder().decode(stderr);
  const ffi = /"ffi_calls":\s*(\d+)/.exec(said);
  if (!success || ffi === null) throw new TypeError(`blit copy: ${said}`);
  // A call that another thread came in between of has a second line, for its end.
  const lines = Deno.readTextFileSync(log).split("\n")
    .filter((line) => line.includes(`<${folder}/tree/`) && !line.includes(" resumed>"));
  return {
    systemCallsPerFile: lines.length / files,
    ffiCallsPer1000Files: 1000 * Number(ffi[1]) / files,
  };
}
