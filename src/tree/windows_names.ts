/**
 * Names that Deno's file API can't reach on Windows. A program that may not do everything has the prefix `\\?\` taken off
 * its paths, and then the system's older layers open a device for `CON` and `aux.txt`, and drop dots and spaces at a
 * name's end, so that it is another file's.
 *
 * Reference: "Naming Files, Paths, and Namespaces", Win32 API.
 *
 * @module
 */

/** Longest name of a file system there, UTF-16 units. */
const NAME_UNITS = 255;
const DEVICE = /^(?:con|prn|aux|nul|(?:com|lpt)[0-9¹²³])(?: *\.| *$)/i;

/** How a path can't be used there. */
export interface RefusedName {
  /** `escaped` where a name would be read as several, or as a stream of a file. */
  readonly kind: "escaped" | "unsupported" | "name_too_long";
  /** The system's number for that; 0: none. */
  readonly errno: number;
}

const INVALID_NAME = 123, NAME_TOO_LONG = 206;

/** Why a path of names parted by slashes can't be used there; null where it can. */
export function refusedOnWindows(path: string): RefusedName | null {
  if (/[\\:]/.test(path)) return { kind: "escaped", errno: 0 };
  // deno-lint-ignore no-control-regex
  if (/["*<>?|\x00-\x1f]/.test(path)) return { kind: "unsupported", errno: INVALID_NAME };
  for (const name of path.split("/")) {
    if (name.length > NAME_UNITS) return { kind: "name_too_long", errno: NAME_TOO_LONG };
    if (DEVICE.test(name) || /[. ]$/.test(name)) {
      return { kind: "unsupported", errno: INVALID_NAME };
    }
  }
  return null;
}
