/**
 * The completion script for fish.
 *
 * @module
 */
import {
  firstWords,
  globalOptions,
  groups,
  type OfferedCommand,
  offeredCommands,
  type OfferedOption,
  wordsBelow,
} from "./model.ts";

/** Words that name places of daemons. */
const PLACES = `function __blit_places
    set -l word (commandline -ct)
    string match -q '*:/*' -- $word
    and command blit completions remote $word 2>/dev/null </dev/null
end`;

/** Renders the script. */
export function fishScript(): string {
  const lines = ["# fish completion for blit", PLACES, "complete -c blit -f"];
  for (const spec of globalOptions()) lines.push(option("__fish_use_subcommand", spec));
  for (const [word, summary] of firstWords()) {
    lines.push(line("__fish_use_subcommand", `-a ${quote(word)} -d ${quote(summary)}`));
    if (word !== "help") {
      lines.push(
        line("__fish_seen_subcommand_from help", `-a ${quote(word)} -d ${quote(summary)}`),
      );
    }
  }
  for (const group of groups()) {
    const below = wordsBelow(group);
    const condition = `__fish_seen_subcommand_from ${group}; and not __fish_seen_subcommand_from ${
      below.map(([word]) => word).join(" ")
    }`;
    for (const [word, summary] of below) {
      lines.push(line(condition, `-a ${quote(word)} -d ${quote(summary)}`));
    }
  }
  for (const command of offeredCommands()) lines.push(...commandLines(command));
  return `${lines.join("\n")}\n`;
}

function commandLines({ spec, options }: OfferedCommand): string[] {
  const condition = spec.name.split(" ")
    .map((word) => `__fish_seen_subcommand_from ${word}`).join("; and ");
  const words = spec.arguments.flatMap((argument) => argument.words ?? []);
  return [
    ...options.map((spec) => option(condition, spec)),
    ...(words.length > 0 ? [line(condition, `-a ${quote(words.join(" "))}`)] : []),
    ...(spec.arguments.some((argument) => argument.path)
      ? [line(condition, "-F"), line(condition, "-a '(__blit_places)'")]
      : []),
  ];
}

function option(condition: string, spec: OfferedOption): string {
  const parts = [
    ...(spec.short ? [`-s ${spec.short}`] : []),
    `-l ${spec.long}`,
    ...valuePart(spec),
    `-d ${quote(spec.help)}`,
  ];
  return line(condition, parts.join(" "));
}

function valuePart(spec: OfferedOption): string[] {
  if (spec.type !== "value") return [];
  if (spec.words) return [`-x -a ${quote(spec.words.join(" "))}`];
  if (spec.path === "directory") return ["-x -a '(__fish_complete_directories)'"];
  return [spec.path ? "-r -F" : "-x"];
}

function line(condition: string, rest: string): string {
  return `complete -c blit -n ${quote(condition)} ${rest}`;
}

function quote(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}
