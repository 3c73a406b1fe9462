/**
 * The extended attributes of several entries in one answer.
 *
 * @module
 */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { BlitError } from "../../core/error.ts";
import { nameToBytes } from "../../core/rel_path.ts";
import type { EntryXattrsSchema } from "../../gen/blit/v1/session_pb.ts";
import type { LocalTree } from "../../tree/local.ts";
import { type Attributes, packedLength } from "../../wire/attributes.ts";
import { pathFromPeer } from "../convert.ts";

/** Entries of one call. */
const MOST_PATHS = 4096;
/** Entries that are read at a time. */
const ABREAST = 32;
/** From here on an answer is full: one entry more has at most 1 MiB. */
const FULL_BYTES = 1 << 20;

/**
 * Reads attributes until the answer is full; the client asks again for the rest.
 *
 * @param paths as received
 * @throws {BlitError} `usage` where they are too many
 */
export async function xattrsOf(
  tree: Pick<LocalTree, "xattrs">,
  paths: readonly Uint8Array[],
): Promise<MessageInitShape<typeof EntryXattrsSchema>[]> {
  if (paths.length > MOST_PATHS) {
    throw new BlitError("usage", `Cannot look up more than ${MOST_PATHS} paths in one call.`);
  }
  const entries: MessageInitShape<typeof EntryXattrsSchema>[] = [];
  let bytes = 0;
  for (let at = 0; at < paths.length; at += ABREAST) {
    const read = paths.slice(at, at + ABREAST).map((path) => readOne(tree, path));
    for (const found of await Promise.all(read)) {
      if (found instanceof BlitError) entries.push({ kind: found.kind, message: found.message });
      else {
        entries.push({ xattrs: xattrMessages(found) });
        bytes += packedLength(found);
      }
      if (bytes >= FULL_BYTES) return entries;
    }
  }
  return entries;
}

/** Attributes as messages. */
export function xattrMessages(found: Attributes): { name: Uint8Array; value: Uint8Array }[] {
  return [...found].map(([name, value]) => ({ name: nameToBytes(name), value }));
}

async function readOne(
  tree: Pick<LocalTree, "xattrs">,
  path: Uint8Array,
): Promise<Attributes | BlitError> {
  try {
    return await tree.xattrs(pathFromPeer(path));
  } catch (error) {
    if (error instanceof BlitError) return error;
    throw error;
  }
}
