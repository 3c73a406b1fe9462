/**
 * Writes a zip file (PKWARE's APPNOTE 6.3), the same bytes from the same files: no system has a program for it that all
 * have.
 *
 * @module
 */
import { crc32, deflateRawSync } from "node:zlib";

/** A file to pack. */
export interface Packed {
  /** Path inside, with `/`. */
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly isProgram: boolean;
}

/** 1980-01-01, the first day that the form knows: a release's time is its tag's. */
const DATE = 0x21;
/** Version 2.0: deflate. */
const NEEDS = 20;
const UTF8 = 0x800;
const DEFLATE = 8;

/** Packs files; each of them and all together under 4 GiB. */
export function zip(files: readonly Packed[]): Uint8Array<ArrayBuffer> {
  const parts: Uint8Array[] = [], directory: Uint8Array[] = [];
  let at = 0;
  for (const { name, bytes, isProgram } of files) {
    const packed = deflateRawSync(bytes, { level: 9 });
    const path = new TextEncoder().encode(name);
    const shared = [
      [2, NEEDS],
      [2, UTF8],
      [2, DEFLATE],
      [2, 0],
      [2, DATE],
      [4, crc32(bytes)],
      [4, packed.length],
      [4, bytes.length],
      [2, path.length],
      [2, 0],
    ] as const;
    const local = [record([[4, 0x04034b50], ...shared]), path, packed];
    // Made on Unix (3), so that modes are in the upper half of the attributes.
    const mode = isProgram ? 0o100755 : 0o100644;
    const rest = [[2, 0], [2, 0], [2, 0], [4, mode * 0x10000], [4, at]] as const;
    directory.push(
      record([[4, 0x02014b50], [2, 3 << 8 | NEEDS], ...shared, ...rest]),
      path,
    );
    parts.push(...local);
    at += local.reduce((sum, part) => sum + part.length, 0);
  }
  const size = directory.reduce((sum, part) => sum + part.length, 0);
  const count = files.length;
  const end = record([[4, 0x06054b50], [2, 0], [2, 0], [2, count], [2, count], [4, size], [4, at], [
    2,
    0,
  ]]);
  return concat([...parts, ...directory, end]);
}

/** Numbers in little-endian order, each with its width in bytes. */
function record(fields: readonly (readonly [width: 2 | 4, value: number])[]): Uint8Array {
  const bytes = new Uint8Array(fields.reduce((sum, [width]) => sum + width, 0));
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const [width, value] of fields) {
    if (width === 2) view.setUint16(at, value, true);
    else view.setUint32(at, value, true);
    at += width;
  }
  return bytes;
}

function concat(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
