/**
 * What a peer that doesn't keep to the protocol does to the records of a batch.
 *
 * @module
 */
import fc from "fast-check";
import { concatBytes } from "../../src/core/bytes.ts";
import { packRecord } from "../../src/wire/encoder.ts";
import type { RecordType } from "../../src/wire/record.ts";

/** One change; `at` chooses the record, `by` what is done. */
export interface Change {
  readonly kind:
    | "none"
    | "drop"
    | "twice"
    | "swap"
    | "insert"
    | "type"
    | "flags"
    | "reserved"
    | "item"
    | "length"
    | "byte"
    | "cut";
  readonly at: number;
  readonly by: number;
}

/** None in a third of the cases. */
export const change: fc.Arbitrary<Change> = fc.record({
  kind: fc.oneof(
    { weight: 4, arbitrary: fc.constant("none" as const) },
    {
      weight: 8,
      arbitrary: fc.constantFrom(
        ...["drop", "twice", "swap", "insert", "type", "flags", "reserved"] as const,
        ...["item", "length", "byte", "byte", "cut"] as const,
      ),
    },
  ),
  at: fc.nat(1000),
  by: fc.nat(0xffff),
});

/** What is wrong with a batch as a whole. */
export const BatchMutation = {
  version: "version",
  operation: "operation",
  count: "count",
  offset: "offset",
  short: "short",
  parent: "parent",
} as const;
/** One of {@link BatchMutation}. */
export type BatchMutation = keyof typeof BatchMutation;

/** Lengths that no record has. */
const LENGTHS = [0n, 1n, 5n << 20n, 1n << 31n, 1n << 32n, (1n << 64n) - 1n];

/** Makes changes. */
export const changed = {
  /** The records as they are sent, in one piece. */
  records(records: readonly Uint8Array[], { kind, at, by }: Change): Uint8Array {
    const sent: Uint8Array[] = records.map((record) => Uint8Array.from(record));
    const i = at % sent.length;
    const view = new DataView(sent[i].buffer);
    if (kind === "drop") sent.splice(i, 1);
    else if (kind === "twice") sent.splice(i, 0, sent[i]);
    else if (kind === "swap") sent.push(...sent.splice(i, 1));
    else if (kind === "insert") {
      const payload = new Uint8Array(by % 2 === 0 ? 0 : by % 100).fill(by);
      sent.splice(i, 0, packRecord((by % 15) as RecordType, by % 5, payload, by % 3 ? 0 : by & 3));
    } else if (kind === "type") sent[i][0] = by;
    else if (kind === "flags") sent[i][1] = 1 << (by % 8);
    else if (kind === "reserved") view.setUint16(2, by || 1, true);
    else if (kind === "item") view.setUint32(4, by % 7 === 0 ? 0xffffffff : by % 7, true);
    else if (kind === "length") view.setBigUint64(8, LENGTHS[by % LENGTHS.length], true);
    else if (kind === "byte" && sent[i].length > 16) {
      sent[i][16 + by % (sent[i].length - 16)] ^= 1 << (by % 8);
    }
    const bytes = concatBytes(sent);
    return kind === "cut" ? bytes.subarray(0, (bytes.length * (by % 1000)) / 1000) : bytes;
  },

  /** A packed batch that makes no sense. */
  batch(packed: Uint8Array, mutation: BatchMutation): Uint8Array {
    const bytes = packed.slice();
    const view = new DataView(bytes.buffer);
    if (mutation === "version") bytes[0] = 9;
    else if (mutation === "operation") bytes[1] = 7;
    else if (mutation === "count") view.setUint32(64 + 4, 0x7fffffff, true);
    else if (mutation === "offset") view.setUint32(64 + 32 + 56, 0xfffffff0, true);
    else if (mutation === "parent") view.setUint32(64 + 32 + 88, 77, true);
    else return bytes.subarray(0, bytes.length - 1);
    return bytes;
  },
};

/** Length of all of them, bytes. */
export function lengthOf(records: readonly Uint8Array[]): number {
  return records.reduce((sum, { length }) => sum + length, 0);
}
