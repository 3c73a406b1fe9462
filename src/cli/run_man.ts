/**
 * man: the man page, from the tables.
 *
 * @module
 */
import { VERSION } from "../app/version.ts";
import { COMMANDS, type CommandSpec, ENVIRONMENT, EXIT_STATUSES } from "./commands.ts";
import { optionHelp, optionNames } from "./help.ts";
import type { Invocation } from "./invocation.ts";
import { GLOBAL_OPTIONS, optionSpec } from "./options.ts";
import { usageLine } from "./parse.ts";

/** Prints the man page. */
export function run({ terminal }: Invocation): Promise<number> {
  terminal.write(manPage());
  return Promise.resolve(0);
}

/** Renders blit(1). */
export function manPage(): string {
  const shown = COMMANDS.filter((command) => !command.hidden);
  return [
    `.TH BLIT 1 "" "blit ${VERSION}" "User Commands"`,
    ".SH NAME",
    "blit \\- copy, mirror, move and verify file trees",
    ".SH SYNOPSIS",
    ...shown.flatMap((command) => [".br", `.B ${escaped(usageLine(command))}`]),
    ".SH COMMANDS",
    ...shown.flatMap(commandSection),
    ".SH OPTIONS OF EVERY COMMAND",
    ...GLOBAL_OPTIONS.map(optionSpec).filter((spec) => spec.type !== "retired")
      .flatMap((spec) => entry(optionNames(spec).trim(), `${optionHelp(spec)}.`)),
    ".SH ENVIRONMENT",
    ...ENVIRONMENT.flatMap(([name, does]) => entry(name, `${does}.`)),
    ".SH EXIT STATUS",
    ...EXIT_STATUSES.flatMap(([status, meaning]) => entry(String(status), `${meaning}.`)),
    "",
  ].join("\n");
}

function commandSection(command: CommandSpec): string[] {
  return [
    `.SS ${escaped(usageLine(command))}`,
    escaped(`${command.summary}.`),
    ...(command.about ?? []).flatMap((paragraph) => [".PP", escaped(paragraph)]),
    ...command.arguments.flatMap(({ name, help }) => entry(name, `${help}.`)),
    ...command.options.map(optionSpec).filter((spec) => !spec.hidden)
      .flatMap((spec) => entry(optionNames(spec).trim(), `${optionHelp(spec)}.`)),
    ...(command.examples ?? []).flatMap(([line, does]) => entry(line, does)),
  ];
}

function entry(tag: string, text: string): string[] {
  return [".TP", `.B ${escaped(tag)}`, ...(text ? [escaped(text)] : [])];
}

/** Escapes what roff would take for its own. */
function escaped(text: string): string {
  return text.replaceAll("\\", "\\e").replaceAll("-", "\\-").replace(/^[.']/, "\\&$&");
}
