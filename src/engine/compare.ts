/**
 * Compare: same, changed, and why. Pure, but that a source's record takes over bits that one of the trees can't keep.
 *
 * @module
 */
import { type EntryBlock, Kind } from "../core/entry_block.ts";
import type { ItemReason } from "../core/events.ts";
import type { CompareOptions } from "../core/options.ts";

/** What is to be done about one pair of entries. */
export type Verdict =
  /** Nothing. */
  | "same"
  /** Metadata only: no data is copied. */
  | "mend"
  /** Copy it over. */
  | "copy"
  /** Size is equal and content must decide. */
  | "hash"
  /** An option says to leave it alone. */
  | "skip";

/** A verdict and the first reason for it. */
export interface Judgement {
  readonly verdict: Verdict;
  readonly reason: ItemReason;
}

/** What a comparison needs to know beside the two records. */
export interface CompareContext {
  readonly options: CompareOptions;
  /** Owner and group are kept, and with them set-id bits. */
  readonly owners: boolean;
  /** Both trees keep permission bits. */
  readonly modes: boolean;
  /** Where not: whether a file may be written is kept all the same. */
  readonly writeBit: boolean;
  /** Bits that what is new doesn't get, where only the destination keeps permission bits; else null. */
  readonly umask: number | null;
  /** Coarsest time step of the two trees, as far as it is known, ns; 1 where both are exact. */
  readonly timeGrainNs: bigint;
  /** Trees whose time step isn't known: what their entries' times have in common tells. */
  readonly unknownGrain: { readonly source: boolean; readonly destination: boolean };
  readonly symlinkTimes: boolean;
  /** Xattrs and ACLs are part of the comparison (`--checksum`, `check`), by hashing. */
  readonly xattrs: boolean;
  /** Files changed since then (ctime, ns) may be a crash's leftovers: compared by default rules. */
  readonly suspectSinceNs: bigint | null;
  /** Files changed since then (ctime, ns) may have lost bytes to a power cut: content must decide. The run's marker tells. */
  lostSinceNs: bigint | null;
}

/** Time steps of file systems, ns, each a multiple of the one before: NTFS, ..., seconds, FAT. */
const GRAINS_NS = [100n, 1_000n, 1_000_000n, 10_000_000n, 1_000_000_000n, 2_000_000_000n];

const SAME: Judgement = { verdict: "same", reason: "same" };
const HASH: Judgement = { verdict: "hash", reason: "content" };
const judgement = new Map<string, Judgement>();

/** Interned, so that judging a million pairs makes no garbage. */
function judge(verdict: Verdict, reason: ItemReason): Judgement {
  const key = verdict + reason;
  let found = judgement.get(key);
  if (found === undefined) judgement.set(key, found = { verdict, reason });
  return found;
}

/**
 * Compares two entries.
 *
 * @param source block and index of the source record
 * @param destination block and index of the destination record
 */
export function compare(
  source: EntryBlock,
  i: number,
  destination: EntryBlock,
  j: number,
  context: CompareContext,
): Judgement {
  if (context.options.ignoreExisting && !isSuspect(destination, j, context)) {
    return judge("skip", "exists");
  }
  if (source.kind(i) !== destination.kind(j)) return judge("copy", "kind");
  keepMode(source, i, destination, j, context);
  switch (source.kind(i)) {
    case Kind.file:
      return compareFiles(source, i, destination, j, context);
    case Kind.symlink:
      if (source.target(i) !== destination.target(j)) {
        return judge("copy", "target");
      }
      return compareMeta(source, i, destination, j, context);
    case Kind.charDevice:
    case Kind.blockDevice:
      if (!source.sameRdev(i, destination, j)) return judge("copy", "device");
      return compareMeta(source, i, destination, j, context);
    default:
      return compareMeta(source, i, destination, j, context);
  }
}

function compareFiles(
  source: EntryBlock,
  i: number,
  destination: EntryBlock,
  j: number,
  context: CompareContext,
): Judgement {
  const options = context.options;
  const lossy = changedSince(destination, j, context.lostSinceNs);
  const suspect = isSuspect(destination, j, context);
  if (!suspect && options.update && newer(destination, j, source, i, context)) {
    return judge("skip", "newer-at-destination");
  }
  if (options.force) return judge("copy", "forced");
  if (options.ignoreTimes) return judge("copy", "ignore-times");
  if (!source.sameSize(i, destination, j)) return judge("copy", "size");
  if (options.checksum) return HASH;
  if (!(options.sizeOnly && !suspect) && !sameTime(source, i, destination, j, context)) {
    return judge("copy", "mtime");
  }
  // Some file systems put size and time on disk before the bytes.
  if (context.xattrs || (lossy && source.sizeBytes(i) > 0)) return HASH;
  return compareMeta(source, i, destination, j, context);
}

/** Whether a crash may have left this entry unfinished: then no option may leave it so. */
function isSuspect(destination: EntryBlock, j: number, context: CompareContext): boolean {
  return changedSince(destination, j, context.suspectSinceNs) ||
    changedSince(destination, j, context.lostSinceNs);
}

function changedSince(destination: EntryBlock, j: number, sinceNs: bigint | null): boolean {
  return sinceNs !== null && destination.ctimeNs(j) >= sinceNs;
}

/**
 * Compares what can be mended without copying data: mode, owner, mtime.
 *
 * With `sizeOnly` a file's time is not looked at.
 */
export function compareMeta(
  source: EntryBlock,
  i: number,
  destination: EntryBlock,
  j: number,
  context: CompareContext,
): Judgement {
  const kind = source.kind(i);
  keepMode(source, i, destination, j, context);
  if (kind !== Kind.symlink) {
    const mask = context.owners ? 0o7777 : 0o1777;
    // Where the owner can't be set a file must have no set-id bit. On a directory it grants nothing, and
    // whether it can be set is up to the group.
    const there = kind === Kind.directory ? mask : 0o7777;
    if ((source.mode(i) & mask) !== (destination.mode(j) & there)) return judge("mend", "mode");
  }
  if (
    context.owners &&
    (source.uid(i) !== destination.uid(j) || source.gid(i) !== destination.gid(j))
  ) {
    return judge("mend", "owner");
  }
  const timed = kind === Kind.symlink
    ? context.symlinkTimes
    : !(kind === Kind.file && context.options.sizeOnly);
  if (timed && !sameTime(source, i, destination, j, context)) return judge("mend", "mtime");
  return SAME;
}

/**
 * Where one of the trees keeps no modes: gives the source's record the bits that stand at the destination, so that
 * whatever is planned from it leaves them alone; a file's write bits follow the source.
 */
function keepMode(
  source: EntryBlock,
  i: number,
  destination: EntryBlock,
  j: number,
  context: CompareContext,
): void {
  if (context.modes) return;
  const there = destination.mode(j);
  const writable = (source.mode(i) & 0o200) !== 0;
  const isAlike = !context.writeBit || writable === ((there & 0o200) !== 0);
  if (source.kind(i) === Kind.directory || isAlike) {
    source.setMode(i, there);
  } else source.setMode(i, writable ? there | 0o200 : there & ~0o222);
}

/**
 * Gives the record of something that is new at the destination the bits that are usual there, where its source keeps
 * none; of a file that its source protects, nobody's write bit.
 */
export function giveNewMode(source: EntryBlock, i: number, { umask }: CompareContext): void {
  if (umask === null) return;
  const kind = source.kind(i);
  if (kind === Kind.directory) source.setMode(i, 0o777 & ~umask);
  else if (kind === Kind.file) {
    source.setMode(i, ((source.mode(i) & 0o200) === 0 ? 0o444 : 0o666) & ~umask);
  }
}

function sameTime(
  source: EntryBlock,
  i: number,
  destination: EntryBlock,
  j: number,
  context: CompareContext,
): boolean {
  if (source.sameMtime(i, destination, j)) return true;
  const { timeGrainNs, unknownGrain } = context;
  if (timeGrainNs <= 1n && !unknownGrain.source && !unknownGrain.destination) return false;
  const difference = source.mtimeNs(i) - destination.mtimeNs(j);
  const apartNs = difference < 0n ? -difference : difference;
  if (apartNs < timeGrainNs) return true;
  const grainNs = GRAINS_NS.find((grain) => apartNs < grain);
  if (grainNs === undefined) return false;
  return (unknownGrain.destination && isOnGrain(destination, j, grainNs)) ||
    (unknownGrain.source && isOnGrain(source, i, grainNs));
}

/**
 * Whether an entry's times tell of a file system with so coarse a step: its mtime may be whole by what set it, but its
 * ctime is set by the file system itself, or stands for the mtime where there is none.
 */
function isOnGrain(block: EntryBlock, index: number, grainNs: bigint): boolean {
  return block.mtimeNs(index) % grainNs === 0n && block.ctimeNs(index) % grainNs === 0n;
}

function newer(
  a: EntryBlock,
  i: number,
  b: EntryBlock,
  j: number,
  context: CompareContext,
): boolean {
  return a.mtimeNs(i) > b.mtimeNs(j) && !sameTime(b, j, a, i, context);
}
