/**
 * Versions of the protocol, and what two sides of different versions agree on.
 *
 * @module
 */
import { BlitError } from "../core/error.ts";

/** `major.minor` of the protocol. */
export interface ProtocolVersion {
  readonly major: number;
  readonly minor: number;
}

/** What this blit speaks. */
export const PROTOCOL: ProtocolVersion = { major: 1, minor: 0 };

/** What this blit can do beyond its version; the other side ignores what it doesn't know. */
export const CAPABILITIES = ["list-ahead", "pull", "pull-move", "xattrs", "run-then"] as const;
/** One of {@link CAPABILITIES}. */
export type Capability = (typeof CAPABILITIES)[number];

/** Most capabilities, and the longest, that are taken from a peer. */
const MOST_CAPABILITIES = 256, LONGEST_CAPABILITY = 64;

/** What both sides can do. */
export interface Agreement {
  readonly version: ProtocolVersion;
  /** Those of {@link CAPABILITIES} that both have. */
  readonly capabilities: ReadonlySet<Capability>;
}

/**
 * Finds what this side and its peer both can do: the same major version, the lower minor one, the capabilities
 * that both name.
 *
 * @param peer what the peer says in its Hello or Welcome; left out, it said none
 * @param capabilities what the peer names
 * @param who the peer, as a sentence names it: `nas:9031`, `This client`
 * @throws {BlitError} `mismatch` where the major versions differ
 */
export function agree(
  peer: ProtocolVersion | undefined,
  capabilities: readonly string[],
  who: string,
): Agreement {
  if (peer?.major !== PROTOCOL.major) {
    const theirs = peer === undefined ? "no version" : `version ${peer.major}.${peer.minor}`;
    throw new BlitError(
      "mismatch",
      `${who} speaks ${theirs} of the protocol, this blit ${PROTOCOL.major}.${PROTOCOL.minor}. ` +
        "Install the same major version of blit on both sides.",
      { operation: "agree on a protocol" },
    );
  }
  const named = new Set(
    capabilities.slice(0, MOST_CAPABILITIES).filter((name) => name.length <= LONGEST_CAPABILITY),
  );
  return {
    version: { major: PROTOCOL.major, minor: Math.min(PROTOCOL.minor, peer.minor) },
    capabilities: new Set(CAPABILITIES.filter((name) => named.has(name))),
  };
}
