/**
 * The examples of README and docs work, each in a folder of its own with the same few files.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Files, type Scratch, scratch } from "../support/cli.ts";
import { type Example, examplesOf, pages, ROOT, steady } from "./blocks.ts";

/** What is there before each example. */
const FIXTURES: Files = {
  "SRC/a": "a\n",
  "photos/a.jpg": "the new one\n",
  "photos/2025/b.jpg": "another\n",
  "photos/cover": "-> a.jpg",
  "backup/a.jpg": "old\n",
  "backup/old.jpg": "gone from photos\n",
  "project/.gitignore": "build/\n*.o\nlogs/*\n!logs/keep.log\n",
  "project/src/main.c": "int main;\n",
  "project/src/main.o": "object\n",
  "project/build/out": "binary\n",
  "project/logs/day.log": "log\n",
  "project/logs/keep.log": "log\n",
  "report.txt": "a report\n",
};
const LATE = new Date("2026-01-02T03:04:05Z"), EARLY = new Date("2025-12-01T00:00:00Z");

/** Programs that stand in for what a user has installed. */
const PROGRAMS: Readonly<Record<string, string>> = {
  blit: `exec '${Deno.execPath()}' run -A --no-check '${fileURLToPath(ROOT)}cli.ts' "$@"`,
  // `npx -y deno@VERSION task NAME ...` in a clone.
  npx: `shift 3; exec '${Deno.execPath()}' task --quiet --config '${
    fileURLToPath(ROOT)
  }deno.json' "$@"`,
};

for (const [page, text] of pages()) {
  for (const example of examplesOf(text)) {
    Deno.test(
      `${page}:${example.line}: ${example.script.split("\n").at(-1)}`,
      scratch((dir) => runExample(dir, example)),
    );
  }
}

async function runExample(dir: Scratch, example: Example): Promise<void> {
  await dir.write(FIXTURES);
  await setTimes(dir.path);
  const bin = join(dir.configDir, "../../bin");
  await Deno.mkdir(bin);
  for (const [name, script] of Object.entries(PROGRAMS)) {
    await Deno.writeTextFile(join(bin, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  }
  const { code, stdout, stderr } = await new Deno.Command("sh", {
    // The gate is a task too, and a task keeps the INIT_CWD of the one around it.
    args: ["-eu", "-c", `unset INIT_CWD\n${example.script}`],
    cwd: dir.path,
    env: { ...dir.env(), PATH: `${bin}:${Deno.env.get("PATH")}`, TZ: "UTC" },
    stdin: "null",
  }).output();
  const printed = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  assert.equal(code, example.exitStatus, printed);
  if (example.prints === null) return;
  assert.deepEqual(steady(printed, dir.path), steady(example.prints, "/data"), printed);
}

/** So that sizes and times say what they said when the page was written. */
async function setTimes(folder: string): Promise<void> {
  for await (const { name, isDirectory, isSymlink } of Deno.readDir(folder)) {
    const path = join(folder, name);
    if (isDirectory) await setTimes(path);
    // A link's own time can't be set from here.
    if (!isSymlink) await Deno.utime(path, LATE, folder.endsWith("/backup") ? EARLY : LATE);
  }
}

Deno.test("there are examples", () => {
  const found = [...pages()].filter(([, text]) => examplesOf(text).length > 0);
  assert.ok(found.length > 10, `${found.length} pages`);
});
