/**
 * Open files of the portable tree.
 *
 * @module
 */
import type { FileHandle } from "node:fs/promises";
import type { EntryFields } from "../core/entry_block.ts";
import type { RelPath } from "../core/rel_path.ts";
import { fromDenoError } from "./deno_errors.ts";
import type { ReadableFile, WritableFile } from "./entry_store.ts";
import { fieldsOfStats } from "./portable_names.ts";
import type { StepWord } from "./step_failure.ts";

const PIECE_BYTES = 1 << 20;

/** A file being written, locked while it is open. */
export class PortableWritableFile implements WritableFile {
  readonly #file: Deno.FsFile;
  readonly #path: RelPath;
  #length = 0;
  #isClosed = false;

  /** @param file made exclusively and locked; closed with this */
  constructor(file: Deno.FsFile, path: RelPath) {
    this.#file = file;
    this.#path = path;
  }

  write(piece: Uint8Array): Promise<void> {
    return this.#step("write", async () => {
      for (let at = 0; at < piece.length;) at += await this.#file.write(piece.subarray(at));
      this.#length += piece.length;
    });
  }

  skip(lengthBytes: number): Promise<void> {
    return this.#step("write", async () => {
      await this.#file.seek(lengthBytes, Deno.SeekMode.Current);
      this.#length += lengthBytes;
    });
  }

  restart(): Promise<void> {
    return this.#step("write", async () => {
      await this.#file.truncate(0);
      await this.#file.seek(0, Deno.SeekMode.Start);
      this.#length = 0;
    });
  }

  complete(durable: boolean): Promise<void> {
    return this.#step("flush", async () => {
      const { size } = await this.#file.stat();
      // A hole at the end has no byte behind it that would have set the length.
      if (size !== this.#length) await this.#file.truncate(this.#length);
      if (durable) await this.#file.sync();
    });
  }

  close(): void {
    if (!this.#isClosed) this.#file.close();
    this.#isClosed = true;
  }

  async #step(step: StepWord, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      throw fromDenoError(error, step, this.#path);
    }
  }
}

/** A file being read. */
export class PortableReadableFile implements ReadableFile {
  readonly fields: EntryFields;
  readonly #handle: FileHandle;
  readonly #path: RelPath;
  #piece: Uint8Array | null = null;

  /** @param handle open for reading; closed with this */
  constructor(handle: FileHandle, fields: EntryFields, path: RelPath) {
    this.#handle = handle;
    this.fields = fields;
    this.#path = path;
  }

  async read(): Promise<Uint8Array | null> {
    // One byte more than the file has, so that a small file's end is seen with its first read's buffer.
    const capacity = Math.min(PIECE_BYTES, (this.fields.sizeBytes ?? 0) + 1);
    const piece = this.#piece ??= new Uint8Array(capacity);
    try {
      const { bytesRead } = await this.#handle.read(piece, 0, piece.length, null);
      return bytesRead === 0 ? null : piece.subarray(0, bytesRead);
    } catch (error) {
      throw fromDenoError(error, "read", this.#path);
    }
  }

  async stat(): Promise<EntryFields> {
    try {
      return fieldsOfStats(await this.#handle.stat({ bigint: true }), "");
    } catch (error) {
      throw fromDenoError(error, "read metadata of", this.#path);
    }
  }

  close(): Promise<void> {
    return this.#handle.close();
  }
}
