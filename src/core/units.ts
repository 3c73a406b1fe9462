/**
 * Sizes, ages and rates: how people write them, and how they are shown to people.
 *
 * @module
 */
import { BlitError } from "./error.ts";
import { displayName, textToName } from "./rel_path.ts";

const PREFIXES = ["", "k", "m", "g", "t", "p"] as const;

/**
 * Reads a size: `4096`, `10k`, `1.5MiB`, `1G`.
 *
 * K, M, G, T, P (or KB, MB, …) count in steps of 1000, Ki, Mi, … (or KiB, MiB, …) in steps of 1024, as in v1.
 * Upper and lower case mean the same.
 *
 * @param text as typed
 * @param option its name for the message, such as `--min-size`
 * @returns bytes, a whole number
 * @throws {BlitError} `usage`
 */
export function parseSize(text: string, option = "Size"): number {
  const match = /^(\d+(?:\.\d*)?|\.\d+)\s*([kmgtp]?)(ib?|b)?$/i.exec(text.trim());
  const [, number, prefix, suffix = ""] = match ?? [];
  // "10i" and "10ib" have no prefix for the i to belong to.
  if (!match || prefix === "" && suffix.length > 0 && suffix[0].toLowerCase() === "i") {
    throw unreadable(
      text,
      option,
      "a size",
      "Write bytes, or a number with K, M, G or T: 10K, 1.5G",
    );
  }
  const step = suffix.toLowerCase().startsWith("i") ? 1024 : 1000;
  const power = (PREFIXES as readonly string[]).indexOf(prefix.toLowerCase());
  const bytes = Math.floor(Number(number) * step ** power);
  if (!Number.isSafeInteger(bytes)) {
    throw unreadable(text, option, "a size that a file can have", "Write at most 8P");
  }
  return bytes;
}

const AGE_SECONDS: Readonly<Record<string, number>> = {
  s: 1,
  m: 60,
  h: 3600,
  d: 86_400,
  w: 604_800,
};

/**
 * Reads an age: `30s`, `2h`, `1h30m`, `7d`, `1w`, a bare number of seconds, or the date that is that long
 * ago (`2025-01-31`, `2025-01-31T12:00`, local time unless it says `Z` or `+01:00`).
 *
 * @param text as typed
 * @param option its name for the message, such as `--max-age`
 * @param nowMs the present, ms since 1970
 * @returns seconds
 * @throws {BlitError} `usage`
 */
export function parseAge(text: string, option = "Age", nowMs = Date.now()): number {
  const written = text.trim();
  const advice = "Write a number with s, m, h, d or w (2h, 7d, 1h30m), or a date: 2025-01-31";
  if (/^\d{4}-/.test(written)) {
    const atMs = parseDate(written);
    if (atMs === null) throw unreadable(text, option, "a date that exists", advice);
    if (atMs > nowMs) throw unreadable(text, option, "a date in the past", advice);
    return (nowMs - atMs) / 1000;
  }
  if (!/^(\d+(\.\d+)?[smhdw])*(\d+(\.\d+)?)?$/i.test(written) || written === "") {
    throw unreadable(text, option, "an age", advice);
  }
  let seconds = 0;
  for (const [, number, unit] of written.matchAll(/(\d+(?:\.\d+)?)([smhdw]?)/gi)) {
    seconds += Number(number) * (AGE_SECONDS[unit.toLowerCase()] ?? 1);
  }
  return seconds;
}

/** Milliseconds since 1970; null for what is no date. */
function parseDate(text: string): number | null {
  const match = /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d+)?)?)(Z|[+-]\d\d:\d\d)?)?$/i
    .exec(text);
  if (!match) return null;
  const [, year, month, day, time = "00:00", zone = ""] = match;
  // Date.parse takes the 31st of June for the 1st of July.
  const days = new Date(Date.UTC(Number(year), Number(month), 0)).getUTCDate();
  if (Number(month) < 1 || Number(month) > 12 || Number(day) < 1 || Number(day) > days) return null;
  const atMs = Date.parse(`${year}-${month}-${day}T${time}${zone.toUpperCase()}`);
  return Number.isNaN(atMs) ? null : atMs;
}

function unreadable(text: string, option: string, expected: string, advice: string): BlitError {
  return new BlitError(
    "usage",
    `${option} "${displayName(textToName(text))}" is not ${expected}. ${advice}.`,
    { operation: "read the option", advice: `${advice}.` },
  );
}

const BINARY_UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"] as const;

/**
 * Shows a number of bytes with three digits: `0 B`, `1023 B`, `1.50 KiB`, `12.3 MiB`, `123 GiB`.
 *
 * @param bytes 0 or more
 */
export function formatBytes(bytes: number): string {
  let value = bytes, unit = 0;
  // 999.5 and up would be shown as "1000 KiB".
  while (value >= (unit === 0 ? 1024 : 999.5) && unit < BINARY_UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  if (unit === 0) return `${Math.floor(value)} B`;
  return `${value.toFixed(value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2)} ${BINARY_UNITS[unit]}`;
}

/** Shows a rate: `12.3 MiB/s`. */
export function formatRate(bytesPerSecond: number): string {
  return `${formatBytes(bytesPerSecond)}/s`;
}

/**
 * Shows a duration: `12 ms`, `3.4 s`, `2m 05s`, `1h 02m`, `3d 04h`.
 *
 * @param ms 0 or more
 */
export function formatDuration(ms: number): string {
  if (ms < 999.5) return `${Math.round(ms)} ms`;
  if (ms < 59_950) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  const two = (value: number) => String(value).padStart(2, "0");
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m ${two(seconds % 60)}s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 1440) return `${Math.floor(minutes / 60)}h ${two(minutes % 60)}m`;
  const hours = Math.round(minutes / 60);
  return `${Math.floor(hours / 24)}d ${two(hours % 24)}h`;
}

/** Shows a count with its thousands set apart: `1,234,567`. */
export function formatCount(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ",");
}
