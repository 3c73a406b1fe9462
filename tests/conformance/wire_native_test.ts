import type { LocalTree } from "../../src/tree/local.ts";
import { MemoryTree } from "../../src/tree/memory.ts";
import { nativeLink } from "../support/wire_native.ts";
import { WireTree } from "../support/wire_tree.ts";
import { LOCAL, local } from "./local_pair.ts";
import { conformance, FULL } from "./suite.ts";
import type { TreePair } from "./workbench.ts";

/** One side in memory, the other native and behind records that native code serves. */
async function behindNative(side: "source" | "destination"): Promise<TreePair> {
  const pair = await local();
  const serving: Promise<unknown>[] = [];
  const behind = (far: LocalTree) =>
    new WireTree(
      far,
      (runId) => Promise.resolve(nativeLink(far, runId, (ended) => serving.push(ended))),
    );
  const dispose = async () => {
    await Promise.all(serving);
    await pair.dispose();
  };
  if (side === "source") {
    await pair.destination.close();
    return { source: behind(pair.source), destination: MemoryTree.of(), dispose };
  }
  await pair.source.close();
  return { source: MemoryTree.of(), destination: behind(pair.destination), dispose };
}

conformance("native behind records to memory", () => behindNative("source"), FULL);
conformance("memory to native behind records", () => behindNative("destination"), LOCAL);
