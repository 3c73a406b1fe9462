/**
 * What completion scripts are made from: the tables, without what is hidden.
 *
 * @module
 */
import { COMMAND_GROUPS, COMMANDS, type CommandSpec, optionOf } from "../commands.ts";
import type { OptionSpec } from "../option_types.ts";
import { GLOBAL_OPTIONS, type OptionId, OPTIONS, optionSpec } from "../options.ts";

/** An option that is offered. */
export type OfferedOption = Exclude<OptionSpec, { readonly type: "retired" }>;

/** A command that is offered. */
export interface OfferedCommand {
  readonly spec: CommandSpec;
  readonly options: readonly OfferedOption[];
}

/** Commands in the order of help. */
export function offeredCommands(): OfferedCommand[] {
  return COMMANDS.filter((command) => !command.hidden).map((spec) => ({
    spec,
    options: offered([...spec.options, ...GLOBAL_OPTIONS].map((id) => optionOf(spec, id))),
  }));
}

/** Options that stand before any command. */
export function globalOptions(): OfferedOption[] {
  return offered((["version", ...GLOBAL_OPTIONS] as const).map(optionSpec));
}

/** Words that a command line may begin with, and what they do. */
export function firstWords(): [word: string, summary: string][] {
  const words = new Map<string, string>();
  for (const { spec } of offeredCommands()) {
    const word = spec.name.split(" ")[0];
    words.set(word, COMMAND_GROUPS.get(word) ?? spec.summary);
  }
  return [...words, ["help", "Print help on a command"]];
}

/** Words that may follow the name of a group. */
export function wordsBelow(group: string): [word: string, summary: string][] {
  return offeredCommands().filter(({ spec }) => spec.name.startsWith(`${group} `))
    .map(({ spec }) => [spec.name.slice(group.length + 1), spec.summary]);
}

/** Names of the groups. */
export function groups(): string[] {
  return [...COMMAND_GROUPS.keys()];
}

/** Every option with a value, hidden or not: a script must know which words are values. */
export function valueOptions(): OfferedOption[] {
  return (Object.keys(OPTIONS) as OptionId[]).map(optionSpec)
    .filter((spec): spec is OfferedOption => spec.type === "value");
}

/** `-c`, `--checksum`. */
export function optionFlags(spec: OfferedOption): string[] {
  return [...(spec.short ? [`-${spec.short}`] : []), `--${spec.long}`];
}

function offered(specs: readonly OptionSpec[]): OfferedOption[] {
  return specs
    .filter((spec): spec is OfferedOption => spec.type !== "retired" && !spec.hidden);
}
