/**
 * The service `Sessions`: one session's calls, each a few lines over what does the work.
 *
 * @module
 */
import { create } from "@bufbuild/protobuf";
import type { HandlerContext, ServiceImpl } from "@connectrpc/connect";
import { BlitError } from "../../core/error.ts";
import { bytesToName, nameToBytes } from "../../core/rel_path.ts";
import {
  type ListRequest,
  type ListResponse,
  ListResponseSchema,
  type ReadRequest,
  type ReadResponse,
  type Sessions,
  type StatRequest,
} from "../../gen/blit/v1/session_pb.ts";
import type { LocalTree } from "../../tree/local.ts";
import { factsToMessage, pathFromPeer } from "../convert.ts";
import { beginRoot } from "./begin.ts";
import { CALLER, callerOf } from "./calls.ts";
import type { ServiceHost } from "./host.ts";
import { requireDelegation } from "./delegation.ts";
import { Incoming } from "./incoming.ts";
import { ListAhead } from "./list_ahead.ts";
import { serveOpen } from "./open_call.ts";
import { servePull } from "./pull.ts";
import { runBatches } from "./run_call.ts";
import type { ServedSession } from "./served_session.ts";
import type { SessionTable } from "./session_table.ts";
import type { Streams } from "./streams.ts";
import { xattrMessages, xattrsOf } from "./xattrs_call.ts";

/** Paths of one Stat call. */
const MOST_STAT_PATHS = 4096;
/** Largest window for reading ahead, bytes. */
const MOST_WINDOW_BYTES = 64 * 1024 * 1024;

/** The parts that the service stands on. */
export interface SessionParts {
  readonly host: ServiceHost;
  readonly table: SessionTable;
  readonly streams: Streams;
}

/** Makes the service's calls. */
export function sessionsService(parts: SessionParts): Partial<ServiceImpl<typeof Sessions>> {
  const { host, table, streams } = parts;
  const sessionOf = (id: string, context: HandlerContext) =>
    table.get(id, context.values.get(CALLER));
  return {
    open: (requests, context) => serveOpen(parts, requests, context),

    async openRoot(request, context) {
      return await beginRoot(sessionOf(request.session, context), request);
    },

    async closeRoot(request, context) {
      await sessionOf(request.session, context).closeRoot(request.root);
      return {};
    },

    async probe(request, context) {
      const tree = sessionOf(request.session, context).root(request.root);
      return { facts: factsToMessage(await tree.probe()) };
    },

    async stat(request, context) {
      const tree = sessionOf(request.session, context).root(request.root);
      return { block: (await tree.stat(statPaths(request))).bytes };
    },

    list: (requests, context) => list(requests, (id) => sessionOf(id, context)),

    async run(request, context) {
      const session = sessionOf(request.session, context);
      const other = request.sourceSession === ""
        ? session
        : sessionOf(request.sourceSession, context);
      return await runBatches(request, { session, other, observer: host.observer });
    },

    read: (request, context) => {
      const session = sessionOf(request.session, context);
      return read(request, session, session.root(request.root));
    },

    async xattrs(request, context) {
      const tree = sessionOf(request.session, context).root(request.root);
      if (request.paths.length > 0) return { entries: await xattrsOf(tree, request.paths) };
      return { xattrs: xattrMessages(await tree.xattrs(pathFromPeer(request.path))) };
    },

    async grant(request, context) {
      const session = sessionOf(request.session, context);
      const { root, runId } = request;
      return { tokens: await streams.grant(session, { root, runId, count: request.streams }) };
    },

    tunnel: (requests) => streams.tunnel(requests),

    async grantRead(request, context) {
      callerOf(context);
      const session = sessionOf(request.session, context);
      const path = pathFromPeer(request.path);
      return { grant: await streams.grantRead(session, path, request.readerCertificateSha256) };
    },

    checkPull(request, context) {
      callerOf(context);
      requireDelegation(sessionOf(request.session, context).spec, request.host);
      return {};
    },

    pull(request, context) {
      callerOf(context);
      return servePull(host, sessionOf(request.session, context), request, context.signal);
    },
  };
}

function statPaths(request: StatRequest) {
  if (request.paths.length <= MOST_STAT_PATHS) return request.paths.map(pathFromPeer);
  throw new BlitError("usage", `Cannot look up more than ${MOST_STAT_PATHS} paths in one call.`);
}

async function* list(
  requests: AsyncIterable<ListRequest>,
  sessionOf: (id: string) => ServedSession,
): AsyncGenerator<ListResponse> {
  const incoming = new Incoming(requests);
  const first = await incoming.first();
  const session = sessionOf(first.session);
  const tree = session.root(first.root);
  const window = first.windowBytes > MOST_WINDOW_BYTES
    ? MOST_WINDOW_BYTES
    : Number(first.windowBytes);
  const listings = new ListAhead(tree, window);
  const onEnd = () => listings.fail(session.signal.reason);
  session.signal.addEventListener("abort", onEnd);
  const ended = session.beginListing(listings);
  take(listings, first);
  const pump = async () => {
    try {
      // However long it is silent: the session's own silence ends it.
      for (let next = await incoming.next(null); next !== null; next = await incoming.next(null)) {
        session.touch();
        take(listings, next);
      }
      listings.endRequests();
    } catch (error) {
      listings.fail(error);
    }
  };
  pump();
  try {
    for await (const answers of listings.answers()) {
      yield create(ListResponseSchema, {
        blocks: answers.map(({ task, block, ahead }) => ({
          path: nameToBytes(task.path),
          block: block.bytes,
          sorted: task.sorted,
          staged: task.staged,
          ahead,
        })),
      });
    }
  } finally {
    ended();
    session.signal.removeEventListener("abort", onEnd);
  }
}

function take(listings: ListAhead, request: ListRequest): void {
  if (request.creditBytes > 0n) listings.credit(Number(request.creditBytes));
  listings.skip(request.skip.map((path) => bytesToName(path)));
  listings.ask(
    request.directories.map((directory) => ({
      path: pathFromPeer(directory.path),
      sorted: directory.sorted,
      staged: directory.staged,
      ahead: directory.ahead,
    })),
    Number(request.seenBlocks),
  );
}

async function* read(
  request: ReadRequest,
  session: ServedSession,
  tree: LocalTree,
): AsyncGenerator<ReadResponse> {
  const answer = (message: ReadResponse["message"]): ReadResponse => ({
    $typeName: "blit.v1.ReadResponse",
    message,
  });
  const path = pathFromPeer(request.path);
  const ended = await session.beginRead();
  try {
    const file = await tree.openFile(path, session.run());
    let closed = false;
    try {
      yield answer({ case: "entry", value: file.entry.bytes });
      for (let piece = await file.read(); piece !== null; piece = await file.read()) {
        yield answer({ case: "piece", value: piece });
      }
      closed = true;
      yield answer({ case: "unchanged", value: (await file.close()).unchanged });
    } finally {
      if (!closed) await file.close().catch(() => {});
    }
  } finally {
    ended();
  }
}
