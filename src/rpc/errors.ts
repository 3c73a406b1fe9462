/**
 * Errors on their way through the control plane: which Connect code each kind travels with, and back.
 *
 * The kind itself goes in metadata `blit-kind`, the path it is about in `blit-path` (base64 of its display
 * form's UTF-8), so nothing is lost between two sides of blit; the code is for every other client.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { Code, ConnectError } from "@connectrpc/connect";
import { BlitError, type ErrorKind, kindFromPeer, STATUS } from "../core/error.ts";
import { peerText } from "./peer_text.ts";

/** Metadata that carries a {@link BlitError}'s kind. */
export const KIND_METADATA = "blit-kind";
/** Metadata that carries the path an error is about, base64. */
export const PATH_METADATA = "blit-path";

/** Longest message and path that are taken from a peer, chars. */
const LONGEST_MESSAGE = 8192, LONGEST_PATH = 4096;

/** The code that each kind travels with. */
export const CODE_OF_KIND: Readonly<Record<ErrorKind, Code>> = {
  bug: Code.Internal,
  usage: Code.InvalidArgument,
  not_found: Code.NotFound,
  permission: Code.PermissionDenied,
  exists: Code.AlreadyExists,
  not_directory: Code.FailedPrecondition,
  is_directory: Code.FailedPrecondition,
  no_space: Code.ResourceExhausted,
  read_only: Code.FailedPrecondition,
  io: Code.Internal,
  changed: Code.Aborted,
  escaped: Code.PermissionDenied,
  unsupported: Code.Unimplemented,
  cancelled: Code.Canceled,
  busy: Code.ResourceExhausted,
  too_many_files: Code.ResourceExhausted,
  name_too_long: Code.InvalidArgument,
  not_empty: Code.FailedPrecondition,
  cross_device: Code.FailedPrecondition,
  link_loop: Code.FailedPrecondition,
  mismatch: Code.FailedPrecondition,
  stalled: Code.DeadlineExceeded,
  refused: Code.FailedPrecondition,
  corrupt: Code.DataLoss,
  disconnected: Code.Unavailable,
  unauthenticated: Code.Unauthenticated,
  peer: Code.Internal,
};

/** What a code means where no kind comes with it: from the transport, a proxy, or something that isn't blit. */
export const KIND_OF_CODE: Readonly<Record<Code, ErrorKind>> = {
  [Code.Canceled]: "cancelled",
  [Code.Unknown]: "mismatch",
  [Code.InvalidArgument]: "peer",
  [Code.DeadlineExceeded]: "stalled",
  [Code.NotFound]: "not_found",
  [Code.AlreadyExists]: "exists",
  [Code.PermissionDenied]: "permission",
  [Code.ResourceExhausted]: "busy",
  [Code.FailedPrecondition]: "refused",
  // A reset stream.
  [Code.Aborted]: "disconnected",
  [Code.OutOfRange]: "peer",
  // Whoever answers doesn't know the call: an older daemon, or none at all.
  [Code.Unimplemented]: "mismatch",
  [Code.Internal]: "disconnected",
  [Code.Unavailable]: "disconnected",
  [Code.DataLoss]: "corrupt",
  [Code.Unauthenticated]: "unauthenticated",
};

/**
 * The error that a call ends with.
 *
 * @param error what was thrown; of what is no {@link BlitError} the peer learns only that it is a bug
 */
export function toConnectError(error: unknown): ConnectError {
  if (error instanceof ConnectError) return error;
  if (!(error instanceof BlitError)) {
    return new ConnectError(
      "An internal error, which its log has. Please report it as a bug of blit.",
      Code.Internal,
      { [KIND_METADATA]: "bug" satisfies ErrorKind },
      undefined,
      error,
    );
  }
  const metadata: Record<string, string> = { [KIND_METADATA]: error.kind };
  if (error.path !== undefined) {
    metadata[PATH_METADATA] = Buffer.from(error.path, "utf8").toString("base64");
  }
  return new ConnectError(error.message, CODE_OF_KIND[error.kind], metadata, undefined, error);
}

/**
 * What a call failed with, as blit's own error.
 *
 * @param error what the client threw
 * @param host the peer, as a person would write it
 */
export function fromConnectError(error: unknown, host: string): BlitError {
  if (error instanceof BlitError) return error;
  const told = ConnectError.from(error);
  const kind = told.metadata.get(KIND_METADATA);
  const message = peerText(told.rawMessage, LONGEST_MESSAGE);
  if (kind !== null && Object.hasOwn(STATUS, kind)) {
    const path = told.metadata.get(PATH_METADATA);
    const meant = kindFromPeer(kind);
    return new BlitError(meant, meant === kind ? message : `${host} says: ${message}`, {
      path: path === null
        ? undefined
        : peerText(Buffer.from(path, "base64").toString("utf8"), LONGEST_PATH),
      cause: error,
    });
  }
  const meant = KIND_OF_CODE[told.code];
  const what = meant === "disconnected" ? `The connection to ${host} broke` : host;
  return new BlitError(meant, `${what}: ${sentence(message)} ${ADVICE[meant] ?? ""}`.trimEnd(), {
    cause: error,
  });
}

/** Whether a daemon's own code said so: what else there is comes from the connection, or from this side. */
export function isAnswer(error: unknown): boolean {
  return error instanceof BlitError || ConnectError.from(error).metadata.has(KIND_METADATA);
}

/** What the system says of a socket that was broken while something was written to it, or read. */
const BROKEN_SOCKET: ReadonlySet<string> = new Set(["ECANCELED", "ECONNRESET", "EPIPE"]);

/** Whether an error is Node's word for a stream whose peer, or whose connection, went away. */
export function isStreamError(error: unknown): boolean {
  const { cause } = ConnectError.from(error);
  const code = (cause as { code?: unknown } | undefined)?.code;
  return typeof code === "string" && (/^ERR_(STREAM|HTTP2)_/.test(code) || BROKEN_SOCKET.has(code));
}

/** What to do about an error that didn't come from blit's own code on the other side. */
const ADVICE: Partial<Record<ErrorKind, string>> = {
  disconnected:
    "Check the host, the port and the network, then run again: it goes on where it ended.",
  mismatch: "Check that a blit daemon of this version answers there.",
  unauthenticated: "Run blit login for that host.",
  busy: "Wait a while, then run again.",
};

function sentence(words: string): string {
  return /[.!?]$/.test(words) ? words : `${words || "no reason was given"}.`;
}
