/**
 * The completion script for zsh.
 *
 * @module
 */
import type { ArgumentSpec } from "../commands.ts";
import {
  firstWords,
  globalOptions,
  groups,
  type OfferedCommand,
  offeredCommands,
  type OfferedOption,
  wordsBelow,
} from "./model.ts";

/** Renders the script; it works from a folder of `fpath` and with `source`. */
export function zshScript(): string {
  const plain = offeredCommands().filter(({ spec }) => !spec.name.includes(" "));
  return `#compdef blit
_blit_places() {
  local word=\${(Q)PREFIX}
  if [[ $word != *:/* ]]; then
    _files
    return
  fi
  local -a found=(\${(f)"$(command blit completions remote "$word" 2>/dev/null </dev/null)"})
  compadd -S '' -- \${(M)found:#*/}
  compadd -- \${found:#*/}
}
_blit() {
  local curcontext=$curcontext state line
  _arguments -C \\
${globalOptions().map((spec) => `    ${option(spec)} \\`).join("\n")}
    '1: :->command' \\
    '*:: :->arguments' && return
  case $state in
    command)
${describe(firstWords(), 6)}
      ;;
    arguments)
      curcontext=\${curcontext%:*:*}:blit-$words[1]:
      case $words[1] in
        help)
${describe(firstWords(), 10)}
          ;;
${plain.map((command) => commandCase(command.spec.name, command, 8)).join("\n")}
${groups().map(groupCase).join("\n")}
      esac
      ;;
  esac
}
if [ "$funcstack[1]" = "_blit" ]; then
  _blit "$@"
else
  compdef _blit blit
fi
`;
}

function groupCase(group: string): string {
  const below = offeredCommands().filter(({ spec }) => spec.name.startsWith(`${group} `));
  return `        ${group})
          _arguments -C '1: :->command' '*:: :->arguments' && return
          case $state in
            command)
${describe(wordsBelow(group), 14)}
              ;;
            arguments)
              case $words[1] in
${
    below.map((command) => commandCase(command.spec.name.slice(group.length + 1), command, 16))
      .join("\n")
  }
              esac
              ;;
          esac
          ;;`;
}

function commandCase(word: string, { spec, options }: OfferedCommand, indent: number): string {
  const space = " ".repeat(indent);
  const parts = [...options.map(option), ...spec.arguments.map(argument)];
  return `${space}${word})
${space}  _arguments -s \\
${parts.map((part) => `${space}    ${part}`).join(" \\\n")}
${space}  ;;`;
}

/** `'(-c --checksum)'{-c,--checksum}'[help]'`. */
function option(spec: OfferedOption): string {
  const isRepeated = spec.type === "value" && spec.repeat;
  const names = spec.short
    ? `'(-${spec.short} --${spec.long})'{-${spec.short},--${spec.long}}`
    : `${isRepeated ? "'*'" : ""}--${spec.long}`;
  return `${names}${quote(`[${bracketed(spec.help)}]${valuePart(spec)}`)}`;
}

function valuePart(spec: OfferedOption): string {
  if (spec.type !== "value") return "";
  const action = spec.words
    ? `(${spec.words.join(" ")})`
    : spec.path === "directory"
    ? "_files -/"
    : spec.path
    ? "_files"
    : " ";
  return `:${escaped(spec.value)}:${action}`;
}

function argument({ name, words, path }: ArgumentSpec, index: number): string {
  return quote(
    `${index + 1}:${name}:${words ? `(${words.join(" ")})` : path ? "_blit_places" : " "}`,
  );
}

function describe(words: readonly (readonly [string, string])[], indent: number): string {
  const space = " ".repeat(indent);
  const rows = words.map(([word, summary]) => `${space}  ${quote(`${word}:${escaped(summary)}`)}`);
  return `${space}local -a commands=(\n${
    rows.join("\n")
  }\n${space})\n${space}_describe command commands`;
}

function escaped(text: string): string {
  return text.replaceAll(":", "\\:");
}

function bracketed(text: string): string {
  return text.replace(/[[\]\\]/g, "\\$&");
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
