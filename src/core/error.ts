/**
 * The one error class, its kinds, and the table that maps kinds to native status codes and exit codes.
 *
 * @module
 */

/** What kind of failure an error is; callers branch on this, never on the message. */
export type ErrorKind = keyof typeof STATUS;

/**
 * Status number of every kind, as native code returns them (negated) and as packed results carry
 * them. 0 is success. Numbers are part of the native ABI: append, never renumber.
 */
export const STATUS = {
  bug: 1,
  usage: 2,
  not_found: 3,
  permission: 4,
  exists: 5,
  not_directory: 6,
  is_directory: 7,
  no_space: 8,
  read_only: 9,
  io: 10,
  /** The file changed while it was read, twice. */
  changed: 11,
  /** A path went through a link or left its root. */
  escaped: 12,
  unsupported: 13,
  cancelled: 14,
  busy: 15,
  too_many_files: 16,
  name_too_long: 17,
  not_empty: 18,
  cross_device: 19,
  link_loop: 20,
  /** Two sides disagree about the native ABI or the protocol. */
  mismatch: 21,
  /** Neither side made progress for the stall limit. */
  stalled: 22,
  /** A safety rule refused the run (empty source, too many deletions, root, ...). */
  refused: 23,
  /** Content differs from what was verified. */
  corrupt: 24,
  /** A host can't be reached, or the connection to it broke. */
  disconnected: 25,
  /** A daemon doesn't know who asks, or the client doesn't know the daemon. */
  unauthenticated: 26,
  /** The other side failed by a fault of its own, or says that it was asked wrongly: neither is this side's, nor its user's. */
  peer: 27,
} as const;

/** Exit code of a run that ended with an error of this kind. */
export const EXIT_CODE: Record<ErrorKind, 1 | 64 | 130> = {
  bug: 1,
  usage: 64,
  not_found: 1,
  permission: 1,
  exists: 1,
  not_directory: 1,
  is_directory: 1,
  no_space: 1,
  read_only: 1,
  io: 1,
  changed: 1,
  escaped: 1,
  unsupported: 1,
  cancelled: 130,
  busy: 1,
  too_many_files: 1,
  name_too_long: 1,
  not_empty: 1,
  cross_device: 1,
  link_loop: 1,
  mismatch: 1,
  stalled: 1,
  refused: 1,
  corrupt: 1,
  disconnected: 1,
  unauthenticated: 1,
  peer: 1,
};

const KIND_OF_STATUS: ErrorKind[] = [];
for (const kind of Object.keys(STATUS) as ErrorKind[]) KIND_OF_STATUS[STATUS[kind]] = kind;

/**
 * Names the kind of a status number.
 *
 * @param status a positive status number, as in {@link STATUS}
 * @returns its kind; `mismatch` for a number that is not in the table: only another version has it
 */
export function kindOfStatus(status: number): ErrorKind {
  return KIND_OF_STATUS[status] ?? "mismatch";
}

/** The kind that a peer names, as it is to this side; `mismatch` for a name that only another version has. */
export function kindFromPeer(name: string): ErrorKind {
  if (!Object.hasOwn(STATUS, name)) return "mismatch";
  return name === "bug" || name === "usage" ? "peer" : name as ErrorKind;
}

/** A status number that a peer sent, as it is to this side: its bugs are not this side's, nor are its complaints the user's. */
export function statusFromPeer(status: number): number {
  return status === STATUS.bug || status === STATUS.usage ? STATUS.peer : status;
}

/** What {@link BlitError} is made of. */
export interface BlitErrorInit {
  /** What failed, as words that follow "Cannot": `replace`, `read directory`, `set mode of`. */
  readonly operation?: string;
  /** The path it failed on, in display form (UTF-8, control characters escaped). */
  readonly path?: string;
  /** The operating system's error: its number and name where known. */
  readonly os?: { readonly errno: number; readonly code?: string };
  /** What the user can do about it: one sentence. */
  readonly advice?: string;
  /** The error that led to this one, for debugging. */
  readonly cause?: unknown;
}

/**
 * The one class of errors that blit throws and reports.
 *
 * `message` is a whole sentence for a person: what failed, on which path, why, and what to do.
 */
export class BlitError extends Error {
  /** Always `BlitError`, so that the class is known after a clone or in a log. */
  override readonly name = "BlitError";
  /** What kind of failure it is. */
  readonly kind: ErrorKind;
  /** See {@link BlitErrorInit.operation}. */
  readonly operation?: string;
  /** See {@link BlitErrorInit.path}. */
  readonly path?: string;
  /** See {@link BlitErrorInit.os}. */
  readonly os?: { readonly errno: number; readonly code?: string };
  /** See {@link BlitErrorInit.advice}. */
  readonly advice?: string;

  /**
   * Makes an error.
   *
   * @param kind what kind of failure it is
   * @param message a sentence for a person; see {@link BlitErrorInit} for the parts kept beside it
   */
  constructor(kind: ErrorKind, message: string, init: BlitErrorInit = {}) {
    super(message, { cause: init.cause });
    this.kind = kind;
    this.operation = init.operation;
    this.path = init.path;
    this.os = init.os;
    this.advice = init.advice;
  }
}
