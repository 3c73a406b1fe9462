/**
 * Help texts, from the tables.
 *
 * @module
 */
import {
  COMMAND_GROUPS,
  COMMANDS,
  type CommandSpec,
  ENVIRONMENT,
  EXIT_STATUSES,
  optionOf,
} from "./commands.ts";
import { GROUPS, type OptionSpec } from "./option_types.ts";
import { GLOBAL_OPTIONS, optionSpec } from "./options.ts";
import { usageLine } from "./parse.ts";
import { wrap } from "./wrap.ts";

const GENERAL = ["version", ...GLOBAL_OPTIONS] as const;
const WIDEST = 100;
const INDENT = "  ";

/**
 * Renders help.
 *
 * @param topic name of a command or of a group of commands; `""` for the whole
 * @param full hidden options, examples and explanations too
 * @param columns width of the terminal
 */
export function help(topic: string, full: boolean, columns: number): string {
  const width = Math.max(40, Math.min(WIDEST, columns));
  const command = COMMANDS.find((command) => command.name === topic);
  const lines = command
    ? commandHelp(command, full, width)
    : topic === ""
    ? overview(full, width)
    : groupHelp(topic, width);
  return `${lines.join("\n")}\n`;
}

function overview(full: boolean, width: number): string[] {
  const shown = COMMANDS.filter((command) => !command.hidden);
  return [
    "blit copies, mirrors, moves and verifies file trees.",
    "",
    "Usage: blit COMMAND [OPTIONS] [ARGUMENTS]",
    "",
    "Commands:",
    ...table(shown.map(({ name, summary }) => [name, summary]), width),
    "",
    "Options:",
    ...table(optionRows(GENERAL.map(optionSpec), full), width),
    ...(full
      ? [
        "",
        "Environment:",
        ...table(ENVIRONMENT, width),
        "",
        "Exit status:",
        ...table(EXIT_STATUSES.map(([status, text]) => [String(status), text]), width),
      ]
      : []),
    "",
    "blit COMMAND --help explains a command.",
  ];
}

function groupHelp(group: string, width: number): string[] {
  const below = COMMANDS.filter((command) => command.name.startsWith(`${group} `));
  return [
    `${COMMAND_GROUPS.get(group)}.`,
    "",
    `Usage: blit ${group} COMMAND`,
    "",
    "Commands:",
    ...table(below.map(({ name, summary }) => [name, summary]), width),
  ];
}

function commandHelp(command: CommandSpec, full: boolean, width: number): string[] {
  const lines = [...wrap(`${command.summary}.`, width, ""), "", `Usage: ${usageLine(command)}`];
  if (full) {
    for (const paragraph of command.about ?? []) lines.push("", ...wrap(paragraph, width, ""));
  }
  if (command.arguments.length > 0) {
    lines.push("", "Arguments:");
    lines.push(...table(command.arguments.map(({ name, help }) => [name, help]), width));
  }
  for (const group of GROUPS) {
    const specs = [...command.options, ...GLOBAL_OPTIONS]
      .map((id) => optionOf(command, id)).filter((spec) => spec.group === group);
    const rows = optionRows(specs, full);
    if (rows.length > 0) lines.push("", `${group}:`, ...table(rows, width));
  }
  if (command.examples && full) {
    lines.push("", "Examples:");
    for (const [line, does] of command.examples) {
      lines.push(`${INDENT}${line}`, ...(does ? wrap(does, width, INDENT + INDENT) : []));
    }
  }
  if (!full) lines.push("", `blit ${command.name} --help says more.`);
  return lines;
}

function optionRows(
  specs: readonly OptionSpec[],
  full: boolean,
): (readonly [name: string, help: string])[] {
  return specs
    .filter((spec) => spec.type !== "retired" && (full || !spec.hidden))
    .map((spec) => [optionNames(spec), optionHelp(spec)]);
}

/** `-c, --checksum`, `    --exclude GLOB`. */
export function optionNames(spec: OptionSpec): string {
  const short = spec.short ? `-${spec.short}, ` : "    ";
  return `${short}--${spec.long}${spec.type === "value" ? ` ${spec.value}` : ""}`;
}

/** The help sentence with default and repetition. */
export function optionHelp(spec: OptionSpec): string {
  if (spec.type !== "value") return spec.help;
  const more = [
    ...(spec.default === undefined ? [] : [`default: ${spec.default}`]),
    ...(spec.repeat ? ["may be repeated"] : []),
  ];
  return more.length > 0 ? `${spec.help} (${more.join("; ")})` : spec.help;
}

function table(rows: readonly (readonly [string, string])[], width: number): string[] {
  const longest = Math.max(0, ...rows.map(([name]) => name.length));
  const column = Math.min(longest, Math.floor(width * 0.4)) + INDENT.length + 2;
  return rows.flatMap(([name, text]) => {
    const [first = "", ...rest] = wrap(text, width, " ".repeat(column));
    const head = `${INDENT}${name}`;
    return head.length + 2 > column
      ? [head, first, ...rest]
      : [head.padEnd(column) + first.trimStart(), ...rest];
  });
}
