/**
 * How many clients fit into the descriptors that the system lets the daemon have. One that has none left at the moment when
 * somebody connects to its control port would never accept there again (Deno 2.9), so that this must not come.
 *
 * @module
 */
import type { NativePool } from "../native/pool.ts";
import { LocalTree } from "../tree/local.ts";
import { readWholeFile } from "../tree/whole_file.ts";
import type { DaemonLimits } from "./config.ts";

/** Descriptors of the daemon itself: the program, its library, ports, logs. */
const OWN = 64;
/** Of a native worker: the directories that it keeps open on both sides, and two files. */
const WORKER = 28;
/** Of a session: its roots, and directories that are listed ahead. */
const SESSION = 16;
/** Of a stream: its socket, directories and files. */
const STREAM = 16;
/** The share of connections in what is left. */
const CONNECTIONS_SHARE = 4;
const LEAST_CONNECTIONS = 8;

/** How many descriptors this process may have open; null where there is no limit, or where the system doesn't tell. */
export async function descriptorLimit(pool: NativePool): Promise<number | null> {
  if (Deno.build.os !== "linux") return null;
  try {
    // Deno gives this file to programs only that may do everything; native code may read it.
    const tree = await LocalTree.open("/proc/self", { pool });
    try {
      const text = new TextDecoder().decode(await readWholeFile(tree, "limits"));
      const soft = /^Max open files +(\d+)/m.exec(text)?.[1];
      return soft === undefined ? null : Number(soft);
    } finally {
      await tree.close();
    }
  } catch {
    // A container may hide it. What is configured holds, then.
    return null;
  }
}

/**
 * The limits that a daemon can keep: fewer connections, streams and sessions where all of them at once would need more
 * descriptors than it may have.
 *
 * @param descriptors null: there is no limit
 * @param workers threads of the native pool
 */
export function withinDescriptors(
  limits: DaemonLimits,
  descriptors: number | null,
  workers: number,
): DaemonLimits {
  const left = Math.max(0, (descriptors ?? Infinity) - OWN - WORKER * workers);
  const { sessions, streams, connections } = limits;
  if (connections + sessions * (SESSION + STREAM * streams) <= left) return limits;
  const fewer = Math.max(LEAST_CONNECTIONS, Math.floor(left / CONNECTIONS_SHARE));
  const taken = Math.min(connections, fewer);
  const fit = (each: number) => Math.floor((left - taken) / (SESSION + STREAM * each));
  // A stream more is worth less than a client more, until half of the sessions find a place.
  let each = streams;
  while (each > 1 && fit(each) < sessions / 2) each = Math.ceil(each / 2);
  return {
    ...limits,
    connections: taken,
    streams: each,
    sessions: Math.max(1, Math.min(sessions, fit(each))),
  };
}
