/**
 * Pull: the daemon copies into a root of its client's session from another daemon. The engine is the client's own; the
 * client hears what it does, and can end it.
 *
 * @module
 */
import { create } from "@bufbuild/protobuf";
import { BlitError } from "../../core/error.ts";
import type { RunEvent } from "../../core/events.ts";
import { displayName, type RelPath } from "../../core/rel_path.ts";
import { run } from "../../engine/run.ts";
import type { EngineResult } from "../../engine/request.ts";
import {
  type PullRequest,
  type PullResponse,
  PullResponseSchema,
} from "../../gen/blit/v1/session_pb.ts";
import { makeProof } from "../../net/proof.ts";
import { pathFromPeer } from "../convert.ts";
import type { HostName } from "../dial.ts";
import { peerText } from "../peer_text.ts";
import { formatPullEvent, formatPullResult } from "../pull_events.ts";
import { parsePullOrder, type PullOrder } from "../pull_order.ts";
import { RemoteTree } from "../remote_tree.ts";
import { SessionKeeper } from "../session_keeper.ts";
import { requireDelegation } from "./delegation.ts";
import type { ServiceHost } from "./host.ts";
import { ModuleTree } from "./module_tree.ts";
import { requireRight } from "./rights.ts";
import type { ActivePull, ServedSession } from "./served_session.ts";

/** Events that may wait for a client that is slow to read them. */
const MOST_WAITING = 500_000;
const LONGEST_MODULE = 256;
/** The history is the client's, and so is the name of the host in it. */
const NO_HOST = "0".repeat(16);

/** Serves one Pull call, to its end or the client's. */
export async function* servePull(
  host: ServiceHost,
  session: ServedSession,
  request: PullRequest,
  signal: AbortSignal,
): AsyncGenerator<PullResponse> {
  const from = requireDelegation(session.spec, request.host);
  requireRight(session, "write", "copy");
  session.root(request.root);
  const order = parsePullOrder(request.options);
  const pull = session.beginPull(request.runId);
  const onGone = () => pull.cancel();
  signal.addEventListener("abort", onGone);
  if (signal.aborted) onGone();
  const events = new EventQueue(() => pull.cancel());
  const done = pullFrom({ host, session, request, from, order, pull, events })
    .finally(() => events.end());
  // It is awaited once its events are sent.
  done.catch(() => {});
  try {
    for await (const event of events) yield create(PullResponseSchema, { event });
    const result = await done;
    yield create(PullResponseSchema, { event: formatPullResult(result) });
  } finally {
    signal.removeEventListener("abort", onGone);
    pull.cancel();
    await done.catch(() => {});
    pull.end();
  }
}

interface PullParts {
  readonly host: ServiceHost;
  readonly session: ServedSession;
  readonly request: PullRequest;
  readonly from: HostName;
  readonly order: PullOrder;
  readonly pull: ActivePull;
  readonly events: EventQueue;
}

async function pullFrom(parts: PullParts): Promise<EngineResult> {
  const { host, session, request, order, pull, events } = parts;
  const { options } = order;
  const notices: string[] = [];
  const warn = (message: string) => {
    notices.push(message);
    events.push({ type: "warning", message });
  };
  const keeper = await openSource(parts);
  try {
    pull.signal.throwIfAborted();
    const source = await RemoteTree.open(keeper, {
      path: "",
      display: sourceDisplay(request),
      hostHash: NO_HOST,
      content: {
        pool: host.pool,
        forceControlPlane: order.forceControlPlane,
        onWarning: warn,
      },
    });
    pull.carriedBy(() => source.link());
    try {
      const root = session.root(request.root);
      return await run({
        source,
        destination: new ModuleTree(root, session, pull, order.display),
        options,
        single: order.single,
        paths: order.paths === undefined ? undefined : each(order.paths),
        listener: (event) => events.push(event),
        notices,
        emitItems: order.emitItems,
        // Only the client's own session at the source may take anything away there.
        keepsSource: options.mode === "move",
        signal: pull.signal,
        history: order.history,
        cores: navigator.hardwareConcurrency,
      });
    } finally {
      await source.close();
    }
  } finally {
    keeper.close();
  }
}

/** Opens the session that the read grant is good for. */
function openSource({ host, request, from, order }: PullParts): Promise<SessionKeeper> {
  const { readGrant: grant, certificateSha256: sha256 } = request;
  const { identity } = host;
  const granterSha256 = sha256.length === 0 ? null : sha256;
  return SessionKeeper.open({
    connect: () => ({
      name: from,
      trust: granterSha256 === null ? { kind: "plain" } : { kind: "pin", sha256: granterSha256 },
      // Nobody's token goes to another daemon: the grant is all there is.
      token: null,
    }),
    session: {
      module: request.module,
      purpose: order.options.mode,
      agent: host.agent,
      idleMs: host.limits().idleMs,
      readGrant: {
        grant,
        proof: identity === null ? null : makeProof(identity, { grant, granterSha256 }),
      },
    },
    // A grant is good once.
    retries: 0,
    retryWaitMs: 0,
  });
}

function sourceDisplay(request: PullRequest): string {
  const below = displayName(pathFromPeer(request.path));
  const host = peerText(request.host, LONGEST_MODULE);
  if (request.module === "") return `${host}://${below}`;
  const module = `${host}:/${peerText(request.module, LONGEST_MODULE)}`;
  return below === "" ? module : `${module}/${below}`;
}

async function* each(paths: readonly RelPath[]): AsyncGenerator<RelPath> {
  yield* await Promise.resolve(paths);
}

/** Events on their way to the client; of progress only the latest waits. */
class EventQueue implements AsyncIterable<string> {
  #waiting: string[] = [];
  #progress: string | null = null;
  #overflow: BlitError | null = null;
  #ended = false;
  #wake: () => void = () => {};
  readonly #onOverflow: () => void;

  /** @param onOverflow told where the client doesn't keep up */
  constructor(onOverflow: () => void) {
    this.#onOverflow = onOverflow;
  }

  push(event: RunEvent): void {
    const text = formatPullEvent(event);
    if (text === null || this.#overflow !== null) return;
    if (event.type === "progress") this.#progress = text;
    else this.#waiting.push(text);
    if (this.#waiting.length > MOST_WAITING) {
      this.#overflow = new BlitError(
        "stalled",
        "The client doesn't read what it is told of its copy, so the daemon ended it. Run again without -v.",
      );
      this.#onOverflow();
    }
    this.#wake();
  }

  end(): void {
    this.#ended = true;
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<string, void, undefined> {
    for (;;) {
      const ready = this.#waiting;
      this.#waiting = [];
      yield* ready;
      const progress = this.#progress;
      this.#progress = null;
      if (progress !== null) yield progress;
      if (this.#waiting.length > 0) continue;
      if (this.#ended) break;
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
    if (this.#overflow !== null) throw this.#overflow;
  }
}
