/**
 * The one table from errors of Deno's file API (and of node:fs over it) to blit's kinds.
 *
 * @module
 */
import { BlitError, type ErrorKind } from "../core/error.ts";
import { displayName, type RelPath } from "../core/rel_path.ts";
import { failure, type StepAdvice, type StepWord } from "./step_failure.ts";

/** Keyed by `error.code` first, by `error.name` (the class) where there is no known code. */
const KIND: Readonly<Record<string, ErrorKind>> = {
  EACCES: "permission",
  EPERM: "permission",
  ENOENT: "not_found",
  EEXIST: "exists",
  ENOTDIR: "not_directory",
  EISDIR: "is_directory",
  ENOSPC: "no_space",
  EDQUOT: "no_space",
  EFBIG: "no_space",
  EROFS: "read_only",
  EIO: "io",
  ENODEV: "unsupported",
  ENOSYS: "unsupported",
  ENOTSUP: "unsupported",
  EOPNOTSUPP: "unsupported",
  EILSEQ: "unsupported",
  EBUSY: "busy",
  ETXTBSY: "busy",
  EMFILE: "too_many_files",
  ENFILE: "too_many_files",
  ENAMETOOLONG: "name_too_long",
  ENOTEMPTY: "not_empty",
  EXDEV: "cross_device",
  ELOOP: "link_loop",
  NotFound: "not_found",
  PermissionDenied: "permission",
  AlreadyExists: "exists",
  NotADirectory: "not_directory",
  IsADirectory: "is_directory",
  FilesystemLoop: "link_loop",
  Busy: "busy",
  WriteZero: "no_space",
  UnexpectedEof: "io",
  NotSupported: "unsupported",
  // A name or link target that is not UTF-8: Deno can't hand it over.
  InvalidData: "unsupported",
};

/**
 * Turns what Deno's file API threw into a {@link BlitError}.
 *
 * @param error whatever was thrown; a BlitError comes back as it is
 * @param operation what was being done
 * @param path what it was done to
 * @param advice what to do, where the caller knows better than the tables
 */
export function fromDenoError(
  error: unknown,
  operation: StepWord,
  path: RelPath,
  advice?: StepAdvice,
): BlitError {
  if (error instanceof BlitError) return error;
  const { code, name, message, errno } = describe(error);
  if (name === "NotCapable") {
    // Without --allow-all Deno lets no program into these, whatever paths it was given.
    const isSpecial = message.startsWith("Requires all access");
    const reason = isSpecial ? "Deno keeps blit out of /dev, /proc and /sys" : message;
    const advice = isSpecial
      ? "Choose another folder."
      : "Start blit with --allow-read and --allow-write for all paths.";
    const shown = displayName(path);
    return new BlitError("permission", `Cannot ${operation} "${shown}": ${reason}. ${advice}`, {
      operation,
      path: shown,
      advice,
      cause: error,
    });
  }
  const known = code === undefined ? undefined : KIND[code];
  const kind = known ?? KIND[name] ?? (errno === 0 ? "bug" : "io");
  const told = failure(kind, operation, path, errno, advice);
  told.cause = error;
  return told;
}

function describe(error: unknown) {
  const name = error instanceof Error ? error.name : "";
  const message = error instanceof Error ? error.message : String(error);
  const fields = error as { code?: unknown; errno?: unknown } | null | undefined;
  const code = typeof fields?.code === "string" ? fields.code : undefined;
  // Deno's own errors carry the number only in their text; node's carry it negated.
  const errno = typeof fields?.errno === "number"
    ? Math.abs(fields.errno)
    : Number(/\(os error (\d+)\)/.exec(message)?.[1] ?? 0);
  return { code, name, message, errno };
}
