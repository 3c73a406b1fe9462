/**
 * docs/man says what the tables say, in a form that mandoc finds nothing wrong with.
 *
 * @module
 */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { MAN, manPages } from "../../packaging/man.ts";
import { renderMan, text, verbatim } from "../../src/app/roff.ts";
import { configEntries } from "../../src/daemon/config_parse.ts";
import {
  CONFIG_ROWS,
  LIMIT_ROWS,
  markdownTable,
  MODULE_ROWS,
} from "../../src/daemon/config_table.ts";
import { need, needsPrograms, testOrSkip } from "../support/loop_fs.ts";

Deno.test("the pages of docs/man are what the tables make: deno task man writes them", () => {
  const pages = manPages();
  const there = [...Deno.readDirSync(MAN)].map(({ name }) => name).sort();
  assert.deepEqual(there, [...pages.keys()].sort());
  for (const [name, page] of pages) {
    assert.equal(Deno.readTextFileSync(new URL(name, MAN)), page, name);
  }
});

testOrSkip("mandoc has nothing to say about any page", async () => {
  need(needsPrograms("mandoc"));
  const files = [...manPages().keys()].map((name) => fileURLToPath(new URL(name, MAN)));
  const { code, stdout } = await new Deno.Command("mandoc", { args: ["-Tlint", ...files] })
    .output();
  // Of the system's manuals it misses those that aren't installed.
  const said = new TextDecoder().decode(stdout).split("\n").filter(Boolean);
  assert.deepEqual([said, code], [[], 0]);
});

testOrSkip("a page shows what was meant: options, quotes, dots and backslashes", async (dir) => {
  need(needsPrograms("mandoc"));
  const page = renderMan({
    name: "x",
    section: 1,
    summary: "a test",
    sections: [
      { heading: "ONE", body: text('`--max-size N` isn\'t "5" \\n [a link](to.md)') },
      { heading: "TWO", body: verbatim([".profile 'a'", "..", "  --x"]) },
    ],
  });
  await dir.write({ "x.1": page });
  const { stdout } = await new Deno.Command("mandoc", {
    args: ["-Tutf8", "-O", "width=70", "x.1"],
    cwd: dir.path,
  }).output();
  // deno-lint-ignore no-control-regex
  const shown = new TextDecoder().decode(stdout).replaceAll(/.\x08/g, "");
  assert.ok(shown.includes(`--max-size N isn't "5" \\n a link`), shown);
  assert.match(shown, /\.profile 'a'\n +\.\.\n +--x/);
});

Deno.test("the tables of the configuration have what the parser takes, and docs/daemon.md has them", () => {
  const { config, module, limits } = configEntries();
  const page = Deno.readTextFileSync(new URL("../daemon.md", MAN));
  for (
    const [rows, taken] of [[CONFIG_ROWS, config], [MODULE_ROWS, module], [
      LIMIT_ROWS,
      limits,
    ]] as const
  ) {
    assert.deepEqual(rows.flatMap(({ entries }) => entries).sort(), [...taken].sort());
    assert.ok(page.includes(markdownTable(rows)), `\n${markdownTable(rows)}\n`);
  }
});
