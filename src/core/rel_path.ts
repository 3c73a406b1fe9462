/**
 * Names and paths as byte strings: one char (U+0000 to U+00FF) per byte.
 *
 * `<` on byte strings is byte order, slices have the right offsets, and every name survives. UTF-8 is
 * for display, globs and JSON only.
 *
 * @module
 */
import { Buffer } from "node:buffer";

/** A name or relative path as a byte string; components joined by `/`; `""` is the root itself. */
export type RelPath = string;

/** Decodes `length` bytes at `offset` into a byte string. */
export function bytesToName(
  bytes: Uint8Array,
  offset = 0,
  length = bytes.length - offset,
): RelPath {
  return Buffer.from(bytes.buffer, bytes.byteOffset + offset, length).toString("latin1", 0, length);
}

/** Encodes a byte string back into its bytes. */
export function nameToBytes(name: RelPath): Uint8Array {
  return Buffer.from(name, "latin1");
}

/** Turns ordinary text (what a user typed), or a {@link nameToPath}, into a byte string of its UTF-8 form. */
export function textToName(text: string): RelPath {
  if (isAscii(text)) return text;
  if (!hasRawBytes(text)) return Buffer.from(text, "utf8").toString("latin1");
  return text.split(RAW).map((part, i) =>
    i % 2 === 1
      ? String.fromCharCode(part.charCodeAt(0) - RAW_BASE)
      : Buffer.from(part, "utf8").toString("latin1")
  ).join("");
}

/**
 * Turns a byte string into text that {@link textToName} turns back, whatever its bytes: those that are not UTF-8 become lone
 * surrogates, U+DC80 to U+DCFF, which no UTF-8 has. The system doesn't know such a path by its text.
 */
export function nameToPath(name: RelPath): string {
  if (isUtf8Name(name)) return nameToText(name);
  let text = "";
  for (let at = 0; at < name.length;) {
    const byte = name.charCodeAt(at);
    const length = byte < 0x80 ? 1 : byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
    const part = name.slice(at, at + length);
    const isWhole = part.length === length && isUtf8Name(part);
    text += isWhole ? nameToText(part) : String.fromCharCode(RAW_BASE + byte);
    at += isWhole ? length : 1;
  }
  return text;
}

/** Whether a path's text stands for bytes that are not UTF-8; see {@link nameToPath}. */
export function hasRawBytes(path: string): boolean {
  return RAW.test(path);
}

/** One byte that is not UTF-8, as a lone surrogate. */
const RAW = /([\udc80-\udcff])/u;
/** What is added to a byte for that. */
const RAW_BASE = 0xdc00;

/** Turns a byte string into text; bytes that are not UTF-8 become U+FFFD. For globs and JSON. */
export function nameToText(name: RelPath): string {
  return isAscii(name) ? name : Buffer.from(name, "latin1").toString("utf8");
}

/** Whether the byte string is valid UTF-8, so that {@link nameToText} loses nothing. */
export function isUtf8Name(name: RelPath): boolean {
  return isAscii(name) || textToName(nameToText(name)) === name;
}

/**
 * For people: UTF-8 with control characters, backslashes and bytes that are not UTF-8 escaped. On Windows a backslash
 * separates names and is left as it is.
 */
export function displayName(name: RelPath, os: typeof Deno.build.os = Deno.build.os): string {
  if (/^[\x20-\x5b\x5d-\x7e]*$/.test(name)) return name;
  if (os === "windows") {
    return name.split("\\").map((part) => displayName(part, "linux")).join("\\");
  }
  const text = nameToText(name);
  return textToName(text) === name
    ? text.replace(CONFUSING, escapeChar)
    : name.replace(NOT_PRINTABLE, escapeChar);
}

/** Control characters, the backslash that escapes, and what changes the direction or line of text. */
// deno-lint-ignore no-control-regex
const CONFUSING = /[\x00-\x1f\x7f-\x9f\\\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;
/** Bytes that can't be shown by themselves. */
// deno-lint-ignore no-control-regex
const NOT_PRINTABLE = /[\x00-\x1f\x7f-\xff\\]/g;

function escapeChar(char: string): string {
  if (char === "\n") return "\\n";
  if (char === "\t") return "\\t";
  if (char === "\r") return "\\r";
  if (char === "\\") return "\\\\";
  const code = char.charCodeAt(0);
  return code > 0xff
    ? `\\u${code.toString(16).padStart(4, "0")}`
    : `\\x${code.toString(16).padStart(2, "0")}`;
}

/** The path of `name` inside `parent`. */
export function joinRel(parent: RelPath, name: RelPath): RelPath {
  return parent === "" ? name : name === "" ? parent : `${parent}/${name}`;
}

/** Everything before the last `/`; `""` where there is none. */
export function parentOf(path: RelPath): RelPath {
  const at = path.lastIndexOf("/");
  return at < 0 ? "" : path.slice(0, at);
}

/** Everything after the last `/`. */
export function baseOf(path: RelPath): RelPath {
  return path.slice(path.lastIndexOf("/") + 1);
}

/** Whether `path` can only lead below its root: no empty, `.` or `..` component, no NUL. */
export function isSafeRel(path: RelPath): boolean {
  if (path === "") return true;
  if (path.includes("\0")) return false;
  return path.split("/").every((part) => part !== "" && part !== "." && part !== "..");
}

function isAscii(text: string): boolean {
  // deno-lint-ignore no-control-regex
  return /^[\x00-\x7f]*$/.test(text);
}
