/**
 * EntryStore: the few primitives that a tree without native code is built on. What a batch means
 * (staging, order of metadata, checks before a removal) is written once over them, in `store_*.ts`;
 * the memory and the portable tree each bring a store.
 *
 * Paths are relative to the store's root. Every primitive rejects with a BlitError whose `operation` is
 * one of the STEPS words. Primitives trust the parent directory of their path: callers first
 * {@link EntryStore.enter} it.
 *
 * @module
 */
import type { EntryFields, Kind } from "../core/entry_block.ts";
import type { RelPath } from "../core/rel_path.ts";
import type { FsFacts, Traits } from "../engine/tree.ts";

/** The names of one directory. */
export interface DirectoryNames {
  readonly names: RelPath[];
  /** Names that were listed but can't be reached by name, in display form; disjoint from `names`. */
  readonly unreachable: readonly RelPath[];
}

/** A file being written: made exclusively, with mode 0600, locked until it is closed. */
export interface WritableFile {
  write(piece: Uint8Array): Promise<void>;
  /** Leaves a hole of this many bytes. */
  skip(lengthBytes: number): Promise<void>;
  /** Empties the file, to write it again from its start. */
  restart(): Promise<void>;
  /** Sets the length to what was written and skipped, and with `durable` waits for the disk. */
  complete(durable: boolean): Promise<void>;
  /** Closes and unlocks; may be called twice. */
  close(): void;
}

/** A file being read from its start. */
export interface ReadableFile {
  /** The file as it was when opened; the name is empty. */
  readonly fields: EntryFields;
  /** The next piece, at most 1 MiB, valid until the next read; null at the end. */
  read(): Promise<Uint8Array | null>;
  /** The file's metadata now. */
  stat(): Promise<EntryFields>;
  close(): Promise<void>;
}

/** An advisory lock that other runs respect. */
export interface HeldLock {
  release(): void;
}

/** The primitives; see the module's comment. */
export interface EntryStore {
  readonly kind: "memory" | "portable";
  readonly traits: Traits;
  /** How many entries of one batch are worth working on at a time. */
  readonly parallel: number;

  facts(): Promise<FsFacts>;
  /** Checks that `directory` is one, and is reached through directories only. */
  enter(directory: RelPath): Promise<void>;
  names(directory: RelPath): Promise<DirectoryNames>;
  /** Metadata without following a link; `name` is the path. Link targets included. */
  lstat(path: RelPath): Promise<EntryFields>;
  openRead(path: RelPath): Promise<ReadableFile>;
  xattrs(path: RelPath): Promise<ReadonlyMap<string, Uint8Array>>;

  createFile(path: RelPath): Promise<WritableFile>;
  /** Makes one directory with mode 0700. */
  makeDirectory(path: RelPath): Promise<void>;
  makeSymlink(path: RelPath, target: RelPath): Promise<void>;
  makeSpecial(path: RelPath, kind: Kind, rdev: bigint): Promise<void>;
  makeHardlink(existing: RelPath, path: RelPath): Promise<void>;

  setOwner(path: RelPath, uid: number, gid: number): Promise<void>;
  /** Makes these the entry's only extended attributes. */
  setXattrs(path: RelPath, xattrs: ReadonlyMap<string, Uint8Array>): Promise<void>;
  setMode(path: RelPath, mode: number): Promise<void>;
  /** Sets mtime, of a link itself where `path` is one. */
  setTime(path: RelPath, mtimeNs: bigint): Promise<void>;

  /** Removes anything but a directory. */
  unlink(path: RelPath): Promise<void>;
  /** Removes an empty directory. */
  removeDirectory(path: RelPath): Promise<void>;
  /** Renames within the store, replacing what is there unless `noReplace`. */
  rename(from: RelPath, to: RelPath, noReplace: boolean): Promise<void>;
  /** Whether {@link EntryStore.renameFrom} can work from this store. */
  canRenameFrom(source: EntryStore): boolean;
  /** Renames an entry of another store of the same file system into this one. */
  renameFrom(source: EntryStore, from: RelPath, to: RelPath, noReplace: boolean): Promise<void>;

  /** Locks a file without waiting; null where another run holds its lock. */
  tryLock(path: RelPath): Promise<HeldLock | null>;
  /** Waits until a directory's names are on disk. */
  syncDirectory(path: RelPath): Promise<void>;
  /** Waits until the whole file system is on disk. */
  syncAll(): Promise<void>;
  close(): Promise<void>;
}
