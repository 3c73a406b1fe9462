import assert from "node:assert/strict";
import type { Traits } from "../../src/engine/tree.ts";
import { loadNative } from "../../src/native/load.ts";
import { openPool } from "../../src/native/pool.ts";
import { LocalTree } from "../../src/tree/local.ts";
import { MemoryTree } from "../../src/tree/memory.ts";
import { conformance, FULL } from "./suite.ts";
import type { TreePair } from "./workbench.ts";

const LOCAL: Traits = {
  ...FULL,
  rawNames: Deno.build.os === "linux",
  owners: Deno.build.os !== "windows" && Deno.uid() === 0,
  specials: Deno.build.os !== "windows",
  syncsWhole: Deno.build.os !== "windows",
};

// Loaded once and never closed, since the tests' resource check counts it.
const loaded = loadNative();

/** Two local trees in one directory, on a pool of two workers. */
async function local(): Promise<{
  readonly source: LocalTree;
  readonly destination: LocalTree;
  dispose(): Promise<void>;
}> {
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
async function half(side: "source" | "destination"): Promise<TreePair> {
  const pair = await local();
  const { source, destination, dispose } = pair;
  if (side === "source") {
    await destination.close();
    return { source, destination: MemoryTree.of(), dispose };
  }
  await source.close();
  return { source: MemoryTree.of(), destination, dispose };
}

conformance("native to native", local, LOCAL);
conformance("native to memory", () => half("source"), FULL);
conformance("memory to native", () => half("destination"), LOCAL);
