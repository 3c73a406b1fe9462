/**
 * The parts of docs/cli that come from the tables of src/cli: usage lines, option lists, exit statuses and
 * environment variables. Each is the section below a heading of its page.
 *
 * usage: deno run --allow-read --allow-write --allow-env tests/docs/sections.ts    rewrites them
 *
 * @module
 */
import {
  COMMANDS,
  type CommandSpec,
  ENVIRONMENT,
  EXIT_STATUSES,
  optionOf,
} from "../../src/cli/commands.ts";
import { optionHelp, optionNames } from "../../src/cli/help.ts";
import { GROUPS, type OptionSpec } from "../../src/cli/option_types.ts";
import { GLOBAL_OPTIONS, optionSpec } from "../../src/cli/options.ts";
import { usageLine } from "../../src/cli/parse.ts";

/** A section that the tables give. */
export interface Section {
  /** Name of the page in docs/cli. */
  readonly page: string;
  /** Text of its heading of the second level. */
  readonly heading: string;
  /** What stands between this heading and the next. */
  readonly body: string;
}

/** Folder of the pages. */
export const PAGES = new URL("../../docs/cli/", import.meta.url);

/** Every section, in the order of the tables. */
export function sections(): Section[] {
  const shown = COMMANDS.filter((command) => !command.hidden);
  const pages = Map.groupBy(shown, ({ name }) => `${name.split(" ")[0]}.md`);
  return [
    ...[...pages].flatMap(([page, commands]) => [
      { page, heading: "Usage", body: usage(commands) },
      ...commands.map((command) => ({
        page,
        heading: commands.length === 1 ? "Options" : `Options of ${command.name.split(" ")[1]}`,
        body: optionLists(command),
      })),
    ]),
    { page: "README.md", heading: "Commands", body: commandList(shown) },
    {
      page: "README.md",
      heading: "Options of every command",
      body: optionList(GLOBAL_OPTIONS.map(optionSpec)),
    },
    {
      page: "README.md",
      heading: "Exit status",
      body: EXIT_STATUSES.map(([status, meaning]) => `- \`${status}\`: ${meaning}.`).join("\n"),
    },
    {
      page: "README.md",
      heading: "Environment",
      body: ENVIRONMENT.map(([name, does]) => `- \`${name}\`: ${does}.`).join("\n"),
    },
  ];
}

/**
 * Puts a section into its page.
 *
 * @throws {Error} where the page doesn't have the heading exactly once
 */
export function withSection(text: string, { page, heading, body }: Section): string {
  const parts = text.split(/^(?=## )/m);
  const at = parts.flatMap((part, i) => part.startsWith(`## ${heading}\n`) ? [i] : []);
  if (at.length !== 1) throw new Error(`${page}: "## ${heading}" is there ${at.length} times`);
  const last = at[0] === parts.length - 1;
  parts[at[0]] = `## ${heading}\n\n${body}\n${last ? "" : "\n"}`;
  return parts.join("");
}

function usage(commands: readonly CommandSpec[]): string {
  const given = commands.flatMap((command) => command.arguments);
  const names = [...new Set(given.map(({ name }) => name))];
  const list = names.map((name) => {
    const { help } = given.find((argument) => argument.name === name)!;
    return `- \`${name}\`: ${help}.`;
  });
  return [
    "```text",
    ...commands.map(usageLine),
    "```",
    ...(list.length > 0 ? ["", ...list] : []),
  ].join("\n");
}

function commandList(commands: readonly CommandSpec[]): string {
  return commands.map(({ name, summary }) =>
    `- [${name}](${name.split(" ")[0]}.md): ${summary[0].toLowerCase()}${summary.slice(1)}.`
  ).join("\n");
}

function optionLists(command: CommandSpec): string {
  const specs = command.options.map((id) => optionOf(command, id))
    .filter((spec) => spec.type !== "retired");
  if (specs.length === 0) return "None but those of [every command](README.md).";
  const shown = specs.filter((spec) => !spec.hidden);
  const hidden = specs.filter((spec) => spec.hidden);
  return [
    ...GROUPS.flatMap((group) => {
      const inGroup = shown.filter((spec) => spec.group === group);
      return inGroup.length > 0 ? [`### ${group}`, optionList(inGroup)] : [];
    }),
    ...(hidden.length > 0 ? ["### Not in the short help", optionList(hidden)] : []),
  ].join("\n\n");
}

function optionList(specs: readonly OptionSpec[]): string {
  return specs.filter((spec) => spec.type !== "retired").map(optionLine).join("\n");
}

function optionLine(spec: OptionSpec): string {
  const aliases = (spec.aliases ?? []).map((alias) => `--${alias}`);
  const also = aliases.length > 0 ? ` Also \`${aliases.join("`, `")}\`.` : "";
  return `- \`${optionNames(spec).trim()}\`: ${optionHelp(spec)}.${also}`;
}

if (import.meta.main) {
  for (const section of sections()) {
    const page = new URL(section.page, PAGES);
    Deno.writeTextFileSync(page, withSection(Deno.readTextFileSync(page), section));
  }
}
