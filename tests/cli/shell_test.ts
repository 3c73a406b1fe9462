/**
 * Completion scripts in the shells that they are for, and the man page.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { hasProgram, type Scratch, scratch } from "../support/cli.ts";
import { served, WAYS } from "../support/served.ts";

const CLI = fileURLToPath(new URL("../../cli.ts", import.meta.url));

/** What a shell offers for a line, by running its own completion on it. */
const OFFERS: Readonly<Record<string, (script: string, line: string) => string[]>> = {
  bash: (script, line) => [
    "bash",
    "--norc",
    "-c",
    `source ${script}
     read -r -a COMP_WORDS <<< "$1"
     [[ $1 == *' ' ]] && COMP_WORDS+=("")
     COMP_WORDBREAKS=$' \\t\\n"\\'><=;|&(:'
     COMP_CWORD=$((\${#COMP_WORDS[@]} - 1)); COMP_LINE=$1; COMP_POINT=\${#1}
     _blit; printf '%s\\n' "\${COMPREPLY[@]}"`,
    "bash",
    line,
  ],
  fish: (script, line) => ["fish", "--no-config", "-c", `source ${script}; complete -C '${line}'`],
  zsh: (script, line) => [
    "zsh",
    "-f",
    "-c",
    // zsh completes only on a terminal: a second one is driven through zpty.
    `zmodload zsh/zpty
     zpty z zsh -f -i
     zpty -w z 'PROMPT=; autoload -Uz compinit; compinit -u -D; source ${script}; bindkey "^I" complete-word'
     zpty -w z 'zstyle ":completion:*" list-separator " -- "; LISTMAX=10000; setopt noalwayslastprompt; stty columns 200 rows 200; echo rea""dy'
     zpty -r z line '*ready*'
     zpty -n -w z "$1"$'\\t'$'\\t'
     sleep 1
     zpty -n -w z $'\\C-u'"echo do""ne"$'\\n'
     zpty -r z line '*done*'; print -r -- "$line"`,
    "zsh",
    line,
  ],
};

async function offered(dir: Scratch, shell: string, line: string): Promise<string> {
  const { stdout } = await dir.blit("completions", shell);
  const script = join(dir.path, `completions.${shell}`);
  await Deno.writeTextFile(script, stdout);
  const [program, ...args] = OFFERS[shell](script, line);
  const own = dir.env();
  const env = { ...own, PATH: `${join(dir.path, "bin")}:${own.PATH ?? Deno.env.get("PATH")}` };
  const output = await new Deno.Command(program, { args, cwd: dir.path, env }).output();
  return new TextDecoder().decode(output.stdout);
}

/** Line, words that are offered, words that aren't. */
const LINES: [string, string[], string[]][] = [
  ["blit m", ["mirror", "move"], ["--checksum"]],
  ["blit mirror --max", ["--max-delete", "--max-size", "--max-age"], [
    "--max-threads",
    "--min-size",
  ]],
  ["blit mirror --delete-scope ", ["subset", "all"], []],
  ["blit diagnostics ", ["perf", "dump"], ["mirror"]],
  ["blit diagnostics perf --", ["--limit", "--clear"], ["--checksum"]],
  ["blit completions ", ["bash", "zsh", "fish", "powershell"], []],
  ["blit copy so", ["some_file"], []],
];

for (const shell of Object.keys(OFFERS)) {
  for (const [line, yes, no] of LINES) {
    Deno.test({
      name: `${shell} completes "${line}"`,
      ignore: !hasProgram(shell),
      fn: scratch(async (dir) => {
        await dir.write({ some_file: "" });
        const words = await offered(dir, shell, line);
        for (const word of yes) assert.ok(words.includes(word), `${word} is missing in: ${words}`);
        for (const word of no) assert.ok(!words.includes(word), `${word} is in: ${words}`);
      }),
    });
  }
}

for (const shell of Object.keys(OFFERS)) {
  Deno.test({
    name: `${shell} completes places of a daemon`,
    ignore: !hasProgram(shell),
    fn: scratch((dir) =>
      served(dir, WAYS[0], async ({ host }) => {
        await dir.write({
          "served/photos one/": "",
          "served/photos one/inner": "",
          "served/photos two": "",
          "served/.photos": "",
          "photos here": "",
          "bin/blit": `#!/bin/sh\nexec "${Deno.execPath()}" run -A --no-check "${CLI}" "$@"\n`,
        });
        await Deno.chmod(join(dir.path, "bin/blit"), 0o755);
        const cases: [string, RegExp, RegExp][] = [
          [`${host}:/`, /\/m\//, /here/],
          [`${host}:/m/ph`, /\/m\/photos\\?.one\/[\s\S]*two|two[\s\S]*one\//, /\.photos|here/],
          [`${host}:/m/.`, /\.photos/, /photos one/],
          ["phot", /here/, /\/m\//],
        ];
        for (const [word, yes, no] of cases) {
          // On a busy machine the 2 s that a prompt waits may be too short.
          let words = "";
          for (let i = 0; i < 5 && !yes.test(words); i++) {
            words = await offered(dir, shell, `blit copy ${word}`);
          }
          assert.match(words, yes, word);
          assert.doesNotMatch(words.replaceAll(`blit copy ${word}`, ""), no, word);
        }
      })
    ),
  });
}

Deno.test(
  "a word that names no daemon that is known completes to nothing, in time and in silence",
  scratch(async (dir) => {
    using deaf = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = deaf.addr as Deno.NetAddr;
    for (
      const word of [
        `127.0.0.1:${port}:/`,
        `127.0.0.1:${port}:/m/x`,
        "127.0.0.1:1:/m/",
        "nas",
        "..:/",
      ]
    ) {
      const startedMs = performance.now();
      const { status, stdout, stderr } = await dir.blit("completions", "remote", word);
      assert.deepEqual([status, stdout, stderr], [0, "", ""], word);
      assert.ok(performance.now() - startedMs < 8000, `${performance.now() - startedMs} ms`);
    }
  }),
);

Deno.test(
  "every script parses, and knows every command",
  scratch(async (dir) => {
    for (const shell of ["bash", "zsh", "fish", "powershell"]) {
      const { status, stdout } = await dir.blit("completions", shell);
      assert.equal(status, 0);
      for (const word of ["copy", "mirror", "diagnostics", "--max-delete", "--files-from"]) {
        assert.ok(
          stdout.includes(word.replace(shell === "fish" ? /^--/ : /^$/, "")),
          `${shell} ${word}`,
        );
      }
    }
    const wrong = await dir.blit("completions", "fihs");
    assert.deepEqual([wrong.status, /Did you mean fish\?/.test(wrong.stderr)], [64, true]);
    assert.equal((await dir.blit("completions", "elvish")).status, 64);
  }),
);
