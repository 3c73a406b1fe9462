/**
 * Named trees to copy, made from a seed.
 *
 * @module
 */
import { seededBytes, seededRandom } from "./random.ts";

const KIB = 1024;
const MIB = 1024 * KIB;
const GIB = 1024 * MIB;
const POOL_BYTES = 16 * MIB;
/** Seed of every tree; another one gives another tree of the same shape. */
const SEED = 20_240_917;
/** All times lie in the past and on whole milliseconds, which is all that Deno's utime keeps. */
const OLDEST_MS = Date.UTC(2020, 0, 1);
const AGES_MS = 3 * 365 * 86_400_000;

/** One file of a tree. */
export interface PlannedFile {
  /** Path from the tree's root. */
  readonly path: string;
  readonly sizeBytes: number;
  readonly mtimeMs: number;
  /** Where in the pool of random bytes the content starts. */
  readonly offset: number;
  /** Another name of an earlier file instead of content of its own. */
  readonly linkTo?: string;
}

/** How much there is to do, for the size of the file system and for checking the result. */
export interface TreeSize {
  readonly files: number;
  readonly bytes: number;
}

/** A named workload. */
export interface Workload {
  readonly name: string;
  readonly what: string;
  /** `file`: one file named `file`, copied to a file. */
  readonly unit: "tree" | "file";
  readonly operation: "copy" | "mirror";
  /** The files of the source. @param scale 1 for the full size */
  source(scale: number): Iterable<PlannedFile>;
  /** The files that the destination has before the run; absent: there is no destination. */
  destination?(scale: number): Iterable<PlannedFile>;
  /** The run changes nothing, so that the same trees serve every run. */
  readonly repeatable?: boolean;
}

type Sizes = (random: () => number) => number;
const between = (low: number, high: number): Sizes => (random) =>
  low + Math.floor(random() * (high - low + 1));

/** Files spread evenly over folders, two levels deep. */
function* spread(count: number, perFolder: number, sizes: Sizes): Generator<PlannedFile> {
  const random = seededRandom(SEED);
  for (let i = 0; i < count; i++) {
    const folder = Math.floor(i / perFolder);
    const path = `${pad(Math.floor(folder / 32))}/${pad(folder % 32)}/file-${i}.dat`;
    yield planned(path, sizes(random), random);
  }
}

function planned(path: string, sizeBytes: number, random: () => number): PlannedFile {
  return {
    path,
    sizeBytes,
    mtimeMs: OLDEST_MS + Math.floor(random() * AGES_MS),
    offset: Math.floor(random() * (POOL_BYTES - MIB)),
  };
}

function pad(number: number): string {
  return `d${String(number).padStart(3, "0")}`;
}

const small = (scale: number) => spread(scaled(100_000, scale), 100, between(KIB, 10 * KIB));
const million = (scale: number) => spread(scaled(1_000_000, scale), 100, between(100, KIB));

function scaled(count: number, scale: number): number {
  return Math.max(1, Math.round(count * scale));
}

/** The destination of `incremental`: small, before 1 % changed, 0.5 % went and 0.5 % came. */
function* smallBefore(scale: number): Generator<PlannedFile> {
  const random = seededRandom(SEED + 1);
  let i = 0;
  for (const file of small(scale)) {
    const fate = random();
    if (fate < 0.005) continue;
    if (fate < 0.015) yield { ...file, mtimeMs: file.mtimeMs - 60_000, offset: 0 };
    else yield file;
    if (fate > 0.995) yield planned(file.path.replace("file-", `gone-${i++}-`), 5 * KIB, random);
  }
}

/** 1,000 files of 1 KiB to 64 MiB, spread over the powers of two, 2 GiB in all. */
function* mixed(scale: number): Generator<PlannedFile> {
  const random = seededRandom(SEED + 2);
  const places = Array.from({ length: scaled(1000, scale) }, () => random());
  const sizesFor = (power: number) =>
    places.map((place) => Math.round(KIB * 65_536 ** (place ** power)));
  const wanted = 2 * GIB * places.length / 1000;
  let low = 0.1, high = 20;
  for (let step = 0; step < 40; step++) {
    const middle = (low + high) / 2;
    if (sizesFor(middle).reduce((sum, size) => sum + size, 0) > wanted) low = middle;
    else high = middle;
  }
  for (const [i, size] of sizesFor(high).entries()) {
    yield planned(`${pad(i % 40)}/file-${i}.dat`, size, random);
  }
}

/** Half a million files with two names each, far apart, so that every one is remembered for long. */
function* links(scale: number): Generator<PlannedFile> {
  const first = [...spread(scaled(500_000, scale), 100, between(100, KIB))];
  for (const file of first) yield { ...file, path: `a/${file.path}` };
  for (const file of first) yield { ...file, path: `b/${file.path}`, linkTo: `a/${file.path}` };
}

function* oneFolder(scale: number): Generator<PlannedFile> {
  const random = seededRandom(SEED);
  for (let i = 0; i < scaled(1_000_000, scale); i++) yield planned(`file-${i}.dat`, 100, random);
}

function* oneFile(sizeBytes: number): Generator<PlannedFile> {
  yield planned("file", sizeBytes, seededRandom(SEED));
}

/** Every workload by name. */
export const WORKLOADS: readonly Workload[] = [
  {
    name: "small",
    what: "100,000 files of 1 to 10 KiB in 1,000 folders",
    unit: "tree",
    operation: "copy",
    source: small,
  },
  {
    name: "large",
    what: "one file of 4 GiB",
    unit: "file",
    operation: "copy",
    source: (scale) => oneFile(scaled(4 * GIB, scale)),
  },
  {
    name: "gib",
    what: "one file of 1 GiB",
    unit: "file",
    operation: "copy",
    source: (scale) => oneFile(scaled(GIB, scale)),
  },
  {
    name: "mixed",
    what: "1,000 files of 1 KiB to 64 MiB, 2 GiB in all",
    unit: "tree",
    operation: "copy",
    source: mixed,
  },
  {
    name: "incremental",
    what: "mirror of small onto itself with 1 % changed, 0.5 % gone, 0.5 % new",
    unit: "tree",
    operation: "mirror",
    source: small,
    destination: smallBefore,
  },
  {
    name: "unchanged",
    what: "mirror of small onto an equal tree",
    unit: "tree",
    operation: "mirror",
    source: small,
    destination: small,
    repeatable: true,
  },
  {
    name: "tiny",
    what: "one file of 1 KiB",
    unit: "file",
    operation: "copy",
    source: () => oneFile(KIB),
  },
  {
    name: "million",
    what: "1,000,000 files of 100 B to 1 KiB in 10,000 folders",
    unit: "tree",
    operation: "copy",
    source: million,
  },
  {
    name: "million-links",
    what: "500,000 files with two names each",
    unit: "tree",
    operation: "copy",
    source: links,
  },
  {
    name: "million-deletions",
    what: "mirror of one file onto 1,000,000 others",
    unit: "tree",
    operation: "mirror",
    source: () => oneFile(KIB),
    destination: million,
  },
  {
    name: "million-one-dir",
    what: "1,000,000 files of 100 bytes in one folder",
    unit: "tree",
    operation: "copy",
    source: oneFolder,
  },
];

/** Adds up the files; a further name of a file counts as a file of no bytes. */
export function sizeOf(files: Iterable<PlannedFile>): TreeSize {
  let count = 0, bytes = 0;
  for (const file of files) {
    count++;
    if (file.linkTo === undefined) bytes += file.sizeBytes;
  }
  return { files: count, bytes };
}

let pool: Uint8Array | undefined;

/**
 * Writes a tree.
 *
 * @param root folder to make it in; it must not exist
 */
export function writeTree(root: string, files: Iterable<PlannedFile>): void {
  pool ??= seededBytes(POOL_BYTES, SEED);
  Deno.mkdirSync(root, { recursive: true });
  const folders = new Set([root]);
  for (const file of files) {
    const path = `${root}/${file.path}`;
    makeFolder(path.slice(0, path.lastIndexOf("/")), folders);
    if (file.linkTo !== undefined) {
      Deno.linkSync(`${root}/${file.linkTo}`, path);
      continue;
    }
    writeContent(path, file, pool);
    Deno.utimeSync(path, file.mtimeMs / 1000, file.mtimeMs / 1000);
  }
  // Last, since every file made in a folder touches it.
  for (const folder of [...folders].reverse()) {
    Deno.utimeSync(folder, OLDEST_MS / 1000, OLDEST_MS / 1000);
  }
}

function makeFolder(folder: string, known: Set<string>): void {
  if (known.has(folder)) return;
  makeFolder(folder.slice(0, folder.lastIndexOf("/")), known);
  Deno.mkdirSync(folder);
  known.add(folder);
}

function writeContent(path: string, { sizeBytes, offset }: PlannedFile, bytes: Uint8Array): void {
  using file = Deno.openSync(path, { write: true, createNew: true });
  for (let at = 0; at < sizeBytes;) {
    // A step that doesn't divide the pool's size, so that no two stretches of a large file are equal.
    const from = (offset + at * 7) % (POOL_BYTES / 2);
    at += file.writeSync(bytes.subarray(from, from + Math.min(sizeBytes - at, POOL_BYTES / 2)));
  }
}
