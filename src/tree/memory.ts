/**
 * MemoryTree, a tree that lives in memory: full fidelity, a clock of its own, and faults on demand. For
 * tests of whatever works over {@link import("../engine/tree.ts").Tree}.
 *
 * @module
 */
import { type EntryFields, Kind } from "../core/entry_block.ts";
import {
  baseOf,
  bytesToName,
  joinRel,
  nameToText,
  parentOf,
  type RelPath,
} from "../core/rel_path.ts";
import type { FsFacts, Traits } from "../engine/tree.ts";
import { type AccessHook, MemoryStore } from "./memory_store.ts";
import { type MemoryNode, MemoryVolume, setContent, type VolumeOptions } from "./memory_volume.ts";
import { failure } from "./step_failure.ts";
import { StoreTree } from "./store_tree.ts";

export type { AccessHook } from "./memory_store.ts";

/** Metadata that a spec may set; the rest is what a fresh entry has. */
export interface MetaSpec {
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly mtimeNs?: bigint;
  readonly xattrs?: Readonly<Record<string, string>>;
}

/**
 * One entry: a file's text or bytes; null for a directory; `{link}` for a symlink, `{hardlink}` for
 * another name of an earlier entry, `{special}` for a FIFO, socket or device.
 */
export type EntrySpec =
  | string
  | Uint8Array
  | null
  | (MetaSpec & { readonly content: string | Uint8Array; readonly allocatedBytes?: number })
  | (MetaSpec & { readonly directory: true })
  | (MetaSpec & { readonly link: RelPath })
  | (MetaSpec & { readonly special: Kind; readonly rdev?: bigint })
  | { readonly hardlink: RelPath };

/** Entries by path. Paths are byte strings; a final `/` says directory and is left out of the name. */
export type TreeSpec = Readonly<Record<RelPath, EntrySpec>>;

/** How a memory tree behaves. */
export interface MemoryTreeOptions extends VolumeOptions {
  /** Ignores permission bits and may set owners; true unless given. */
  readonly isSuperuser?: boolean;
  /** What to declare otherwise than full fidelity. A missing trait is honoured, not only declared. */
  readonly traits?: Partial<Traits>;
  /** Facts to report otherwise. */
  readonly facts?: Partial<FsFacts>;
  readonly display?: string;
}

/** A tree in memory; see the module's comment. */
export class MemoryTree extends StoreTree {
  readonly #store: MemoryStore;

  private constructor(store: MemoryStore, display: string) {
    super(store, display);
    this.#store = store;
  }

  /**
   * Makes a tree on a file system of its own.
   *
   * @param spec entries in order; missing parents are made
   */
  static of(spec: TreeSpec = {}, options: MemoryTreeOptions = {}): MemoryTree {
    const volume = new MemoryVolume(options);
    const root = volume.node(Kind.directory, { mode: 0o755 });
    const { isSuperuser = true, traits = {}, facts = {}, display = "memory:" } = options;
    const tree = new MemoryTree(
      new MemoryStore(volume, root, { isSuperuser, traits, facts }),
      display,
    );
    for (const [path, entry] of Object.entries(spec)) tree.put(path, entry);
    return tree;
  }

  /** Called before each primitive: an error it returns is thrown, a promise is waited for. */
  set onAccess(hook: AccessHook | undefined) {
    this.#store.onAccess = hook;
  }

  /** Another tree on the same file system, rooted at a directory of this one. */
  at(directory: RelPath): MemoryTree {
    const root = this.#store.find(directory);
    if (root?.kind !== Kind.directory) throw failure("not_directory", "open", directory);
    const store = new MemoryStore(this.#store.volume, root, this.#store.options);
    return new MemoryTree(store, joinRel(this.display, directory));
  }

  /**
   * Makes an entry, or changes one: a file of this name keeps its inode and gets the new content, as an
   * editor that writes in place; anything else is replaced.
   */
  put(path: RelPath, spec: EntrySpec): void {
    const { volume } = this.#store;
    const trimmed = path.endsWith("/") ? path.slice(0, -1) : path;
    const parent = this.#makeParents(parentOf(trimmed));
    const existing = parent.children.get(volume.key(baseOf(trimmed)))?.node;
    const node = this.#nodeFor(spec, existing, trimmed);
    if (node !== existing) {
      if (existing) this.drop(trimmed);
      volume.attach(parent, baseOf(trimmed), node);
    }
    if (spec !== null && typeof spec === "object" && !(spec instanceof Uint8Array)) {
      if (!("hardlink" in spec)) applyMeta(node, spec);
    }
  }

  /** Removes an entry and what is below it, however it is protected. */
  drop(path: RelPath): void {
    const node = this.#store.node(path, "remove");
    const parent = this.#store.node(parentOf(path), "remove");
    this.#store.volume.detach(parent, baseOf(path));
    node.linkCount--;
    node.ctimeNs = this.#store.volume.tick();
  }

  /** Renames within the tree, as somebody else's `mv`. */
  move(from: RelPath, to: RelPath): void {
    const node = this.#store.node(from, "rename");
    const { volume } = this.#store;
    volume.detach(this.#store.node(parentOf(from), "rename"), baseOf(from));
    volume.attach(this.#store.node(parentOf(to), "rename"), baseOf(to), node);
    node.ctimeNs = volume.tick();
  }

  /** Whether something has this path. */
  has(path: RelPath): boolean {
    return this.#store.find(path) !== undefined;
  }

  /** Metadata of an entry, whatever hooks are set. @throws {BlitError} `not_found` */
  fields(path: RelPath): EntryFields {
    return this.#store.fieldsOf(this.#store.node(path, "read metadata of"), baseOf(path));
  }

  /** A copy of a file's content. @throws {BlitError} `not_found` */
  bytes(path: RelPath): Uint8Array {
    return this.#store.node(path, "read").content.slice();
  }

  /** A file's content as text. @throws {BlitError} `not_found` */
  text(path: RelPath): string {
    return new TextDecoder().decode(this.bytes(path));
  }

  /**
   * The whole tree in a form that is easy to compare: directories end in `/` and have null, files have
   * their text, symlinks `-> target`, others their kind's number. Sorted by path.
   */
  snapshot(): Record<RelPath, string | null> {
    const found: [RelPath, string | null][] = [];
    collect(this.#store.root, "", found);
    return Object.fromEntries(found.sort(([a], [b]) => a < b ? -1 : 1));
  }

  #makeParents(directory: RelPath): MemoryNode {
    const { volume, root } = this.#store;
    let node = root;
    if (directory === "") return node;
    for (const name of directory.split("/")) {
      let child = node.children.get(volume.key(name))?.node;
      if (!child) {
        child = volume.node(Kind.directory, { mode: 0o755 });
        volume.attach(node, name, child);
      }
      if (child.kind !== Kind.directory) throw failure("not_directory", "create", directory);
      node = child;
    }
    return node;
  }

  #nodeFor(spec: EntrySpec, existing: MemoryNode | undefined, path: RelPath): MemoryNode {
    const { volume } = this.#store;
    if (spec === null || (!isContent(spec) && "directory" in spec)) {
      if (existing?.kind === Kind.directory) return existing;
      return volume.node(Kind.directory, { mode: 0o755 });
    }
    if (isContent(spec) || "content" in spec) {
      const content = isContent(spec) ? spec : spec.content;
      const node = existing?.kind === Kind.file ? existing : volume.node(Kind.file, {
        mode: 0o644,
      });
      const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
      setContent(volume, node, bytes.slice());
      if (!isContent(spec)) node.allocatedBytes = spec.allocatedBytes ?? bytes.length;
      return node;
    }
    if ("link" in spec) return volume.node(Kind.symlink, { mode: 0o777, target: spec.link });
    if ("special" in spec) return volume.node(spec.special, { mode: 0o644, rdev: spec.rdev });
    const node = this.#store.node(spec.hardlink, "link");
    if (node === existing) throw failure("exists", "link", path);
    node.linkCount++;
    node.ctimeNs = volume.tick();
    return node;
  }
}

function isContent(spec: EntrySpec): spec is string | Uint8Array {
  return typeof spec === "string" || spec instanceof Uint8Array;
}

function applyMeta(node: MemoryNode, spec: MetaSpec): void {
  node.mode = spec.mode ?? node.mode;
  node.uid = spec.uid ?? node.uid;
  node.gid = spec.gid ?? node.gid;
  node.mtimeNs = spec.mtimeNs ?? node.mtimeNs;
  if (!spec.xattrs) return;
  const encoder = new TextEncoder();
  node.xattrs = new Map(
    Object.entries(spec.xattrs).map(([name, value]) => [name, encoder.encode(value)]),
  );
}

function collect(
  directory: MemoryNode,
  path: RelPath,
  into: [RelPath, string | null][],
): void {
  for (const { name, node } of directory.children.values()) {
    const whole = joinRel(path, name);
    if (node.kind === Kind.directory) {
      into.push([`${whole}/`, null]);
      collect(node, whole, into);
    } else if (node.kind === Kind.file) into.push([whole, nameToText(bytesToName(node.content))]);
    else if (node.kind === Kind.symlink) into.push([whole, `-> ${node.target}`]);
    else into.push([whole, String(node.kind)]);
  }
}
