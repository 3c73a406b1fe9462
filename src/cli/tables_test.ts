import assert from "node:assert/strict";
import { COMMANDS, EXIT_STATUSES } from "./commands.ts";
import { EXIT_CODE } from "../core/error.ts";
import { help } from "./help.ts";
import { type OptionId, OPTIONS, optionSpec } from "./options.ts";
import { clientPages, overviewPage } from "./man.ts";
import { manFileName, renderMan } from "../app/roff.ts";

const IDS = Object.keys(OPTIONS) as OptionId[];

Deno.test("no two options share a name or a letter", () => {
  const names = IDS.map(optionSpec).flatMap((spec) => [spec.long, ...(spec.aliases ?? [])]);
  const letters = IDS.map(optionSpec).flatMap((spec) => spec.short ?? []);
  assert.equal(new Set(names).size, names.length);
  assert.equal(new Set(letters).size, letters.length);
});

Deno.test("every option belongs to a command, and no command takes one twice", () => {
  const taken = COMMANDS.flatMap(({ options, accepts = [] }) => [...options, ...accepts]);
  const global = ["configDir", "help", "version", "counterFile"];
  assert.deepEqual(IDS.filter((id) => !taken.includes(id) && !global.includes(id)), []);
  for (const { options, accepts = [] } of COMMANDS) {
    const all = [...options, ...accepts];
    assert.equal(new Set(all).size, all.length);
  }
});

Deno.test("every command's module exports run", async () => {
  for (const command of COMMANDS) assert.equal(typeof (await command.load()).run, "function");
});

Deno.test("help has every command and every option that isn't hidden, within the width", () => {
  for (const width of [40, 80, 200]) {
    for (const { name, options } of COMMANDS) {
      const text = help(name, true, width);
      for (const id of options) assert.ok(text.includes(`--${OPTIONS[id].long}`), `${name} ${id}`);
      const widest = Math.max(
        ...text.split("\n").filter((l) => !/^\s*blit |^Usage/.test(l))
          .map((line) => line.length),
      );
      assert.ok(widest <= Math.max(60, Math.min(100, width)), `${name}: ${widest} at ${width}`);
    }
  }
  for (const { name, hidden } of COMMANDS) {
    assert.equal(help("", true, 80).includes(`  ${name} `), !hidden, name);
  }
  assert.match(help("diagnostics", true, 80), /diagnostics dump/);
});

Deno.test("the short help leaves out debug options, the long help has them", () => {
  assert.doesNotMatch(help("copy", false, 80), /--workers/);
  assert.match(help("copy", true, 80), /--workers/);
});

Deno.test("every command that is shown has a manual page, which blit(1) names", () => {
  const overview = renderMan(overviewPage());
  const pages = new Map(clientPages().map((page) => [manFileName(page), renderMan(page)]));
  for (const { name, hidden, options } of COMMANDS) {
    const page = `blit-${name.replaceAll(" ", "-")}`;
    assert.equal(overview.includes(`.BR ${page.replaceAll("-", "\\-")} (1)`), !hidden, name);
    const shown = pages.get(`${page}.1`);
    assert.equal(shown !== undefined, !hidden, name);
    for (const { long, type } of options.map(optionSpec)) {
      const tag = `--${long}`.replaceAll("-", "\\-");
      if (shown && type !== "retired") assert.ok(shown.includes(tag), `${name} ${long}`);
    }
  }
});

Deno.test("help names every exit status that errors can have", () => {
  const named = EXIT_STATUSES.map(([status]) => status);
  for (const status of Object.values(EXIT_CODE)) assert.ok(named.includes(status));
});
