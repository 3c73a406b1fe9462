/**
 * How entries come into being in a store: staged beside their name and renamed, or, where nothing
 * existed and the file is small, in place.
 *
 * @module
 */
import { type EntryFields, Kind } from "../core/entry_block.ts";
import { joinRel, parentOf, type RelPath } from "../core/rel_path.ts";
import { BatchFlag, CopyAction, ResultFlag } from "../core/work_batch.ts";
import type { ContentSink, FileSink, NewEntry, Written } from "./content_sink.ts";
import type { EntryStore, WritableFile } from "./entry_store.ts";
import { hasHoles, spansOf } from "./holes.ts";
import { failure, isKind } from "./step_failure.ts";
import { setMeta } from "./store_meta.ts";
import type { StoreRun } from "./store_run.ts";

/** Largest new file that is written in place, bytes. */
export const IN_PLACE_LIMIT = 1 << 20;

const OWNER_ALL = 0o700;
const STAGED_NAME_ATTEMPTS = 1000;

/** The sink of one batch; it remembers which directories it has checked. */
export class StoreSink implements ContentSink {
  readonly #store: EntryStore;
  readonly #run: StoreRun;
  readonly #flags: number;
  readonly #entered = new Map<RelPath, Promise<void>>();
  readonly #touched = new Set<RelPath>();

  /** @param flags the batch's {@link BatchFlag}s */
  constructor(store: EntryStore, run: StoreRun, flags: number) {
    this.#store = store;
    this.#run = run;
    this.#flags = flags;
  }

  /** Whether names and content are to be on disk before an item is done. */
  get durable(): boolean {
    return (this.#flags & BatchFlag.fsync) !== 0;
  }

  /** Checks, once per batch, that a directory is reached through directories only. */
  enter(directory: RelPath): Promise<void> {
    let entered = this.#entered.get(directory);
    if (!entered) this.#entered.set(directory, entered = this.#store.enter(directory));
    return entered;
  }

  async parent(path: RelPath, make: boolean): Promise<number> {
    try {
      await this.enter(path);
      return 0;
    } catch (error) {
      this.#entered.delete(path);
      if (!make || path === "" || !isKind(error, "not_found")) throw error;
    }
    const above = parentOf(path);
    const flags = await this.parent(above, true) & ResultFlag.directoryWidened;
    try {
      const [, widened] = await this.creating(path, () => this.#store.makeDirectory(path));
      return ResultFlag.created | flags | widened;
    } catch (error) {
      // Another batch made it meanwhile: fine, where it is a directory.
      if (!isKind(error, "exists")) throw error;
      await this.enter(path);
      return flags;
    }
  }

  async file(entry: NewEntry): Promise<FileSink> {
    await this.enter(parentOf(entry.path));
    const size = entry.fields.sizeBytes ?? 0;
    const inPlace = entry.action === CopyAction.create && size <= IN_PLACE_LIMIT;
    const [[path, file], flags] = inPlace
      ? await this.creating(entry.path, async () => {
        return [entry.path, await this.#store.createFile(entry.path)] as const;
      })
      : await this.staging(entry.path, (staged) => this.#store.createFile(staged));
    return new StoreFile(this, entry, path, file, flags);
  }

  async node(entry: NewEntry): Promise<Written> {
    await this.enter(parentOf(entry.path));
    const make = (path: RelPath) => this.#makeNode(path, entry.fields);
    let path = entry.path;
    let flags: number;
    if (entry.action === CopyAction.create) {
      [, flags] = await this.creating(path, () => make(path));
    } else {
      [[path], flags] = await this.staging(path, make);
    }
    try {
      return await this.named(path, entry, flags);
    } catch (error) {
      await this.discard(path);
      throw error;
    }
  }

  async finish(): Promise<void> {
    if (!this.durable) return;
    for (const directory of this.#touched) await this.#store.syncDirectory(directory);
  }

  /** Notes that a directory's names change, for {@link StoreSink.finish}. */
  touch(directory: RelPath): void {
    this.#touched.add(directory);
  }

  /** Sets a new entry's metadata, then gives it its name where it is staged. */
  async named(path: RelPath, entry: NewEntry, flags: number): Promise<Written> {
    const { fields, xattrs } = entry;
    const owner = (this.#flags & BatchFlag.owner) !== 0;
    flags |= await setMeta(this.#store, path, { fields, owner, xattrs });
    if (path !== entry.path) {
      const noReplace = entry.action === CopyAction.create;
      await this.#store.rename(path, entry.path, noReplace);
    }
    const now = await this.#store.lstat(entry.path);
    return {
      inode: now.inode ?? 0n,
      ctimeNs: now.ctimeNs ?? 0n,
      mtimeNs: now.mtimeNs ?? 0n,
      flags,
    };
  }

  /** Removes what an entry left under its staging name, or under its own after a failure. */
  async discard(path: RelPath): Promise<void> {
    await this.#store.unlink(path).catch(() => {});
  }

  /**
   * Makes something in a directory; where that is not writable but the caller's own, widens it to u+rwx.
   *
   * @returns what `make` returned, and `directoryWidened` or 0
   */
  async creating<T>(path: RelPath, make: () => Promise<T>): Promise<[T, number]> {
    const directory = parentOf(path);
    this.touch(directory);
    try {
      return [await make(), 0];
    } catch (error) {
      if (!isKind(error, "permission") || !await this.#widen(directory)) throw error;
      return [await make(), ResultFlag.directoryWidened];
    }
  }

  /** As {@link StoreSink.creating}, under a staging name of this run beside `path`. */
  async staging<T>(
    path: RelPath,
    make: (staged: RelPath) => Promise<T>,
  ): Promise<[readonly [RelPath, T], number]> {
    for (let attempt = 1;; attempt++) {
      const staged = joinRel(parentOf(path), this.#run.nextStagedName());
      try {
        const [made, flags] = await this.creating(staged, () => make(staged));
        return [[staged, made], flags];
      } catch (error) {
        // Left over from a process of the same run, or from another tree of it.
        if (!isKind(error, "exists") || attempt === STAGED_NAME_ATTEMPTS) throw error;
      }
    }
  }

  async #widen(directory: RelPath): Promise<boolean> {
    try {
      const { mode = 0 } = await this.#store.lstat(directory);
      if ((mode & OWNER_ALL) === OWNER_ALL) return false;
      await this.#store.setMode(directory, mode | OWNER_ALL);
      return true;
    } catch {
      // Not ours: the first error is the one to report.
      return false;
    }
  }

  async #makeNode(path: RelPath, fields: EntryFields): Promise<void> {
    const { kind, target = "", rdev = 0n } = fields;
    if (kind === Kind.symlink) return await this.#store.makeSymlink(path, target);
    const isDevice = kind === Kind.charDevice || kind === Kind.blockDevice;
    if (!this.#store.traits.specials || (isDevice && !this.#store.traits.owners)) {
      throw failure("unsupported", "create", path);
    }
    await this.#store.makeSpecial(path, kind, rdev);
  }
}

class StoreFile implements FileSink {
  readonly #sink: StoreSink;
  #entry: NewEntry;
  readonly #path: RelPath;
  readonly #file: WritableFile;
  readonly #flags: number;
  #holes = false;
  #isNamed = false;

  constructor(
    sink: StoreSink,
    entry: NewEntry,
    path: RelPath,
    file: WritableFile,
    flags: number,
  ) {
    this.#sink = sink;
    this.#entry = entry;
    this.#path = path;
    this.#file = file;
    this.#flags = flags;
  }

  async write(piece: Uint8Array): Promise<void> {
    if (!hasHoles(this.#entry.fields)) return await this.#file.write(piece);
    for (const { bytes, isHole } of spansOf(piece)) {
      if (isHole) await this.skip(bytes.length);
      else await this.#file.write(bytes);
    }
  }

  async skip(lengthBytes: number): Promise<void> {
    this.#holes = true;
    await this.#file.skip(lengthBytes);
  }

  async restart(entry: NewEntry): Promise<void> {
    this.#entry = entry;
    await this.#file.restart();
  }

  async commit(): Promise<Written> {
    // A sparse file's length may reach the disk before its data: a power cut would leave the final size
    // and mtime over zeros, so its data goes first.
    await this.#file.complete(this.#sink.durable || this.#holes);
    const written = await this.#sink.named(this.#path, this.#entry, this.#flags);
    this.#isNamed = true;
    // Only now: until it has its name, the lock keeps other runs from taking it for a leftover.
    this.#file.close();
    return written;
  }

  async abandon(): Promise<void> {
    this.#file.close();
    if (!this.#isNamed) await this.#sink.discard(this.#path);
  }
}
