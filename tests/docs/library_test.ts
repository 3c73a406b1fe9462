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

const EXAMPLE = example("copy_with_progress");
/** A Saturday and a Monday. */
const SATURDAY = new Date("2026-01-03T12:00:00Z"), MONDAY = new Date("2026-01-05T12:00:00Z");

function example(name: string): string {
  return fileURLToPath(new URL(`examples/${name}.ts`, ROOT));
}

/** Starts an example that goes on until it is ended; its first line is there. */
async function start(dir: Scratch, ...args: string[]) {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", "--config", fileURLToPath(new URL("deno.json", ROOT))]
      .concat(args),
    cwd: dir.path,
    env: { ...dir.env(), NO_COLOR: "1" },
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const first = await reader.read();
  const rest = async () => {
    let text = "";
    for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
      text += piece.value;
    }
    return text;
  };
  return { child, line: first.value?.trim() ?? "", rest };
}

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

Deno.test(
  "the example of a GUI sends a page, and every event that it draws",
  scratch(async (dir) => {
    await dir.write({ "photos/a.jpg": "1", "photos/b/c.jpg": "22" });
    const { child, line, rest } = await start(dir, example("event_stream"), "photos", "nas");
    try {
      assert.match(await (await fetch(line)).text(), /EventSource\("\/events"\)/);
      const told = (await (await fetch(`${line}events`)).text()).split("\n\n").filter(Boolean)
        .map((event) => JSON.parse(event.replace(/^data: /, "")));
      const { type, totalsKnown, filesDone, bytesDone } = told.filter((event) =>
        event.type === "progress"
      ).at(-1);
      assert.deepEqual([type, totalsKnown, filesDone, bytesDone], ["progress", true, 2, 3]);
      assert.deepEqual(told.at(-1), { type: "summary", outcome: "done" });
      assert.deepEqual(await dir.files("nas"), { "photos/a.jpg": "1", "photos/b/c.jpg": "22" });
    } finally {
      child.kill("SIGINT");
      await Promise.all([child.stdin.close(), rest(), child.status]);
    }
  }),
);

Deno.test(
  "the example of a filter takes what its function says, and looks into no folder that it left out",
  scratch(async (dir) => {
    const large = "x".repeat(1024);
    const files = [
      "photos/a.jpg",
      "photos/week.jpg",
      "photos/b/c.PNG",
      "photos/mine.private/d.jpg",
    ];
    await dir.write(Object.fromEntries(files.map((path) => [path, large])));
    await dir.write({ "photos/small.jpg": "1", "photos/notes.txt": large });
    for (const path of [...files, "photos/small.jpg", "photos/notes.txt"]) {
      const time = path.includes("week") ? MONDAY : SATURDAY;
      await Deno.utime(join(dir.path, path), time, time);
    }
    const { code, out, err } = await run(dir, example("custom_filter"), "photos/", "nas");
    assert.deepEqual([code, out], [0, "2 copied, 4 left out\n"], err);
    assert.deepEqual(await dir.files("nas"), { "a.jpg": large, "b/c.PNG": large });
  }),
);

Deno.test(
  "the example of tests in memory passes",
  scratch(async (dir) => {
    const { code, stdout } = await new Deno.Command(Deno.execPath(), {
      args: ["test", "-A", "--no-check", "--config", fileURLToPath(new URL("deno.json", ROOT))]
        .concat(example("memory_test")),
      env: { ...dir.env(), NO_COLOR: "1" },
    }).output();
    const said = new TextDecoder().decode(stdout);
    assert.equal(code, 0, said);
    assert.match(said, /2 passed/);
  }),
);

Deno.test(
  "the example of an embedded daemon serves one folder for reading and one for writing",
  scratch(async (dir) => {
    await dir.write({ "data/a": "1", "inbox/": "", "new": "2" });
    const words = [example("embedded_daemon"), "data", "inbox", "state"];
    const { child, line, rest } = await start(dir, ...words);
    const place = /localhost:\d+:/.exec(line)![0];
    try {
      assert.equal((await dir.blit("copy", `${place}/data/`, "DST")).status, 0);
      assert.equal((await dir.blit("copy", "new", `${place}/data/`)).status, 1);
      assert.equal((await dir.blit("copy", "new", `${place}/inbox/`)).status, 0);
    } finally {
      await child.stdin.close();
    }
    assert.deepEqual([await rest(), (await child.status).code], ["0 sessions at the end\n", 0]);
    assert.deepEqual(await dir.files("DST"), { a: "1" });
    assert.deepEqual(await dir.files("inbox"), { new: "2" });
  }),
);

Deno.test(
  "the reference of the library builds, and has what the examples use",
  scratch(async (dir) => {
    const { tasks } = JSON.parse(Deno.readTextFileSync(new URL("deno.json", ROOT)));
    const words: string[] = tasks.doc.command.split(" ").slice(2)
      .map((word: string) => word.replace("=dist/doc", `=${dir.path}/doc`));
    const { code, stderr } = await new Deno.Command(Deno.execPath(), {
      args: words,
      cwd: fileURLToPath(ROOT),
      env: dir.env(),
    }).output();
    assert.equal(code, 0, new TextDecoder().decode(stderr));
    const page = await Deno.readTextFile(`${dir.path}/doc/all_symbols.html`);
    for (const name of ["mirror", "MemoryFolder", "FilterEntry", "serve", "Summary"]) {
      assert.ok(page.includes(`>${name}<`), name);
    }
  }),
);

Deno.test("every example is run here, and uses nothing but what is public", () => {
  const test = Deno.readTextFileSync(new URL(import.meta.url));
  for (const { name } of Deno.readDirSync(new URL("examples/", ROOT))) {
    assert.ok(test.includes(`example("${name.replace(/\.ts$/, "")}")`), name);
    const source = Deno.readTextFileSync(new URL(`examples/${name}`, ROOT));
    for (const [, from] of source.matchAll(/^(?:import|\} from) .*"([^"]+)";$/gm)) {
      assert.ok(["../mod.ts", "../daemon.ts", "node:assert/strict"].includes(from), from);
    }
  }
});

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

Deno.test(
  "a project of one's own imports the library by the lines of the README",
  scratch(async (dir) => {
    const readme = Deno.readTextFileSync(new URL("README.md", ROOT));
    const [, lines] = /```json\n(\{ "links": .*)\n```/.exec(readme)!;
    await dir.write({
      "own/deno.json": lines,
      "own/main.ts": 'import { copy } from "blit";\n' +
        'console.log((await copy("in/", "out")).summary.outcome);\n',
      "own/in/a": "1",
    });
    Deno.symlinkSync(fileURLToPath(ROOT), join(dir.path, "blit"));
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", "--no-lock", "main.ts"],
      cwd: join(dir.path, "own"),
      env: dir.env(),
    }).output();
    const [out, err] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
    assert.equal(code, 0, err);
    assert.equal(out, "done\n");
    assert.deepEqual(await dir.files("own/out"), { a: "1" });
  }),
);
