/**
 * The pages that tell a story work from their first command to their last.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import type { Files } from "../support/cli.ts";
import { testOrSkip } from "../support/loop_fs.ts";
import { blocksOf, pages, ROOT, steady, stepsOf } from "./blocks.ts";
import { tell } from "./story.ts";

/** What the user has before each story, in the home directory. */
const FIXTURES: Files = {
  "photos/2026/beach.jpg": "sand\n",
  "photos/2026/forest.jpg": "trees\n",
  "photos/cover.jpg": "-> 2026/beach.jpg",
  "project/.gitignore": "build/\n*.o\n",
  "project/src/main.c": "int main;\n",
  "project/src/main.o": "object\n",
  "project/build/app": "binary\n",
  "dist/linux-x64/blit": "a program\n",
};

for (const [page, text] of pages()) {
  const steps = stepsOf(text);
  if (steps.length === 0) continue;
  testOrSkip(`${page}: every step does what the page says`, async (dir) => {
    const home = join(dir.path, "../home");
    for (const [path, content] of Object.entries(FIXTURES)) {
      await dir.write({ [join("../home", path)]: content });
    }
    const told = await tell(dir, steps);
    for (const [i, { line, code, printed }] of told.entries()) {
      const step = steps[i];
      if (step.kind === "file") continue;
      const where = `${page}:${line}: ${step.script}\n${printed}`;
      assert.equal(code, step.exitStatus, where);
      if (step.prints === null) continue;
      assert.deepEqual(
        steady(printed, home).map(secretless),
        steady(step.prints, home).map(secretless),
        where,
      );
    }
    assert.equal(told.length, steps.length);
  });
}

/** Fingerprints, tokens and dates are others each time. */
function secretless(line: string): string {
  return line.replace(/SHA256:\S+/g, "SHA256:…")
    .replace(/\b\d{4}-\d\d-\d\dT[\d:.]+Z/g, "2026-01-02T03:04:05.000Z");
}

Deno.test("every command that a page shows is run: here, as an example, or by the test that it names", () => {
  for (const [page, text] of pages()) {
    for (const { info, line, text: shown } of blocksOf(text)) {
      if (!/^(sh|crontab)\b/.test(info)) continue;
      const elsewhere = /^sh elsewhere=(\S+)$/.exec(info)?.[1];
      if (elsewhere !== undefined) {
        assert.ok(Deno.statSync(new URL(elsewhere, ROOT)), `${page}:${line}`);
        continue;
      }
      assert.match(info, /^(sh (run|step)( exit=\d+)?|crontab step)$/, `${page}:${line}: ${shown}`);
    }
    // Commands in indented blocks would be shown, and run by nobody.
    const indented = /^(?: {4}|\t)(blit|blit-daemon|systemctl|sudo|deno|npx) /m.exec(text);
    assert.equal(indented, null, `${page}: ${indented?.[0]}`);
  }
});
