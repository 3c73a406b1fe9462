import assert from "node:assert/strict";
import { EntryBlock, EntryBlockWriter, type EntryFields, Kind } from "../core/entry_block.ts";
import { defaultOptions } from "../core/options.ts";
import { compare, type CompareContext } from "./compare.ts";

const FILE: EntryFields = {
  name: "f",
  kind: Kind.file,
  sizeBytes: 10,
  mtimeNs: 1_000_000_000n,
  ctimeNs: 50n,
  mode: 0o644,
  uid: 1,
  gid: 1,
};
type Given = Partial<Omit<CompareContext, "options">> & Partial<CompareContext["options"]>;

function judged(a: Partial<EntryFields>, b: Partial<EntryFields>, given: Given = {}): string {
  const block = (fields: Partial<EntryFields>) => {
    const writer = new EntryBlockWriter(1);
    writer.add({ ...FILE, ...fields });
    return new EntryBlock(writer.finish());
  };
  const context: CompareContext = {
    owners: true,
    modes: true,
    writeBit: true,
    umask: null,
    timeGrainNs: 1n,
    unknownGrain: { source: false, destination: false },
    symlinkTimes: true,
    xattrs: false,
    suspectSinceNs: null,
    lostSinceNs: null,
    ...given,
    options: { ...defaultOptions("copy").compare, ...given },
  };
  const { verdict, reason } = compare(block(a), 0, block(b), 0, context);
  return `${verdict} ${reason}`;
}

const cases: [string, Partial<EntryFields>, Partial<EntryFields>, Given, string][] = [
  ["equal", {}, {}, {}, "same same"],
  ["another size", { sizeBytes: 1 }, {}, {}, "copy size"],
  ["another time", { mtimeNs: 5n }, {}, {}, "copy mtime"],
  ["newer at the destination", {}, { mtimeNs: 1_000_000_001n }, {}, "copy mtime"],
  ["one nanosecond", { mtimeNs: 1_000_000_001n }, {}, {}, "copy mtime"],
  [
    "within a coarse grain",
    { mtimeNs: 1_000_999_999n },
    {},
    { timeGrainNs: 1_000_000n },
    "same same",
  ],
  ["a whole grain", { mtimeNs: 1_001_000_000n }, {}, { timeGrainNs: 1_000_000n }, "copy mtime"],
  ...([
    // Written by the source, as kept by the destination, its ctime, and whether that is the source's time.
    [123_456_789n, 123_456_700n, 987_654_300n, true, "NTFS"],
    [123_456_789n, 123_456_700n, 987_654_321n, false, "an exact ctime beside NTFS's step"],
    [123_456_789n, 0n, 0n, true, "whole seconds"],
    [123_456_789n, 0n, 3_000_000_000n, true, "whole seconds, changed later"],
    [123_456_789n, 0n, 987_654_321n, false, "a time that somebody set to a whole second"],
    [3_999_999_999n, 2_000_000_000n, 2_000_000_000n, true, "FAT"],
    [4_000_000_000n, 2_000_000_000n, 2_000_000_000n, false, "FAT, the next step"],
    [3_999_999_999n, 3_000_000_000n, 2_000_000_000n, true, "between FAT's steps: seconds"],
    [
      5_000_000_001n,
      3_000_000_000n,
      2_000_000_000n,
      false,
      "over a second off, between FAT's steps",
    ],
  ] as const).flatMap(([written, kept, ctimeNs, isSame, what]) => {
    const verdict = isSame ? "same same" : "copy mtime";
    const source = { mtimeNs: written, ctimeNs: 111_111_111n }, there = { mtimeNs: kept, ctimeNs };
    const unknown = (side: "source" | "destination") => ({
      unknownGrain: { source: false, destination: false, [side]: true },
    });
    return [
      [`step of ${what}`, source, there, unknown("destination"), verdict],
      [`step of ${what}, in the source`, there, source, unknown("source"), verdict],
      [`step of ${what}, which the type rules out`, source, there, {}, "copy mtime"],
    ] as [string, Partial<EntryFields>, Partial<EntryFields>, Given, string][];
  }),
  ["another mode", { mode: 0o600 }, {}, {}, "mend mode"],
  ["another mode, where a tree keeps none", { mode: 0o600 }, {}, { modes: false }, "same same"],
  ["read-only, where a tree keeps no more", { mode: 0o444 }, {}, { modes: false }, "mend mode"],
  [
    "read-only, where not even that is kept",
    { mode: 0o444 },
    {},
    { modes: false, writeBit: false },
    "same same",
  ],
  ["another owner", { uid: 2 }, {}, {}, "mend owner"],
  ["another owner, not kept", { uid: 2 }, {}, { owners: false }, "same same"],
  ["set-id that can't be kept", { mode: 0o4644 }, {}, { owners: false }, "same same"],
  ["stray set-id", {}, { mode: 0o4644 }, { owners: false }, "mend mode"],
  ["another kind", { kind: Kind.symlink }, {}, {}, "copy kind"],
  [
    "another kind, existing ones left",
    { kind: Kind.fifo },
    {},
    { ignoreExisting: true },
    "skip exists",
  ],
  ["existing ones left", { sizeBytes: 1 }, {}, { ignoreExisting: true }, "skip exists"],
  [
    "update, newer there",
    { sizeBytes: 1 },
    { mtimeNs: 2n ** 40n },
    { update: true },
    "skip newer-at-destination",
  ],
  ["update, older there", { sizeBytes: 1 }, { mtimeNs: 1n }, { update: true }, "copy size"],
  ["update, same time", { sizeBytes: 1 }, {}, { update: true }, "copy size"],
  ["size only", { mtimeNs: 1n }, {}, { sizeOnly: true }, "same same"],
  ["size only, another size", { sizeBytes: 1 }, {}, { sizeOnly: true }, "copy size"],
  ["size only, another mode", { mode: 0 }, {}, { sizeOnly: true }, "mend mode"],
  ["ignore times", {}, {}, { ignoreTimes: true }, "copy ignore-times"],
  ["force", {}, {}, { force: true }, "copy forced"],
  ["checksum", { mtimeNs: 1n }, {}, { checksum: true }, "hash content"],
  ["checksum, another size", { sizeBytes: 1 }, {}, { checksum: true }, "copy size"],
  ["xattrs count", {}, {}, { xattrs: true }, "hash content"],
  [
    "suspect, existing ones left",
    { sizeBytes: 1 },
    {},
    { ignoreExisting: true, suspectSinceNs: 50n },
    "copy size",
  ],
  [
    "suspect, newer there",
    {},
    { mtimeNs: 2n ** 40n },
    { update: true, suspectSinceNs: 50n },
    "copy mtime",
  ],
  [
    "suspect, size only",
    { mtimeNs: 1n },
    {},
    { sizeOnly: true, suspectSinceNs: 50n },
    "copy mtime",
  ],
  ["bytes may be lost", {}, {}, { lostSinceNs: 50n }, "hash content"],
  ["bytes may be lost, another size", { sizeBytes: 1 }, {}, { lostSinceNs: 50n }, "copy size"],
  [
    "bytes may be lost, none to lose",
    { sizeBytes: 0 },
    { sizeBytes: 0 },
    { lostSinceNs: 50n },
    "same same",
  ],
  ["written before bytes may be lost", {}, {}, { lostSinceNs: 51n }, "same same"],
  [
    "bytes may be lost, existing ones left",
    {},
    {},
    { ignoreExisting: true, lostSinceNs: 50n },
    "hash content",
  ],
  [
    "older than the crash",
    { mtimeNs: 1n },
    {},
    { sizeOnly: true, suspectSinceNs: 51n },
    "same same",
  ],
];

for (const [name, source, destination, given, verdict] of cases) {
  Deno.test(`compare, ${name}: ${verdict}`, () => {
    assert.equal(judged(source, destination, given), verdict);
  });
}

Deno.test("symlinks compare by target and, where it can be set, time; never by mode", () => {
  const link = (target: string, more = {}) => ({ kind: Kind.symlink, target, ...more });
  assert.equal(judged(link("a"), link("b")), "copy target");
  assert.equal(judged(link("a"), link("a", { mode: 0o700 })), "same same");
  assert.equal(judged(link("a"), link("a", { mtimeNs: 2n })), "mend mtime");
  assert.equal(judged(link("a"), link("a", { mtimeNs: 2n }), { symlinkTimes: false }), "same same");
});

Deno.test("devices compare by number", () => {
  const device = (rdev: bigint) => ({ kind: Kind.charDevice, rdev });
  assert.equal(judged(device(1n), device(2n)), "copy device");
  assert.equal(judged(device(1n), device(1n)), "same same");
});

Deno.test("a directory's metadata compares by mode, owner and time", () => {
  const directory = (more = {}) => ({ kind: Kind.directory, ...more });
  assert.equal(judged(directory({ mtimeNs: 3n }), directory()), "mend mtime");
  assert.equal(judged(directory({ mtimeNs: 3n }), directory(), { sizeOnly: true }), "mend mtime");
});
