/**
 * Delegate: a copy between two daemons, of which the destination's pulls from the source's. This machine says what is to be
 * done, shows what is done, and can end it; content never comes here.
 *
 * @module
 */
import { BlitError } from "../core/error.ts";
import type { Mode } from "../core/options.ts";
import { pause } from "../core/pause.ts";
import { nameToBytes, type RelPath } from "../core/rel_path.ts";
import type { RunRecord } from "../core/run_record.ts";
import type { EngineRequest, EngineResult } from "../engine/request.ts";
import type { Tree } from "../engine/tree.ts";
import { hostDisplay } from "../rpc/dial.ts";
import { parsePullNews } from "../rpc/pull_events.ts";
import { formatPullOrder, MOST_HISTORY } from "../rpc/pull_order.ts";
import { RemoteTree } from "../rpc/remote_tree.ts";
import type { Session } from "../rpc/session.ts";
import { isBroken } from "../rpc/session_keeper.ts";
import type { Capability } from "../rpc/version.ts";
import { locationText, type RemoteLocation } from "./location.ts";
import type { Places } from "./places.ts";
import { nameOfHost } from "./remote_hosts.ts";

/** After Ctrl-C the daemon has this long to say how far it came. */
const GOODBYE_MS = 2_000;

/** A copy between two daemons. */
export interface DelegatedRun {
  readonly from: RemoteLocation;
  readonly to: RemoteLocation;
  /** Opened by this machine, for looking at it; its session stays open while the copy runs. */
  readonly source: Tree;
  readonly destination: Tree;
  /** Content goes over the control plane between the daemons too. */
  readonly forceControlPlane: boolean;
  /** The run; its trees are the ones above. */
  readonly request: EngineRequest;
}

/**
 * Asks both daemons whether the one may pull from the other.
 *
 * @param mode a move needs the right to delete at the source too
 * @throws {BlitError} `mismatch` where one of them is too old; `permission` with the setting that allows it
 */
export async function checkDelegation(
  places: Places,
  from: RemoteLocation,
  to: RemoteLocation,
  mode: Mode,
): Promise<void> {
  const hosts = await places.hosts();
  const [source, destination] = await Promise.all([hosts.keeper(from), hosts.keeper(to)]);
  for (const { session } of [source, destination]) {
    const needed: Capability = mode === "move" ? "pull-move" : "pull";
    if (session.agreement.capabilities.has(needed)) continue;
    throw new BlitError(
      "mismatch",
      `${session.connection.display} can't ${mode} to or from another daemon. ` +
        "Install this version of blit there, or copy to this machine first.",
      { operation: mode },
    );
  }
  const { rights, readOnly } = source.session.welcome;
  // Rather than after the copy, when nothing could be removed any more.
  if (mode === "move" && !rights.includes("delete")) {
    throw new BlitError(
      readOnly ? "read_only" : "permission",
      `Cannot move from ${locationText(from)}: ` +
        (readOnly
          ? "its daemon serves it read-only. Use copy."
          : "your token has no right to delete there. Use copy, or ask for one with --access delete."),
      { operation: "move" },
    );
  }
  const host = nameOfHost(from);
  await destination.retrying((session) =>
    session.call((client, name, signal) => client.checkPull({ session: name, host }, { signal }))
  );
}

/**
 * Has the destination's daemon copy; again, as often as the run's retries allow, where a connection broke: what is there by then
 * isn't copied twice.
 *
 * @throws {BlitError} what stopped it before it began; `disconnected` where a daemon was lost
 */
export async function delegate(run: DelegatedRun): Promise<EngineResult> {
  const { options, listener, signal } = run.request;
  // A list can be read once, and each attempt needs it.
  const paths = run.request.paths && await Array.fromAsync(run.request.paths);
  for (let attempt = 1;; attempt++) {
    const isLast = attempt > options.retries;
    let why: string;
    try {
      const result = await delegateOnce(run, paths);
      const broken = isBroken(result.error) ||
        result.summary.failures.some(({ kind }) => kind === "disconnected");
      if (isLast || !broken || signal.aborted) return result;
      why = result.error?.message ?? "the connection between the daemons broke.";
    } catch (error) {
      if (isLast || !isBroken(error) || signal.aborted) throw error;
      why = error.message;
    }
    listener?.({ type: "waiting", what: `copy ${attempt + 1} of ${options.retries + 1}: ${why}` });
    await pause(options.retryWaitMs, signal);
    signal.throwIfAborted();
  }
}

async function delegateOnce(
  run: DelegatedRun,
  paths: readonly RelPath[] | undefined,
): Promise<EngineResult> {
  const { from, to, request, forceControlPlane } = run;
  const source = remote(run.source), destination = remote(run.destination);
  const [granter, reader] = await Promise.all([source.keeper.live(), destination.keeper.live()]);
  const options = formatPullOrder({
    options: request.options,
    single: request.single,
    paths,
    emitItems: request.emitItems,
    forceControlPlane,
    display: destination.display,
    history: request.history.filter(({ profile }) => profile.remote === "delegated")
      .slice(-MOST_HISTORY)
      .map((record) => ({ ...record, profile: { ...record.profile, remote: "pull" } })),
  });
  const root = await destination.root(reader);
  // The last thing before it is used: it is good for 30 s.
  const readGrant = await grantFor(granter, from, reader);
  const runId = crypto.getRandomValues(new BigUint64Array(1))[0];
  const result = await follow(reader, request, runId, (client, session, signal) =>
    client.pull({
      session,
      root,
      host: nameOfHost(from),
      module: from.module,
      path: nameToBytes(from.path),
      readGrant,
      certificateSha256: granter.connection.dialled.sha256 ?? new Uint8Array(0),
      options,
      runId,
    }, { signal }));
  return {
    ...result,
    record: result.record === null ? null : delegatedRecord(result.record, source.link().hostHash),
  };

  function remote(tree: Tree): RemoteTree {
    if (tree instanceof RemoteTree) return tree;
    throw new BlitError("bug", `Cannot have ${hostDisplay({ ...to, port: to.port ?? 0 })} copy.`);
  }
}

/** A grant to read below a place, for the daemon that has a session's other end, and nobody else. */
async function grantFor(
  granter: Session,
  { path }: RemoteLocation,
  reader: Session,
): Promise<string> {
  const { grant } = await granter.call((client, session, signal) =>
    client.grantRead({
      session,
      path: nameToBytes(path),
      readerCertificateSha256: reader.connection.dialled.sha256 ?? new Uint8Array(0),
    }, { signal })
  );
  return grant;
}

type PullCall = (
  client: Session["streaming"]["client"],
  session: string,
  signal: AbortSignal,
) => AsyncIterable<{ readonly event: string }>;

/** Passes on what the daemon says, until it says the result. */
async function follow(
  session: Session,
  { listener, signal }: EngineRequest,
  runId: bigint,
  call: PullCall,
): Promise<EngineResult> {
  const ending = new AbortController();
  let goodbye: ReturnType<typeof setTimeout> | undefined;
  const cancel = () => {
    session.cancelRun(runId);
    goodbye = setTimeout(() => ending.abort(), GOODBYE_MS);
  };
  signal.throwIfAborted();
  signal.addEventListener("abort", cancel);
  try {
    const { client, session: name } = session.streaming;
    const told = call(client, name, AbortSignal.any([session.signal, ending.signal]));
    for await (const { event } of told) {
      const news = parsePullNews(event);
      if (news?.kind === "event") listener?.(news.event);
      if (news?.kind === "result") {
        listener?.({ type: "summary", summary: news.result.summary });
        return news.result;
      }
    }
  } catch (error) {
    signal.throwIfAborted();
    throw session.error(error);
  } finally {
    clearTimeout(goodbye);
    signal.removeEventListener("abort", cancel);
    ending.abort();
  }
  throw new BlitError(
    "disconnected",
    `${session.connection.display} ended its copy without saying how. Run again: it goes on where it ended.`,
    { operation: "copy" },
  );
}

/** As this machine keeps it: the other daemon named no host. */
function delegatedRecord(record: RunRecord, hostHash: string): RunRecord {
  const { profile, remote } = record;
  return {
    ...record,
    profile: { ...profile, remote: "delegated" },
    ...(remote === undefined ? {} : { remote: { ...remote, hostHash } }),
  };
}
