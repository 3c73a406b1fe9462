/**
 * `deno task bench`: the functions that run once per entry, on listings of 100,000 entries.
 *
 * @module
 */
import { EntryBlock, EntryBlockWriter, Kind } from "../src/core/entry_block.ts";
import { defaultOptions } from "../src/core/options.ts";
import { compare, type CompareContext } from "../src/engine/compare.ts";
import { Filter } from "../src/engine/filter.ts";
import { seededRandom } from "./random.ts";

const ENTRIES = 100_000;

/** A sorted listing; every hundredth entry has another time than in an earlier version. */
function listing(version: number): Uint8Array {
  const random = seededRandom(1);
  const writer = new EntryBlockWriter(ENTRIES);
  for (let i = 0; i < ENTRIES; i++) {
    writer.add({
      name: `file-${String(i).padStart(7, "0")}.${i % 7 ? "dat" : "o"}`,
      kind: Kind.file,
      sizeBytes: Math.floor(random() * 10_240),
      mtimeNs: 1_700_000_000_000_000_000n + BigInt(i % 100 ? 0 : version),
      inode: BigInt(version * ENTRIES + i),
      mode: 0o644,
    });
  }
  return writer.finish({ flags: 3 });
}

const before = listing(0), after = listing(1);
const blocks = [new EntryBlock(after), new EntryBlock(before)] as const;

/** Walks two sorted listings in step, and counts the names that both have. */
function merge(left: EntryBlock, right: EntryBlock): number {
  let i = 0, j = 0, both = 0;
  let a = left.name(0), b = right.name(0);
  while (i < left.count && j < right.count) {
    if (a === b) {
      both++;
      a = ++i < left.count ? left.name(i) : "";
      b = ++j < right.count ? right.name(j) : "";
    } else if (a < b) a = ++i < left.count ? left.name(i) : "";
    else b = ++j < right.count ? right.name(j) : "";
  }
  return both;
}

Deno.bench("decode and merge two listings", () => {
  merge(new EntryBlock(after), new EntryBlock(before));
});

const context: CompareContext = {
  options: defaultOptions("copy").compare,
  owners: true,
  modes: true,
  writeBit: true,
  timeGrainNs: 1n,
  unknownGrain: { source: false, destination: false },
  symlinkTimes: true,
  xattrs: false,
  suspectSinceNs: null,
  lostSinceNs: null,
  umask: null,
};

Deno.bench("compare two listings", () => {
  const [source, destination] = blocks;
  for (let i = 0; i < ENTRIES; i++) compare(source, i, destination, i, context);
});

Deno.bench("pack the changed records of a listing", () => {
  const writer = new EntryBlockWriter();
  for (let i = 0; i < ENTRIES; i += 100) writer.addFrom(blocks[0], i, 0, 1);
  writer.finish();
});

const filter = Filter.compile({
  rules: ["*.tmp", "*.o", "/build/", "node_modules/", "**/cache/*.bin"].map((pattern) => ({
    action: "exclude",
    pattern,
    origin: "--exclude",
  })),
  gitignore: false,
  nowMs: 0,
});

Deno.bench("filter a listing by five rules", () => {
  const scope = filter.root();
  const block = blocks[0];
  for (let i = 0; i < ENTRIES; i++) {
    const name = block.name(i);
    filter.decide(scope, name, name, Kind.file, block.sizeBytes(i), 0);
  }
});
