import assert from "node:assert/strict";
import fc from "fast-check";
import { concatBytes } from "../core/bytes.ts";
import { Kind } from "../core/entry_block.ts";
import { BlitError, STATUS } from "../core/error.ts";
import { WorkBatch } from "../core/work_batch.ts";
import { AnswerRules } from "./answer_rules.ts";
import { ContentRules } from "./content_rules.ts";
import { RecordDecoder } from "./decoder.ts";
import { packRecord } from "./encoder.ts";
import {
  type EntryPayload,
  packEntry,
  packFail,
  packFile,
  packHave,
  packRange,
  readEntry,
  readFail,
  readFile,
  readHave,
  readRange,
} from "./payload.ts";
import { CONTENT_MOST, LIMITS, RecordType, type WireRecord } from "./record.ts";

interface Conversation {
  readonly name: string;
  readonly records: readonly (readonly [from: "client" | "daemon", hex: string])[];
}

/** What the codec in the library made. */
const { conversations }: { conversations: Conversation[] } = JSON.parse(
  Deno.readTextFileSync(new URL("../../tests/vectors/records.json", import.meta.url)),
);

function fromHex(text: string): Uint8Array {
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

/** Decodes bytes that are cut into chunks of these lengths, round and round. */
function decode(bytes: Uint8Array, lengths: readonly number[]): WireRecord[] {
  const decoder = new RecordDecoder();
  const records: WireRecord[] = [];
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const length = lengths[i % lengths.length];
    records.push(...decoder.push(bytes.slice(at, at + length)));
    at += length;
  }
  assert.ok(decoder.isBetweenRecords);
  return records;
}

/** Takes a payload apart and packs it again. */
function repacked({ type, payload }: WireRecord): Uint8Array {
  if (type === RecordType.file) return packFile(readFile(payload));
  if (type === RecordType.entry) return packEntry(readEntry(payload));
  if (type === RecordType.range) return packRange(readRange(payload));
  if (type === RecordType.fail) return packFail(readFail(payload));
  if (type === RecordType.have) return packHave(readHave(payload));
  return payload;
}

for (const { name, records } of conversations) {
  Deno.test(`vector "${name}" is read and packed as the library does`, () => {
    for (const side of ["client", "daemon"] as const) {
      const said = records.filter(([from]) => from === side).map(([, hex]) => fromHex(hex));
      for (const cut of [[1], [7, 100], [1 << 20]]) {
        const decoded = decode(concatBytes(said), cut);
        assert.equal(decoded.length, said.length);
        decoded.forEach((record, i) => {
          const { type, item, flags } = record;
          assert.deepEqual(packRecord(type, item, repacked(record), flags), said[i]);
        });
      }
    }
  });

  Deno.test(`vector "${name}" keeps the rules`, () => {
    const [first, ...rest] = records.map(([from, hex]) => ({
      from,
      record: decode(fromHex(hex), [1000])[0],
    }));
    const { items } = new WorkBatch(first.record.payload.slice());
    const content = new ContentRules(items);
    const answers = new AnswerRules(items);
    const sender = first.record.type === RecordType.put ? "client" : "daemon";
    for (const { from, record } of rest) {
      if (record.type === RecordType.cancel) {
        content.cancel();
        answers.expectResults();
      } else if (from === sender) {
        content.accept(record);
        if (record.type === RecordType.end) answers.expectResults();
      } else answers.accept(record);
    }
  });
}

const digest = fc.uint8Array({ minLength: 32, maxLength: 32 });
const byteName = fc.uint8Array({ minLength: 1, maxLength: 20 }).map((bytes) =>
  String.fromCharCode(...bytes.map((byte) => byte || 1))
);
const attributes = fc.array(fc.tuple(byteName, fc.uint8Array({ maxLength: 50 })), { maxLength: 4 })
  .map((pairs) => new Map(pairs));
const looks = {
  mtimeNs: fc.bigInt({ min: -(1n << 63n), max: (1n << 63n) - 1n }),
  allocatedBytes: fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
  rdev: fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
  mode: fc.integer({ min: 0, max: 0o7777 }),
  uid: fc.nat(0xffff_ffff),
  gid: fc.nat(0xffff_ffff),
};
const size = fc.integer({ min: CONTENT_MOST + 1, max: Number.MAX_SAFE_INTEGER });

const entryRecord = fc.record({
  look: fc.record({ ...looks, sizeBytes: size, kind: fc.constant(Kind.file) }),
  target: fc.constant(""),
  attributes,
}).map((entry): [RecordType, Uint8Array] => [RecordType.entry, packEntry(entry)]);

const fileRecord = fc.tuple(
  fc.record({
    ...looks,
    kind: fc.constantFrom(Kind.file, Kind.symlink, Kind.fifo, Kind.charDevice),
  }),
  byteName,
  attributes,
  fc.uint8Array({ maxLength: 5000 }),
  digest,
).map(([look, name, attributes, bytes, digest]): [RecordType, Uint8Array] => {
  const content = look.kind === Kind.file ? bytes : new Uint8Array(0);
  const target = look.kind === Kind.symlink ? name : "";
  const entry: EntryPayload = { look: { ...look, sizeBytes: content.length }, target, attributes };
  return [RecordType.file, packFile({ ...entry, content, digest })];
});

const rangeRecord = fc.record({
  offset: fc.nat(),
  content: fc.uint8Array({ maxLength: 10_000 }),
  digest,
}).map((range): [RecordType, Uint8Array] => [RecordType.range, packRange(range)]);

// A peer's bug and its complaints, 1 and 2, are read as what they are to this side.
const failRecord = fc.record({
  status: fc.integer({ min: 3, max: 0xffff_ffff }),
  os: fc.nat(0xffff_ffff),
  step: fc.nat(0xffff_ffff),
}).map((fail): [RecordType, Uint8Array] => [RecordType.fail, packFail(fail)]);

const haveRecord = fc.array(fc.tuple(fc.integer({ min: 1, max: 64 }), digest), { maxLength: 5 })
  .map((all): [RecordType, Uint8Array] => {
    let offset = 0;
    const pieces = all.map(([mib, digest]) => {
      const piece = { offset, lengthBytes: mib << 20, digest };
      offset += piece.lengthBytes;
      return piece;
    });
    return [RecordType.have, packHave({ lengthBytes: offset + 5, pieces })];
  });

const emptyRecord = fc.constantFrom(RecordType.done, RecordType.end, RecordType.alive)
  .map((type): [RecordType, Uint8Array] => [type, new Uint8Array(0)]);

const anyRecord = fc.tuple(
  fc.oneof(entryRecord, fileRecord, rangeRecord, failRecord, haveRecord, emptyRecord),
  fc.nat(0xffff_ffff),
  fc.boolean(),
).map(([[type, payload], item, flagged]): WireRecord => ({
  type,
  item,
  payload,
  flags: flagged ? LIMITS[type].flags : 0,
}));

function pack(records: readonly WireRecord[]): Uint8Array {
  return concatBytes(
    records.map(({ type, item, payload, flags }) => packRecord(type, item, payload, flags)),
  );
}

const cuts = fc.array(fc.integer({ min: 1, max: 3000 }), { minLength: 1, maxLength: 10 });

Deno.test("records come out as they went in, however they are cut", () => {
  fc.assert(fc.property(fc.array(anyRecord, { maxLength: 8 }), cuts, (records, lengths) => {
    const decoded = decode(pack(records), lengths);
    assert.deepEqual(
      decoded.map((record) => ({ ...record, payload: Uint8Array.from(record.payload) })),
      records.map((record) => ({ ...record, payload: Uint8Array.from(record.payload) })),
    );
    for (const record of decoded) {
      assert.deepEqual(Uint8Array.from(repacked(record)), Uint8Array.from(record.payload));
    }
  }));
});

/** Decodes whatever it is, payloads too; returns how much memory was held at most. */
function survive(bytes: Uint8Array, lengths: readonly number[]): number {
  const decoder = new RecordDecoder();
  let held = 0;
  try {
    for (let at = 0, i = 0; at < bytes.length; i++) {
      const chunk = bytes.slice(at, at + lengths[i % lengths.length]);
      at += chunk.length;
      for (const record of decoder.push(chunk)) repacked(record);
      held = Math.max(held, decoder.heldBytes);
    }
  } catch (error) {
    assert.ok(error instanceof BlitError && error.kind === "mismatch", String(error));
  }
  return held;
}

Deno.test("garbage is a mismatch and nothing else, and takes no memory", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 400 }), cuts, (bytes, lengths) => {
    assert.ok(survive(bytes, lengths) <= 4096);
  }));
});

Deno.test("records with bytes changed are a mismatch or other records, and take no more memory than came", () => {
  const change = fc.tuple(fc.nat(), fc.nat(255));
  fc.assert(fc.property(
    fc.array(anyRecord, { minLength: 1, maxLength: 4 }),
    fc.array(change, { minLength: 1, maxLength: 5 }),
    cuts,
    (records, changes, lengths) => {
      const bytes = pack(records);
      for (const [at, byte] of changes) bytes[at % bytes.length] = byte;
      assert.ok(survive(bytes, lengths) <= 2 * bytes.length + 4096);
    },
  ));
});

Deno.test("a length over its type's limit is refused before its payload comes", () => {
  for (const type of Object.values(RecordType)) {
    const { least, most } = LIMITS[type];
    for (const length of [most + 1, 0xffff_ffff, 2 ** 40, ...(least > 0 ? [least - 1] : [])]) {
      const header = packRecord(type).slice(0, 16);
      new DataView(header.buffer).setBigUint64(8, BigInt(length), true);
      const decoder = new RecordDecoder();
      assert.throws(() => [...decoder.push(header)], { kind: "mismatch" }, `${type} ${length}`);
    }
  }
});

Deno.test("a large payload that was only announced takes no memory", () => {
  const header = packRecord(RecordType.put);
  new DataView(header.buffer).setBigUint64(8, 4n << 20n, true);
  const decoder = new RecordDecoder();
  assert.deepEqual([...decoder.push(header)], []);
  assert.deepEqual([...decoder.push(new Uint8Array(10))], []);
  assert.ok(decoder.heldBytes <= 4096);
});

Deno.test("lies in payloads are a mismatch", () => {
  const look = {
    sizeBytes: 3,
    mtimeNs: 0n,
    allocatedBytes: 0n,
    rdev: 0n,
    mode: 0o644,
    uid: 0,
    gid: 0,
    kind: Kind.file,
  } as const;
  const attributes = new Map<string, Uint8Array>();
  const content = new Uint8Array(3);
  const digest = new Uint8Array(32);
  const file = { look, target: "", attributes, content, digest };
  const mismatch = { kind: "mismatch" };
  assert.equal(readFile(packFile(file)).content.length, 3);
  const lies: EntryPayload[] = [
    { ...file, look: { ...look, sizeBytes: 4 } },
    { ...file, target: "x" },
    { ...file, look: { ...look, kind: Kind.symlink, sizeBytes: 0 } },
    { ...file, look: { ...look, kind: Kind.directory } },
    { ...file, look: { ...look, kind: Kind.unknown } },
    { ...file, look: { ...look, mode: 0o100644 } },
    { ...file, attributes: new Map([["", content]]) },
    { ...file, attributes: new Map([["a\0b", content]]) },
  ];
  for (const lie of lies) {
    assert.throws(() => readFile(packFile({ ...lie, content, digest })), mismatch);
  }
  assert.throws(() => readEntry(packEntry(file)), mismatch, "a small file in ranges");
  const have = { lengthBytes: 1 << 20, pieces: [{ offset: 0, lengthBytes: 1 << 20, digest }] };
  assert.deepEqual(readHave(packHave(have)).pieces.length, 1);
  for (
    const piece of [
      { offset: 1, lengthBytes: 1 << 20, digest },
      { offset: 0, lengthBytes: 0, digest },
      { offset: 0, lengthBytes: 65 << 20, digest },
      { offset: 1 << 20, lengthBytes: 1 << 20, digest },
    ]
  ) assert.throws(() => readHave(packHave({ ...have, pieces: [piece] })), mismatch);
  assert.throws(() => readFail(packFail({ status: 0, os: 0, step: 0 })), mismatch);
  for (const status of [STATUS.bug, STATUS.usage]) {
    assert.equal(readFail(packFail({ status, os: 0, step: 0 })).status, STATUS.peer);
  }
});
