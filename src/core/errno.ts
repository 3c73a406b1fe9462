/**
 * Names and words of operating system errors, for the systems that blit runs on.
 *
 * A table of our own, since an error may come from another machine's system than the one that
 * prints it.
 *
 * @module
 */

/** A family of error numbers. */
export type OsFamily = "linux" | "darwin" | "windows";

/** What is known of one error number. */
export interface OsErrorName {
  /** Its symbol: `EACCES`, `ERROR_ACCESS_DENIED`. */
  readonly code: string;
  /** What it says, as words that may follow a colon. */
  readonly words: string;
}

/** Symbol, number on Linux, number on macOS, words. 0 where a system doesn't have it. */
const UNIX: readonly (readonly [string, number, number, string])[] = [
  ["EPERM", 1, 1, "Operation not permitted"],
  ["ENOENT", 2, 2, "No such file or directory"],
  ["EINTR", 4, 4, "Interrupted system call"],
  ["EIO", 5, 5, "Input/output error"],
  ["ENXIO", 6, 6, "No such device or address"],
  ["E2BIG", 7, 7, "Value too long"],
  ["EBADF", 9, 9, "Bad file descriptor"],
  ["EAGAIN", 11, 35, "Resource temporarily unavailable"],
  ["ENOMEM", 12, 12, "Out of memory"],
  ["EACCES", 13, 13, "Permission denied"],
  ["EFAULT", 14, 14, "Bad address"],
  ["EBUSY", 16, 16, "Device or resource busy"],
  ["EEXIST", 17, 17, "File exists"],
  ["EXDEV", 18, 18, "Not on the same file system"],
  ["ENODEV", 19, 19, "No such device"],
  ["ENOTDIR", 20, 20, "Not a directory"],
  ["EISDIR", 21, 21, "Is a directory"],
  ["EINVAL", 22, 22, "Invalid argument"],
  ["ENFILE", 23, 23, "Too many open files in the system"],
  ["EMFILE", 24, 24, "Too many open files"],
  ["ETXTBSY", 26, 26, "Program file is running"],
  ["EFBIG", 27, 27, "File too large"],
  ["ENOSPC", 28, 28, "No space left on device"],
  ["ESPIPE", 29, 29, "Cannot seek"],
  ["EROFS", 30, 30, "Read-only file system"],
  ["EMLINK", 31, 31, "Too many hardlinks"],
  ["EPIPE", 32, 32, "The other end is closed"],
  ["ERANGE", 34, 34, "Value out of range"],
  ["EDEADLK", 35, 11, "Resource deadlock avoided"],
  ["ENAMETOOLONG", 36, 63, "File name too long"],
  ["ENOLCK", 37, 77, "No locks available"],
  ["ENOSYS", 38, 78, "Not implemented by the system"],
  ["ENOTEMPTY", 39, 66, "Directory not empty"],
  ["ELOOP", 40, 62, "Too many levels of symbolic links"],
  ["ENODATA", 61, 96, "No such attribute"],
  ["ENOATTR", 0, 93, "No such attribute"],
  ["EOVERFLOW", 75, 84, "Value too large"],
  ["EILSEQ", 84, 92, "Name not allowed on this file system"],
  ["ENOTSUP", 0, 45, "Operation not supported"],
  ["EOPNOTSUPP", 95, 102, "Operation not supported"],
  ["ENETDOWN", 100, 50, "The network is down"],
  ["ENETUNREACH", 101, 51, "No route to the network"],
  ["ECONNABORTED", 103, 53, "The connection was given up"],
  ["ECONNRESET", 104, 54, "The connection was reset"],
  ["ENOTCONN", 107, 57, "Not connected"],
  ["ETIMEDOUT", 110, 60, "Timed out"],
  ["ECONNREFUSED", 111, 61, "Connection refused"],
  ["EHOSTDOWN", 112, 64, "Host is down"],
  ["EHOSTUNREACH", 113, 65, "No route to host"],
  ["ESTALE", 116, 70, "Stale file handle"],
  ["EUCLEAN", 117, 0, "The file system is damaged"],
  ["EREMOTEIO", 121, 0, "Remote input/output error"],
  ["EDQUOT", 122, 69, "Disk quota exceeded"],
  ["ECANCELED", 125, 89, "Cancelled"],
  ["ENOKEY", 126, 0, "The directory's encryption key is not loaded"],
];

/** Number, symbol, words. */
const WINDOWS: readonly (readonly [number, string, string])[] = [
  [2, "ERROR_FILE_NOT_FOUND", "No such file"],
  [3, "ERROR_PATH_NOT_FOUND", "No such directory"],
  [4, "ERROR_TOO_MANY_OPEN_FILES", "Too many open files"],
  [5, "ERROR_ACCESS_DENIED", "Access denied"],
  [8, "ERROR_NOT_ENOUGH_MEMORY", "Out of memory"],
  [17, "ERROR_NOT_SAME_DEVICE", "Not on the same volume"],
  [19, "ERROR_WRITE_PROTECT", "The medium is write-protected"],
  [21, "ERROR_NOT_READY", "The device is not ready"],
  [23, "ERROR_CRC", "Data error (checksum)"],
  [32, "ERROR_SHARING_VIOLATION", "Another program has it open"],
  [33, "ERROR_LOCK_VIOLATION", "Another program has locked part of it"],
  [39, "ERROR_HANDLE_DISK_FULL", "The disk is full"],
  [50, "ERROR_NOT_SUPPORTED", "Operation not supported"],
  [53, "ERROR_BAD_NETPATH", "The network path was not found"],
  [64, "ERROR_NETNAME_DELETED", "The network share is gone"],
  [80, "ERROR_FILE_EXISTS", "File exists"],
  [87, "ERROR_INVALID_PARAMETER", "Invalid argument"],
  [112, "ERROR_DISK_FULL", "The disk is full"],
  [123, "ERROR_INVALID_NAME", "Name not allowed on this file system"],
  [145, "ERROR_DIR_NOT_EMPTY", "Directory not empty"],
  [170, "ERROR_BUSY", "In use"],
  [183, "ERROR_ALREADY_EXISTS", "File exists"],
  [206, "ERROR_FILENAME_EXCED_RANGE", "File name too long"],
  [223, "ERROR_FILE_TOO_LARGE", "File too large"],
  [267, "ERROR_DIRECTORY", "Not a directory"],
  [303, "ERROR_DELETE_PENDING", "Removed, but still open in another program"],
  [336, "ERROR_DIRECTORY_NOT_SUPPORTED", "Is a directory"],
  [681, "ERROR_STOPPED_ON_SYMLINK", "A link is in the way"],
  [1117, "ERROR_IO_DEVICE", "Input/output error"],
  [1314, "ERROR_PRIVILEGE_NOT_HELD", "A privilege is missing"],
  [1816, "ERROR_NOT_ENOUGH_QUOTA", "Disk quota exceeded"],
  [1920, "ERROR_CANT_ACCESS_FILE", "The file can't be accessed"],
];

/**
 * Names an operating system's error number.
 *
 * @param errno the number, as the system gave it; positive
 * @param family whose numbers it is from
 * @returns its symbol and words; null for a number that is not in the table
 */
export function nameOsError(errno: number, family: OsFamily): OsErrorName | null {
  if (errno <= 0) return null;
  if (family === "windows") {
    const row = WINDOWS.find((row) => row[0] === errno);
    return row ? { code: row[1], words: row[2] } : null;
  }
  const column = family === "linux" ? 1 : 2;
  const row = UNIX.find((row) => row[column] === errno);
  return row ? { code: row[0], words: row[3] } : null;
}
