/**
 * Between the messages of the control plane and blit's own values.
 *
 * Names are `bytes` on the wire and byte strings here: `nameToBytes` and `bytesToName` of `core/rel_path.ts`.
 *
 * @module
 */
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { BlitError } from "../core/error.ts";
import { dropsFinalDots } from "../core/name_folding.ts";
import { bytesToName, displayName, isSafeRel, type RelPath } from "../core/rel_path.ts";
import type { FsFacts, Traits } from "../engine/tree.ts";
import {
  type FsFacts as FsFactsMessage,
  FsFactsSchema,
  type Traits as TraitsMessage,
  TraitsSchema,
} from "../gen/blit/v1/root_pb.ts";
import { peerText } from "./peer_text.ts";

/** Longest path that a peer may name, bytes: 16 times Linux's PATH_MAX. */
const LONGEST_PATH = 65_535;
/** Longest name of a file system's type that is taken from a peer. */
const LONGEST_TYPE = 32;

/** Facts of a file system as a message. */
export function factsToMessage(facts: FsFacts): FsFactsMessage {
  return create(FsFactsSchema, {
    device: facts.device,
    rootInode: facts.rootInode,
    type: facts.type,
    freeBytes: BigInt(facts.freeBytes),
    totalBytes: BigInt(facts.totalBytes),
    freeInodes: BigInt(facts.freeInodes),
    readOnly: facts.readOnly,
    foldsCase: facts.foldsCase,
    normalisesUnicode: facts.normalisesUnicode,
    isFsRoot: facts.isFsRoot,
    timeGrainNs: facts.timeGrainNs,
  });
}

/** Facts of a file system as a peer told them; all unknown where it told none. */
export function factsFromMessage(
  message: MessageInitShape<typeof FsFactsSchema> | undefined,
): FsFacts {
  const facts = create(FsFactsSchema, message);
  const type = facts.type === "" ? "unknown" : peerText(facts.type, LONGEST_TYPE);
  return {
    device: facts.device,
    rootInode: facts.rootInode,
    type,
    freeBytes: Number(facts.freeBytes),
    totalBytes: Number(facts.totalBytes),
    freeInodes: Number(facts.freeInodes),
    readOnly: facts.readOnly,
    foldsCase: facts.foldsCase,
    normalisesUnicode: facts.normalisesUnicode,
    // No peer has to tell: it follows from the type.
    dropsFinalDots: dropsFinalDots(type),
    isFsRoot: facts.isFsRoot,
    timeGrainNs: facts.timeGrainNs,
  };
}

/** Traits of a tree as a message. */
export function traitsToMessage(traits: Traits): TraitsMessage {
  return create(TraitsSchema, { ...traits });
}

/** Traits of a tree as a peer told them; what it didn't name it doesn't keep. */
export function traitsFromMessage(
  message: MessageInitShape<typeof TraitsSchema> | undefined,
): Traits {
  const { $typeName: _, $unknown: __, ...traits } = create(TraitsSchema, message);
  return traits;
}

/**
 * A path that a peer named.
 *
 * @throws {BlitError} `escaped` where it is absolute, or has an empty, `.` or `..` component, or a NUL;
 *   `name_too_long` over 65,535 bytes
 */
export function pathFromPeer(bytes: Uint8Array): RelPath {
  if (bytes.length > LONGEST_PATH) {
    throw new BlitError(
      "name_too_long",
      `Cannot use a path of ${bytes.length} bytes: File name too long. ` +
        `The longest is ${LONGEST_PATH} bytes.`,
      { operation: "use" },
    );
  }
  const path = bytesToName(bytes);
  if (isSafeRel(path)) return path;
  const shown = displayName(path.slice(0, 1024));
  throw new BlitError(
    "escaped",
    `Cannot use the path "${shown}": it isn't a plain path below its root. ` +
      "Leave out leading slashes, empty components, . and .. and NUL.",
    { operation: "use", path: shown },
  );
}
