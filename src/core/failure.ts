/**
 * Turns a failed item (status, system error, step, path) into the sentence a person reads.
 *
 * @module
 */
import { BlitError, type ErrorKind, kindOfStatus } from "./error.ts";
import { nameOsError, type OsFamily } from "./errno.ts";
import { displayName, type RelPath } from "./rel_path.ts";
import { type Step, STEPS } from "./work_batch.ts";

/** One failure, as results, frames and listings carry it. */
export interface Failure {
  /** A status number; see `STATUS`. */
  readonly status: number;
  /** The system's error number; 0 or left out where none was involved. */
  readonly os?: number;
  /** Index into `STEPS`: what was being done. */
  readonly step: Step;
  /** Path of the entry, relative to its root. */
  readonly path: RelPath;
  /** The root that the path is relative to, as a person would write it; left out: the path stands alone. */
  readonly root?: string;
  /** Which side it is on, where that changes what to do about it. */
  readonly target?: "source" | "destination";
  /** A daemon has it: what helps is done on its machine. */
  readonly isServed?: boolean;
  /** Whose numbers `os` is from; this machine's unless it came from another. */
  readonly family?: OsFamily;
  /** What to do about it, where the caller knows better than the tables. */
  readonly advice?: string;
}

/** The words after the colon where no system error says why. */
const REASON: Record<ErrorKind, string> = {
  bug: "Internal error",
  usage: "Invalid request",
  not_found: "No such file or directory",
  permission: "Permission denied",
  exists: "Something with this name came meanwhile",
  not_directory: "Not a directory",
  is_directory: "Is a directory",
  no_space: "No space left on device",
  read_only: "Read-only file system",
  io: "Input/output error",
  changed: "It changed meanwhile",
  escaped: "Its path leads through a link or out of its root",
  unsupported: "The file system doesn't support it",
  cancelled: "Interrupted",
  busy: "In use by another run",
  too_many_files: "Too many open files",
  name_too_long: "File name too long",
  not_empty: "Directory not empty",
  cross_device: "Not on the same file system",
  link_loop: "Too many levels of symbolic links",
  mismatch: "The two sides are of different versions",
  stalled: "No progress",
  refused: "Refused for safety",
  corrupt: "Content differs from what was verified",
  disconnected: "The connection is gone",
  unauthenticated: "The other side doesn't know who asks",
  peer: "The other side says that it failed, or that it was asked wrongly",
};

/** What to do about it, one sentence; the step narrows it in {@link adviceFor}. */
const ADVICE: Record<ErrorKind, string> = {
  bug: "This is a bug in blit: please report it with this line.",
  usage: "This is a bug in blit: please report it with this line.",
  not_found: "It went away while blit ran: run again.",
  permission: "Run as its owner, or leave it out with --exclude.",
  exists: "Run again: it will be compared with what is there now.",
  not_directory: "Something else took its place: run again.",
  is_directory: "Something else took its place: run again.",
  no_space: "Free some space there and run again: what is done is kept.",
  read_only:
    "Mount the file system writable and run again; where it was, the system's log says why it isn't any more.",
  io: "Check the disk and the system's log, then run again.",
  changed: "Run again when nothing else writes to it.",
  escaped: "Something put a link in its way while blit ran: find out what, then run again.",
  unsupported: "Leave it out with --exclude, or choose another file system.",
  cancelled: "Run again to go on.",
  busy: "Wait until the other run has ended, then run again.",
  too_many_files: "Raise the limit of open files (ulimit -n) and run again.",
  name_too_long: "Shorten the name, or leave it out with --exclude.",
  not_empty: "Something was added to it while blit ran: run again.",
  cross_device: "Copy it instead of renaming it.",
  link_loop: "Mend the symlinks in its path, or leave it out with --exclude.",
  mismatch: "Install the same version of blit and its native library.",
  stalled: "Check the disk and the connection, then run again.",
  refused: "The option that allows it is in the message before.",
  corrupt: "Run again; if it stays, check the memory, the disks and the network.",
  disconnected: "Run again: it goes on where it ended.",
  unauthenticated: "Run blit login for that host.",
  peer: "Look into its log, install the same version of blit on both sides, then run again.",
};

/** The same where a daemon has it. */
const SERVED_ADVICE: Partial<Record<ErrorKind, string>> = {
  permission:
    "What counts is the user that blit-daemon runs as there: give that one the right, or leave it out with --exclude.",
  read_only:
    "On its machine, mount the file system writable, or name the folder in ReadWritePaths= of blit-daemon's unit.",
};

const REMOVE = STEPS.indexOf("remove");
const SET_OWNER = STEPS.indexOf("set owner of");
/** Steps that give an entry a name. */
const NAMING: ReadonlySet<number> = new Set(
  (["create", "replace", "link", "rename", "make directory"] as const).map((step) =>
    STEPS.indexOf(step)
  ),
);

/**
 * Describes a failed item.
 *
 * @param failure what the item's result says, and its path
 * @returns an error whose message says what failed, on which path, why, and what to do:
 *   `Cannot replace "a/b": Permission denied (EACCES). Run as its owner, or leave it out with
 *   --exclude.`
 */
export function describeFailure(failure: Failure): BlitError {
  const kind = kindOfStatus(failure.status);
  const operation = STEPS[failure.step] ?? STEPS[0];
  const path = wholePath(failure);
  const errno = failure.os ?? 0;
  const named = nameOsError(errno, failure.family ?? thisFamily());
  const reason = named?.code === "ETXTBSY" && failure.step === REMOVE
    ? `A program has it open for writing (${named.code})`
    : named
    ? `${named.words} (${named.code})`
    : errno > 0
    ? `${REASON[kind]} (system error ${errno})`
    : REASON[kind];
  const advice = failure.advice ?? adviceFor(kind, failure, named?.code);
  return new BlitError(kind, `Cannot ${operation} "${path}": ${reason}. ${advice}`, {
    operation,
    path,
    os: errno > 0 ? { errno, code: named?.code } : undefined,
    advice,
  });
}

/** What a daemon's own trees threw, with what to do as whoever uses the daemon sees it. */
export function asServed(error: BlitError): BlitError {
  const { kind, message, advice = "" } = error;
  const served = SERVED_ADVICE[kind];
  if (served === undefined || advice === "" || !message.endsWith(advice)) return error;
  const { operation, path, os } = error;
  const told = `${message.slice(0, -advice.length)}${served}`;
  return new BlitError(kind, told, { operation, path, os, advice: served, cause: error });
}

/** An entry's path as it stands in messages. */
export function wholePath(
  { root, path, family = thisFamily() }: Pick<Failure, "root" | "path" | "family">,
): string {
  if (root === undefined) return path === "" ? "." : displayName(path);
  if (path === "") return root;
  if (family === "windows" && /^(?:[A-Za-z]:|\\\\)/.test(root)) {
    // As programs there take it: to some of them a slash begins an option.
    const below = displayName(path, "windows").replaceAll("/", "\\");
    return /[\\/]$/.test(root) ? root + below : `${root}\\${below}`;
  }
  return root.endsWith("/") ? `${root}${displayName(path)}` : `${root}/${displayName(path)}`;
}

function adviceFor(kind: ErrorKind, failure: Failure, code: string | undefined): string {
  if (kind === "changed" && failure.step === REMOVE) {
    return "It is not what blit saw before, so it was kept: run again.";
  }
  if (kind === "permission" && failure.step === SET_OWNER) {
    return "Run as root to keep owners.";
  }
  if (code === "EFBIG" || code === "ERROR_FILE_TOO_LARGE") {
    return "Its file system (FAT32: 4 GiB) or a limit (ulimit -f) takes no larger files: leave it out with --max-size, or choose another file system.";
  }
  if (code === "EILSEQ" || (code === "EINVAL" && NAMING.has(failure.step))) {
    return 'Its file system takes no such name (FAT and exFAT none with " * : < > ? | \\): rename it, or leave it out with --exclude.';
  }
  if (code === "EMLINK") {
    return "Its file system takes no more names of one file: leave some of them out with --exclude.";
  }
  if (kind === "no_space" && (code === "EDQUOT" || code === "ERROR_NOT_ENOUGH_QUOTA")) {
    return "Free some space within the quota and run again: what is done is kept.";
  }
  if (code === "ERROR_SHARING_VIOLATION" || code === "ERROR_LOCK_VIOLATION") {
    return "Close the program that uses it and run again, or leave it out with --exclude.";
  }
  if (kind === "busy" && (code === "EBUSY" || code === "ETXTBSY")) {
    return "End what uses it and run again, or leave it out with --exclude.";
  }
  if (code === "ESTALE" || code === "ETIMEDOUT" || code === "EHOSTDOWN") {
    return "Check the connection to the file server, then run again.";
  }
  const served = failure.isServed ? SERVED_ADVICE[kind] : undefined;
  if (served !== undefined) return served;
  // Unlike EACCES it comes to root as well.
  if (kind === "permission" && code === "EPERM" && (failure.family ?? thisFamily()) === "linux") {
    const owner = failure.target === "destination" ? "the owner of the destination" : "its owner";
    return `Run as ${owner}. To root it says that an attribute protects it (lsattr: i or a), or that its file system has no such entries.`;
  }
  if (kind === "permission" && failure.target === "destination") {
    return "Run as the owner of the destination, or change its permissions.";
  }
  if (kind === "not_found" && failure.target === "destination") {
    return "Its directory went away while blit ran: run again.";
  }
  return ADVICE[kind];
}

function thisFamily(): OsFamily {
  return Deno.build.os === "windows" ? "windows" : Deno.build.os === "darwin" ? "darwin" : "linux";
}
