/**
 * Packs records; {@link import("./decoder.ts").RecordDecoder} is the other direction.
 *
 * @module
 */
import { RECORD_HEADER_BYTES, type RecordType } from "./record.ts";

const NOTHING = new Uint8Array(0);

/**
 * Packs a record.
 *
 * @param item index into the batch's EntryBlock; 0 where the type is about none
 * @param payload packed as the type wants it; see `payload.ts`
 */
export function packRecord(
  type: RecordType,
  item = 0,
  payload: Uint8Array = NOTHING,
  flags = 0,
): Uint8Array {
  const bytes = new Uint8Array(RECORD_HEADER_BYTES + payload.length);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, type);
  view.setUint8(1, flags);
  view.setUint32(4, item, true);
  view.setUint32(8, payload.length, true);
  bytes.set(payload, RECORD_HEADER_BYTES);
  return bytes;
}
