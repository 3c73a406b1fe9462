/**
 * blit as a library: copy, mirror, move and check file trees, with the same engine as the command.
 *
 * ```ts
 * import { copy } from "@blit/cli/lib";
 *
 * const { summary } = await copy("photos/", "/mnt/nas/photos", {
 *   listener: (event) => {
 *     if (event.type === "progress") console.log(event.bytesDone, event.bytesTotal);
 *   },
 * });
 * console.log(summary.filesTransferred);
 * ```
 *
 * @module
 */
import { type MemoryFolder, runInMemory } from "./src/app/memory_folder.ts";
import { transfer, type TransferResult } from "./src/app/transfer.ts";
import { workingDirectory } from "./src/app/working_directory.ts";
import type { RunListener } from "./src/core/events.ts";
import {
  type CompareOptions,
  defaultOptions,
  type DeleteOptions,
  type FilterRules,
  type Mode,
  type RunOptions,
} from "./src/core/options.ts";
import type { EngineResult } from "./src/engine/request.ts";

export {
  BlitError,
  type BlitErrorInit,
  type ErrorKind,
  EXIT_CODE,
  STATUS,
} from "./src/core/error.ts";
export { EVENT_SCHEMA } from "./src/core/events.ts";
export type {
  Failure,
  ItemAction,
  ItemReason,
  Outcome,
  Phase,
  Progress,
  RunEvent,
  RunListener,
  Summary,
} from "./src/core/events.ts";
export type {
  CompareOptions,
  DeleteOptions,
  FilterEntry,
  FilterRule,
  FilterRules,
  MaxDelete,
  Mode,
  RunOptions,
} from "./src/core/options.ts";
export { RUN_RECORD_SCHEMA } from "./src/core/run_record.ts";
export type { RemoteFacts, RunProfile, RunRecord } from "./src/core/run_record.ts";
export { COPY_METHODS, type CopyMethod } from "./src/core/work_batch.ts";
export { type MemoryFiles, MemoryFolder } from "./src/app/memory_folder.ts";
export type { EngineResult } from "./src/engine/request.ts";
export { displayName, nameToText, type RelPath } from "./src/core/rel_path.ts";
export type { Located } from "./src/app/locate.ts";
export type { Location, RemoteLocation } from "./src/app/location.ts";
export type { TransferResult } from "./src/app/transfer.ts";

/** Options of a run; what is left out has its default. */
export interface TransferOptions
  extends Partial<Omit<RunOptions, "mode" | "compare" | "filter" | "delete">> {
  /** How existing files are judged. */
  readonly compare?: Partial<CompareOptions>;
  /** Which entries take part. */
  readonly filter?: Partial<FilterRules>;
  /** What a mirror deletes, and when it refuses. */
  readonly delete?: Partial<DeleteOptions>;
  /** Told what happens, on the engine's own turn: it must be quick. */
  readonly listener?: RunListener;
  /** Send an `item` event for each planned entry; off by default, since it costs. */
  readonly emitItems?: boolean;
  /** Aborting ends the run within a second; the summary's outcome is then `interrupted`. */
  readonly signal?: AbortSignal;
  /** Folder that relative paths start from; the process's, where left out. */
  readonly cwd?: string;
  /** Folder of the history that predictions come from; where left out, none is read or kept. */
  readonly configDir?: string;
  /** Path of a list of what takes part; see `--files-from`. */
  readonly filesFrom?: string;
}

/**
 * Copies a file or a folder. Nothing is deleted.
 *
 * @param source `SRC/` means what is in it, `SRC` the entry itself
 * @param destination where it goes; a folder SRC lands as `DST/name`, whether or not DST exists
 * @returns the result; single failures are in its summary, what ended the run as a whole in `error`
 * @throws {BlitError} what stopped it before it began: `usage`, `refused`, `not_found`, `permission`, ...
 */
export function copy(
  source: string,
  destination: string,
  options?: TransferOptions,
): Promise<TransferResult>;
/**
 * Copies between a folder in memory and another folder, in memory or on this machine: what is in one goes into the other.
 *
 * @param source a folder in memory, or the path of one; a slash behind it makes no difference
 * @param destination the same
 * @throws {BlitError} as with two paths; `unsupported` for a daemon's place
 */
export function copy(
  source: string | MemoryFolder,
  destination: string | MemoryFolder,
  options?: TransferOptions,
): Promise<EngineResult>;
export function copy(
  source: string | MemoryFolder,
  destination: string | MemoryFolder,
  options: TransferOptions = {},
): Promise<EngineResult> {
  return runMode("copy", source, destination, options);
}

/**
 * Copies, then deletes at the destination what the source doesn't have. Nobody is asked.
 *
 * @param source as in {@link copy}
 * @param destination as in {@link copy}
 * @returns as {@link copy}
 * @throws {BlitError} as {@link copy}; `refused` for an empty source and protected targets
 */
export function mirror(
  source: string,
  destination: string,
  options?: TransferOptions,
): Promise<TransferResult>;
/**
 * Mirrors between a folder in memory and another folder; as {@link copy} with one.
 *
 * @param source a folder in memory, or the path of one; a slash behind it makes no difference
 * @param destination the same
 * @throws {BlitError} as with two paths; `unsupported` for a daemon's place
 */
export function mirror(
  source: string | MemoryFolder,
  destination: string | MemoryFolder,
  options?: TransferOptions,
): Promise<EngineResult>;
export function mirror(
  source: string | MemoryFolder,
  destination: string | MemoryFolder,
  options: TransferOptions = {},
): Promise<EngineResult> {
  return runMode("mirror", source, destination, options);
}

/**
 * Moves: renames within a file system; across two copies, verifies, and only then removes the source. Nobody is asked.
 *
 * @param source as in {@link copy}
 * @param destination as in {@link copy}
 * @returns as {@link copy}
 * @throws {BlitError} as {@link copy}; `usage` for filters
 */
export function move(
  source: string,
  destination: string,
  options: TransferOptions = {},
): Promise<TransferResult> {
  return runMode("move", source, destination, options);
}

/**
 * Compares two trees by content; changes nothing.
 *
 * @param source as in {@link copy}
 * @param destination as in {@link copy}
 * @returns the result; `summary.differences` counts, `summary.outcome` is `different` where there are any
 * @throws {BlitError} as {@link copy}
 */
export function check(
  source: string,
  destination: string,
  options?: TransferOptions,
): Promise<TransferResult>;
/**
 * Compares a folder in memory with another folder; as {@link copy} with one.
 *
 * @param source a folder in memory, or the path of one; a slash behind it makes no difference
 * @param destination the same
 * @throws {BlitError} as with two paths; `unsupported` for a daemon's place
 */
export function check(
  source: string | MemoryFolder,
  destination: string | MemoryFolder,
  options?: TransferOptions,
): Promise<EngineResult>;
export function check(
  source: string | MemoryFolder,
  destination: string | MemoryFolder,
  options: TransferOptions = {},
): Promise<EngineResult> {
  return runMode("check", source, destination, options);
}

function runMode(
  mode: Mode,
  source: string,
  destination: string,
  given: TransferOptions,
): Promise<TransferResult>;
function runMode(
  mode: Mode,
  source: string | MemoryFolder,
  destination: string | MemoryFolder,
  given: TransferOptions,
): Promise<EngineResult>;
function runMode(
  mode: Mode,
  source: string | MemoryFolder,
  destination: string | MemoryFolder,
  given: TransferOptions,
): Promise<EngineResult> {
  const { listener, emitItems, signal, cwd = workingDirectory(), configDir, filesFrom, ...own } =
    given;
  const defaults = defaultOptions(mode);
  const options: RunOptions = {
    ...defaults,
    ...own,
    compare: { ...defaults.compare, checksum: mode === "check", ...own.compare },
    filter: { ...defaults.filter, ...own.filter },
    delete: { ...defaults.delete, ...own.delete },
  };
  if (typeof source === "string" && typeof destination === "string") {
    const request = { source, destination, options, cwd, listener, emitItems, signal };
    return transfer({ ...request, configDir, filesFrom });
  }
  return runInMemory({
    source,
    destination,
    options,
    cwd,
    listener,
    emitItems: emitItems ?? false,
    signal: signal ?? new AbortController().signal,
  });
}
