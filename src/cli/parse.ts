/**
 * Turns a command line into a {@link Parsed} one by the tables, or says in a line what is wrong with it.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { BlitError } from "../core/error.ts";
import { COMMAND_GROUPS, COMMANDS, type CommandSpec } from "./commands.ts";
import type { Occurrence, Parsed } from "./invocation.ts";
import type { OptionSpec } from "./option_types.ts";
import { GLOBAL_OPTIONS, type OptionId, OPTIONS, optionSpec } from "./options.ts";
import { didYouMean } from "../core/nearest.ts";
import { robocopyAdvice } from "./robocopy.ts";

/** What a command line asks for. */
export type Request =
  | { readonly kind: "run"; readonly parsed: Parsed }
  /** Help on a command, on a group of commands, or (`""`) on the whole; all of it, or a page. */
  | { readonly kind: "help"; readonly topic: string; readonly full: boolean }
  | { readonly kind: "version" };

const IDS = Object.keys(OPTIONS) as OptionId[];
const BY_LONG = new Map<string, OptionId>();
const BY_SHORT = new Map<string, OptionId>();
for (const id of IDS) {
  const spec = optionSpec(id);
  for (const long of [spec.long, ...(spec.aliases ?? [])]) BY_LONG.set(long, id);
  if (spec.short) BY_SHORT.set(spec.short, id);
}

/** How `node:util` wants to know which options take values. */
const PARSE_OPTIONS = Object.fromEntries(
  [...BY_LONG].map(([long, id]) => {
    const spec = optionSpec(id);
    const type: "string" | "boolean" = takesValue(spec) ? "string" : "boolean";
    return [long, spec.short ? { type, short: spec.short } : { type }];
  }),
);

/**
 * Parses a command line.
 *
 * @param args as typed, without the program's name
 * @param os where blit runs: Windows has rules of its own for quotation marks, and asks for help by `/?`
 * @throws {BlitError} `usage`, with a message of one line; `unsupported` for a command that needs a daemon
 */
export function parseCommandLine(
  args: readonly string[],
  os: typeof Deno.build.os = Deno.build.os,
): Request {
  const { tokens } = parseArgs({
    // No name there has a question mark.
    args: args.map((arg) => os === "windows" && arg === "/?" ? "--help" : arg),
    options: PARSE_OPTIONS,
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const words: string[] = [];
  const options: OptionToken[] = [];
  for (const token of tokens) {
    if (token.kind === "positional") words.push(token.value);
    else if (token.kind === "option") options.push({ ...token, typed: args[token.index] });
  }
  const has = (id: OptionId) => options.some((token) => idOf(token) === id);
  const full = words[0] === "help" || options.some((token) => token.rawName === "--help");
  if (words[0] === "help") return { kind: "help", topic: helpTopic(words.slice(1)), full };
  if (words.length === 0) {
    for (const token of options) checkKnown(token, ["version", ...GLOBAL_OPTIONS], "blit");
    if (has("version")) return { kind: "version" };
    if (has("help")) return { kind: "help", topic: "", full };
    throw new BlitError("usage", "No command given. blit --help lists them.");
  }
  if (has("help") && (COMMAND_GROUPS.has(words[0]) || findCommand(words))) {
    return { kind: "help", topic: helpTopic(words), full };
  }
  const command = findCommand(words) ?? unknownCommand(words);
  const given = options.map((token) => readOption(token, command));
  const rest = words.slice(command.name.split(" ").length);
  // v1 had `completions shell bash`.
  const named = command.name === "completions" && rest[0] === "shell" ? rest.slice(1) : rest;
  checkArguments(command, named, os);
  return { kind: "run", parsed: { command, args: named, values: collect(given), given } };
}

interface OptionToken {
  readonly name: string;
  readonly rawName: string;
  readonly value?: string;
  readonly inlineValue?: boolean;
  /** The argument that it stands in: `-nc` of the option `-c`. */
  readonly typed: string;
}

/** The command that the words begin with; undefined for none. */
function findCommand(words: readonly string[]): CommandSpec | undefined {
  return COMMANDS.find((command) => {
    const name = command.name.split(" ");
    return name.every((word, i) => words[i] === word);
  });
}

function unknownCommand(words: readonly string[]): never {
  const group = words[0];
  if (COMMAND_GROUPS.has(group)) {
    const below = COMMANDS.filter((c) => c.name.startsWith(`${group} `))
      .map((c) => c.name.slice(group.length + 1));
    if (words.length === 1) {
      throw new BlitError("usage", `blit ${group} needs one of: ${below.join(", ")}.`);
    }
    const near = didYouMean(words[1], below, `blit ${group} `);
    throw new BlitError(
      "usage",
      `Unknown command "${group} ${words[1]}".${near || ` There are: ${below.join(", ")}.`}`,
    );
  }
  const names = [...new Set(COMMANDS.filter((c) => !c.hidden).map((c) => c.name.split(" ")[0]))];
  const near = didYouMean(group, names, "blit ");
  throw new BlitError("usage", `Unknown command "${group}".${near || " blit --help lists them."}`);
}

function helpTopic(words: readonly string[]): string {
  if (words.length === 0) return "";
  const command = findCommand(words);
  if (command) return command.name;
  if (COMMAND_GROUPS.has(words[0]) && (words.length === 1 || words[1] === "help")) return words[0];
  return unknownCommand(words);
}

function idOf(token: OptionToken): OptionId | undefined {
  return token.rawName.startsWith("--") ? BY_LONG.get(token.name) : BY_SHORT.get(
    token.rawName.slice(1),
  );
}

/** The option that a token names, where `allowed` has it. */
function checkKnown(token: OptionToken, allowed: readonly OptionId[], command: string): OptionId {
  const id = idOf(token);
  if (id !== undefined && allowed.includes(id)) return id;
  const shown = allowed.filter((id) => !optionSpec(id).hidden).map((id) => optionSpec(id).long);
  // Whoever writes -name as find(1) takes it means --name.
  const near = token.rawName.startsWith("--")
    ? didYouMean(token.name, shown, "--")
    : shown.includes(token.typed.slice(1))
    ? ` Did you mean -${token.typed}?`
    : "";
  const what = id === undefined
    ? `Unknown option ${token.rawName}.`
    : `${command} has no option ${token.rawName}.`;
  throw new BlitError("usage", `${what}${near || ` ${command} --help lists them.`}`);
}

function readOption(token: OptionToken, command: CommandSpec): Occurrence {
  const allowed = [...command.options, ...(command.accepts ?? []), ...GLOBAL_OPTIONS];
  const id = checkKnown(token, allowed, `blit ${command.name}`);
  const spec = optionSpec(id);
  if (spec.type === "retired") {
    throw new BlitError("usage", `${token.rawName} is gone. ${spec.successor}`);
  }
  if (spec.type === "flag") {
    if (token.value !== undefined) {
      throw new BlitError("usage", `${token.rawName} takes no value, so not "${token.value}".`);
    }
    return { id, value: true };
  }
  if (token.value === undefined) {
    throw new BlitError("usage", `${token.rawName} needs a value: ${token.rawName} ${spec.value}.`);
  }
  return { id, value: spec.parse(token.value, token.rawName) };
}

function checkArguments(
  command: CommandSpec,
  args: readonly string[],
  os: typeof Deno.build.os,
): void {
  const needed = command.arguments.filter((argument) => !argument.optional).length;
  // Programs on Windows split the line themselves, and `\"` is a quotation mark to all of them.
  const quoted = os === "windows" &&
    args.find((arg) => arg.includes('"') && (args.length < needed || /^([A-Za-z]:|\\)/.test(arg)));
  if (quoted) {
    throw new BlitError(
      "usage",
      `No name has a quotation mark in it: ${quoted}. A backslash right before the closing one takes its meaning. ` +
        'Write "C:\\my photos\\\\" or "C:/my photos/".',
    );
  }
  if (args.length < needed) {
    const missing = command.arguments[args.length].name;
    throw new BlitError("usage", `${missing} is missing: ${usageLine(command)}`);
  }
  if (args.length > command.arguments.length) {
    const most = command.arguments.length;
    const theirs = os === "windows" ? robocopyAdvice(args.slice(most)) : null;
    if (theirs !== null) {
      const [word, advice] = theirs;
      throw new BlitError("usage", `One argument too many, "${word}". ${advice}`);
    }
    const extra = args[most];
    throw new BlitError("usage", `One argument too many, "${extra}": ${usageLine(command)}`);
  }
  for (const arg of args) {
    if (arg === "") throw new BlitError("usage", `An argument is empty: ${usageLine(command)}`);
    if (arg.includes("\ufffd")) {
      throw new BlitError(
        "usage",
        `"${arg}" isn't UTF-8. Name the folder that it is in; what is below keeps every name.`,
      );
    }
  }
}

/** `blit copy [OPTIONS] SRC DST`. */
export function usageLine(command: CommandSpec): string {
  const args = command.arguments.map((a) => a.optional ? `[${a.name}]` : a.name);
  const options = command.options.length > 0 ? ["[OPTIONS]"] : [];
  return ["blit", command.name, ...options, ...args].join(" ");
}

function takesValue(spec: OptionSpec): boolean {
  return spec.type === "value" || (spec.type === "retired" && spec.value !== undefined);
}

/** The last value of each option; every value of those that may be repeated. */
function collect(given: readonly Occurrence[]): Parsed["values"] {
  const values: Record<string, unknown> = {};
  for (const { id, value } of given) {
    const spec = optionSpec(id);
    if (spec.type === "value" && spec.repeat) {
      values[id] = [...((values[id] as unknown[] | undefined) ?? []), value];
    } else values[id] = value;
  }
  return values;
}
