/**
 * A root directory held by native code: everything a tree does is relative to it.
 *
 * @module
 */
import { type ErrorKind, kindOfStatus } from "../core/error.ts";
import { describeFailure } from "../core/failure.ts";
import { bytesToName, type RelPath } from "../core/rel_path.ts";
import { STEPS } from "../core/work_batch.ts";
import { checkCode } from "./errors.ts";
import { PROBE_BYTES, ProbeFlag, ROOT_CREATE, ROOT_FOLLOW } from "./layout.ts";
import type { NativeSymbols } from "./symbols.ts";

/** What native code says of a root's file system; see "Probe" in docs/native.md. */
export interface RootFacts {
  readonly device: bigint;
  /** Magic number of the file system's type (`statfs`). */
  readonly typeMagic: number;
  readonly freeBytes: number;
  readonly totalBytes: number;
  readonly freeInodes: number;
  readonly rootInode: bigint;
  /** Bits of `ProbeFlag`. */
  readonly flags: number;
  /** Longest name, bytes. */
  readonly maxNameBytes: number;
  /** Smallest step of mtime, ns; 0 where unknown. */
  readonly timeGrainNs: number;
  /** Whether the disk spins; null where unknown. */
  readonly rotational: boolean | null;
}

/** What to do about a root that can't be opened: it was named by the user, not found by a scan. */
const ADVICE: Partial<Record<ErrorKind, string>> = {
  not_found: "Check the path.",
  not_directory: "Name a directory.",
  permission: "Run as its owner, or choose another directory.",
};

/** An open root. */
export class NativeRoot {
  /** The handle that requests carry. */
  readonly handle: number;
  readonly device: bigint;
  readonly inode: bigint;
  readonly #symbols: NativeSymbols;
  readonly #path: RelPath;
  #open = true;

  private constructor(symbols: NativeSymbols, record: BigUint64Array, path: RelPath) {
    this.#symbols = symbols;
    this.#path = path;
    this.handle = Number(record[0]);
    this.device = record[1];
    this.inode = record[2];
  }

  /**
   * Opens a directory as a root, following links on the way this once.
   *
   * @param symbols the loaded library
   * @param path its path in the system's bytes, absolute or relative to the working directory
   * @param create whether to make it and missing parents
   * @throws {BlitError} `not_found`, `not_directory`, `permission` and the like, as the system says
   */
  static async open(
    symbols: NativeSymbols,
    path: Uint8Array,
    create: boolean,
  ): Promise<NativeRoot> {
    const bytes = copied(path);
    const record = new BigUint64Array(new ArrayBuffer(24));
    const flags = create ? ROOT_CREATE : 0;
    const code = await symbols.blit_root_open(bytes, BigInt(bytes.length), flags, record);
    const name = bytesToName(path);
    checkRoot(code, name, create ? "make directory" : "open");
    return new NativeRoot(symbols, record, name);
  }

  /**
   * Opens a directory beneath this root as a root of its own.
   *
   * @param path its path from here; empty: this directory again
   * @param options `create` makes it and missing parents; `follow` resolves links as far as they stay beneath
   * @throws {BlitError} `escaped` where the path leads out, or through a link that isn't to be followed; `not_found`,
   *   `not_directory`, `permission` and the like, as the system says
   */
  async openAt(
    path: Uint8Array,
    options: { readonly create: boolean; readonly follow: boolean },
  ): Promise<NativeRoot> {
    const bytes = copied(path);
    const record = new BigUint64Array(new ArrayBuffer(24));
    const flags = (options.create ? ROOT_CREATE : 0) | (options.follow ? ROOT_FOLLOW : 0);
    const code = await this.#symbols.blit_root_open_at(
      this.handle,
      bytes,
      BigInt(bytes.length),
      flags,
      record,
    );
    const name = bytesToName(path);
    checkRoot(code, name, options.create ? "make directory" : "open");
    return new NativeRoot(this.#symbols, record, name);
  }

  /**
   * Asks for facts of the file system.
   *
   * @throws {BlitError} as the system says
   */
  async probe(): Promise<RootFacts> {
    const bytes = new Uint8Array(new ArrayBuffer(PROBE_BYTES));
    const code = await this.#symbols.blit_root_probe(
      this.handle,
      bytes,
      BigInt(bytes.length),
    );
    checkRoot(code, this.#path, "read metadata of");
    const view = new DataView(bytes.buffer);
    const long = (at: number) => Number(view.getBigUint64(at, true));
    const rotational = view.getUint32(60, true);
    return {
      device: view.getBigUint64(0, true),
      typeMagic: long(8),
      freeBytes: long(16),
      totalBytes: long(24),
      freeInodes: long(32),
      rootInode: view.getBigUint64(40, true),
      flags: view.getUint32(48, true),
      maxNameBytes: view.getUint32(52, true),
      timeGrainNs: view.getUint32(56, true),
      rotational: rotational === 2 ? null : rotational === 1,
    };
  }

  /** Whether the probe's flags have this one. */
  static has(facts: RootFacts, flag: keyof typeof ProbeFlag): boolean {
    return (facts.flags & ProbeFlag[flag]) !== 0;
  }

  /** Releases the root; later calls do nothing. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    checkCode(this.#symbols.blit_root_close(this.handle), "close a root");
  }
}

/** A copy that stays where it is while native code reads it on another thread. */
function copied(path: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(new ArrayBuffer(path.length));
  bytes.set(path);
  return bytes;
}

function checkRoot(code: number, path: RelPath, step: typeof STEPS[number]): void {
  if (code === 0) return;
  throw describeFailure({
    status: -code,
    step: STEPS.indexOf(step),
    path,
    advice: ADVICE[kindOfStatus(-code)],
  });
}
