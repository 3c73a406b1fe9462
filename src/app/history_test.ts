import assert from "node:assert/strict";
import { join } from "node:path";
import { BlitError } from "../core/error.ts";
import { RUN_RECORD_SCHEMA, type RunRecord } from "../core/run_record.ts";
import {
  appendHistory,
  clearHistory,
  HISTORY_FILE,
  HISTORY_VARIABLE,
  isHistoryEnabled,
  listHistory,
  loadHistory,
  setHistoryEnabled,
} from "./history.ts";

function record(atMs: number, more: Partial<RunRecord> = {}): RunRecord {
  return {
    schema: RUN_RECORD_SCHEMA,
    atMs,
    profile: {
      sourceFs: "ext4",
      destinationFs: "ext4",
      implementation: "native",
      mode: "copy",
      checksum: false,
      fsync: false,
      discard: false,
    },
    entriesExamined: 1,
    filesCopied: 1,
    bytesCopied: 1,
    entriesDeleted: 0,
    planningMs: 1,
    transferMs: 1,
    durationMs: 1,
    workers: 1,
    batchFiles: 1,
    batchBytes: 1,
    path: "direct",
    predictedPlanningMs: null,
    predictedTransferMs: null,
    predictedDurationMs: null,
    ...more,
  };
}

async function inFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "blit-history-" });
  try {
    await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const times = (records: readonly RunRecord[]) => records.map(({ atMs }) => atMs);

Deno.test("records are read back in their order, of one profile where asked", () =>
  inFolder(async (folder) => {
    const configDir = join(folder, "not", "there");
    assert.deepEqual(await loadHistory(configDir), []);
    const other = { ...record(2).profile, destinationFs: "xfs" };
    await appendHistory(configDir, record(1));
    await appendHistory(configDir, record(2, { profile: other }));
    await appendHistory(configDir, record(3));
    assert.deepEqual(await loadHistory(configDir), [
      record(1),
      record(2, { profile: other }),
      record(3),
    ]);
    assert.deepEqual(times(await loadHistory(configDir, record(0).profile)), [1, 3]);
    assert.deepEqual(times((await listHistory(configDir, 2)).records), [2, 3]);
  }));

Deno.test({
  name: "the history is its owner's alone",
  ignore: Deno.build.os === "windows",
  fn: () =>
    inFolder(async (folder) => {
      await appendHistory(folder, record(1));
      assert.equal((await Deno.stat(join(folder, HISTORY_FILE))).mode! & 0o777, 0o600);
    }),
});

Deno.test("lines that are no record are counted and passed over, and a cut line spoils no other", () =>
  inFolder(async (folder) => {
    const good = JSON.stringify(record(1));
    await Deno.writeTextFile(
      join(folder, HISTORY_FILE),
      `${good}\n\nnonsense\n{"schema":99}\n\xff\n${good.slice(0, 40)}`,
    );
    await appendHistory(folder, record(2));
    const { records, skipped } = await listHistory(folder);
    assert.deepEqual(times(records), [1, 2]);
    assert.equal(skipped, 4);
  }));

Deno.test("the newest half stays when the history outgrows 1 MiB", () =>
  inFolder(async (folder) => {
    const path = join(folder, HISTORY_FILE);
    const line = (atMs: number) => `${JSON.stringify(record(atMs))}\n`;
    // All of one length.
    const first = 1_000_000;
    const count = Math.ceil((1 << 20) / line(first).length) + 1;
    await Deno.writeTextFile(
      path,
      Array.from({ length: count }, (_, i) => line(first + i)).join(""),
    );
    await appendHistory(folder, record(first + count));
    const { size, mode } = await Deno.stat(path);
    assert.ok(size > (1 << 19) - 1000 && size <= 1 << 19, `${size}`);
    if (mode !== null && Deno.build.os !== "windows") assert.equal(mode & 0o777, 0o600);
    const { records, skipped } = await listHistory(folder);
    assert.equal(skipped, 0);
    assert.equal(records.at(-1)!.atMs, first + count);
    assert.deepEqual(times(records), times(records).toSorted((a, b) => a - b));
    assert.deepEqual([...Deno.readDirSync(folder)].map(({ name }) => name), [HISTORY_FILE]);
  }));

Deno.test("a huge file is not read whole", () =>
  inFolder(async (folder) => {
    const path = join(folder, HISTORY_FILE);
    await Deno.writeTextFile(path, "");
    await Deno.truncate(path, 3 * 2 ** 30);
    await appendHistory(folder, record(1));
    assert.deepEqual(times((await listHistory(folder)).records), [1]);
    assert.ok((await Deno.stat(path)).size <= 1 << 20);
  }));

Deno.test("processes that append at the same time lose no record", () =>
  inFolder(async (folder) => {
    const module = new URL("./history.ts", import.meta.url);
    const runs = [1, 2, 3].map((process) => {
      const code = `
        const { appendHistory } = await import(${JSON.stringify(module.href)});
        const record = ${JSON.stringify(record(0))};
        for (let i = 0; i < 100; i++) {
          await appendHistory(${JSON.stringify(folder)}, { ...record, atMs: ${process}000 + i });
        }`;
      return new Deno.Command(Deno.execPath(), { args: ["eval", code], stderr: "inherit" })
        .output();
    });
    for (const { success } of await Promise.all(runs)) assert.ok(success);
    const { records, skipped } = await listHistory(folder);
    assert.equal(skipped, 0);
    assert.equal(new Set(times(records)).size, 300);
  }));

Deno.test("no record is lost while the history is shortened", () =>
  inFolder(async (folder) => {
    const filler = `${JSON.stringify(record(1))}\n`;
    await Deno.writeTextFile(join(folder, HISTORY_FILE), filler.repeat((1 << 20) / filler.length));
    await Promise.all(Array.from({ length: 40 }, (_, i) => appendHistory(folder, record(100 + i))));
    const kept = times((await listHistory(folder)).records).filter((atMs) => atMs >= 100);
    // Windows doesn't replace a file that is open: what comes in that moment is lost there.
    if (Deno.build.os === "windows") assert.ok(kept.length >= 30, `${kept.length}`);
    else assert.equal(kept.length, 40);
  }));

Deno.test("the switch and the environment turn the history off, and clearing empties it", () =>
  inFolder(async (folder) => {
    await appendHistory(folder, record(1));
    setHistoryEnabled(folder, false);
    assert.equal(isHistoryEnabled(folder), false);
    await appendHistory(folder, record(2));
    assert.deepEqual(await loadHistory(folder), []);
    setHistoryEnabled(folder, true);
    setHistoryEnabled(folder, true);
    assert.equal(isHistoryEnabled(folder), true);
    assert.deepEqual(times(await loadHistory(folder)), [1]);
    const before = Deno.env.get(HISTORY_VARIABLE);
    Deno.env.set(HISTORY_VARIABLE, "1");
    try {
      assert.equal(isHistoryEnabled(folder), false);
      await appendHistory(folder, record(3));
    } finally {
      if (before === undefined) Deno.env.delete(HISTORY_VARIABLE);
      else Deno.env.set(HISTORY_VARIABLE, before);
    }
    assert.deepEqual(times((await listHistory(folder)).records), [1]);
    assert.equal(clearHistory(folder), true);
    assert.equal(clearHistory(folder), false);
  }));

Deno.test("a history that can't be written or read disturbs no run", () =>
  inFolder(async (folder) => {
    const configDir = join(folder, "file");
    await Deno.writeTextFile(configDir, "");
    const notes: string[] = [];
    await appendHistory(configDir, record(1), (note) => notes.push(note));
    assert.match(notes[0], /^The history could not be written: /);
    await Deno.mkdir(join(folder, HISTORY_FILE));
    assert.deepEqual(await loadHistory(folder, undefined, (note) => notes.push(note)), []);
    // Windows opens a folder like an empty file.
    if (Deno.build.os !== "windows") {
      assert.match(notes[1], /^The history could not be read: /);
      await assert.rejects(listHistory(folder), BlitError);
    }
    assert.throws(() => setHistoryEnabled(configDir, false), BlitError);
  }));
