/**
 * The completion script for PowerShell.
 *
 * @module
 */
import {
  firstWords,
  globalOptions,
  groups,
  offeredCommands,
  optionFlags,
  wordsBelow,
} from "./model.ts";

type Row = readonly [word: string, tip: string];

/** Renders the script. */
export function powershellScript(): string {
  const tables: [string, Row[]][] = [
    ["", [...firstWords(), ...globalOptions().flatMap(optionRows)]],
    ["help", firstWords()],
    ...groups().map((group): [string, Row[]] => [group, wordsBelow(group)]),
    ...offeredCommands().map(({ spec, options }): [string, Row[]] => [spec.name, [
      ...spec.arguments.flatMap(({ words = [], help }) => words.map((word): Row => [word, help])),
      ...options.flatMap(optionRows),
    ]]),
  ];
  return `# PowerShell completion for blit
Register-ArgumentCompleter -Native -CommandName blit -ScriptBlock {
  param($wordToComplete, $commandAst, $cursorPosition)
  $tables = @{
${
    tables.map(([name, rows]) => `    ${quote(name)} = @(\n${rows.map(row).join("\n")}\n    )`)
      .join("\n")
  }
  }
  $command = ''
  foreach ($element in $commandAst.CommandElements | Select-Object -Skip 1) {
    $word = $element.ToString()
    if ($word -eq $wordToComplete -or $word.StartsWith('-')) { continue }
    $longer = ($command + ' ' + $word).Trim()
    if ($tables.ContainsKey($longer)) { $command = $longer }
  }
  if ($wordToComplete.Contains(':/')) {
    & blit completions remote $wordToComplete 2>$null | ForEach-Object {
      $text = if ($_ -match '[\\s$();&|{}@#,\\x27\\x60]') { "'" + $_.Replace("'", "''") + "'" } else { $_ }
      [System.Management.Automation.CompletionResult]::new($text, $_, 'ParameterValue', $_)
    }
    return
  }
  $tables[$command] | Where-Object { $_[0] -like "$wordToComplete*" } | ForEach-Object {
    $type = if ($_[0].StartsWith('-')) { 'ParameterName' } else { 'ParameterValue' }
    [System.Management.Automation.CompletionResult]::new($_[0], $_[0], $type, $_[1])
  }
}
`;
}

function optionRows(spec: Parameters<typeof optionFlags>[0]): Row[] {
  return optionFlags(spec).map((word) => [word, spec.help]);
}

function row([word, tip]: Row): string {
  return `      ,@(${quote(word)}, ${quote(tip)})`;
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
