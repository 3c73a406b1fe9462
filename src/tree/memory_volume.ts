/**
 * The file system that memory trees live on: nodes, a clock that only goes forward, inode numbers.
 *
 * @module
 */
import { Kind } from "../core/entry_block.ts";
import { foldName } from "../core/name_folding.ts";
import type { RelPath } from "../core/rel_path.ts";

/** One inode. */
export interface MemoryNode {
  readonly inode: bigint;
  readonly kind: Kind;
  mode: number;
  uid: number;
  gid: number;
  mtimeNs: bigint;
  ctimeNs: bigint;
  linkCount: number;
  readonly rdev: bigint;
  /** Where a symlink points. */
  readonly target: RelPath;
  content: Uint8Array;
  /** Bytes on disk: less than the content where it has holes. */
  allocatedBytes: number;
  xattrs: ReadonlyMap<string, Uint8Array>;
  /** A directory's entries, by folded name. */
  readonly children: Map<string, { readonly name: RelPath; readonly node: MemoryNode }>;
  /** Whether a run holds its lock. */
  isLocked: boolean;
}

/** How a memory file system treats names and time. */
export interface VolumeOptions {
  /** `A` and `a` are one name, kept as first written. */
  readonly foldsCase?: boolean;
  /** The NFC and NFD forms of a name are one name. */
  readonly normalisesUnicode?: boolean;
  /** Dots at a name's end are left out, also of those that it shows. */
  readonly dropsFinalDots?: boolean;
  /** When its clock starts, ns since 1970. */
  readonly startNs?: bigint;
}

/** When a memory file system's clock starts: any odd number of nanoseconds will do. */
const EPOCH_NS = 1_600_000_000_123_456_789n;
/** Each change is this much later than the one before: never two with the same ctime. */
const TICK_NS = 1_000_003n;
let nextDevice = 1n;

/** A file system in memory; trees rooted in it can rename and link among each other. */
export class MemoryVolume {
  readonly device = nextDevice++;
  readonly options: VolumeOptions;
  #nowNs: bigint;
  #inode = 1n;

  constructor(options: VolumeOptions = {}) {
    this.options = options;
    this.#nowNs = options.startNs ?? EPOCH_NS;
  }

  /** The time of the next change, ns. */
  tick(): bigint {
    return this.#nowNs += TICK_NS;
  }

  /** Makes a node that has no name yet; times are now. */
  node(kind: Kind, init: Partial<Pick<MemoryNode, "mode" | "rdev" | "target">> = {}): MemoryNode {
    const now = this.tick();
    return {
      inode: ++this.#inode,
      kind,
      mode: init.mode ?? 0o600,
      uid: 0,
      gid: 0,
      mtimeNs: now,
      ctimeNs: now,
      linkCount: kind === Kind.directory ? 2 : 1,
      rdev: init.rdev ?? 0n,
      target: init.target ?? "",
      content: new Uint8Array(0),
      allocatedBytes: 0,
      xattrs: new Map(),
      children: new Map(),
      isLocked: false,
    };
  }

  /** The key of a name in its directory. */
  key(name: RelPath): string {
    const { foldsCase = false, normalisesUnicode = false, dropsFinalDots = false } = this.options;
    return foldName(name, { foldsCase, normalisesUnicode, dropsFinalDots });
  }

  /** Gives a node a name in a directory, which must not have it. */
  attach(directory: MemoryNode, name: RelPath, node: MemoryNode): void {
    const kept = this.options.dropsFinalDots ? name.replace(/\.+$/, "") : name;
    directory.children.set(this.key(name), { name: kept, node });
    this.touchDirectory(directory);
  }

  /** Takes a name out of a directory. */
  detach(directory: MemoryNode, name: RelPath): void {
    directory.children.delete(this.key(name));
    this.touchDirectory(directory);
  }

  /** Stamps a directory whose names changed. */
  touchDirectory(directory: MemoryNode): void {
    directory.mtimeNs = directory.ctimeNs = this.tick();
  }
}

/** Replaces a node's content and stamps it. */
export function setContent(volume: MemoryVolume, node: MemoryNode, content: Uint8Array): void {
  node.content = content;
  node.allocatedBytes = content.length;
  node.mtimeNs = node.ctimeNs = volume.tick();
}
