/**
 * docs/cli says what the tables say.
 *
 * @module
 */
import assert from "node:assert/strict";
import { COMMANDS } from "../../src/cli/commands.ts";
import { PAGES, sections, withSection } from "./sections.ts";

for (const section of sections()) {
  Deno.test(`docs/cli/${section.page}: "${section.heading}" is what the table says`, () => {
    const page = Deno.readTextFileSync(new URL(section.page, PAGES));
    assert.equal(
      page,
      withSection(page, section),
      "deno run --allow-read --allow-write --allow-env tests/docs/sections.ts mends it",
    );
  });
}

Deno.test("every page of docs/cli is linked from its README, and every command has one", () => {
  const readme = Deno.readTextFileSync(new URL("README.md", PAGES));
  for (const { name } of Deno.readDirSync(PAGES)) {
    if (name !== "README.md") assert.ok(readme.includes(`(${name})`), name);
  }
  for (const { name, hidden } of COMMANDS) {
    if (!hidden) assert.ok(readme.includes(`[${name}](${name.split(" ")[0]}.md)`), name);
  }
});

Deno.test("a section that grew apart from its table is noticed", () => {
  const section = { page: "x.md", heading: "Options", body: "- a" };
  assert.equal(withSection("# x\n\n## Options\n\n- b\n", section), "# x\n\n## Options\n\n- a\n");
  assert.equal(
    withSection("## Options\n\nold\n\n## More\n\nend\n", section),
    "## Options\n\n- a\n\n## More\n\nend\n",
  );
  assert.throws(() => withSection("# x\n", section), /0 times/);
});
