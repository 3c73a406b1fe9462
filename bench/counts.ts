/**
 * What a copy costs in calls, which doesn't depend on how fast or busy the machine is: system calls on the trees for each
 * file, calls across the native border for a thousand files.
 *
 * How many batches there are does depend on it, since a worker without work is given a small one. So the least of several
 * runs is compared, with the median of those that were recorded.
 *
 * @module
 */
import { BLIT_RUN } from "./peers.ts";
import { spreadOf } from "./table.ts";
import { sizeOf, WORKLOADS, writeTree } from "./workloads.ts";

/** Calls of one copy. */
export interface CallCounts {
  readonly systemCallsPerFile: number;
  readonly ffiCallsPer1000Files: number;
}

/** What the calls may grow by. */
export const MOST_GROWTH = 1.02;

const SCALE = 0.03;
const RECORDED = new URL("counts.json", import.meta.url);

/** Runs to record, and most runs to compare. */
const RUNS = 9;

/** The recorded counts. */
export function recordedCounts(): CallCounts {
  return JSON.parse(Deno.readTextFileSync(RECORDED));
}

/** Copies small files and counts, as often as `isEnough` of the least so far says no, but not more than nine times. */
export async function leastCounts(isEnough: (least: CallCounts) => boolean): Promise<CallCounts> {
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

/** Records the medians of nine runs. */
export async function recordCounts(): Promise<CallCounts> {
  const runs: CallCounts[] = [];
  await eachRun((counts) => {
    runs.push(counts);
    return false;
  });
  const median = (key: keyof CallCounts) => spreadOf(runs.map((run) => run[key]))!.median;
  const counts = {
    systemCallsPerFile: median("systemCallsPerFile"),
    ffiCallsPer1000Files: median("ffiCallsPer1000Files"),
  };
  Deno.writeTextFileSync(RECORDED, `${JSON.stringify(counts, null, 2)}\n`);
  return counts;
}

async function eachRun(isDone: (counts: CallCounts) => boolean): Promise<void> {
  const folder = Deno.makeTempDirSync({ prefix: "blit-bench-" });
  const small = WORKLOADS.find(({ name }) => name === "small")!;
  const { files } = sizeOf(small.source(SCALE));
  try {
    writeTree(`${folder}/tree/source`, small.source(SCALE));
    for (let run = 0; run < RUNS; run++) {
      if (isDone(await countedRun(folder, `${folder}/tree/copy${run}`, files))) return;
    }
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

async function countedRun(folder: string, destination: string, files: number): Promise<CallCounts> {
  const log = `${folder}/calls`;
  const { success, stderr } = await new Deno.Command("strace", {
    args: ["-f", "-y", "-qq", "--seccomp-bpf", "-e", "trace=%file,%desc", "-o", log]
      .concat(Deno.execPath(), BLIT_RUN, "copy", `${folder}/tree/source/`, destination),
    env: { XDG_CONFIG_HOME: `${folder}/config`, DENO_NO_UPDATE_CHECK: "1", BLIT_STATS: "1" },
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
