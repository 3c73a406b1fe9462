/**
 * The primitives of the portable tree, over Deno's file API.
 *
 * What they can't do is in their traits. Paths are resolved by name: between the check that no
 * directory on the way is a link and the operation, somebody else can put one there
 * (`traits.beneath` is false). A daemon therefore never uses this store.
 *
 * @module
 */
import { lutimes, open, readdir, rmdir, statfs } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { type EntryFields, Kind } from "../core/entry_block.ts";
import type { BlitError } from "../core/error.ts";
import { foldName } from "../core/name_folding.ts";
import { isUtf8Name, joinRel, nameToText, type RelPath, textToName } from "../core/rel_path.ts";
import type { FsFacts, Traits } from "../engine/tree.ts";
import type {
  DirectoryNames,
  EntryStore,
  HeldLock,
  ReadableFile,
  WritableFile,
} from "./entry_store.ts";
import { fromDenoError } from "./deno_errors.ts";
import { PortableReadableFile, PortableWritableFile } from "./portable_file.ts";
import {
  fieldsOfStats,
  hasReplacement,
  OPEN_DIRECTORY,
  OPEN_ORDINARY,
  PortablePaths,
} from "./portable_names.ts";
import { failure, isKind, type StepWord } from "./step_failure.ts";

/** Deno's file operations run on a thread pool; beyond this many at once they only queue. */
const PARALLEL = 16;
const NS_PER_MS = 1_000_000n;
const UNKNOWN_AMOUNT = Number.MAX_SAFE_INTEGER;

/** See the module's comment. */
export class PortableStore implements EntryStore {
  readonly kind = "portable";
  readonly parallel = PARALLEL;
  readonly traits: Traits;
  readonly #root: string;
  readonly #rootFields: EntryFields;
  readonly #paths: PortablePaths;

  /**
   * @param root absolute path of a directory, links resolved
   * @param rootFields its metadata
   */
  constructor(root: string, rootFields: EntryFields) {
    this.#root = root;
    this.#rootFields = rootFields;
    this.#paths = new PortablePaths(root);
    this.traits = {
      nanosecondTimes: false,
      modes: Deno.build.os !== "windows",
      rawNames: false,
      xattrs: false,
      owners: isSuperuser(),
      losesModes: false,
      losesWriteBit: false,
      losesOwners: false,
      hardlinks: true,
      specials: false,
      holes: true,
      beneath: false,
      symlinkTimes: Deno.build.os !== "windows",
      syncsWhole: false,
    };
  }

  async facts(): Promise<FsFacts> {
    // macOS and Windows fold and normalise on most of their file systems. To take one for folding that
    // doesn't costs lookups; the other way round would delete files.
    const folds = Deno.build.os === "windows" || Deno.build.os === "darwin";
    return {
      device: this.#rootFields.device ?? 0n,
      rootInode: this.#rootFields.inode ?? 0n,
      type: "unknown",
      ...await this.#space(),
      readOnly: false,
      foldsCase: folds,
      normalisesUnicode: folds,
      dropsFinalDots: false,
      isFsRoot: await this.#isFsRoot(),
      timeGrainNs: Number(NS_PER_MS),
    };
  }

  async enter(directory: RelPath): Promise<void> {
    for (let end = 0; end !== -1;) {
      end = directory.indexOf("/", end + 1);
      const ancestor = end === -1 ? directory : directory.slice(0, end);
      const { kind } = await this.#paths.lstat(ancestor, "open parent of");
      if (kind === Kind.symlink) throw failure("escaped", "open parent of", ancestor);
      if (kind !== Kind.directory) throw failure("not_directory", "open parent of", ancestor);
    }
  }

  async names(directory: RelPath): Promise<DirectoryNames> {
    const found = await this.#paths.call("list", directory, (absolute) => readdir(absolute));
    const names: RelPath[] = [];
    const doubtful = new Map<RelPath, number>();
    for (const text of found) {
      const name = textToName(text);
      if (hasReplacement(name)) doubtful.set(name, (doubtful.get(name) ?? 0) + 1);
      else names.push(name);
    }
    const unreachable: RelPath[] = [];
    for (const [name, count] of doubtful) {
      // U+FFFD may be in the name itself. It is, where just one entry has the name and can be reached
      // by it; with two, this API can't tell which one an operation would hit.
      const isReachable = count === 1 && await this.#exists(joinRel(directory, name));
      (isReachable ? names : unreachable).push(name);
    }
    return { names, unreachable };
  }

  lstat(path: RelPath): Promise<EntryFields> {
    return this.#paths.lstat(path);
  }

  async openRead(path: RelPath): Promise<ReadableFile> {
    const handle = await this.#openOrdinary(path, "open");
    try {
      const fields = fieldsOfStats(await handle.stat({ bigint: true }), "");
      if (fields.kind !== Kind.file) throw failure("changed", "open", path);
      return new PortableReadableFile(handle, fields, path);
    } catch (error) {
      await handle.close();
      throw fromDenoError(error, "open", path);
    }
  }

  xattrs(_path: RelPath): Promise<ReadonlyMap<string, Uint8Array>> {
    return Promise.resolve(new Map());
  }

  createFile(path: RelPath): Promise<WritableFile> {
    return this.#paths.call("create", path, async (absolute) => {
      const file = await Deno.open(absolute, {
        read: true,
        write: true,
        createNew: true,
        mode: 0o600,
      });
      try {
        await file.tryLock(true);
      } catch {
        // No locks on this file system: other runs go by the marker alone.
      }
      return new PortableWritableFile(file, path);
    });
  }

  makeDirectory(path: RelPath): Promise<void> {
    return this.#paths.call("make directory", path, (absolute) => {
      return Deno.mkdir(absolute, { mode: 0o700 });
    });
  }

  makeSymlink(path: RelPath, target: RelPath): Promise<void> {
    if (!isUtf8Name(target)) throw failure("unsupported", "create", path);
    return this.#paths.call("create", path, async (absolute) => {
      const text = nameToText(target);
      if (Deno.build.os !== "windows") return await Deno.symlink(text, absolute);
      await Deno.symlink(text, absolute, { type: await this.#linkType(absolute, text) });
    });
  }

  /** Windows has links to files and links to folders; one to nothing, or to what comes later, is a file's. */
  async #linkType(link: string, target: string): Promise<"file" | "dir"> {
    try {
      return (await Deno.stat(resolve(dirname(link), target))).isDirectory ? "dir" : "file";
    } catch {
      return "file";
    }
  }

  makeSpecial(path: RelPath, _kind: Kind, _rdev: bigint): Promise<void> {
    throw failure("unsupported", "create", path);
  }

  makeHardlink(existing: RelPath, path: RelPath): Promise<void> {
    const from = this.#paths.absolute(existing, "link");
    return this.#paths.call("link", path, (absolute) => Deno.link(from, absolute));
  }

  async setOwner(path: RelPath, uid: number, gid: number): Promise<void> {
    // Deno has no lchown: through a link this would change the owner of what it points at.
    await this.#expectNoLink(path, "set owner of");
    await this.#paths.call("set owner of", path, (absolute) => Deno.chown(absolute, uid, gid));
  }

  setXattrs(path: RelPath, _xattrs: ReadonlyMap<string, Uint8Array>): Promise<void> {
    throw failure("unsupported", "set extended attributes of", path);
  }

  async setMode(path: RelPath, mode: number): Promise<void> {
    if (Deno.build.os === "windows") return await this.#setReadOnly(path, (mode & 0o200) === 0);
    await this.#expectNoLink(path, "set mode of");
    await this.#paths.call("set mode of", path, (absolute) => Deno.chmod(absolute, mode));
  }

  /** What stands for a mode on Windows. Folders have nothing of the kind. */
  async #setReadOnly(path: RelPath, readOnly: boolean): Promise<void> {
    const { kind, mode } = await this.#paths.lstat(path, "set mode of");
    if (kind !== Kind.file || readOnly === (mode === 0o444)) return;
    const bits = readOnly ? 0o444 : 0o666;
    await this.#paths.call("set mode of", path, (absolute) => Deno.chmod(absolute, bits));
  }

  setTime(path: RelPath, mtimeNs: bigint): Promise<void> {
    return this.#paths.call("set time of", path, async (absolute) => {
      // Towards the past, before 1970 too: rounded up, it could be later than a change that follows.
      const ms = (mtimeNs - ((mtimeNs % NS_PER_MS) + NS_PER_MS) % NS_PER_MS) / NS_PER_MS;
      const time = new Date(Number(ms));
      if (ms >= 0n) return await lutimes(absolute, time, time);
      // lutimes of 2.9 rejects times before 1970 that are no whole second; utime follows links.
      await this.#expectNoLink(path, "set time of");
      await Deno.utime(absolute, time, time);
    });
  }

  async unlink(path: RelPath): Promise<void> {
    // Deno.remove also takes empty directories.
    const { kind } = await this.#paths.lstat(path, "remove");
    if (kind === Kind.directory) throw failure("is_directory", "remove", path);
    await this.#paths.call("remove", path, (absolute) => Deno.remove(absolute));
  }

  removeDirectory(path: RelPath): Promise<void> {
    return this.#paths.call("remove", path, (absolute) => rmdir(absolute));
  }

  rename(from: RelPath, to: RelPath, noReplace: boolean): Promise<void> {
    return this.renameFrom(this, from, to, noReplace);
  }

  canRenameFrom(source: EntryStore): boolean {
    return source instanceof PortableStore &&
      source.#rootFields.device === this.#rootFields.device;
  }

  async renameFrom(
    source: EntryStore,
    from: RelPath,
    to: RelPath,
    noReplace: boolean,
  ): Promise<void> {
    if (!(source instanceof PortableStore)) throw failure("cross_device", "rename", from);
    const old = source.#paths.absolute(from, "rename");
    const respells = noReplace && await this.#isOneName(source, from, to);
    if (noReplace && !respells && await this.#renamedByLink(source, from, to)) return;
    if (noReplace && !respells && await this.#exists(to)) throw failure("exists", "rename", to);
    const rename = () => this.#paths.call("rename", to, (absolute) => Deno.rename(old, absolute));
    try {
      await rename();
    } catch (error) {
      if (Deno.build.os !== "windows" || !isKind(error, "permission")) throw error;
      await this.#replaceOnWindows(to, rename, error);
    }
  }

  /** Windows has one answer for a directory in the way, for a file there that is read-only, and for a missing right. */
  async #replaceOnWindows(to: RelPath, rename: () => Promise<void>, error: BlitError) {
    const { kind, mode } = await this.#paths.lstat(to).catch(() => throwing(error));
    if (kind === Kind.directory) throw failure("is_directory", "rename", to);
    if (kind !== Kind.file || mode !== 0o444) throw error;
    await this.#setReadOnly(to, false);
    try {
      await rename();
    } catch (again) {
      await this.#setReadOnly(to, true);
      throw again;
    }
  }

  async tryLock(path: RelPath): Promise<HeldLock | null> {
    const { kind } = await this.#paths.lstat(path, "lock");
    if (kind !== Kind.file) throw failure("changed", "lock", path);
    return await this.#paths.call("lock", path, async (absolute) => {
      const file = await Deno.open(absolute, { read: true });
      try {
        if (await file.tryLock(true)) return { release: () => file.close() };
      } catch (error) {
        file.close();
        throw error;
      }
      file.close();
      return null;
    });
  }

  syncDirectory(path: RelPath): Promise<void> {
    // Windows has no fsync of a directory; NTFS journals names by itself.
    if (Deno.build.os === "windows") return Promise.resolve();
    return this.#paths.call("flush", path, async (absolute) => {
      const handle = await open(absolute, OPEN_DIRECTORY);
      try {
        await handle.sync();
      } finally {
        await handle.close();
      }
    });
  }

  syncAll(): Promise<void> {
    throw failure("unsupported", "flush", "");
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  async #openOrdinary(path: RelPath, step: StepWord) {
    try {
      return await this.#paths.call(step, path, (absolute) => open(absolute, OPEN_ORDINARY));
    } catch (error) {
      // O_NOFOLLOW's answer to a link where a file was expected.
      if (isKind(error, "link_loop")) throw failure("changed", step, path, error.os?.errno);
      throw error;
    }
  }

  /**
   * The atomic way not to replace, as this API lacks RENAME_NOREPLACE: link(2) fails where something
   * has the name. Only for what can have two names.
   */
  async #renamedByLink(source: PortableStore, from: RelPath, to: RelPath): Promise<boolean> {
    const { kind } = await source.#paths.lstat(from, "rename");
    if (kind === Kind.directory) return false;
    const old = source.#paths.absolute(from, "rename");
    try {
      await this.#paths.call("rename", to, (absolute) => Deno.link(old, absolute));
    } catch (error) {
      // File systems without hardlinks, and protected_hardlinks for files of others.
      if (isKind(error, "unsupported", "permission")) return false;
      throw error;
    }
    await source.unlink(from);
    return true;
  }

  /** Whether both are one name, spelled in two ways, that a rename spells anew; only where names are folded. */
  async #isOneName(source: PortableStore, from: RelPath, to: RelPath): Promise<boolean> {
    if (Deno.build.os !== "windows" && Deno.build.os !== "darwin") return false;
    if (from === to || foldName(from) !== foldName(to) || source.#root !== this.#root) return false;
    if (!await this.#exists(to)) return false;
    const [old, now] = [await source.#paths.lstat(from), await this.#paths.lstat(to)];
    // A file's two names might differ like that where a folder is told to keep them apart.
    return old.inode === now.inode && (old.kind === Kind.directory || old.linkCount === 1);
  }

  async #expectNoLink(path: RelPath, step: StepWord): Promise<void> {
    const { kind } = await this.#paths.lstat(path, step);
    if (kind === Kind.symlink) throw failure("unsupported", step, path);
  }

  async #exists(path: RelPath): Promise<boolean> {
    try {
      await this.#paths.lstat(path);
      return true;
    } catch (error) {
      if (isKind(error, "not_found")) return false;
      throw error;
    }
  }

  async #space(): Promise<Pick<FsFacts, "freeBytes" | "totalBytes" | "freeInodes">> {
    try {
      const { bavail, blocks, bsize, ffree } = await statfs(this.#root);
      return { freeBytes: bavail * bsize, totalBytes: blocks * bsize, freeInodes: ffree };
    } catch {
      // Needs a permission of its own. An unknown amount must not read as a full disk.
      return {
        freeBytes: UNKNOWN_AMOUNT,
        totalBytes: UNKNOWN_AMOUNT,
        freeInodes: UNKNOWN_AMOUNT,
      };
    }
  }

  async #isFsRoot(): Promise<boolean> {
    try {
      const above = await Deno.lstat(`${this.#root}/..`);
      const isTop = BigInt(above.ino ?? -1) === this.#rootFields.inode;
      return isTop || BigInt(above.dev) !== this.#rootFields.device;
    } catch {
      return false;
    }
  }
}

function throwing(error: BlitError): never {
  throw error;
}

function isSuperuser(): boolean {
  if (Deno.build.os === "windows") return false;
  // Asking for a permission would prompt; without it, owners are reported as not kept.
  if (Deno.permissions.querySync({ name: "sys", kind: "uid" }).state !== "granted") return false;
  return Deno.uid() === 0;
}
