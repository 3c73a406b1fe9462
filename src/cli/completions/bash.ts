/**
 * The completion script for bash.
 *
 * @module
 */
import {
  firstWords,
  globalOptions,
  groups,
  offeredCommands,
  type OfferedOption,
  optionFlags,
  valueOptions,
  wordsBelow,
} from "./model.ts";

/** Renders the script. */
export function bashScript(): string {
  const first = [...firstWords().map(([word]) => word), ...globalOptions().flatMap(optionFlags)];
  return `# bash completion for blit
# The word before the cursor as it was typed: bash takes it apart at each colon.
_blit_word() {
  local line=\${COMP_LINE:0:COMP_POINT}
  line=\${line//\\\\ /$'\\001'}
  line=\${line##*[[:space:]]}
  line=\${line//$'\\001'/ }
  printf '%s' "\${line//\\\\/}"
}
_blit_remote() {
  local word found before=
  word=$(_blit_word)
  # What bash leaves in place stays out of the answers.
  [[ $COMP_WORDBREAKS == *:* ]] && before=\${word%"\${word##*:}"}
  while IFS= read -r found; do
    [[ $found == */ ]] && compopt -o nospace 2>/dev/null
    COMPREPLY+=("$(printf '%q' "\${found#"$before"}")")
  done < <("\${COMP_WORDS[0]}" completions remote "$word" 2>/dev/null </dev/null)
}
_blit() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]}
  local command= options= words= paths= word i
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    case $word in
      ${valueOptions().flatMap(optionFlags).join("|")}) ((i++)) ;;
      -*) ;;
      *) case $command in
        "") command=$word ;;
        ${groups().join("|")}) command="$command $word" ;;
      esac ;;
    esac
  done
  case $prev in
${valueCases()}
  esac
  case $command in
    "") words=${quote(first)} ;;
    help) words=${quote(firstWords().map(([word]) => word))} ;;
${groups().map(groupCase).join("\n")}
${offeredCommands().map(commandCase).join("\n")}
  esac
  if [[ $cur == -* ]]; then
    COMPREPLY=($(compgen -W "\${options:-$words}" -- "$cur"))
  elif [[ -n $paths && $(_blit_word) == *:/* ]]; then
    _blit_remote
  elif [[ -n $paths ]]; then
    compopt -o filenames 2>/dev/null
    mapfile -t COMPREPLY < <(compgen -f -- "$cur")
  else
    COMPREPLY=($(compgen -W "$words" -- "$cur"))
  fi
}
complete -F _blit blit
`;
}

function valueCases(): string {
  return valueOptions().map((spec) => `    ${optionFlags(spec).join("|")}) ${valueCase(spec)} ;;`)
    .join("\n");
}

function valueCase(spec: OfferedOption): string {
  if (spec.type !== "value") return "return";
  if (spec.words) return `COMPREPLY=($(compgen -W ${quote(spec.words)} -- "$cur")); return`;
  if (!spec.path) return "return";
  const flag = spec.path === "directory" ? "-d" : "-f";
  return `compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen ${flag} -- "$cur"); return`;
}

function groupCase(group: string): string {
  return `    ${group}) words=${quote(wordsBelow(group).map(([word]) => word))} ;;`;
}

function commandCase({ spec, options }: ReturnType<typeof offeredCommands>[number]): string {
  const flags = quote(options.flatMap(optionFlags));
  const words = spec.arguments.flatMap((argument) => argument.words ?? []);
  const takesPaths = spec.arguments.some((argument) => argument.path);
  return `    ${JSON.stringify(spec.name)}) options=${flags}` +
    `${words.length > 0 ? ` words=${quote(words)}` : ""}${takesPaths ? " paths=1" : ""} ;;`;
}

function quote(words: readonly string[]): string {
  return `'${words.join(" ")}'`;
}
