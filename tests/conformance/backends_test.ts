import type { Traits } from "../../src/engine/tree.ts";
import { MemoryTree } from "../../src/tree/memory.ts";
import { PortableTree } from "../../src/tree/portable.ts";
import { conformance, FULL } from "./suite.ts";

const NOTHING: Partial<Traits> = {
  nanosecondTimes: false,
  rawNames: false,
  xattrs: false,
  hardlinks: false,
  specials: false,
  symlinkTimes: false,
  syncsWhole: false,
};

/** Owners can be set only by a root that may ask who it is. */
function portableOwners(): boolean {
  if (Deno.build.os === "windows") return false;
  const { state } = Deno.permissions.querySync({ name: "sys", kind: "uid" });
  return state === "granted" && Deno.uid() === 0;
}

const PORTABLE: Traits = {
  ...FULL,
  nanosecondTimes: false,
  modes: Deno.build.os !== "windows",
  rawNames: false,
  xattrs: false,
  owners: portableOwners(),
  specials: false,
  beneath: false,
  symlinkTimes: Deno.build.os !== "windows",
  syncsWhole: false,
};

async function portable(): Promise<{ tree: PortableTree; root: string }> {
  const root = await Deno.makeTempDir({ prefix: "blit-conformance-" });
  return { tree: await PortableTree.open(root), root };
}

const remove = (root: string) => Deno.remove(root, { recursive: true });

conformance("memory to memory", () => {
  const volume = MemoryTree.of({ "source/": null, "destination/": null });
  return Promise.resolve({
    source: volume.at("source"),
    destination: volume.at("destination"),
    dispose: () => Promise.resolve(),
  });
}, FULL);

conformance("memory to a memory that lacks everything", () =>
  Promise.resolve({
    source: MemoryTree.of(),
    destination: MemoryTree.of({}, {
      isSuperuser: false,
      traits: NOTHING,
      facts: { timeGrainNs: 1_000_000 },
    }),
    dispose: () => Promise.resolve(),
  }), { ...FULL, ...NOTHING, owners: false });

conformance("portable to portable", async () => {
  const source = await portable();
  const destination = await portable();
  return {
    source: source.tree,
    destination: destination.tree,
    dispose: async () => {
      await remove(source.root);
      await remove(destination.root);
    },
  };
}, PORTABLE);

conformance("memory to portable", async () => {
  const { tree, root } = await portable();
  return { source: MemoryTree.of(), destination: tree, dispose: () => remove(root) };
}, PORTABLE);

conformance("portable to memory", async () => {
  const { tree, root } = await portable();
  return { source: tree, destination: MemoryTree.of(), dispose: () => remove(root) };
}, FULL);
