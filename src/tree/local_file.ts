/**
 * Reading one file's content through native `read` jobs, for trees of another kind.
 *
 * @module
 */
import { type EntryBlock, Kind, NO_PARENT } from "../core/entry_block.ts";
import { BlitError } from "../core/error.ts";
import { describeFailure } from "../core/failure.ts";
import { displayName, nameToBytes, type RelPath } from "../core/rel_path.ts";
import { BatchBuilder, Op, STEPS } from "../core/work_batch.ts";
import type { FileReader } from "../engine/tree.ts";
import type { NativePool } from "../native/pool.ts";

/** Bytes of one piece. */
const PIECE_BYTES = 1024 * 1024;

/** What a reader needs of its tree. */
export interface ReadableTree {
  readonly pool: NativePool;
  /** Handle of the root. */
  readonly root: number;
  stat(paths: readonly RelPath[]): Promise<EntryBlock>;
}

/** An open file; nothing is held in native code between pieces. */
export class LocalFile implements FileReader {
  readonly entry: EntryBlock;
  readonly #tree: ReadableTree;
  readonly #path: RelPath;
  readonly #slot: number;
  #offset = 0;
  #ahead: Promise<Uint8Array> | null = null;

  private constructor(tree: ReadableTree, path: RelPath, slot: number, entry: EntryBlock) {
    this.#tree = tree;
    this.#path = path;
    this.#slot = slot;
    this.entry = entry;
  }

  /**
   * Reads the file's metadata and gets ready to read it.
   *
   * @param slot run slot that its reads count into
   * @throws {BlitError} as the system says; `unsupported` for anything but a file
   */
  static async open(tree: ReadableTree, path: RelPath, slot: number): Promise<LocalFile> {
    const entry = await tree.stat([path]);
    const status = entry.status(0);
    if (status !== 0) {
      throw describeFailure({
        status,
        os: entry.os(0),
        step: STEPS.indexOf("open"),
        path,
        target: "source",
      });
    }
    if (entry.kind(0) !== Kind.file) {
      throw new BlitError("unsupported", `Cannot read "${displayName(path)}": It is not a file.`, {
        operation: "read",
        path: displayName(path),
      });
    }
    return new LocalFile(tree, path, slot, entry);
  }

  async read(): Promise<Uint8Array | null> {
    const piece = await (this.#ahead ?? this.#request());
    this.#ahead = null;
    this.#offset += piece.length;
    if (piece.length < PIECE_BYTES) return piece.length === 0 ? null : piece;
    // One piece ahead: the disk reads while the consumer sends.
    this.#ahead = this.#request();
    // Its failure belongs to the next read; a reader that is closed first doesn't need it.
    this.#ahead.catch(() => {});
    return piece;
  }

  async close(): Promise<{ readonly unchanged: boolean }> {
    await this.#ahead?.catch(() => {});
    const now = await this.#tree.stat([this.#path]);
    const unchanged = now.status(0) === 0 && now.sameInode(0, this.entry, 0) &&
      now.sameSize(0, this.entry, 0) && now.sameMtime(0, this.entry, 0) &&
      now.ctimeNs(0) === this.entry.ctimeNs(0);
    return { unchanged };
  }

  async #request(): Promise<Uint8Array> {
    const batch = new BatchBuilder(Op.read, 1);
    batch.items.addFrom(this.entry, 0, NO_PARENT, 0, nameToBytes(this.#path));
    batch.parameter0 = BigInt(this.#offset);
    batch.parameter1 = BigInt(PIECE_BYTES);
    const { results, payload } = await this.#tree.pool.call(batch.finish(), {
      source: this.#tree.root,
      slot: this.#slot,
    });
    if (results.count > 0 && results.status(0) !== 0) {
      throw describeFailure({
        status: results.status(0),
        os: results.os(0),
        step: results.step(0),
        path: this.#path,
        target: "source",
      });
    }
    return payload ?? new Uint8Array(0);
  }
}
