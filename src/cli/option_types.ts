/**
 * What a row of the option table is made of.
 *
 * @module
 */
import { BlitError } from "../core/error.ts";

/** Headings under which help and man page list options. */
export const GROUPS = [
  "Compare",
  "Filter",
  "Delete and protect",
  "Reliability",
  "Network",
  "Output",
  "General",
  "Debug",
] as const;
/** One of {@link GROUPS}. */
export type Group = (typeof GROUPS)[number];

/** What every row says. */
interface OptionText {
  /** Name after `--`. */
  readonly long: string;
  /** One character after `-`. */
  readonly short?: string;
  /** Other long names that mean the same. */
  readonly aliases?: readonly string[];
  readonly group: Group;
  /** One sentence without a full stop. */
  readonly help: string;
  /** Left out of help, man page and completions. */
  readonly hidden?: boolean;
}

/** An option without a value. */
export interface FlagOption extends OptionText {
  readonly type: "flag";
}

/** An option with a value. */
export interface ValueOption<T> extends OptionText {
  readonly type: "value";
  /** Name of the value in help: `GLOB`, `SIZE`. */
  readonly value: string;
  /** Turns text into the value; throws a `usage` error that says what is expected. */
  readonly parse: (text: string, option: string) => T;
  /** May be given several times; its values keep their order. */
  readonly repeat?: boolean;
  /** For help: what holds where it is not given. */
  readonly default?: string;
  /** For completions: the words that it takes, or what kind of path. */
  readonly words?: readonly string[];
  readonly path?: "file" | "directory";
}

/** An option of v1 that is gone: it parses, and fails with the name of what took its place. */
export interface RetiredOption extends OptionText {
  readonly type: "retired";
  /** Present where v1's took a value. */
  readonly value?: string;
  /** A sentence: what to use instead. */
  readonly successor: string;
}

/** A row of the table. */
export type OptionSpec = FlagOption | ValueOption<unknown> | RetiredOption;

/** The value that a row gives. */
export type OptionValue<O> = O extends FlagOption ? boolean
  : O extends ValueOption<infer T> ? (O extends { readonly repeat: true } ? readonly T[] : T)
  : never;

/** A row for an option without a value. */
export function flag<const T extends Omit<FlagOption, "type">>(
  text: T,
): T & { readonly type: "flag" } {
  return { type: "flag", ...text };
}

/** A row for an option with a value. */
export function value<V, const T extends Omit<ValueOption<V>, "type" | "parse">>(
  parse: (text: string, option: string) => V,
  text: T,
): T & { readonly type: "value"; readonly parse: (text: string, option: string) => V } {
  return { type: "value", parse, ...text };
}

/** A row for an option of v1 that is gone. */
export function retired(
  long: string,
  successor: string,
  takes?: string,
): RetiredOption {
  return { type: "retired", long, successor, value: takes, group: "Debug", help: "", hidden: true };
}

/** A usage error about an option: one line for a person. */
export function badValue(option: string, text: string, expected: string): BlitError {
  return new BlitError("usage", `${option} "${text}": expected ${expected}.`, {
    operation: "parse",
    advice: `Give ${expected}.`,
  });
}
