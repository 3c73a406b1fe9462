/**
 * The call that is a session's life: Hello, Welcome, then signs of life both ways.
 *
 * @module
 */
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import type { HandlerContext } from "@connectrpc/connect";
import { EntryBlock, EntryBlockWriter, Kind } from "../../core/entry_block.ts";
import { BlitError } from "../../core/error.ts";
import { nameToBytes, type RelPath } from "../../core/rel_path.ts";
import {
  type Hello,
  type OpenRequest,
  type OpenResponse,
  OpenResponseSchema,
} from "../../gen/blit/v1/session_pb.ts";
import { LocalTree } from "../../tree/local.ts";
import { pathFromPeer } from "../convert.ts";
import { peerText } from "../peer_text.ts";
import { agree, CAPABILITIES, PROTOCOL } from "../version.ts";
import { beginSession } from "./begin.ts";
import { callerOf, HOLD } from "./calls.ts";
import type { ServiceHost } from "./host.ts";
import { Incoming } from "./incoming.ts";
import type { ServedSession } from "./served_session.ts";
import type { OpenTerms, SessionTable } from "./session_table.ts";
import type { Streams } from "./streams.ts";

/** An Alive goes out at least this often; while work moves, every second. */
const ALIVE_MS = 2_500, LOOK_MS = 1_000;
const LONGEST_PURPOSE = 64;
/** How long the client of a session that has ended may take to read why. */
const GOODBYE_MS = 1_000;

/** What the call stands on. */
export interface OpenParts {
  readonly host: ServiceHost;
  readonly table: SessionTable;
  readonly streams: Streams;
}

/** Serves one Open call from Hello to the end of the session. */
export async function* serveOpen(
  parts: OpenParts,
  requests: AsyncIterable<OpenRequest>,
  context: HandlerContext,
): AsyncGenerator<OpenResponse> {
  const { host, table, streams } = parts;
  const incoming = new Incoming(requests);
  const first = await incoming.first();
  if (first.message.case !== "hello") {
    throw new BlitError("usage", "A session begins with a Hello.");
  }
  const hello = first.message.value;
  agree(hello.version, hello.capabilities, "This client");
  const terms = await termsOf(hello, streams, context);
  if (hello.replaces !== "") await endReplaced(parts, hello.replaces, terms);
  const session = await table.open(terms);
  const letGo = context.values.get(HOLD)();
  const onAbort = () => session.end("failed", gone());
  context.signal.addEventListener("abort", onAbort);
  if (context.signal.aborted) onAbort();
  let goodbye: ReturnType<typeof setTimeout> | undefined;
  let freed: Promise<void> | null = null;
  const free = () => {
    clearTimeout(goodbye);
    if (freed === null) letGo();
    streams.endSession(session);
    return freed ??= table.close(session);
  };
  // Whoever doesn't read what they are told keeps this call where it is: what the session holds is freed all the same.
  session.signal.addEventListener("abort", () => goodbye = setTimeout(free, GOODBYE_MS));
  try {
    listen(session, incoming, host.limits().idleMs);
    yield answer({ case: "welcome", value: await welcome(parts, session, hello) });
    yield* signsOfLife(session);
    if (session.reason && !context.signal.aborted) {
      const { kind, message } = session.reason;
      yield answer({ case: "closing", value: { kind, message } });
    }
  } finally {
    context.signal.removeEventListener("abort", onAbort);
    session.end("failed", gone());
    await free();
  }
}

/**
 * Ends a session whose client is back over another connection: its locks are free, and nothing of it works any more, before
 * the client goes on.
 */
async function endReplaced(
  { table, streams }: OpenParts,
  id: string,
  { caller, grantedPath }: OpenTerms,
): Promise<void> {
  const old = table.find(id);
  if (old === undefined || old.granted || grantedPath !== undefined) return;
  if (old.caller.user !== caller.user) return;
  old.end("failed", gone());
  streams.endSession(old);
  await table.close(old);
}

/** Whom the session is for: a user with a token, or another daemon with a read grant. */
async function termsOf(
  hello: Hello,
  streams: Streams,
  context: HandlerContext,
): Promise<OpenTerms> {
  const purpose = peerText(hello.purpose, LONGEST_PURPOSE);
  if (hello.readGrant === "") return { module: hello.module, caller: callerOf(context), purpose };
  const { readGrant, readerCertificate: certificate, readerProof: signature } = hello;
  return { ...await streams.redeemRead(readGrant, { certificate, signature }), purpose };
}

/** Reads what the client says until it ends, or falls silent. */
async function listen(
  session: ServedSession,
  incoming: Incoming<OpenRequest>,
  idleMs: number,
): Promise<void> {
  try {
    for (;;) {
      const request = await incoming.next(idleMs);
      if (request === null) return session.end("done");
      const { message } = request;
      if (message.case === "cancelRun") session.cancelRun(message.value.runId);
      else if (message.case === "hello") {
        throw new BlitError("usage", "A session has one Hello, at its start.");
      }
    }
  } catch (error) {
    session.end("failed", error instanceof BlitError ? error : gone());
  }
}

/** Alive messages until the session is over. */
async function* signsOfLife(session: ServedSession): AsyncGenerator<OpenResponse> {
  let told = { bytes: 0, entries: 0 };
  let toldMs = performance.now();
  while (!session.signal.aborted) {
    await untilAborted(session.signal, LOOK_MS);
    if (session.signal.aborted) return;
    session.activeMs();
    const now = { bytes: session.bytes(), entries: session.entries() };
    const moved = now.bytes !== told.bytes || now.entries !== told.entries;
    if (!moved && performance.now() - toldMs < ALIVE_MS) continue;
    told = now;
    toldMs = performance.now();
    const at = session.current();
    yield answer({
      case: "alive",
      value: {
        bytes: BigInt(now.bytes),
        entries: BigInt(now.entries),
        doing: at?.doing ?? "",
        path: nameToBytes(at?.path ?? ""),
      },
    });
  }
}

async function welcome({ host, streams }: OpenParts, session: ServedSession, hello: Hello) {
  const plane = host.dataPlane();
  const mostStreams = host.limits().streams;
  // Before anything is made there: what stands at the path is what the client found.
  const there = (await look(session.base, pathFromPeer(hello.look), hello.lookFollowed)).bytes;
  const begun = hello.begin && await beginSession(session, streams, hello.begin, mostStreams);
  return {
    version: PROTOCOL,
    capabilities: [...CAPABILITIES],
    session: session.id,
    rights: [...session.rights],
    motd: host.motd(),
    agent: host.agent,
    there,
    trustMetadata: session.trustMetadata,
    readOnly: session.readOnly,
    dataPlane: plane === null ? undefined : {
      port: plane.port,
      certificateSha256: plane.certificateSha256,
      maxStreams: mostStreams,
    },
    nowNs: BigInt(Date.now()) * 1_000_000n,
    instance: host.instance,
    begun,
  };
}

/** What stands at a path, and where that is a symlink to a directory, that directory. */
async function look(base: LocalTree, path: RelPath, followed: boolean): Promise<EntryBlock> {
  const there = await base.stat([path]);
  if (!followed || there.status(0) !== 0 || there.kind(0) !== Kind.symlink) return there;
  let target: LocalTree;
  try {
    target = await LocalTree.openBeneath(base, path, { create: false, follow: true });
  } catch {
    // It leads to no directory, or out of the module: then the link is all that there is.
    return there;
  }
  try {
    const both = new EntryBlockWriter(2);
    both.copy(there, 0);
    both.copy(await target.stat([""]), 0, nameToBytes(path));
    return new EntryBlock(both.finish());
  } finally {
    await target.close();
  }
}

function answer(message: MessageInitShape<typeof OpenResponseSchema>["message"]): OpenResponse {
  return create(OpenResponseSchema, { message });
}

function gone(): BlitError {
  return new BlitError("disconnected", "The client has gone away.");
}

/** Waits for a time, or until the signal is aborted. */
function untilAborted(signal: AbortSignal, ms: number): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done);
  });
}
