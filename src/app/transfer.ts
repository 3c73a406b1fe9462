/**
 * Transfer: from two arguments to a summary. Locates, guards, asks, opens the trees, runs the engine, keeps the
 * history.
 *
 * @module
 */
import { Kind, NO_PARENT } from "../core/entry_block.ts";
import { BlitError } from "../core/error.ts";
import type { RunListener } from "../core/events.ts";
import type { RunOptions } from "../core/options.ts";
import { newRunId } from "../core/staged_name.ts";
import { BatchBuilder, Op, WorkBatch } from "../core/work_batch.ts";
import type { EngineRequest, EngineResult } from "../engine/request.ts";
import { type Tree, Walk } from "../engine/tree.ts";
import { beginnings } from "./begin.ts";
import { locateCaseChange } from "./case_change.ts";
import type { FileList } from "./file_list.ts";
import { guardEmptySource, guardOptions, guardPlaces, guardTrees, isEmptyTree } from "./guard.ts";
import { appendHistory, loadHistory } from "./history.ts";
import { locate, type Located } from "./locate.ts";
import { locationAbove, locationText, nameOf, type RemoteLocation, sameHost } from "./location.ts";
import { Places } from "./places.ts";
import type { RemoteSettings } from "./remote_hosts.ts";

/** One transfer, as asked for. */
export interface TransferRequest {
  /** SRC and DST as typed. */
  readonly source: string;
  readonly destination: string;
  readonly options: RunOptions;
  /** Folder that relative paths start from; absolute. */
  readonly cwd: string;
  /** Folder of history, known hosts and tokens; left out, no history is read or kept, and no daemon is reached. */
  readonly configDir?: string;
  /** Content goes over the control plane, whatever could be reached. */
  readonly forceControlPlane?: boolean;
  /** Decides about a daemon that nothing is known of; left out, the answer is no. */
  readonly askUnknown?: RemoteSettings["ask"];
  /** Path of a list of what takes part, `-` for standard input. */
  readonly filesFrom?: string;
  /** Send an `item` event for each planned entry. */
  readonly emitItems?: boolean;
  readonly listener?: RunListener;
  readonly signal?: AbortSignal;
  /** Told where things go, before anything is opened. */
  readonly onLocated?: (located: Located) => void;
  /** Asked before something may be deleted; left out, the answer is yes. Never asked in a dry run. */
  readonly confirm?: (located: Located) => Promise<boolean>;
}

/** The engine's result, and where things went. */
export interface TransferResult extends EngineResult {
  /** Where source and destination were found to be. */
  readonly located: Located;
}

/**
 * Runs a transfer.
 *
 * @returns the result; single failures are in its summary
 * @throws {BlitError} what stopped it before it began: `usage`, `refused`, `not_found`, `unsupported`, ...
 */
export async function transfer(request: TransferRequest): Promise<TransferResult> {
  const { options, cwd } = request;
  guardOptions(options, request.filesFrom !== undefined);
  if (options.filter.rules.length > 0) {
    // A bad pattern is an error before anything is opened, let alone made.
    (await import("../engine/filter.ts")).Filter.compile(options.filter);
  }
  const runId = newRunId();
  const notices: string[] = [];
  const warn = (message: string) => {
    notices.push(message);
    request.listener?.({ type: "warning", message });
  };
  const places: Places = new Places({
    maxThreads: options.maxThreads,
    remote: remoteSettings(request, warn, beginnings(request, runId, () => places.trees())),
    // Loading takes the processor as long as a daemon far away takes for two answers.
    meanwhile: () => {
      for (const loaded of [places.trees(), import("../engine/run.ts")]) loaded.catch(() => {});
    },
  });
  try {
    const named = await locate(request.source, request.destination, cwd, places.look);
    const respelled = options.mode === "move"
      ? await locateCaseChange(named, request.destination, cwd)
      : null;
    const located = respelled ?? named;
    if (located.single && request.filesFrom !== undefined) throw noFolder(located);
    if (respelled === null) await guardPlaces(located, options);
    const between = daemonsOf(located, options);
    if (between !== null) {
      if (options.filter.keep !== undefined) {
        throw new BlitError(
          "unsupported",
          "A filter that is a function can't be sent to the daemons that this copy runs between. Use filter.rules.",
          { operation: "use the filter" },
        );
      }
      const { checkDelegation } = await import("./delegate.ts");
      await checkDelegation(places, between.from, between.to, options.mode);
    }
    request.onLocated?.(located);
    const { notice } = await places.trees();
    if (notice !== null) warn(notice);
    const source = await places.open(located.sourceRoot);
    try {
      const walk = new Walk();
      if (!located.single) await guardEmptySource(source, options, walk);
      const result = await runFrom(source, places, located, { ...request, runId, walk, notices });
      if (movedAway(result, options)) await removeEmptied(places, located);
      return result;
    } finally {
      await source.close();
    }
  } finally {
    await places.close();
  }
}

function noFolder({ sourceDisplay }: Located): BlitError {
  return new BlitError(
    "usage",
    `--files-from names paths in a folder, and "${sourceDisplay}" is none. Give the folder as SRC, or leave the list out.`,
    { operation: "use the list of files", path: sourceDisplay },
  );
}

function remoteSettings(
  request: TransferRequest,
  onWarning: (message: string) => void,
  begin: RemoteSettings["begin"],
): RemoteSettings | undefined {
  const { configDir, options, listener } = request;
  if (configDir === undefined) return undefined;
  return {
    configDir,
    purpose: options.mode,
    retries: options.retries,
    retryWaitMs: options.retryWaitMs,
    signal: request.signal,
    forceControlPlane: request.forceControlPlane ?? false,
    ask: request.askUnknown,
    begin,
    onWarning,
    onWaiting: (what) => listener?.({ type: "waiting", what }),
  };
}

async function runFrom(
  source: Tree,
  places: Places,
  located: Located,
  request: TransferRequest & Pick<EngineRequest, "runId" | "walk" | "notices">,
): Promise<TransferResult> {
  const list = await openList(request);
  let destination: Tree | null = null;
  try {
    destination = await openDestination(places, located, request);
    const { options, configDir } = request;
    await guardTrees(source, destination, located, options.mode);
    const [{ run }, history] = await Promise.all([
      import("../engine/run.ts"),
      configDir === undefined ? [] : loadHistory(configDir),
    ]);
    const engineRequest: EngineRequest = {
      source,
      destination,
      options,
      runId: request.runId,
      walk: request.walk,
      single: located.single,
      paths: list?.paths,
      listener: request.listener,
      notices: request.notices,
      emitItems: request.emitItems ?? false,
      signal: request.signal ?? new AbortController().signal,
      history,
      cores: navigator.hardwareConcurrency,
    };
    const between = daemonsOf(located, options);
    const result = between === null
      ? await run(engineRequest)
      : await runBetween(run, engineRequest, between, request.forceControlPlane ?? false);
    if (configDir !== undefined && result.record !== null) {
      await appendHistory(configDir, result.record);
    }
    return { ...result, located };
  } finally {
    await list?.close();
    await destination?.close();
  }
}

/** The list of what takes part; null where there is none. */
async function openList({ filesFrom, cwd }: TransferRequest): Promise<FileList | null> {
  if (filesFrom === undefined) return null;
  const { openFileList } = await import("./file_list.ts");
  return await openFileList(filesFrom, cwd);
}

/** Has one daemon copy from the other; a move is verified, and its source removed, from here. */
async function runBetween(
  run: (request: EngineRequest) => Promise<EngineResult>,
  request: EngineRequest,
  between: { readonly from: RemoteLocation; readonly to: RemoteLocation },
  forceControlPlane: boolean,
): Promise<EngineResult> {
  const { delegate } = await import("./delegate.ts");
  const { source, destination, options } = request;
  const { ignoreExisting, update } = options.compare;
  // What they leave alone there is to stay here.
  const leaves = options.mode === "move" && (ignoreExisting || update);
  const carry = (listener: EngineRequest["listener"]) =>
    delegate({
      ...between,
      source,
      destination,
      forceControlPlane,
      request: {
        ...request,
        listener,
        notices: [],
        emitItems: request.emitItems || leaves,
      },
    });
  if (options.mode === "move") {
    const result = await run({ ...request, carry });
    // What there is to learn from was the daemons' doing.
    return { ...result, record: null };
  }
  const result = await carry(request.listener);
  const { summary } = result;
  const warnings = [...request.notices ?? [], ...summary.warnings];
  return { ...result, summary: { ...summary, warnings } };
}

/**
 * The two daemons between which content would have to pass this machine, if one didn't pull from the other; null where
 * there are none, or no content goes.
 */
function daemonsOf(
  { sourceRoot: from, destinationRoot: to }: Located,
  options: RunOptions,
): { readonly from: RemoteLocation; readonly to: RemoteLocation } | null {
  if (from.kind === "local" || to.kind === "local" || sameHost(from, to)) return null;
  return options.mode === "check" || options.dryRun || options.discard ? null : { from, to };
}

/** Whether a directory was moved that was itself named, so that nothing of it is to stay. */
function movedAway({ located, summary }: TransferResult, options: RunOptions): boolean {
  return options.mode === "move" && !options.dryRun && summary.outcome === "done" &&
    !located.single && !located.contents;
}

/** Removes the directory that a move has emptied; what came into it meanwhile keeps it. */
async function removeEmptied(places: Places, { sourceRoot }: Located): Promise<void> {
  const above = locationAbove(sourceRoot);
  // A module's own root stays.
  if (above === null) return;
  const parent = await places.open(above);
  try {
    const name = nameOf(sourceRoot);
    const now = await parent.stat([name]);
    if (now.status(0) !== 0 || now.kind(0) !== Kind.directory) return;
    const run = parent.beginRun(0n, new AbortController().signal);
    const builder = new BatchBuilder(Op.remove, 1);
    const inode = now.inode(0);
    builder.items.add({ name, kind: Kind.directory, inode, parent: NO_PARENT });
    await parent.run(new WorkBatch(builder.finish()), null, run);
    parent.endRun(run);
  } finally {
    await parent.close();
  }
}

/** Opens the destination as the run needs it; makes it last, when nothing stands against the run any more. */
async function openDestination(
  places: Places,
  located: Located,
  request: TransferRequest,
): Promise<Tree> {
  const { options } = request;
  const { destinationRoot } = located;
  const exists = await places.look(destinationRoot, true) !== null;
  if (options.discard || (options.dryRun && !exists)) {
    return await openMissing(places, located, options.discard);
  }
  if (options.mode === "check" && !exists) {
    const path = locationText(destinationRoot);
    throw new BlitError(
      "not_found",
      `Cannot read "${path}": No such file or directory (ENOENT). Check the path.`,
      { operation: "read", path },
    );
  }
  if (options.mode === "check" || options.dryRun) return await places.open(destinationRoot);
  if (request.confirm && await mayDelete(places, located, options, exists)) {
    if (!await request.confirm(located)) {
      throw new BlitError("refused", "Nothing was changed.", { operation: options.mode });
    }
    request.signal?.throwIfAborted();
  }
  return await places.open(destinationRoot, true);
}

/** Whether this run, as far as can be told before it, deletes something. */
async function mayDelete(
  places: Places,
  located: Located,
  options: RunOptions,
  exists: boolean,
): Promise<boolean> {
  if (options.mode === "move") return true;
  if (options.mode !== "mirror" || located.single || !exists) return false;
  const destination = await places.open(located.destinationRoot);
  try {
    return !await isEmptyTree(destination);
  } finally {
    await destination.close();
  }
}

async function openMissing(places: Places, located: Located, discards: boolean): Promise<Tree> {
  const { destinationRoot } = located;
  const { MissingTree } = await import("./missing_tree.ts");
  const above = await places.open(await places.nearest(destinationRoot));
  return new MissingTree(above, locationText(destinationRoot), discards);
}
