/**
 * The primitives of the memory tree, with a hook through which tests make any of them fail or wait.
 *
 * @module
 */
import { type EntryFields, Kind } from "../core/entry_block.ts";
import type { BlitError } from "../core/error.ts";
import { baseOf, isSafeRel, isUtf8Name, parentOf, type RelPath } from "../core/rel_path.ts";
import type { FsFacts, Traits } from "../engine/tree.ts";
import type {
  DirectoryNames,
  EntryStore,
  HeldLock,
  ReadableFile,
  WritableFile,
} from "./entry_store.ts";
import { MemoryWritableFile, readMemoryFile } from "./memory_file.ts";
import type { MemoryNode, MemoryVolume } from "./memory_volume.ts";
import { failure, type StepWord } from "./step_failure.ts";

const NAME_LIMIT_BYTES = 255;
const MS_NS = 1_000_000n;
const WRITE_BIT = 0o200;
const READ_BIT = 0o400;

/** What is about to be done, as a STEPS word: `open`, `read`, `create`, `write`, `list`, `rename`, ... */
export type AccessHook = (
  operation: StepWord,
  path: RelPath,
) => BlitError | void | Promise<BlitError | void>;

/** How a memory store behaves. */
export interface MemoryStoreOptions {
  /** Ignores permission bits and may set owners, as root does. */
  readonly isSuperuser: boolean;
  readonly traits: Partial<Traits>;
  readonly facts: Partial<FsFacts>;
}

/** See the module's comment. */
export class MemoryStore implements EntryStore {
  readonly kind = "memory";
  readonly parallel = 1;
  readonly traits: Traits;
  readonly volume: MemoryVolume;
  readonly root: MemoryNode;
  readonly options: MemoryStoreOptions;
  onAccess: AccessHook | undefined;

  constructor(volume: MemoryVolume, root: MemoryNode, options: MemoryStoreOptions) {
    this.volume = volume;
    this.root = root;
    this.options = options;
    this.traits = {
      nanosecondTimes: true,
      modes: true,
      rawNames: true,
      xattrs: true,
      owners: options.isSuperuser,
      losesModes: false,
      losesWriteBit: false,
      losesOwners: false,
      hardlinks: true,
      specials: true,
      holes: true,
      beneath: true,
      symlinkTimes: true,
      syncsWhole: true,
      ...options.traits,
    };
  }

  facts(): Promise<FsFacts> {
    return Promise.resolve({
      device: this.volume.device,
      rootInode: this.root.inode,
      type: "memory",
      freeBytes: Number.MAX_SAFE_INTEGER,
      totalBytes: Number.MAX_SAFE_INTEGER,
      freeInodes: Number.MAX_SAFE_INTEGER,
      readOnly: false,
      foldsCase: this.volume.options.foldsCase ?? false,
      normalisesUnicode: this.volume.options.normalisesUnicode ?? false,
      dropsFinalDots: this.volume.options.dropsFinalDots ?? false,
      isFsRoot: false,
      timeGrainNs: 1,
      ...this.options.facts,
    });
  }

  async enter(directory: RelPath): Promise<void> {
    await this.#access("open parent of", directory);
    this.#directory(directory, "open parent of");
  }

  async names(directory: RelPath): Promise<DirectoryNames> {
    await this.#access("list", directory);
    const node = this.#directory(directory, "list");
    this.#expectBits(node, READ_BIT, "list", directory);
    return { names: [...node.children.values()].map(({ name }) => name), unreachable: [] };
  }

  async lstat(path: RelPath): Promise<EntryFields> {
    await this.#access("read metadata of", path);
    return this.fieldsOf(this.node(path, "read metadata of"), path);
  }

  async openRead(path: RelPath): Promise<ReadableFile> {
    await this.#access("open", path);
    const node = this.#file(path, "open");
    this.#expectBits(node, READ_BIT, "open", path);
    return readMemoryFile({
      node,
      fields: () => this.fieldsOf(node, ""),
      access: () => this.#access("read", path),
    });
  }

  async xattrs(path: RelPath): Promise<ReadonlyMap<string, Uint8Array>> {
    await this.#access("read metadata of", path);
    const node = this.node(path, "read metadata of");
    return this.traits.xattrs ? new Map(node.xattrs) : new Map();
  }

  async createFile(path: RelPath): Promise<WritableFile> {
    await this.#access("create", path);
    const node = this.volume.node(Kind.file, { mode: 0o600 });
    this.#attach(path, node, "create");
    node.isLocked = true;
    return new MemoryWritableFile(this.volume, node, () => this.#access("write", path));
  }

  async makeDirectory(path: RelPath): Promise<void> {
    await this.#access("make directory", path);
    this.#attach(path, this.volume.node(Kind.directory, { mode: 0o700 }), "make directory");
  }

  async makeSymlink(path: RelPath, target: RelPath): Promise<void> {
    await this.#access("create", path);
    if (!this.traits.rawNames && !isUtf8Name(target)) throw failure("unsupported", "create", path);
    this.#attach(path, this.volume.node(Kind.symlink, { mode: 0o777, target }), "create");
  }

  async makeSpecial(path: RelPath, kind: Kind, rdev: bigint): Promise<void> {
    await this.#access("create", path);
    this.#attach(path, this.volume.node(kind, { mode: 0o600, rdev }), "create");
  }

  async makeHardlink(existing: RelPath, path: RelPath): Promise<void> {
    await this.#access("link", path);
    const node = this.node(existing, "link");
    if (node.kind === Kind.directory) throw failure("permission", "link", existing);
    this.#attach(path, node, "link");
    node.linkCount++;
    node.ctimeNs = this.volume.tick();
  }

  async setOwner(path: RelPath, uid: number, gid: number): Promise<void> {
    await this.#access("set owner of", path);
    const node = this.node(path, "set owner of");
    node.uid = uid;
    node.gid = gid;
    node.ctimeNs = this.volume.tick();
  }

  async setXattrs(path: RelPath, xattrs: ReadonlyMap<string, Uint8Array>): Promise<void> {
    await this.#access("set extended attributes of", path);
    const node = this.node(path, "set extended attributes of");
    node.xattrs = new Map(xattrs);
    node.ctimeNs = this.volume.tick();
  }

  async setMode(path: RelPath, mode: number): Promise<void> {
    await this.#access("set mode of", path);
    const node = this.node(path, "set mode of");
    if (this.traits.modes) node.mode = mode;
    else node.mode = node.kind === Kind.directory ? 0o755 : mode & 0o200 ? 0o644 : 0o444;
    node.ctimeNs = this.volume.tick();
  }

  async setTime(path: RelPath, mtimeNs: bigint): Promise<void> {
    await this.#access("set time of", path);
    const node = this.node(path, "set time of");
    node.mtimeNs = this.traits.nanosecondTimes ? mtimeNs : mtimeNs / MS_NS * MS_NS;
    node.ctimeNs = this.volume.tick();
  }

  async unlink(path: RelPath): Promise<void> {
    await this.#access("remove", path);
    const node = this.node(path, "remove");
    if (node.kind === Kind.directory) throw failure("is_directory", "remove", path);
    this.#detach(path, "remove");
    node.linkCount--;
    node.ctimeNs = this.volume.tick();
  }

  async removeDirectory(path: RelPath): Promise<void> {
    await this.#access("remove", path);
    const node = this.node(path, "remove");
    if (node.kind !== Kind.directory) throw failure("not_directory", "remove", path);
    if (node.children.size > 0) throw failure("not_empty", "remove", path);
    this.#detach(path, "remove");
  }

  rename(from: RelPath, to: RelPath, noReplace: boolean): Promise<void> {
    return this.renameFrom(this, from, to, noReplace);
  }

  canRenameFrom(source: EntryStore): boolean {
    return source instanceof MemoryStore && source.volume === this.volume;
  }

  async renameFrom(
    source: EntryStore,
    from: RelPath,
    to: RelPath,
    noReplace: boolean,
  ): Promise<void> {
    if (!(source instanceof MemoryStore) || source.volume !== this.volume) {
      throw failure("cross_device", "rename", from);
    }
    if (source !== this) await source.#access("rename", from);
    await this.#access("rename", to);
    const node = source.node(from, "rename");
    const replaced = this.find(to);
    if (replaced === node && this.#isOneName(source, from, to)) {
      // Another spelling of the name that it has.
      this.#detach(to, "rename");
      return this.#attach(to, node, "rename");
    }
    if (replaced && noReplace) throw failure("exists", "rename", to);
    // As rename(2): two names of one inode are left as they are.
    if (replaced === node) return;
    if (replaced) this.#expectReplaceable(node, replaced, to);
    if (isBelow(node, this.#directory(parentOf(to), "rename"))) {
      throw failure("usage", "rename", to);
    }
    if (replaced) {
      this.#detach(to, "rename");
      replaced.linkCount--;
      replaced.ctimeNs = this.volume.tick();
    }
    source.#detach(from, "rename");
    this.#attach(to, node, "rename");
    node.ctimeNs = this.volume.tick();
  }

  async tryLock(path: RelPath): Promise<HeldLock | null> {
    await this.#access("lock", path);
    const node = this.#file(path, "lock");
    if (node.isLocked) return null;
    node.isLocked = true;
    return { release: () => void (node.isLocked = false) };
  }

  async syncDirectory(path: RelPath): Promise<void> {
    await this.#access("flush", path);
    this.#directory(path, "flush");
  }

  async syncAll(): Promise<void> {
    await this.#access("flush", "");
    if (!this.traits.syncsWhole) throw failure("unsupported", "flush", "");
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  /** The node at a path; undefined where there is none or the way leads through something else. */
  find(path: RelPath): MemoryNode | undefined {
    let node: MemoryNode | undefined = this.root;
    if (path === "") return node;
    for (const name of path.split("/")) {
      if (node?.kind !== Kind.directory) return undefined;
      node = node.children.get(this.volume.key(name))?.node;
    }
    return node;
  }

  /** The node at a path. */
  node(path: RelPath, step: StepWord): MemoryNode {
    if (path === "") return this.root;
    const parent = this.#directory(parentOf(path), step);
    this.#expectName(path, step);
    const entry = parent.children.get(this.volume.key(baseOf(path)));
    if (!entry) throw failure("not_found", step, path);
    return entry.node;
  }

  /** What lstat says of a node. */
  fieldsOf(node: MemoryNode, name: RelPath): EntryFields {
    const isFile = node.kind === Kind.file;
    return {
      name,
      kind: node.kind,
      target: node.target,
      sizeBytes: isFile ? node.content.length : node.target.length,
      allocatedBytes: isFile ? node.allocatedBytes : node.target.length,
      mtimeNs: node.mtimeNs,
      ctimeNs: node.ctimeNs,
      inode: node.inode,
      device: this.volume.device,
      rdev: node.rdev,
      mode: node.mode,
      uid: node.uid,
      gid: node.gid,
      linkCount: node.linkCount,
    };
  }

  async #access(operation: StepWord, path: RelPath): Promise<void> {
    const injected = await this.onAccess?.(operation, path);
    if (injected) throw injected;
  }

  #directory(path: RelPath, step: StepWord): MemoryNode {
    let node = this.root;
    if (path === "") return node;
    if (!isSafeRel(path)) throw failure("escaped", step, path);
    for (const name of path.split("/")) {
      const next = node.children.get(this.volume.key(name))?.node;
      if (!next) throw failure("not_found", step, path);
      if (next.kind === Kind.symlink) throw failure("escaped", step, path);
      if (next.kind !== Kind.directory) throw failure("not_directory", step, path);
      node = next;
    }
    return node;
  }

  #file(path: RelPath, step: StepWord): MemoryNode {
    const node = this.node(path, step);
    if (node.kind === Kind.directory) throw failure("is_directory", step, path);
    // Held open without following, a link or FIFO is not the file that was expected.
    if (node.kind !== Kind.file) throw failure("changed", step, path);
    return node;
  }

  #attach(path: RelPath, node: MemoryNode, step: StepWord): void {
    const parent = this.#directory(parentOf(path), step);
    this.#expectName(path, step);
    this.#expectBits(parent, WRITE_BIT, step, parentOf(path));
    if (parent.children.has(this.volume.key(baseOf(path)))) throw failure("exists", step, path);
    this.volume.attach(parent, baseOf(path), node);
  }

  #detach(path: RelPath, step: StepWord): void {
    const parent = this.#directory(parentOf(path), step);
    this.#expectBits(parent, WRITE_BIT, step, parentOf(path));
    this.volume.detach(parent, baseOf(path));
  }

  #isOneName(source: MemoryStore, from: RelPath, to: RelPath): boolean {
    const above = [source.find(parentOf(from)), this.find(parentOf(to))];
    return above[0] === above[1] && this.volume.key(baseOf(from)) === this.volume.key(baseOf(to));
  }

  #expectReplaceable(node: MemoryNode, replaced: MemoryNode, path: RelPath): void {
    const ontoDirectory = replaced.kind === Kind.directory;
    if (node.kind !== Kind.directory) {
      if (ontoDirectory) throw failure("is_directory", "rename", path);
    } else if (!ontoDirectory) throw failure("not_directory", "rename", path);
    else if (replaced.children.size > 0) throw failure("not_empty", "rename", path);
  }

  #expectBits(node: MemoryNode, bit: number, step: StepWord, path: RelPath): void {
    if (!this.options.isSuperuser && (node.mode & bit) === 0) {
      throw failure("permission", step, path);
    }
  }

  #expectName(path: RelPath, step: StepWord): void {
    if (!isSafeRel(path)) throw failure("escaped", step, path);
    if (baseOf(path).length > NAME_LIMIT_BYTES) throw failure("name_too_long", step, path);
    if (!this.traits.rawNames && !isUtf8Name(path)) throw failure("unsupported", step, path);
  }
}

function isBelow(node: MemoryNode, directory: MemoryNode): boolean {
  if (node === directory) return true;
  return [...node.children.values()].some((child) => isBelow(child.node, directory));
}
