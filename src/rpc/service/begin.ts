/**
 * What a session begins with: a root and streams on it, asked for with the greeting.
 *
 * @module
 */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { BlitError } from "../../core/error.ts";
import { nameToBytes, parentOf } from "../../core/rel_path.ts";
import type { OpenRootRequest, OpenRootResponseSchema } from "../../gen/blit/v1/root_pb.ts";
import type { Begin, BegunSchema } from "../../gen/blit/v1/session_pb.ts";
import { factsToMessage, pathFromPeer, traitsToMessage } from "../convert.ts";
import { requireRight } from "./rights.ts";
import type { ServedSession } from "./served_session.ts";
import type { Streams } from "./streams.ts";

/** Opens a root of a session and tells of it. */
export async function beginRoot(
  session: ServedSession,
  { path, create, follow }: Pick<OpenRootRequest, "path" | "create" | "follow">,
): Promise<MessageInitShape<typeof OpenRootResponseSchema> & { readonly root: number }> {
  const tree = await session.openRoot(pathFromPeer(path), { create, follow });
  const owners = tree.traits.owners && session.trustMetadata;
  return {
    root: tree.root,
    facts: factsToMessage(await tree.probe()),
    traits: traitsToMessage({ ...tree.traits, owners, umask: session.umask }),
  };
}

/** Does what a greeting asks for, as far as that is possible; undefined where not even the root is. */
export async function beginSession(
  session: ServedSession,
  streams: Streams,
  begin: Begin,
  mostStreams: number,
): Promise<MessageInitShape<typeof BegunSchema> | undefined> {
  try {
    requireRight(session, "read", "do anything");
    const [opened, above] = await rootOf(session, begin);
    const count = Math.min(begin.streams, mostStreams);
    const wish = { root: opened.root, runId: begin.runId, count };
    return {
      root: opened,
      above,
      tokens: count === 0 ? [] : await tokensOf(session, streams, wish),
    };
  } catch (error) {
    // Asked for by itself, it fails with the reason; the session is no worse for it.
    if (error instanceof BlitError) return undefined;
    throw error;
  }
}

/** The directory that is asked for, or the one above. */
async function rootOf(session: ServedSession, begin: Begin) {
  try {
    return [await beginRoot(session, begin), false] as const;
  } catch (error) {
    const path = pathFromPeer(begin.path);
    if (!begin.orAbove || path === "" || !isMissing(error)) throw error;
    return [
      await beginRoot(session, { ...begin, path: nameToBytes(parentOf(path)) }),
      true,
    ] as const;
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof BlitError &&
    (error.kind === "not_found" || error.kind === "not_directory");
}

/** Tokens, where there may be some; the root is good without them. */
async function tokensOf(
  session: ServedSession,
  streams: Streams,
  wish: Parameters<Streams["grant"]>[1],
): Promise<string[]> {
  try {
    return await streams.grant(session, wish);
  } catch (error) {
    if (error instanceof BlitError) return [];
    throw error;
  }
}
