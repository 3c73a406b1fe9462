/**
 * Native trees for the conformance suite.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { Traits } from "../../src/engine/tree.ts";
import { loadNative } from "../../src/native/load.ts";
import { openPool } from "../../src/native/pool.ts";
import { LocalTree } from "../../src/tree/local.ts";
import { MemoryTree } from "../../src/tree/memory.ts";
import { FULL } from "./suite.ts";
import type { TreePair } from "./workbench.ts";

/** What a native tree declares on this system. */
export const LOCAL: Traits = {
  ...FULL,
  modes: Deno.build.os !== "windows",
  rawNames: Deno.build.os === "linux",
  owners: Deno.build.os !== "windows" && Deno.uid() === 0,
  specials: Deno.build.os !== "windows",
  syncsWhole: Deno.build.os !== "windows",
};

/** Two native trees. */
export interface LocalPair {
  readonly source: LocalTree;
  readonly destination: LocalTree;
  dispose(): Promise<void>;
}

// Loaded once and never closed, since the tests' resource check counts it.
const loaded = await loadNative();

/** Two local trees in one directory, on a pool of two workers. */
export async function local(): Promise<LocalPair> {
  assert.ok(loaded.library, "these tests need the native library: deno task build");
  const pool = openPool(loaded.library, 2);
  const folder = await Deno.makeTempDir({ prefix: "blit-conformance-" });
  return {
    source: await LocalTree.open(`${folder}/source`, { pool, create: true }),
    destination: await LocalTree.open(`${folder}/destination`, { pool, create: true }),
    dispose: async () => {
      await pool.close();
      await Deno.remove(folder, { recursive: true });
    },
  };
}

/** One side in memory; the unused local tree is closed with the other. */
export async function half(side: "source" | "destination"): Promise<TreePair> {
  const pair = await local();
  const { source, destination, dispose } = pair;
  if (side === "source") {
    await destination.close();
    return { source, destination: MemoryTree.of(), dispose };
  }
  await source.close();
  return { source: MemoryTree.of(), destination, dispose };
}
