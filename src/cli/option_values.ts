/**
 * Parsers of option values. Each throws a `usage` error that names the option and what it expects.
 *
 * @module
 */
import type { MaxDelete } from "../core/options.ts";
import { parseFingerprint } from "../core/fingerprint.ts";
import { parseAge, parseSize } from "../core/units.ts";
import { badValue } from "./option_types.ts";

const DAY_SECONDS = 24 * 3600;

/** Any text but none. */
export function text(given: string, option: string): string {
  if (given === "") throw badValue(option, given, "a value that isn't empty");
  return given;
}

/** A size in bytes: `100K`, `1.5G`. */
export function size(given: string, option: string): number {
  return parseSize(given, option);
}

/** An age in seconds: `30m`, `7d`. */
export function age(given: string, option: string): number {
  return parseAge(given, option, Date.now());
}

/** A whole number between `least` and `most`. */
export function whole(least: number, most: number): (given: string, option: string) => number {
  return (given, option) => {
    const number = Number(given);
    if (!/^\d+$/.test(given) || number < least || number > most) {
      const range = most === Number.MAX_SAFE_INTEGER
        ? least === 0 ? "" : `, ${least} or more`
        : ` from ${least} to ${most}`;
      throw badValue(option, given, `a whole number${range}`);
    }
    return number;
  };
}

/** Seconds, possibly with a fraction, as milliseconds. */
export function seconds(given: string, option: string): number {
  const number = parseFloat(given);
  // A timer can't wait for more than 24 days: it would end at once.
  if (!/^\d+(\.\d+)?s?$/.test(given) || number > DAY_SECONDS) {
    throw badValue(option, given, "seconds, such as 5 or 0.5, at most a day");
  }
  return Math.round(number * 1000);
}

/** One of some words. */
export function oneOf<const W extends readonly string[]>(
  words: W,
): (given: string, option: string) => W[number] {
  return (given, option) => {
    if (words.includes(given)) return given;
    throw badValue(option, given, `${words.slice(0, -1).join(", ")} or ${words.at(-1)}`);
  };
}

/** `100`, `25%` or `all`. */
export function maxDelete(given: string, option: string): MaxDelete {
  if (given === "all") return { kind: "all" };
  const match = /^(\d+)(\.\d+)?(%?)$/.exec(given);
  const number = Number.parseFloat(given);
  if (match?.[3] && number <= 100) return { kind: "percent", percent: number };
  if (match && !match[2] && !match[3]) return { kind: "count", count: number };
  throw badValue(option, given, 'a count, a percentage from 0% to 100%, or "all"');
}

/** A limit with a sign, as `find` has it: `+10M` at least, `-10M` at most, without a sign exactly. */
export interface SignedLimit {
  readonly sign: "+" | "-" | "";
  readonly amount: number;
}

/** A size with a sign. */
export function signedSize(given: string, option: string): SignedLimit {
  return signed(given, option, size);
}

/** An age with a sign. */
export function signedAge(given: string, option: string): SignedLimit {
  return signed(given, option, age);
}

function signed(
  given: string,
  option: string,
  parse: (text: string, option: string) => number,
): SignedLimit {
  const sign = given[0] === "+" || given[0] === "-" ? given[0] : "";
  return { sign, amount: parse(given.slice(sign.length), option) };
}

/** A certificate's fingerprint, as 32 bytes. */
export function fingerprint(given: string, option: string): Uint8Array {
  const sha256 = parseFingerprint(given);
  if (sha256 !== null) return sha256;
  throw badValue(option, given, "SHA256: and 43 characters, as the daemon printed it");
}
