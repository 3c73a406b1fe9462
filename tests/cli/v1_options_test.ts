/**
 * v1's command lines keep working, or say what took their place.
 *
 * @module
 */
import assert from "node:assert/strict";
import { scratch } from "../support/cli.ts";
import { BlitError } from "../../src/core/error.ts";
import { parseCommandLine } from "../../src/cli/parse.ts";
import { guardOptions } from "../../src/app/guard.ts";
import { runOptions } from "../../src/cli/run_options.ts";
import type { Mode } from "../../src/core/options.ts";
import { V1_ROWS, type V1Row } from "./v1_options.ts";

/** Arguments that a verb needs beside its options. */
const ARGUMENTS: Readonly<Record<string, readonly string[]>> = {
  copy: ["src/", "dst"],
  mirror: ["src/", "dst"],
  move: ["src/", "dst"],
  check: ["src/", "same"],
  ls: ["src"],
  du: ["src"],
  find: ["src"],
  rm: ["src"],
  df: ["src"],
  "list-modules": ["nas"],
  "jobs list": ["nas"],
  "jobs watch": ["nas", "1"],
  "jobs cancel": ["nas", "1"],
  "diagnostics dump": ["src", "dst"],
  "completions shell": ["bash"],
  "completions remote": ["nas:/m"],
};

const MODES: readonly string[] = ["copy", "mirror", "move", "check"];

/** Parses as the command does, up to what needs the file system. */
function parse({ verb, option, fate }: V1Row): void {
  const given = "same" in fate ? fate.same : option === "" ? [] : givenFor(verb, option);
  const request = parseCommandLine([...verb.split(" "), ...given, ...(ARGUMENTS[verb] ?? [])]);
  assert.equal(request.kind, "run");
  if (request.kind !== "run" || !MODES.includes(verb)) return;
  const { values, given: occurrences } = request.parsed;
  const call = { values, given: occurrences, settings: {} };
  guardOptions(runOptions(call, verb as Mode, () => []), values.filesFrom !== undefined);
}

/** The option with a value, as the row that parses elsewhere has it. */
function givenFor(verb: string, option: string): readonly string[] {
  const elsewhere = V1_ROWS.find((row) =>
    row.option === option && row.verb !== verb && "same" in row.fate
  );
  return elsewhere && "same" in elsewhere.fate ? elsewhere.fate.same : option.split(" ");
}

Deno.test("docs/from-v1.md names every option of v1's that some command takes no more", () => {
  const page = Deno.readTextFileSync(new URL("../../docs/from-v1.md", import.meta.url));
  // Filters with move are a row of their own.
  const gone = V1_ROWS.filter(({ verb, fate }) => verb !== "move" && "successor" in fate)
    .map(({ option }) => option.split(" ")[0]);
  assert.ok(new Set(gone).size >= 6, gone.join());
  for (const option of gone) assert.match(page, new RegExp(`^\\| \`[^|]*${option}\\b`, "m"));
});

for (const row of V1_ROWS) {
  const { verb, option, fate } = row;
  const line = `blit ${verb} ${option}`.trim();
  if ("same" in fate) {
    Deno.test(`v1: ${line} parses`, () => parse(row));
  } else {
    Deno.test(`v1: ${line} fails and names its successor`, () => {
      assert.throws(
        () => parse(row),
        (error) => error instanceof BlitError && error.message.includes(fate.successor),
      );
    });
  }
}

Deno.test(
  "v1: what took the place of an option is said in a line, with status 64",
  scratch(async (dir) => {
    await dir.write({ "src/a": "1" });
    const { status, stdout, stderr } = await dir.blit("copy", "--detach", "src", "dst");
    assert.deepEqual([status, stdout], [64, ""]);
    assert.match(stderr, /^error: .*systemd-run.*\n$/);
  }),
);

/** v1's binary, where the folder of measuring peers holds one. */
const V1 = `${Deno.env.get("BLIT_PEERS") ?? ""}/blit`;

Deno.test({
  name: "v1: the table has every verb and option of its --help",
  ignore: !exists(V1),
  fn: () => {
    const known = new Set(V1_ROWS.map(({ verb, option }) => `${verb} ${option.split(" ")[0]}`));
    const missing: string[] = [];
    for (const verb of new Set(V1_ROWS.map(({ verb }) => verb))) {
      if (V1_ROWS.some((row) => row.verb === verb && row.option === "")) continue;
      const { stdout } = new Deno.Command(V1, { args: [...verb.split(" "), "--help"] })
        .outputSync();
      for (const [, short, long] of optionsOf(new TextDecoder().decode(stdout))) {
        for (const option of [short, long]) {
          if (option && !known.has(`${verb} ${option}`)) missing.push(`${verb} ${option}`);
        }
      }
    }
    const always = /(-h|--help|--diagnostics-counter-file|--version|-V)$/;
    assert.deepEqual(missing.filter((line) => !always.test(line)), []);
  },
});

function optionsOf(help: string): IterableIterator<RegExpMatchArray> {
  return help.matchAll(/^\s{2,6}(?:(-\w), )?\s*(--[\w-]+)/gm);
}

function exists(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}
