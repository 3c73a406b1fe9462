/**
 * Extended attributes, packed: for each `u16 name length, u32 value length, name, value` (docs/protocol.md).
 * The data plane and the native border carry them alike.
 *
 * @module
 */
import { bytesToName, nameToBytes } from "../core/rel_path.ts";
import { breach } from "./breach.ts";

/** Extended attributes, name to value; names are byte strings. */
export type Attributes = ReadonlyMap<string, Uint8Array>;

/** Bytes before each name. */
const LENGTHS_BYTES = 6;

/** What attributes take when packed, bytes. */
export function packedLength(attributes: Attributes): number {
  let length = 0;
  // A byte string has a char per byte.
  for (const [name, value] of attributes) length += LENGTHS_BYTES + name.length + value.length;
  return length;
}

/** Packs attributes into `bytes` at `at`, where they take {@link packedLength}. */
export function packAttributes(attributes: Attributes, bytes: Uint8Array, at: number): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (const [name, value] of attributes) {
    view.setUint16(at, name.length, true);
    view.setUint32(at + 2, value.length, true);
    bytes.set(nameToBytes(name), at + LENGTHS_BYTES);
    bytes.set(value, at + LENGTHS_BYTES + name.length);
    at += LENGTHS_BYTES + name.length + value.length;
  }
}

/**
 * Reads packed attributes, which fill `bytes`.
 *
 * @throws {BlitError} `mismatch` where one is cut off, comes twice, or has no proper name
 */
export function readAttributes(bytes: Uint8Array): Attributes {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const attributes = new Map<string, Uint8Array>();
  for (let at = 0; at < bytes.length;) {
    const nameAt = at + LENGTHS_BYTES;
    if (nameAt > bytes.length) throw breach("sent an attribute that is cut off");
    const nameLength = view.getUint16(at, true);
    const valueAt = nameAt + nameLength;
    const end = valueAt + view.getUint32(at + 2, true);
    if (end > bytes.length) throw breach("sent an attribute that is cut off");
    const name = bytesToName(bytes, nameAt, nameLength);
    if (name === "" || name.includes("\0") || attributes.has(name)) {
      throw breach("sent an attribute whose name is no name, or comes twice");
    }
    // Its own copy: an attribute outlives the record, and must not keep its content alive.
    attributes.set(name, bytes.slice(valueAt, end));
    at = end;
  }
  return attributes;
}
