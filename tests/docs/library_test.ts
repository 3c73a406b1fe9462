/**
 * The library's examples work.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Scratch, scratch } from "../support/cli.ts";
import { blocksOf, pages, ROOT } from "./blocks.ts";

const EXAMPLE = fileURLToPath(new URL("examples/copy_with_progress.ts", ROOT));

async function run(dir: Scratch, ...args: string[]) {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--config", fileURLToPath(new URL("deno.json", ROOT)), ...args],
    cwd: dir.path,
    env: dir.env(),
  }).output();
  const [out, err] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  return { code, out, err };
}

Deno.test(
  "the example copies, tells of each entry and draws progress",
  scratch(async (dir) => {
    await dir.write({ "photos/a.jpg": "1", "photos/b/c.jpg": "22" });
    const { code, out, err } = await run(dir, EXAMPLE, "photos", "nas");
    assert.equal(code, 0, err);
    assert.match(out, /^path: /);
    assert.match(out, /^create b\/c\.jpg \(new\)$/m);
    assert.match(out, /^2 files are at .*\/nas\/photos$/m);
    assert.match(err, /\r3 of 3 bytes/);
    assert.deepEqual(await dir.files("nas"), { "photos/a.jpg": "1", "photos/b/c.jpg": "22" });
  }),
);

Deno.test(
  "the example says what stopped it before it began",
  scratch(async (dir) => {
    const { code, err } = await run(dir, EXAMPLE, "missing", "nas");
    assert.deepEqual([code, /^not_found: Cannot read "missing"/m.test(err)], [1, true]);
  }),
);

for (const [page, text] of pages()) {
  for (const { info, line, text: source } of blocksOf(text)) {
    if (info !== "ts run") continue;
    Deno.test(
      `${page}:${line}: the library's example runs`,
      scratch(async (dir) => {
        await dir.write({ "photos/a.jpg": "1" });
        const mod = new URL("mod.ts", ROOT).href;
        const path = join(dir.path, "example.ts");
        await Deno.writeTextFile(path, source.replace(/"[^"]*\/mod\.ts"/, `"${mod}"`));
        const { code, err } = await run(dir, path);
        assert.equal(code, 0, err);
        assert.deepEqual(await dir.files("nas"), { "a.jpg": "1" });
      }),
    );
  }
}
