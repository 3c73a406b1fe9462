/**
 * The choice between native and portable trees, made once at the start.
 *
 * @module
 */
import { BlitError } from "../core/error.ts";
import { displayName, textToName } from "../core/rel_path.ts";
import type { Tree } from "../engine/tree.ts";
import { STALL_MS } from "../engine/watch.ts";
import { loadNative, type NativeLibrary } from "../native/load.ts";
import type { NativePool } from "../native/pool.ts";

/** Opens trees of the kind that this machine can have. */
export interface TreeOpener {
  readonly kind: "native" | "portable";
  /** One line for the user, where blit does without its native library; else null. */
  readonly notice: string | null;
  /** The native workers; null where there are none. */
  readonly pool: NativePool | null;
  /**
   * Opens a directory as a tree.
   *
   * @param path absolute
   * @param create make it, and missing parents
   * @throws {BlitError} `not_found`, `not_directory`, `permission` and the like
   */
  open(path: string, create?: boolean): Promise<Tree>;
  /** Gives the opener back, after its trees are closed; the last user ends the native workers. */
  release(): Promise<void>;
}

interface Pool {
  readonly library: NativeLibrary;
  readonly pool: NativePool;
  users: number;
}

/** The process has one pool, whoever uses it. */
let shared: Pool | null = null;
/** Opening and closing take their turns: the next pool opens when the last has closed. */
let turn: Promise<unknown> = Promise.resolve();

/**
 * Chooses the kind of tree.
 *
 * @param maxThreads most native threads; left out, by the number of processors
 * @throws {BlitError} `mismatch` where the native library is of another version; `unsupported` where
 *   `BLIT_NATIVE_LIB` names one that can't be opened
 */
export function acquireTrees(maxThreads?: number): Promise<TreeOpener> {
  return inTurn(async () => {
    const pool = shared ?? await openShared(maxThreads);
    if (typeof pool === "string") return portableOpener(pool);
    shared = pool;
    pool.users++;
    return await nativeOpener(pool);
  });
}

/**
 * Looks at what only the native library can.
 *
 * @param path what is looked at
 * @param why words for why nothing else can, and what to do
 * @throws {BlitError} `unsupported` where there is no native library
 */
export async function withNative<T>(
  path: string,
  why: string,
  look: (trees: TreeOpener) => Promise<T>,
): Promise<T> {
  const trees = await acquireTrees();
  try {
    if (trees.kind === "native") return await look(trees);
    const shown = displayName(textToName(path));
    throw new BlitError(
      "unsupported",
      `Cannot reach "${shown}" without the native library: ${why}`,
      { operation: "read", path: shown },
    );
  } finally {
    await trees.release();
  }
}

/** @returns the pool, or the reason why there is no native library */
async function openShared(maxThreads: number | undefined): Promise<Pool | string> {
  const loaded = await loadNative();
  if (loaded.library === null) return loaded.reason;
  const { openPool } = await import("../native/pool.ts");
  // A start for the questions that come first; the planner then sets how many work on its batches.
  const threads = Math.max(4, navigator.hardwareConcurrency * 2);
  try {
    const pool = openPool(loaded.library, Math.min(threads, maxThreads ?? 64, 64));
    return { library: loaded.library, pool, users: 0 };
  } catch (error) {
    loaded.library.close();
    throw error;
  }
}

async function nativeOpener(used: Pool): Promise<TreeOpener> {
  const { LocalTree } = await import("../tree/local.ts");
  let released = false;
  return {
    kind: "native",
    notice: null,
    pool: used.pool,
    open: (path, create) =>
      inTime(LocalTree.open(path, { pool: used.pool, create }), path, used.library),
    release: () =>
      inTurn(async () => {
        if (released) return;
        released = true;
        if (--used.users > 0) return;
        shared = null;
        if (Deno.env.get("BLIT_STATS") === "1") {
          // For measuring: what crossing the native border cost this process in calls.
          console.error(JSON.stringify({ stats: { ffi_calls: used.pool.workCalls } }));
        }
        await used.pool.close();
        used.library.close();
      }),
  };
}

/** Opening is a call that nothing can watch: a volume that is frozen or gone never answers it. */
async function inTime(opened: Promise<Tree>, path: string, library: NativeLibrary): Promise<Tree> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    // The call returns into the library, whenever that may be.
    library.keep();
    late.reject(
      new BlitError(
        "stalled",
        `Stalled at the start: no answer within ${STALL_MS / 1000} s from ${path}. ` +
          "Check the disk or the mount, and run again.",
        { operation: "open", path },
      ),
    );
  }, STALL_MS);
  try {
    return await Promise.race([opened, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** What `tree/windows_names.ts` refuses. */
const DEVICE_NAMES = " or are like CON, aux.txt or end in a dot or a space";

async function portableOpener(reason: string): Promise<TreeOpener> {
  const { PortableTree } = await import("../tree/portable.ts");
  return {
    kind: "portable",
    pool: null,
    notice:
      `Going on without the native library (${reason}): slower, times only to the millisecond, ` +
      `no names that aren't UTF-8${
        Deno.build.os === "windows" ? DEVICE_NAMES : ""
      }, no extended attributes.`,
    open: (path, create) => PortableTree.open(path, { create }),
    release: () => Promise.resolve(),
  };
}

function inTurn<T>(work: () => Promise<T>): Promise<T> {
  const result = turn.then(work);
  turn = result.catch(() => {});
  return result;
}
