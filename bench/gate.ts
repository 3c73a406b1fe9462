/**
 * `deno task bench:gate`: fails where blit has become worse than it was.
 *
 * usage: gate.ts [--calls] [--rounds N] [--scale X] [--record]
 *
 * - Calls: system calls a file, and calls across the native border for 1,000 files, have grown by over 2 % (Linux).
 * - Speed: blit and its peers in turns in this run; worse is a ratio whose whole interval lies above that of the newest
 *   result in bench/results/. Where there is none, as on Windows against robocopy, it is one that lies above 1 as a whole.
 *
 * `--calls` leaves the speed out: that takes seconds, and doesn't mind a busy machine. `--record` records new counts of calls.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { buildNative } from "../ffi/build.ts";
import { compare } from "./compare.ts";
import { grownCounts, leastCounts, recordCounts, recordedCounts } from "./counts.ts";
import { type FileSystemKind, isRoot } from "./file_systems.ts";
import { findPeer, type FoundPeer, PEERS } from "./peers.ts";
import type { Spread } from "./table.ts";
import { WORKLOADS } from "./workloads.ts";

/** What is compared, where. */
const CASES: readonly { readonly workload: string; readonly fs: FileSystemKind }[] =
  Deno.build.os === "windows"
    ? ["gib", "large", "small"].map((workload) => ({ workload, fs: "dir" }))
    : !isRoot()
    ? ["small", "unchanged"].map((workload) => ({ workload, fs: "dir" }))
    : [
      { workload: "small", fs: "tmpfs" },
      { workload: "small", fs: "ext4" },
      { workload: "small", fs: "xfs" },
      { workload: "unchanged", fs: "tmpfs" },
      { workload: "incremental", fs: "tmpfs" },
    ];

/** A comparison that was saved. */
export interface SavedResult {
  readonly date: string;
  readonly workload: { readonly name: string; readonly scale: number };
  readonly fileSystem: string;
  readonly cold: boolean;
  readonly tools: readonly { readonly name: string; readonly ratio: Spread | null }[];
}

/**
 * The newest saved ratio of blit to a tool; null where there is none.
 *
 * Results of another scale, or with cold caches, are others.
 */
export function savedRatio(
  results: readonly SavedResult[],
  workload: string,
  fs: string,
  tool: string,
  scale: number,
): Spread | null {
  return results
    .filter((result) =>
      result.workload.name === workload && result.fileSystem === fs && !result.cold &&
      result.workload.scale === scale
    )
    .sort((a, b) => a.date < b.date ? 1 : -1)
    .flatMap(({ tools }) => tools.find(({ name }) => name === tool)?.ratio ?? [])[0] ?? null;
}

/** Why a ratio is worse, in words; null where it isn't: only an interval that lies above the other as a whole is. */
export function worseWhy(now: Spread, before: Spread | null): string | null {
  if (now.low <= (before?.high ?? 1)) return null;
  const words = ({ median, low, high }: Spread) =>
    `${median.toFixed(2)} (${low.toFixed(2)}–${high.toFixed(2)})`;
  return `${words(now)}, ${before === null ? "slower in every round" : `before ${words(before)}`}`;
}

function savedResults(): SavedResult[] {
  const folder = new URL("results/", import.meta.url);
  return [...Deno.readDirSync(folder)]
    .filter(({ name }) => name.endsWith(".json"))
    .map(({ name }) => JSON.parse(Deno.readTextFileSync(new URL(name, folder))))
    // Those over the network have routes in place of file systems, and a script of their own.
    .filter((result) => "fileSystem" in result);
}

async function checkCalls(): Promise<string[]> {
  const before = recordedCounts();
  const now = await leastCounts((least) => grownCounts(least, before).length === 0);
  console.log(`calls: ${JSON.stringify(now)}, recorded ${JSON.stringify(before)}`);
  return grownCounts(now, before);
}

async function checkSpeed(rounds: number, scale: number): Promise<string[]> {
  const peers: FoundPeer[] = [];
  for (const peer of PEERS) {
    // v1 is looked for by the name that a new blit has too, and is measured by hand.
    const found = peer.name === "v1" ? null : await findPeer(peer);
    if (found) peers.push(found);
    else console.error(`left out: ${peer.name}`);
  }
  const saved = savedResults();
  const worse: string[] = [];
  const options = { rounds, scale, cold: false, firstFile: false, calls: false };
  for (const { workload: name, fs } of CASES) {
    const workload = WORKLOADS.find((each) => each.name === name)!;
    const { title, ratios, failures } = await compare(workload, fs, peers, options, false);
    worse.push(...failures.map((words) => `${title}: ${words}`));
    for (const [tool, ratio] of ratios) {
      if (ratio === null) continue;
      const before = savedRatio(saved, name, fs, tool, scale);
      // A tool that keeps less may be faster: without an earlier result there is nothing to say.
      if (before === null && tool !== "robocopy") continue;
      const why = worseWhy(ratio, before);
      if (why !== null) worse.push(`${title}, against ${tool}: ${why}`);
    }
  }
  return worse;
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      calls: { type: "boolean", default: false },
      record: { type: "boolean", default: false },
      rounds: { type: "string", default: "5" },
      scale: { type: "string", default: "1" },
    },
  });
  const { kind } = await buildNative();
  if (kind === "failed" || kind === "no-cargo") return 1;
  if (values.record) {
    console.log(JSON.stringify(await recordCounts()));
    return 0;
  }
  const worse = Deno.build.os === "linux" ? await checkCalls() : [];
  if (!values.calls) worse.push(...await checkSpeed(Number(values.rounds), Number(values.scale)));
  for (const words of worse) console.log(`WORSE ${words}`);
  return worse.length > 0 ? 1 : 0;
}

if (import.meta.main) Deno.exit(await main());
