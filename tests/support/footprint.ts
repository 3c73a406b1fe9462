/**
 * What a process holds: descriptors, threads, memory.
 *
 * @module
 */
import { sleep, until } from "./judges.ts";

/** How long a process has to come to rest. */
const SETTLE_MS = 15_000;
/** Between two looks. */
const LOOK_MS = 250;

/** What a process holds. */
export interface Footprint {
  readonly descriptors: number;
  /** But for those of Deno's pool for blocking calls, which come and go as it likes. */
  readonly threads: number;
  /** How many of each name. */
  readonly threadNames: string;
  readonly residentBytes: number;
  /** Most that was ever resident. */
  readonly peakBytes: number;
}

/** What a process holds now. Linux only. */
export function footprint(pid: number): Footprint {
  const status = Deno.readTextFileSync(`/proc/${pid}/status`);
  const bytes = (name: string) =>
    1024 * Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(status)![1]);
  const names = [...Deno.readDirSync(`/proc/${pid}/task`)].flatMap(({ name }) =>
    threadName(`/proc/${pid}/task/${name}/comm`)
  );
  const counts = Map.groupBy(names, (name) => name);
  return {
    descriptors: [...Deno.readDirSync(`/proc/${pid}/fd`)].length,
    threads: names.filter((name) => !name.startsWith("tokio-")).length,
    threadNames: [...counts].map(([name, all]) => `${name} ${all.length}`).sort().join(", "),
    residentBytes: bytes("VmRSS"),
    peakBytes: bytes("VmHWM"),
  };
}

/** A thread's name without its number; none where it has ended meanwhile. */
function threadName(path: string): string[] {
  try {
    return [Deno.readTextFileSync(path).trim().replace(/-\d+$/, "")];
  } catch (error) {
    // Deno has no class of its own for ESRCH, which a read ends with where the open was in time, and not always its code.
    const isGone = error instanceof Deno.errors.NotFound || /\(os error 3\)/.test(`${error}`);
    if (isGone) return [];
    throw error;
  }
}

/**
 * What a process holds once it has come to rest: two looks alike, and, where an earlier footprint is given, no more
 * descriptors and threads than in that one; or what it is after 15 s.
 */
export async function settled(pid: number, before?: Footprint): Promise<Footprint> {
  const deadline = performance.now() + SETTLE_MS;
  for (let last = footprint(pid);;) {
    await sleep(LOOK_MS);
    const now = footprint(pid);
    const isQuiet = now.descriptors === last.descriptors && now.threads === last.threads;
    const isBack = !before ||
      (now.descriptors <= before.descriptors && now.threads <= before.threads);
    if ((isQuiet && isBack) || performance.now() > deadline) return now;
    last = now;
  }
}

/** What memory a process holds that nothing could be taken from. */
export interface Held {
  /** Used of V8's heap. */
  readonly heapBytes: number;
  /** What V8 has for its heap. */
  readonly heapSizeBytes: number;
  /** Buffers that V8 knows of beside its heap. */
  readonly externalBytes: number;
  /** What malloc has given out, to Deno and to the library, and not taken back. */
  readonly givenBytes: number;
  readonly residentBytes: number;
  /** Where that is, largest first: mappings by what they are of. */
  readonly mappings: string;
}

/**
 * What memory a process still holds once it gave back the rest.
 *
 * @param heldFile as it was started with: see `collector.ts`
 */
export async function collected(pid: number, heldFile: string): Promise<Held> {
  const before = Deno.statSync(heldFile).size;
  Deno.kill(pid, "SIGUSR2");
  await until(() => Deno.statSync(heldFile).size > before);
  const last = Deno.readTextFileSync(heldFile).trim().split("\n").at(-1)!;
  const [heapBytes, heapSizeBytes, externalBytes, givenBytes, residentBytes] = last.split(" ")
    .map(Number);
  const mappings = residentMappings(pid);
  return { heapBytes, heapSizeBytes, externalBytes, givenBytes, residentBytes, mappings };
}

/** What of a process is resident, MiB: files by name, its heap and stack, and memory without a name by its size and rights. */
function residentMappings(pid: number): string {
  const sums = new Map<string, number>();
  let kind = "";
  for (const line of Deno.readTextFileSync(`/proc/${pid}/smaps`).split("\n")) {
    const head = /^([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ \S+ *(.*)$/.exec(line);
    if (head) {
      const [, from, to, rights, name] = head;
      const mib = (parseInt(to, 16) - parseInt(from, 16)) / 2 ** 20;
      const size = mib < 1 ? "small" : mib < 64 ? "some MiB" : "large";
      kind = name.split("/").at(-1) || `${rights} ${size}`;
    }
    const kib = /^Rss: +(\d+) kB/.exec(line)?.[1];
    if (kib) sums.set(kind, (sums.get(kind) ?? 0) + Number(kib));
  }
  return [...sums].sort(([, a], [, b]) => b - a).slice(0, 8)
    .map(([kind, kib]) => `${kind} ${(kib / 1024).toFixed(1)}`).join(", ");
}
