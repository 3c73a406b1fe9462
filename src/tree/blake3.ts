/**
 * BLAKE3 in TypeScript, for trees without native code; loaded at first use, as few runs hash here.
 *
 * @module
 */
import { nameToBytes } from "../core/rel_path.ts";

/** A digest in the making. */
export interface Hasher {
  update(bytes: Uint8Array): void;
  /** The 32 bytes of the digest. */
  digest(): Uint8Array;
}

/** Starts a BLAKE3 digest. */
export async function blake3(): Promise<Hasher> {
  const { blake3 } = await import("@noble/hashes/blake3");
  const state = blake3.create({});
  return { update: (bytes) => void state.update(bytes), digest: () => state.digest() };
}

/** The digest of bytes that are there as a whole. */
export async function digestOf(bytes: Uint8Array): Promise<Uint8Array> {
  const hasher = await blake3();
  hasher.update(bytes);
  return hasher.digest();
}

/**
 * Digests extended attributes: the first 8 bytes, little-endian, of BLAKE3 over the attributes in byte
 * order of their names, each as u32 name length, name, u32 value length, value (docs/native.md, hash).
 *
 * @returns 0 where there are none
 */
export async function digestXattrs(xattrs: ReadonlyMap<string, Uint8Array>): Promise<bigint> {
  if (xattrs.size === 0) return 0n;
  const hasher = await blake3();
  for (const name of [...xattrs.keys()].sort()) {
    for (const part of [nameToBytes(name), xattrs.get(name)!]) {
      const length = new Uint8Array(4);
      new DataView(length.buffer).setUint32(0, part.length, true);
      hasher.update(length);
      hasher.update(part);
    }
  }
  return new DataView(hasher.digest().buffer).getBigUint64(0, true);
}
