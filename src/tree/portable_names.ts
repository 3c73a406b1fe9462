/**
 * Paths and metadata at the border between byte strings and Deno's file API.
 *
 * @module
 */
import { type BigIntStats, constants } from "node:fs";
import { lstat, readlink } from "node:fs/promises";
import { type EntryFields, Kind } from "../core/entry_block.ts";
import { isSafeRel, isUtf8Name, nameToText, type RelPath, textToName } from "../core/rel_path.ts";
import { fromDenoError } from "./deno_errors.ts";
import { failure, type StepWord } from "./step_failure.ts";
import { refusedOnWindows } from "./windows_names.ts";

/** What Deno puts in place of bytes that are not UTF-8, as a byte string. */
const REPLACEMENT = textToName("\ufffd");
const BLOCK_BYTES = 512;
const PERMISSION_BITS = 0o7777n;
const isWindows = Deno.build.os === "windows";

/** Maps the paths of one root to what Deno's API takes. */
export class PortablePaths {
  readonly #root: string;

  /** @param root an absolute path, links resolved */
  constructor(root: string) {
    this.#root = root;
  }

  /**
   * The absolute path of an entry.
   *
   * @throws {BlitError} `escaped` where it could lead out of the root, `unsupported` where it is not UTF-8; what
   *   Windows refuses there
   */
  absolute(path: RelPath, step: StepWord): string {
    if (!isSafeRel(path)) throw failure("escaped", step, path);
    if (!isUtf8Name(path)) throw failure("unsupported", step, path);
    const text = nameToText(path);
    const refused = isWindows ? refusedOnWindows(text) : null;
    if (refused !== null) throw failure(refused.kind, step, path, refused.errno);
    if (path === "") return this.#root;
    return this.#root.endsWith("/") ? this.#root + text : `${this.#root}/${text}`;
  }

  /** Runs an operation on an entry and tells what Deno threw as blit tells it. */
  async call<T>(
    step: StepWord,
    path: RelPath,
    operation: (absolute: string) => Promise<T>,
  ): Promise<T> {
    const absolute = this.absolute(path, step);
    try {
      return await operation(absolute);
    } catch (error) {
      throw fromDenoError(error, step, path);
    }
  }

  /** Metadata, with a symlink's target; links are not followed. */
  async lstat(path: RelPath, step: StepWord = "read metadata of"): Promise<EntryFields> {
    const stats = await this.call(step, path, (absolute) => lstat(absolute, { bigint: true }));
    const target = stats.isSymbolicLink() ? await this.#target(path) : "";
    return fieldsOfStats(stats, path, target);
  }

  async #target(path: RelPath): Promise<RelPath> {
    const target = await this.call("read link", path, (absolute) => readlink(absolute, "utf8"));
    // Deno refuses a target that isn't UTF-8; should it ever replace its bytes instead, a link to
    // somewhere else would be made.
    if (hasReplacement(textToName(target))) throw failure("unsupported", "read link", path);
    return textToName(target);
  }
}

/** Whether a name may stand for one that is not UTF-8. */
export function hasReplacement(name: RelPath): boolean {
  return name.includes(REPLACEMENT);
}

/**
 * Metadata as a listing carries it. Deno gives mtime in whole milliseconds and ctime in whole seconds,
 * so that a change of content within one millisecond of the old mtime can't be seen.
 */
export function fieldsOfStats(
  stats: BigIntStats,
  name: RelPath,
  target: RelPath = "",
): EntryFields {
  const sizeBytes = Number(stats.size);
  return {
    name,
    target,
    kind: kindOfMode(stats),
    sizeBytes,
    // Null on Windows, where a file has no holes that this API would know of.
    allocatedBytes: stats.blocks == null ? sizeBytes : Number(stats.blocks) * BLOCK_BYTES,
    mtimeNs: stats.mtimeNs ?? 0n,
    ctimeNs: stats.ctimeNs ?? 0n,
    inode: stats.ino ?? 0n,
    device: stats.dev ?? 0n,
    rdev: packDevice(stats.rdev ?? 0n),
    mode: isWindows ? modeOnWindows(stats) : Number((stats.mode ?? 0n) & PERMISSION_BITS),
    uid: Number(stats.uid ?? 0n),
    gid: Number(stats.gid ?? 0n),
    linkCount: Number(stats.nlink ?? 1n),
  };
}

/** The bits that the native library shows there: nobody else may write. Of folders read-only means something else. */
function modeOnWindows(stats: BigIntStats): number {
  if (!stats.isFile()) return 0o755;
  return ((stats.mode ?? 0n) & 0o200n) === 0n ? 0o444 : 0o644;
}

/** Flags to open a file that must be an ordinary one: a planted link fails, a FIFO doesn't block. */
export const OPEN_ORDINARY = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) |
  (constants.O_NONBLOCK ?? 0);
/** Flags to open a directory for fsync. */
export const OPEN_DIRECTORY = constants.O_RDONLY | (constants.O_DIRECTORY ?? 0) |
  (constants.O_NOFOLLOW ?? 0);

function kindOfMode(stats: BigIntStats): Kind {
  if (stats.isFile()) return Kind.file;
  if (stats.isDirectory()) return Kind.directory;
  if (stats.isSymbolicLink()) return Kind.symlink;
  if (stats.isFIFO()) return Kind.fifo;
  if (stats.isSocket()) return Kind.socket;
  if (stats.isCharacterDevice()) return Kind.charDevice;
  return stats.isBlockDevice() ? Kind.blockDevice : Kind.unknown;
}

// glibc's dev_t and macOS's as they come, to major << 32 | minor.
function packDevice(device: bigint): bigint {
  if (Deno.build.os === "darwin") return ((device >> 24n) << 32n) | (device & 0xffffffn);
  const major = ((device >> 8n) & 0xfffn) | ((device >> 32n) & ~0xfffn);
  const minor = (device & 0xffn) | ((device >> 12n) & ~0xffn & 0xffffffffn);
  return (major << 32n) | minor;
}
