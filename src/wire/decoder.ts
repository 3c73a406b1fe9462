/**
 * Takes a stream's bytes as they come, cut anywhere, and gives out records.
 *
 * The peer is hostile: a length is compared with its type's limit before anything is made for it, memory
 * grows with what came and not with what was announced, and a range's content is handed on, never kept.
 *
 * @module
 */
import { breach } from "./breach.ts";
import {
  DIGEST_BYTES,
  FLAGS_KNOWN,
  type Incoming,
  PAYLOAD_LEAST,
  PAYLOAD_MOST,
  RANGE_EXTRA_BYTES,
  RANGE_KEPT,
  RECORD_HEADER_BYTES,
  RecordType,
} from "./record.ts";

/** What a buffer begins with; it doubles as bytes come. */
const FIRST_BUFFER_BYTES = 4096;
const OFFSET_BYTES = 8;
const TWO32 = 0x1_0000_0000;

/** Which bytes come next. */
type Phase = "header" | "payload" | "offset" | "content" | "digest";

/** A header whose payload is on its way. */
interface Head {
  readonly type: RecordType;
  readonly flags: number;
  readonly item: number;
  readonly lengthBytes: number;
}

/** The decoder of one direction of one stream. */
export class RecordDecoder {
  #phase: Phase = "header";
  /** Bytes that the phase needs, and those of them that came. */
  #needed = RECORD_HEADER_BYTES;
  #filled = 0;
  #buffer = new Uint8Array(FIRST_BUFFER_BYTES);
  #head: Head = { type: RecordType.alive, flags: 0, item: 0, lengthBytes: 0 };

  /** Whether the bytes so far end where a record ends. */
  get isBetweenRecords(): boolean {
    return this.#phase === "header" && this.#filled === 0;
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
  *push(chunk: Uint8Array): Generator<Incoming, void> {
    let at = 0;
    while (at < chunk.length || this.#filled === this.#needed) {
      const part = chunk.subarray(at, at + this.#needed - this.#filled);
      at += part.length;
      if (this.#phase === "content") {
        this.#filled += part.length;
        if (part.length > 0) yield { type: "piece", bytes: part };
      } else this.#keep(part);
      if (this.#filled === this.#needed) yield* this.#complete();
    }
  }

  #keep(part: Uint8Array): void {
    const wanted = this.#filled + part.length;
    if (wanted > this.#buffer.length) {
      const length = Math.max(wanted, Math.min(this.#needed, this.#buffer.length * 2));
      const larger = new Uint8Array(length);
      larger.set(this.#buffer.subarray(0, this.#filled));
      this.#buffer = larger;
    }
    this.#buffer.set(part, this.#filled);
    this.#filled = wanted;
  }

  *#complete(): Generator<Incoming, void> {
    const bytes = this.#buffer.subarray(0, this.#filled);
    const { type, flags, item, lengthBytes } = this.#head;
    switch (this.#phase) {
      case "header":
        this.#head = readHeader(bytes);
        if (this.#head.type === RecordType.range) this.#expect("offset", OFFSET_BYTES);
        else this.#expect("payload", this.#head.lengthBytes);
        return;
      case "payload":
        // The record takes the buffer with it.
        if (bytes.length > 0) this.#buffer = new Uint8Array(FIRST_BUFFER_BYTES);
        this.#expect("header", RECORD_HEADER_BYTES);
        if (type !== RecordType.range) yield { type, flags, item, payload: bytes };
        return;
      case "offset": {
        const offset = view(bytes).getBigUint64(0, true);
        const content = lengthBytes - RANGE_EXTRA_BYTES;
        this.#expect("content", content);
        yield { type: RecordType.range, flags, item, offset, lengthBytes: content };
        return;
      }
      case "content":
        this.#expect("digest", DIGEST_BYTES);
        return;
      case "digest":
        yield { type: "rangeEnd", digest: bytes.slice() };
        this.#expect("header", RECORD_HEADER_BYTES);
    }
  }

  #expect(phase: Phase, bytes: number): void {
    this.#phase = phase;
    this.#needed = bytes;
    this.#filled = 0;
  }
}

const TYPES: ReadonlySet<number> = new Set(Object.values(RecordType));

function readHeader(bytes: Uint8Array): Head {
  const header = view(bytes);
  const type = bytes[0] as RecordType;
  const flags = bytes[1];
  if (!TYPES.has(type)) throw breach(`sent a record of unknown type ${type}`);
  if ((flags & ~(FLAGS_KNOWN[type] ?? 0)) !== 0 || header.getUint16(2, true) !== 0) {
    throw breach(`sent a record of type ${type} with unknown flags`);
  }
  const lengthBytes = header.getUint32(8, true) + header.getUint32(12, true) * TWO32;
  const most = type === RecordType.range && flags & RANGE_KEPT
    ? RANGE_EXTRA_BYTES
    : PAYLOAD_MOST[type];
  if (lengthBytes > most || lengthBytes < (PAYLOAD_LEAST[type] ?? 0)) {
    throw breach(`sent a record of type ${type} with ${lengthBytes} bytes`);
  }
  return { type, flags, item: header.getUint32(4, true), lengthBytes };
}

function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
