/**
 * docs/from.md: what its tables say to type can be typed.
 *
 * @module
 */
import assert from "node:assert/strict";
import { parseCommandLine } from "../../src/cli/parse.ts";
import { type Scratch, scratch } from "../support/cli.ts";
import { ROOT } from "./blocks.ts";

const PAGE = Deno.readTextFileSync(new URL("docs/from.md", ROOT));
const TRANSFERS = new Set(["copy", "mirror", "move"]);

/** The commands of the second columns, as words. */
function commands(): string[][] {
  const cells = PAGE.split("\n").filter((line) => line.startsWith("| "))
    .map((line) => line.split(" | ")[1] ?? "");
  return cells.flatMap((cell) => /^`blit ([^`]+)`/.exec(cell.trim())?.[1] ?? [])
    .map((words) => [...words.matchAll(/'([^']*)'|(\S+)/g)].map(([, a, b]) => a ?? b));
}

async function withTrees(dir: Scratch): Promise<void> {
  await dir.write({
    "SRC/a.docx": "1",
    "SRC/old.o": "2",
    "DST/a.docx": "0",
    "rules": "- *.o\n",
    "list": "a.docx\n",
  });
}

Deno.test("every command of the tables is one that blit takes", () => {
  const all = commands();
  assert.ok(all.length > 45, `${all.length}`);
  for (const words of all) assert.equal(parseCommandLine(words).kind, "run", words.join(" "));
});

Deno.test(
  "every local command of the tables runs, and the transfers find what to do",
  scratch(async (dir) => {
    await withTrees(dir);
    const lines = new Set(
      commands().filter((words) => !words.some((word) => /^nas\b/.test(word))).map((words) => {
        const isDry = TRANSFERS.has(words[0]) && !words.includes("--dry-run");
        return JSON.stringify(isDry ? [...words, "--dry-run"] : words);
      }),
    );
    // All in one process: it is the commands that are tried, not the start.
    await dir.write({ "lines.json": `[${[...lines].join()}]` });
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", "--config", new URL("deno.json", ROOT).pathname]
        .concat(new URL("tests/docs/each_line.ts", ROOT).pathname, "lines.json"),
      cwd: dir.path,
      env: dir.env(),
    }).output();
    const said = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
    assert.equal(code, 0, said);
    const ended = [...said.matchAll(/^(\d+) (\[.*)$/gm)];
    assert.equal(ended.length, lines.size, said);
    for (const [, status, line] of ended) {
      // check finds the difference that is there.
      assert.equal(status, line.startsWith('["check"') ? "1" : "0", `${line}\n${said}`);
    }
    assert.deepEqual(await dir.files("DST"), { "a.docx": "0" });
  }),
);
