/**
 * ChunkSpool: lists that grow with the tree, in memory up to a limit and then in an unlinked temporary
 * file, so that memory is bounded by the widest directory and never by the tree.
 *
 * @module
 */
import { BlitError, type ErrorKind } from "../core/error.ts";

interface Chunk<T> {
  readonly tag: T;
  bytes: Uint8Array | null;
  offset: number;
  readonly length: number;
}

/**
 * A double-ended list of byte chunks, each with a small value beside it that stays in memory.
 *
 * `shift` takes the oldest (a queue), `pop` the newest (a stack). Past `memoryLimit` the chunks that will be
 * wanted last are written to a file.
 */
export class ChunkSpool<T = undefined> {
  readonly #order: "queue" | "stack";
  readonly #memoryLimit: number;
  #chunks: Chunk<T>[] = [];
  #head = 0;
  #memoryBytes = 0;
  /** Stack only: chunks below this index are in the file. */
  #spilled = 0;
  #file: Deno.FsFile | null = null;
  #fileEnd = 0;
  #inFile = 0;

  constructor(order: "queue" | "stack", memoryLimit = 1 << 20) {
    this.#order = order;
    this.#memoryLimit = memoryLimit;
  }

  /** Number of chunks held. */
  get length(): number {
    return this.#chunks.length - this.#head;
  }

  /** Adds a chunk at the newest end; the caller must not change `bytes` afterwards. */
  push(bytes: Uint8Array, tag: T): void {
    const chunk: Chunk<T> = { tag, bytes, offset: 0, length: bytes.length };
    this.#chunks.push(chunk);
    this.#memoryBytes += bytes.length;
    if (this.#memoryBytes <= this.#memoryLimit) return;
    if (this.#order === "queue") {
      this.#spill(chunk);
    } else {
      // The newest chunk stays: a stack wants it next.
      while (this.#memoryBytes > this.#memoryLimit && this.#spilled < this.#chunks.length - 1) {
        this.#spill(this.#chunks[this.#spilled++]);
      }
    }
  }

  /** Takes the oldest chunk, or undefined where there is none. */
  shift(): { bytes: Uint8Array; tag: T } | undefined {
    if (this.length === 0) return undefined;
    const chunk = this.#chunks[this.#head++];
    if (this.#head > 1024 && this.#head * 2 > this.#chunks.length) {
      this.#chunks = this.#chunks.slice(this.#head);
      this.#head = 0;
    }
    return this.#load(chunk);
  }

  /** Takes the newest chunk, or undefined where there is none. */
  pop(): { bytes: Uint8Array; tag: T } | undefined {
    if (this.length === 0) return undefined;
    const chunk = this.#chunks.pop()!;
    this.#spilled = Math.min(this.#spilled, this.#chunks.length);
    return this.#load(chunk);
  }

  /** Drops everything and releases the file. */
  close(): void {
    this.#file?.close();
    this.#file = null;
    this.#chunks = [];
    this.#head = 0;
    this.#memoryBytes = 0;
  }

  #spill(chunk: Chunk<T>): void {
    if (chunk.bytes === null) return;
    const file = this.#file ??= openUnlinked();
    if (this.#inFile === 0) this.#fileEnd = 0;
    chunk.offset = this.#fileEnd;
    writeAt(file, chunk.bytes, chunk.offset);
    this.#fileEnd += chunk.length;
    this.#inFile++;
    this.#memoryBytes -= chunk.length;
    chunk.bytes = null;
  }

  #load(chunk: Chunk<T>): { bytes: Uint8Array; tag: T } {
    if (chunk.bytes !== null) {
      const { bytes } = chunk;
      this.#memoryBytes -= chunk.length;
      // A queue's list keeps what was taken from it for a while.
      chunk.bytes = null;
      return { bytes, tag: chunk.tag };
    }
    const bytes = new Uint8Array(chunk.length);
    readAt(this.#file!, bytes, chunk.offset);
    this.#inFile--;
    return { bytes, tag: chunk.tag };
  }
}

function openUnlinked(): Deno.FsFile {
  try {
    const path = Deno.makeTempFileSync({ prefix: "blit-spool-" });
    const file = Deno.openSync(path, { read: true, write: true });
    // Unlinked at once: whatever ends the process, nothing is left behind. Windows can't remove an open file.
    if (Deno.build.os !== "windows") Deno.removeSync(path);
    return file;
  } catch (cause) {
    throw temporary("make a", "io", "create", cause);
  }
}

function temporary(doing: string, kind: ErrorKind, operation: string, cause: unknown): BlitError {
  const words = cause instanceof Error ? cause.message : String(cause);
  // Deno adds the number, and a name that nobody has seen.
  const why = words.replace(/ \(os error .*$/s, "");
  return new BlitError(
    kind,
    `Cannot ${doing} temporary file for long lists: ${why}. Set TMPDIR to a folder with room.`,
    { operation, cause },
  );
}

function writeAt(file: Deno.FsFile, bytes: Uint8Array, offset: number): void {
  try {
    file.seekSync(offset, Deno.SeekMode.Start);
    for (let done = 0; done < bytes.length;) done += file.writeSync(bytes.subarray(done));
  } catch (cause) {
    throw temporary("write the", "no_space", "write", cause);
  }
}

function readAt(file: Deno.FsFile, bytes: Uint8Array, offset: number): void {
  file.seekSync(offset, Deno.SeekMode.Start);
  for (let done = 0; done < bytes.length;) {
    const n = file.readSync(bytes.subarray(done));
    if (n === null) throw new BlitError("bug", "The temporary file for long lists ended early.");
    done += n;
  }
}
