/**
 * ContentSink: the writing half of a copy between trees that don't share a library, as a destination
 * implements it. Who reads the source, here or on another machine, is none of its business.
 *
 * @module
 */
import type { EntryFields } from "../core/entry_block.ts";
import type { RelPath } from "../core/rel_path.ts";

/** Extended attributes, name to value; null where they were not asked for. */
export type Xattrs = ReadonlyMap<string, Uint8Array> | null;

/** What is to be made in the destination. */
export interface NewEntry {
  /** Index of the item in its batch. */
  readonly item: number;
  /** Where: a whole path in the destination. Its parent was announced, or exists. */
  readonly path: RelPath;
  /** `create`, `replace` or `resume` of {@link import("../core/work_batch.ts").CopyAction}. */
  readonly action: number;
  /** The source entry as it was read: kind, size, mode, owner, times, link target. */
  readonly fields: EntryFields;
  readonly xattrs: Xattrs;
}

/** What was made. */
export interface Written {
  readonly inode: bigint;
  readonly ctimeNs: bigint;
  readonly mtimeNs: bigint;
  /** {@link import("../core/work_batch.ts").ResultFlag}s; `directoryWidened` is about the parent. */
  readonly flags: number;
}

/** A file that grows in the destination and has no name there before {@link FileSink.commit}. */
export interface FileSink {
  /** Appends a piece; its memory may be reused once the promise resolves. */
  write(piece: Uint8Array): Promise<void>;
  /** Leaves a hole, or zeros where there are no holes. */
  skip(lengthBytes: number): Promise<void>;
  /** Forgets what was written: the source changed, and is read again as it is now. */
  restart(entry: NewEntry): Promise<void>;
  /** Sets metadata and gives the file its name. */
  commit(): Promise<Written>;
  /** Removes what was written. Never rejects. */
  abandon(): Promise<void>;
}

/** Takes entries, one by one. */
export interface EntrySink {
  /** Starts a file. */
  file(entry: NewEntry): Promise<FileSink>;
  /** Makes a symlink, FIFO, socket or device, with its metadata. */
  node(entry: NewEntry): Promise<Written>;
}

/** The writing half of a copy batch, as a destination implements it. */
export interface ContentSink extends EntrySink {
  /** A parent directory: checks it, or makes it and its missing ancestors. Returns ResultFlags. */
  parent(path: RelPath, make: boolean): Promise<number>;
  /** Called once after the last item: with the fsync flag, makes the directories durable. */
  finish(): Promise<void>;
}
