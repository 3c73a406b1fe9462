/**
 * Takes a stream's bytes as they come, cut anywhere, and gives out records.
 *
 * The peer is hostile: a length is compared with its type's limit before anything is made for it, and memory
 * grows with what came, not with what was announced.
 *
 * @module
 */
import { breach } from "./breach.ts";
import { LIMITS, RECORD_HEADER_BYTES, type RecordType, type WireRecord } from "./record.ts";

/** What a buffer begins with; it doubles as bytes come. */
const FIRST_BUFFER_BYTES = 4096;
const TWO32 = 0x1_0000_0000;
const NOTHING = new Uint8Array(0);

/** A header whose payload is on its way. */
interface Head {
  readonly type: RecordType;
  readonly flags: number;
  readonly item: number;
  readonly lengthBytes: number;
}

/** The decoder of one direction of one stream. */
export class RecordDecoder {
  #head: Head | null = null;
  /** Bytes that the header or the payload needs, and those of them that came. */
  #needed = RECORD_HEADER_BYTES;
  #filled = 0;
  #buffer: Uint8Array = NOTHING;

  /** Whether the bytes so far end where a record ends. */
  get isBetweenRecords(): boolean {
    return this.#head === null && this.#filled === 0;
  }

  /** Memory that is held for an unfinished record, bytes. */
  get heldBytes(): number {
    return this.#buffer.length;
  }

  /**
   * Takes the next bytes. The result must be run to its end before the next call.
   *
   * @param chunk a part of the stream, of any length
   * @throws {BlitError} `mismatch` where it is no record that this version knows, or breaks a limit
   */
  *push(chunk: Uint8Array): Generator<WireRecord, void> {
    for (let at = 0; at < chunk.length;) {
      const part = chunk.subarray(at, at + this.#needed - this.#filled);
      at += part.length;
      this.#keep(part);
      if (this.#filled < this.#needed) continue;
      const bytes = this.#take();
      if (this.#head === null) {
        this.#head = readHeader(bytes);
        this.#needed = this.#head.lengthBytes;
        if (this.#needed > 0) continue;
      }
      const { type, flags, item, lengthBytes } = this.#head;
      this.#head = null;
      this.#needed = RECORD_HEADER_BYTES;
      yield { type, flags, item, payload: lengthBytes === 0 ? NOTHING : bytes };
    }
  }

  #keep(part: Uint8Array): void {
    const wanted = this.#filled + part.length;
    if (wanted > this.#buffer.length) {
      const doubled = Math.max(FIRST_BUFFER_BYTES, this.#buffer.length * 2);
      const larger = new Uint8Array(Math.max(wanted, Math.min(this.#needed, doubled)));
      larger.set(this.#buffer.subarray(0, this.#filled));
      this.#buffer = larger;
    }
    this.#buffer.set(part, this.#filled);
    this.#filled = wanted;
  }

  /** What is complete; the next bytes get a buffer of their own. */
  #take(): Uint8Array {
    const bytes = this.#buffer.subarray(0, this.#filled);
    this.#buffer = NOTHING;
    this.#filled = 0;
    return bytes;
  }
}

function readHeader(bytes: Uint8Array): Head {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const type = bytes[0] as RecordType;
  const flags = bytes[1];
  const limits = LIMITS[type];
  if (limits === undefined) throw breach(`sent a record of unknown type ${type}`);
  if ((flags & ~limits.flags) !== 0 || view.getUint16(2, true) !== 0) {
    throw breach(`sent a record of type ${type} with unknown flags`);
  }
  const lengthBytes = view.getUint32(8, true) + view.getUint32(12, true) * TWO32;
  if (lengthBytes < limits.least || lengthBytes > limits.most) {
    throw breach(`sent a record of type ${type} with ${lengthBytes} bytes`);
  }
  return { type, flags, item: view.getUint32(4, true), lengthBytes };
}
