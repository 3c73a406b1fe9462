import assert from "node:assert/strict";
import { parseRunRecord, profileKey, type RunRecord } from "./run_record.ts";

const RECORD: RunRecord = {
  schema: 1,
  atMs: 1_700_000_000_000,
  profile: {
    sourceFs: "ext4",
    destinationFs: "tmpfs",
    implementation: "native",
    mode: "mirror",
    checksum: false,
    fsync: true,
    discard: false,
    remote: "push",
  },
  entriesExamined: 120,
  filesCopied: 100,
  bytesCopied: 12_345,
  entriesDeleted: 3,
  planningMs: 1.5,
  transferMs: 20,
  durationMs: 21,
  workers: 2,
  batchFiles: 1000,
  batchBytes: 67_108_864,
  path: "pipeline",
  predictedPlanningMs: 2,
  predictedTransferMs: null,
  predictedDurationMs: 18.25,
  remote: {
    handshakeMs: 3,
    rttClass: "lan",
    transport: "data_plane_tls",
    streams: 4,
    retries: 0,
    hostHash: "00ff",
  },
};

Deno.test("a record survives JSON", () => {
  assert.deepEqual(parseRunRecord(JSON.parse(JSON.stringify(RECORD))), RECORD);
  const { remote: _, ...local } = RECORD;
  assert.deepEqual(parseRunRecord(local), local);
});

Deno.test("fields that are not known are left out of a record", () => {
  const read = parseRunRecord({
    ...RECORD,
    source: "/home/me",
    profile: { ...RECORD.profile, path: "x" },
  });
  assert.deepEqual(read, RECORD);
});

Deno.test("a record with a field missing or out of range is refused", async (t) => {
  const wrong: [string, unknown][] = [
    ["null", null],
    ["an array", []],
    ["text", "{}"],
    ...Object.keys(RECORD).filter((key) => key !== "remote").map((key): [string, unknown] => {
      const { [key as keyof RunRecord]: _, ...rest } = RECORD;
      return [`no ${key}`, rest];
    }),
    ["another schema", { ...RECORD, schema: 2 }],
    ["a negative count", { ...RECORD, filesCopied: -1 }],
    ["half a file", { ...RECORD, filesCopied: 0.5 }],
    ["a time that is text", { ...RECORD, durationMs: "1" }],
    ["an endless time", { ...RECORD, durationMs: 1e300 }],
    ["no workers", { ...RECORD, workers: 0 }],
    ["another path", { ...RECORD, path: "tar" }],
    ["a path for a file system", { ...RECORD, profile: { ...RECORD.profile, sourceFs: "/etc" } }],
    ["a wrong remote part", { ...RECORD, remote: { ...RECORD.remote, streams: 1e9 } }],
    ["a remote part that is null", { ...RECORD, remote: null }],
    ["fields that are only inherited", Object.create(RECORD)],
  ];
  for (const [name, value] of wrong) {
    await t.step(name, () => assert.equal(parseRunRecord(value), null));
  }
});

Deno.test("profiles that differ in anything have different keys", () => {
  const key = profileKey(RECORD.profile);
  assert.equal(profileKey({ ...RECORD.profile }), key);
  assert.notEqual(profileKey({ ...RECORD.profile, fsync: false }), key);
  assert.notEqual(profileKey({ ...RECORD.profile, remote: undefined }), key);
});
