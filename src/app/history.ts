/**
 * History: one JSON line for each run, in `perf_local.jsonl` in the configuration folder.
 *
 * It holds sizes, counts, times and profiles, no paths and no names, and is never sent anywhere. It is
 * kept near 1 MiB: when it grows over that, the newest half stays. `BLIT_DISABLE_PERF_HISTORY=1` or the
 * switch of `blit diagnostics perf --disable` turn it off.
 *
 * @module
 */
import { join } from "node:path";
import { parseRunRecord, profileKey, type RunProfile, type RunRecord } from "../core/run_record.ts";
import { ownFileError } from "./named_file.ts";

/** Name of the history's file in the configuration folder. */
export const HISTORY_FILE = "perf_local.jsonl";
/** While a file of this name is in the configuration folder, no history is kept. */
export const HISTORY_SWITCH_FILE = "perf_disabled";
/** The environment variable that turns the history off with the value `1`. */
export const HISTORY_VARIABLE = "BLIT_DISABLE_PERF_HISTORY";

/** Over this size the older half is dropped. */
const MAX_BYTES = 1 << 20;
/** How much of the end is read to predict from, some 130 runs: a start must not wait for more. */
const RECENT_BYTES = 64 << 10;
/** How often, 10 ms apart, the lock is tried before a line is appended without it. */
const LOCK_TRIES = 20;
const LOCK_WAIT_MS = 10;

/** What the history's file holds. */
export interface HistoryContent {
  /** Oldest first. */
  readonly records: readonly RunRecord[];
  /** Lines that are no record: cut short, edited, of another version. */
  readonly skipped: number;
}

/** Told what went wrong where that must not disturb a run. */
export type HistoryDebug = (note: string) => void;

/** Whether runs are recorded and predicted from, by environment and switch. */
export function isHistoryEnabled(configDir: string): boolean {
  if (Deno.env.get(HISTORY_VARIABLE) === "1") return false;
  try {
    Deno.statSync(join(configDir, HISTORY_SWITCH_FILE));
    return false;
  } catch {
    return true;
  }
}

/**
 * Turns the history on or off for good. What was recorded stays.
 *
 * @throws {BlitError} `permission`, `no_space` and the like
 */
export function setHistoryEnabled(configDir: string, enabled: boolean): void {
  const path = join(configDir, HISTORY_SWITCH_FILE);
  if (enabled) {
    removeIfThere(path);
    return;
  }
  try {
    Deno.mkdirSync(configDir, { recursive: true, mode: 0o700 });
    Deno.writeTextFileSync(path, "blit diagnostics perf --enable removes this file.\n");
  } catch (error) {
    throw ownFileError(error, "create", path);
  }
}

/**
 * Removes everything that was recorded.
 *
 * @returns whether there was anything
 * @throws {BlitError} `permission` and the like
 */
export function clearHistory(configDir: string): boolean {
  return removeIfThere(join(configDir, HISTORY_FILE));
}

/**
 * Reads the latest records to predict from; never fails.
 *
 * @param profile leaves out records of others
 * @returns oldest first; nothing where the history is turned off or can't be read
 */
export async function loadHistory(
  configDir: string,
  profile?: RunProfile,
  debug: HistoryDebug = () => {},
): Promise<readonly RunRecord[]> {
  if (!isHistoryEnabled(configDir)) return [];
  try {
    const { records } = parse(await readEnd(join(configDir, HISTORY_FILE), RECENT_BYTES));
    if (!profile) return records;
    const key = profileKey(profile);
    return records.filter((record) => profileKey(record.profile) === key);
  } catch (error) {
    debug(`The history could not be read: ${wordsOf(error)}`);
    return [];
  }
}

/**
 * Lists what was recorded, for people.
 *
 * @param limit how many of the latest; 0: all
 * @throws {BlitError} `permission` and the like
 */
export async function listHistory(configDir: string, limit = 0): Promise<HistoryContent> {
  const path = join(configDir, HISTORY_FILE);
  try {
    const { records, skipped } = parse(await readEnd(path, MAX_BYTES * 2));
    return { records: limit > 0 ? records.slice(-limit) : records, skipped };
  } catch (error) {
    throw ownFileError(error, "read", path);
  }
}

/**
 * Adds a record; never fails. To be called when a run's work is done.
 *
 * Processes may append at the same time: a line is one write to a file opened for appending, and the
 * shortening is done under a lock.
 */
export async function appendHistory(
  configDir: string,
  record: RunRecord,
  debug: HistoryDebug = () => {},
): Promise<void> {
  if (!isHistoryEnabled(configDir)) return;
  try {
    Deno.mkdirSync(configDir, { recursive: true, mode: 0o700 });
    await appendLine(join(configDir, HISTORY_FILE), JSON.stringify(record));
  } catch (error) {
    debug(`The history could not be written: ${wordsOf(error)}`);
  }
}

async function appendLine(path: string, line: string): Promise<void> {
  for (let attempt = 0;; attempt++) {
    using file = await Deno.open(path, { read: true, append: true, create: true, mode: 0o600 });
    const locked = await tryLock(file);
    // Whoever held the lock may have put a shortened file in this one's place.
    if (attempt < 3 && !await isStill(path, file)) continue;
    const { size } = await file.stat();
    // A process that was killed while it wrote leaves half a line; it must not spoil this one.
    const start = size > 0 && !await endsLine(file, size) ? "\n" : "";
    await file.write(new TextEncoder().encode(`${start}${line}\n`));
    if (locked && size > MAX_BYTES) await shorten(path, file);
    return;
  }
}

async function tryLock(file: Deno.FsFile): Promise<boolean> {
  for (let i = 0; i < LOCK_TRIES; i++) {
    if (await file.tryLock(true)) return true;
    await new Promise((resolve) => setTimeout(resolve, LOCK_WAIT_MS));
  }
  // A process that is stopped while it holds the lock must not hold up every other one.
  return false;
}

async function isStill(path: string, file: Deno.FsFile): Promise<boolean> {
  try {
    const [there, here] = await Promise.all([Deno.stat(path), file.stat()]);
    return there.ino === here.ino && there.dev === here.dev;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

async function endsLine(file: Deno.FsFile, size: number): Promise<boolean> {
  const last = new Uint8Array(1);
  await file.seek(size - 1, Deno.SeekMode.Start);
  await file.read(last);
  return last[0] === 10;
}

/** Puts the newest half in the file's place. */
async function shorten(path: string, file: Deno.FsFile): Promise<void> {
  // Through the handle that has the lock: on Windows no other can read what is locked.
  const text = await endOf(file, MAX_BYTES / 2);
  // Nor is a file replaced that is open. What another run appends in this moment is lost there.
  if (Deno.build.os === "windows") file.close();
  const half = `${path}.${Deno.pid}.tmp`;
  try {
    await Deno.writeTextFile(half, text, { mode: 0o600 });
    await Deno.rename(half, path);
  } catch (error) {
    removeIfThere(half);
    throw error;
  }
}

/** The last `mostBytes` of a file, from the beginning of a line on; `""` where there is no file. */
async function readEnd(path: string, mostBytes: number): Promise<string> {
  let file: Deno.FsFile;
  try {
    file = await Deno.open(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
      return "";
    }
    throw error;
  }
  using _closing = file;
  return await endOf(file, mostBytes);
}

async function endOf(file: Deno.FsFile, mostBytes: number): Promise<string> {
  const { size } = await file.stat();
  // One byte more tells whether a line begins just there.
  const start = Math.max(0, size - mostBytes - 1);
  await file.seek(start, Deno.SeekMode.Start);
  const bytes = new Uint8Array(size - start);
  let length = 0;
  while (length < bytes.length) {
    const read = await file.read(bytes.subarray(length));
    if (read === null) break;
    length += read;
  }
  const text = new TextDecoder().decode(bytes.subarray(0, length));
  return start === 0 ? text : text.slice(text.indexOf("\n") + 1);
}

function parse(text: string): HistoryContent {
  const records: RunRecord[] = [];
  let skipped = 0;
  for (const line of text.split("\n")) {
    if (line === "") continue;
    const record = parseRunRecord(parseJson(line));
    if (record) records.push(record);
    else skipped++;
  }
  return { records, skipped };
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return null;
  }
}

function removeIfThere(path: string): boolean {
  try {
    Deno.removeSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
      return false;
    }
    throw ownFileError(error, "remove", path);
  }
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
