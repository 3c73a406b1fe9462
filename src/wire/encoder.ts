/**
 * Packs records; {@link import("./decoder.ts").RecordDecoder} is the other direction.
 *
 * @module
 */
import {
  DIGEST_BYTES,
  RANGE_EXTRA_BYTES,
  RANGE_KEPT,
  RECORD_HEADER_BYTES,
  RecordType,
  type WholeRecord,
} from "./record.ts";

const NOTHING = new Uint8Array(0);

/**
 * Packs a record.
 *
 * @param type any type but `range`
 * @param item index into the batch's EntryBlock; 0 where the type is about none
 * @param payload packed as the type wants it; see `payload.ts`
 */
export function packRecord(
  type: WholeRecord["type"],
  item = 0,
  payload: Uint8Array = NOTHING,
  flags = 0,
): Uint8Array {
  const bytes = withHeader(type, flags, item, payload.length);
  bytes.set(payload, RECORD_HEADER_BYTES);
  return bytes;
}

/**
 * Packs a range.
 *
 * @param offset where in the file the content belongs, bytes
 * @param content 1 byte to 64 MiB; null: the receiver keeps the piece that it named with this offset
 * @param digest BLAKE3 of the content
 */
export function packRange(
  item: number,
  offset: number,
  content: Uint8Array | null,
  digest: Uint8Array,
): Uint8Array {
  const flags = content === null ? RANGE_KEPT : 0;
  const length = RANGE_EXTRA_BYTES + (content?.length ?? 0);
  const bytes = withHeader(RecordType.range, flags, item, length);
  new DataView(bytes.buffer).setBigUint64(RECORD_HEADER_BYTES, BigInt(offset), true);
  if (content) bytes.set(content, RECORD_HEADER_BYTES + 8);
  bytes.set(digest, bytes.length - DIGEST_BYTES);
  return bytes;
}

function withHeader(type: RecordType, flags: number, item: number, length: number): Uint8Array {
  const bytes = new Uint8Array(RECORD_HEADER_BYTES + length);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, type);
  view.setUint8(1, flags);
  view.setUint32(4, item, true);
  view.setUint32(8, length, true);
  return bytes;
}
