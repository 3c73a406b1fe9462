/**
 * Tree: the one interface to a file tree, and what goes through it.
 *
 * Local, portable, memory and remote trees implement it; the conformance suite in `tests/` is what
 * each must pass. Paths are byte strings relative to the tree's root (see `core/rel_path.ts`).
 *
 * @module
 */
import type { EntryBlock } from "../core/entry_block.ts";
import type { BlitError } from "../core/error.ts";
import type { RelPath } from "../core/rel_path.ts";
import type { RemoteFacts } from "../core/run_record.ts";
import type { Results, WorkBatch } from "../core/work_batch.ts";

/** What a tree can keep; what is missing is reported once per run, never lost silently. */
export interface Traits {
  /** Times to the nanosecond; false: milliseconds. */
  readonly nanosecondTimes: boolean;
  /** Names that are not UTF-8. */
  readonly rawNames: boolean;
  /** Extended attributes and ACLs. */
  readonly xattrs: boolean;
  /** Permission bits; false: of a file only whether its owner may write it. */
  readonly modes: boolean;
  /** Permission bits that what is made without a wish of its own doesn't get; left out: not known. */
  readonly umask?: number;
  /** Owner and group can be set (a root user on a system that has them). */
  readonly owners: boolean;
  /** Permission bits are shown, and don't stay as they are set (FAT, SMB). */
  readonly losesModes: boolean;
  /** Nor does it stay whether a file may be written. */
  readonly losesWriteBit: boolean;
  /** Owner and group are shown, and don't stay as they are set. */
  readonly losesOwners: boolean;
  /** Hardlinks can be made. */
  readonly hardlinks: boolean;
  /** FIFOs, sockets; devices where `owners` too. */
  readonly specials: boolean;
  /** Holes of sparse files stay holes. */
  readonly holes: boolean;
  /** Names are resolved beneath held descriptors, safe against links planted meanwhile. */
  readonly beneath: boolean;
  /** Mode and mtime of symlinks can be set. */
  readonly symlinkTimes: boolean;
  /** One `sync` without items makes everything that was written durable. */
  readonly syncsWhole: boolean;
}

/** Facts of the file system below a root. */
export interface FsFacts {
  readonly device: bigint;
  readonly rootInode: bigint;
  /** Name of the type where known (`ext4`, `xfs`, `btrfs`, `tmpfs`, ...), else `unknown`. */
  readonly type: string;
  readonly freeBytes: number;
  readonly totalBytes: number;
  readonly freeInodes: number;
  readonly readOnly: boolean;
  readonly foldsCase: boolean;
  readonly normalisesUnicode: boolean;
  readonly dropsFinalDots: boolean;
  /** The root is the root of a file system (mount point): `lost+found` and the like are its own. */
  readonly isFsRoot: boolean;
  /** Smallest step of mtime, ns; 1 where exact, 0 where unknown. */
  readonly timeGrainNs: number;
}

/**
 * One walk over a tree, depth first. A tree that is far away may read ahead for it; what it then shows of a directory
 * may be as old as the walk. Left out, a listing is fresh.
 */
export class Walk {
  /** Where it begins. */
  readonly top: RelPath;

  constructor(top: RelPath = "") {
    this.top = top;
  }
}

/** How a directory is to be listed. */
export interface ListOptions {
  /** Sorted by name bytes; needed for a merge. */
  readonly sorted: boolean;
  /** List staged entries (flagged) instead of counting them. */
  readonly staged?: boolean;
  /** The walk that asks, and will ask for the directories below; all of its listings have the same `staged`. */
  readonly walk?: Walk;
}

/** What belongs to one run and goes with each of its batches. */
export interface RunContext {
  /** Names the run's staged entries: `.blit-<16 hex digits>-<n>`. */
  readonly runId: bigint;
  /** Ends the run's work as soon as each worker looks. */
  readonly signal: AbortSignal;
  /** Progress of all work of this run so far, read at most some times a second. */
  readonly progress: RunProgress;
}

/** Counters that move while batches run. */
export interface RunProgress {
  /** Content bytes read or written so far. */
  bytes(): number;
  /** Entries done so far. */
  entries(): number;
  /** What the workers are at now: path and words such as `flush`; empty when idle. */
  current(): readonly { readonly path: RelPath; readonly doing: string }[];
  /** Goes up with work that the counters don't show, such as what a daemon hashes. */
  motion?(): number;
  /** Whether it waits until a broken connection is made anew. */
  isWaiting?(): boolean;
}

/** Where content comes and goes that doesn't lie on this machine: streams to the tree's daemon. */
export interface ContentStreams {
  /**
   * Takes a stream for one batch; waits while all are in use.
   *
   * @throws {BlitError} `disconnected` where there is no way to the daemon
   */
  lease(run: RunContext): Promise<LeasedStream>;
  /** Opens streams for a run before they are needed. */
  warm(run: RunContext): void;
  /** How many streams share one large file; 1 where that gains nothing. */
  readonly sharing: number;
}

/** A stream, until it is given back. */
export interface LeasedStream {
  /** Its handle in native code. */
  readonly handle: number;
  /** Gives it back; `broken` where its connection is gone. */
  release(broken: boolean): void;
}

/** What a run over the network was like, for the summary and the history. */
export interface LinkReport {
  /** Time until both sides had agreed, ms. */
  readonly handshakeMs: number;
  /** Time of one round trip when the connection was made, ms. */
  readonly rttMs: number;
  /** The daemon is on this machine. */
  readonly isLoopback: boolean;
  /** What carried the content. */
  readonly transport: RemoteFacts["transport"];
  /** Streams that were open at once, at most; 1 where none was needed. */
  readonly streams: number;
  /** How often the connection was made anew. */
  readonly retries: number;
  /** Hash of the host's name, salted on this machine; hexadecimal. */
  readonly hostHash: string;
}

/** A file tree below one root. Methods reject with {@link BlitError} when the whole call failed. */
export interface Tree {
  readonly kind: "native" | "portable" | "memory" | "remote";
  /** The root as a person would write it. */
  readonly display: string;
  readonly traits: Traits;
  /** Why the tree is out of reach, asked once it seems so: what whoever has it said, else what broke; null where it isn't. */
  farewell?(): Promise<BlitError | null>;
  /** Streams that carry its content; left out where that lies on this machine. */
  readonly content?: ContentStreams;
  /** What the link to it is like; left out where there is none. */
  link?(): LinkReport;

  /** Facts of the file system; asked once per run. */
  probe(): Promise<FsFacts>;

  /**
   * Lists one directory as blocks of up to 4,096 entries; the last has `last` set. A directory that can't
   * be listed yields one empty block with `listStatus`. Calls made together are answered together, and the
   * iterator must be run to its end or returned.
   */
  list(directory: RelPath, options: ListOptions): AsyncIterable<EntryBlock>;

  /** Metadata of single paths: one block, a record per path in order, `status` where it failed. */
  stat(paths: readonly RelPath[]): Promise<EntryBlock>;

  /**
   * Registers a run with this tree; its counters live until {@link Tree.endRun}.
   */
  beginRun(runId: bigint, signal: AbortSignal): RunContext;
  endRun(run: RunContext): void;

  /**
   * Runs a batch on this tree as destination: copy, meta, link, remove, rename, sync, marker (see
   * `core/work_batch.ts`). For copy, meta and rename the source is `source`; rename needs a source for
   * which {@link Tree.canRenameFrom} is true. One result per item; an item's failure fails that item alone.
   */
  run(batch: WorkBatch, source: Tree | null, run: RunContext): Promise<Results>;

  /**
   * Runs batches as {@link Tree.run} does, each when the one before has ended; left out where that saves nothing over
   * calling it for each.
   */
  runInOrder?(
    batches: readonly WorkBatch[],
    source: Tree | null,
    run: RunContext,
  ): Promise<Results[]>;

  /** Sets how many workers of its own the tree uses, or how many streams; left out where it has none. */
  setWorkers?(count: number): void;

  /** Hashes files of this tree: a batch of op `hash`. */
  hash(batch: WorkBatch, run: RunContext): Promise<Results>;

  /** Whether a rename from `source` into this tree can work without copying. */
  canRenameFrom(source: Tree): boolean;

  /** Reads a file's content in pieces, for trees of another kind; see {@link FileReader}. */
  openFile(path: RelPath, run: RunContext): Promise<FileReader>;

  /** The extended attributes of an entry, name to value; empty where the tree keeps none. */
  xattrs(path: RelPath): Promise<ReadonlyMap<string, Uint8Array>>;

  /** Releases the root and everything held below it. */
  close(): Promise<void>;
}

/** An open file of a tree, read from its start. */
export interface FileReader {
  /** A block with one record: the file as it was when opened. */
  readonly entry: EntryBlock;
  /** The next piece, at most 1 MiB; null at the end. */
  read(): Promise<Uint8Array | null>;
  /** Whether size, mtime and ctime still are what `entry` says; closes the file. */
  close(): Promise<{ readonly unchanged: boolean }>;
}
