import { MemoryTree } from "../../src/tree/memory.ts";
import { duplexPair, serve } from "../support/wire_peer.ts";
import { WireTree } from "../support/wire_tree.ts";
import { conformance, FULL } from "./suite.ts";

/** Puts trees in memory behind records, and waits for what served them. */
function records() {
  const serving: Promise<void>[] = [];
  const behind = (far: MemoryTree) =>
    new WireTree(far, () => {
      const [client, daemon] = duplexPair();
      serving.push(serve(daemon, far));
      return Promise.resolve(client);
    });
  return { behind, dispose: async () => void await Promise.all(serving) };
}

conformance("memory to memory behind records", () => {
  const { behind, dispose } = records();
  return Promise.resolve({
    source: MemoryTree.of(),
    destination: behind(MemoryTree.of()),
    dispose,
  });
}, FULL);

conformance("memory behind records to memory", () => {
  const { behind, dispose } = records();
  return Promise.resolve({
    source: behind(MemoryTree.of()),
    destination: MemoryTree.of(),
    reach: behind,
    dispose,
  });
}, FULL);
