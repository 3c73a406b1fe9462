/**
 * `blit man`: each command's page, as docs/man has it.
 *
 * @module
 */
import assert from "node:assert/strict";
import { COMMANDS } from "../../src/cli/commands.ts";
import { run } from "../../src/cli/run_man.ts";
import type { Invocation } from "../../src/cli/invocation.ts";
import { scratch } from "../support/cli.ts";

/** What is printed for a topic. */
async function printed(...args: string[]): Promise<string> {
  let text = "";
  const terminal = { write: (more: string) => text += more };
  assert.equal(await run({ args, terminal } as unknown as Invocation), 0);
  return text;
}

function pageOf(name: string): string {
  return Deno.readTextFileSync(new URL(`../../docs/man/${name}.1`, import.meta.url));
}

Deno.test("man prints the page of every command, by its name and by the page's", async () => {
  assert.equal(await printed(), pageOf("blit"));
  for (const { name, hidden } of COMMANDS) {
    if (hidden) continue;
    const page = `blit-${name.replaceAll(" ", "-")}`;
    for (const topic of [name, name.replaceAll(" ", "-"), page]) {
      assert.equal(await printed(topic), pageOf(page), topic);
    }
  }
});

Deno.test(
  "man says which page was meant, and takes one topic",
  scratch(async (dir) => {
    const wrong = await dir.blit("man", "miror");
    assert.equal(wrong.status, 64);
    assert.match(wrong.stderr, /No page "miror"\. Did you mean blit man mirror\?/);
    assert.equal((await dir.blit("man", "mirror", "copy")).status, 64);
  }),
);
