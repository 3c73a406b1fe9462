/**
 * The manual pages of blit, from the tables: blit(1), and one for each command.
 *
 * @module
 */
import {
  entries,
  type ManPage,
  type ManReference,
  paragraphs,
  references,
  subheading,
  synopsis,
  text,
} from "../app/roff.ts";
import { COMMANDS, type CommandSpec, ENVIRONMENT, EXIT_STATUSES, optionOf } from "./commands.ts";
import { optionHelp, optionNames } from "./help.ts";
import { GROUPS, type OptionSpec } from "./option_types.ts";
import { GLOBAL_OPTIONS, optionSpec } from "./options.ts";
import { usageLine } from "./parse.ts";

const GENERAL = ["version", ...GLOBAL_OPTIONS] as const;
const SHOWN = COMMANDS.filter((command) => !command.hidden);
const pageOf = ({ name }: CommandSpec): ManReference => [`blit-${name.replaceAll(" ", "-")}`, 1];
const lower = (words: string) => words[0].toLowerCase() + words.slice(1);

/** blit(1). */
export function overviewPage(): ManPage {
  return {
    name: "blit",
    section: 1,
    summary: "copy, mirror, move and verify file trees",
    sections: [
      { heading: "SYNOPSIS", body: [synopsis("blit COMMAND [OPTIONS] [ARGUMENTS]")] },
      {
        heading: "DESCRIPTION",
        body: paragraphs([
          "blit works on this machine, and with daemons on others. It puts correctness before speed: an existing file " +
          "holds its old content or its new content, never a mix, nothing is deleted before all copying is done, and " +
          "a run that was killed is mended by running it again.",
          "Options stand before or after the arguments; `--` ends them. `blit COMMAND --help` explains a command.",
        ]),
      },
      {
        heading: "COMMANDS",
        body: SHOWN.flatMap((command) => [
          ".TP",
          ...references([pageOf(command)]),
          ...text(`${command.summary}.`),
        ]),
      },
      { heading: "OPTIONS OF EVERY COMMAND", body: optionEntries(GENERAL.map(optionSpec)) },
      environment(),
      exitStatus(),
      {
        heading: "FILES",
        body: entries([
          ["settings.jsonc", "Defaults of a few options, in the configuration folder."],
          ["perf_local.jsonl", "History of runs there: sizes, counts and times, no names."],
          ["known_hosts, credentials", "Daemons and tokens there, readable by you alone."],
        ]),
      },
      seeAlso([...SHOWN.map(pageOf), ["blit-daemon", 8]]),
    ],
  };
}

/** The page of one command. */
export function commandPage(command: CommandSpec): ManPage {
  const [name, section] = pageOf(command);
  const shown = command.options.filter((id) => !optionSpec(id).hidden);
  const hidden = command.options.filter((id) => optionSpec(id).hidden);
  const grouped = GROUPS.flatMap((group) => {
    const specs = [...shown, ...GLOBAL_OPTIONS].map((id) => optionOf(command, id));
    const body = optionEntries(specs.filter((spec) => spec.group === group));
    return body.length > 0 ? [subheading(group), ...body] : [];
  });
  const rest = optionEntries(hidden.map((id) => optionOf(command, id)));
  return {
    name,
    section,
    summary: lower(command.summary),
    sections: [
      { heading: "SYNOPSIS", body: [synopsis(usageLine(command))] },
      {
        heading: "DESCRIPTION",
        body: [
          ...paragraphs([`${command.summary}.`, ...command.about ?? []]),
          ...entries(command.arguments.map(({ name, help }) => [name, `${help}.`])),
        ],
      },
      {
        heading: "OPTIONS",
        body: [
          ...grouped,
          ...(rest.length > 0 ? [subheading("Not in the short help"), ...rest] : []),
        ],
      },
      {
        heading: "EXAMPLES",
        body: entries((command.examples ?? []).map(([line, does]) => [line, does && `${does}.`])),
      },
      exitStatus(),
      seeAlso([["blit", 1], ...(command.network ? [["blit-daemon", 8] as const] : [])]),
    ],
  };
}

/** Every page of blit. */
export function clientPages(): ManPage[] {
  return [overviewPage(), ...SHOWN.map(commandPage)];
}

function optionEntries(specs: readonly OptionSpec[]): string[] {
  return entries(
    specs.filter((spec) => spec.type !== "retired")
      .map((spec) => [optionNames(spec).trim(), `${optionHelp(spec)}.`]),
  );
}

function environment() {
  return {
    heading: "ENVIRONMENT",
    body: entries(ENVIRONMENT.map(([name, does]) => [name, `${does}.`])),
  };
}

function exitStatus() {
  return {
    heading: "EXIT STATUS",
    body: entries(EXIT_STATUSES.map(([status, meaning]) => [String(status), `${meaning}.`])),
  };
}

function seeAlso(pages: readonly ManReference[]) {
  return { heading: "SEE ALSO", body: references(pages) };
}
