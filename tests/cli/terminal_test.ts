/**
 * Prompts, Ctrl-C, pipes that close and what is loaded at the start, from the command line.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { hasProgram, type Scratch, scratch } from "../support/cli.ts";

const ON_TERMINAL = { ignore: !hasProgram("script") };
const BOTH = { "src/a": "1", "dst/old": "x" };

Deno.test({
  ...ON_TERMINAL,
  name: "mirror asks once; no leaves everything as it was, with status 1",
  fn: scratch(async (dir) => {
    await dir.write(BOTH);
    for (const answer of ["n\n", "\n", "what\n", "\x04"]) {
      const { status, stdout } = await dir.blitOnTerminal(answer, "mirror", "src/", "dst");
      assert.equal(status, 1, stdout);
      assert.ok(
        stdout.includes(`Entries found only in ${dir.path}/dst will be deleted. Continue? [y/N] `),
      );
      assert.match(stdout, /Nothing was changed/);
    }
    assert.deepEqual(await dir.files(), BOTH);
  }),
});

Deno.test({
  ...ON_TERMINAL,
  name: "yes goes on; move and rm ask in their own words",
  fn: scratch(async (dir) => {
    await dir.write({ ...BOTH, gone: "x" });
    const mirrored = await dir.blitOnTerminal("y\n", "mirror", "src/", "dst");
    assert.equal(mirrored.status, 0, mirrored.stdout);
    assert.deepEqual(await dir.files("dst"), { a: "1" });
    const removed = await dir.blitOnTerminal("yes\n", "rm", "gone");
    assert.match(removed.stdout, /gone will be deleted\. Continue\? \[y\/N\] /);
    const moved = await dir.blitOnTerminal("Y\n", "move", "src", "new");
    assert.match(
      moved.stdout,
      /src will be deleted once all of it is at .*\/new\/src\. Continue\?/,
    );
    assert.deepEqual(await dir.files(), { "dst/a": "1", "new/src/a": "1" });
  }),
});

Deno.test({
  ...ON_TERMINAL,
  name: "a dry run and --yes ask nothing, errors are red on a terminal",
  fn: scratch(async (dir) => {
    await dir.write(BOTH);
    const dry = await dir.blitOnTerminal("", "mirror", "-n", "src/", "dst");
    assert.equal(dry.status, 0, dry.stdout);
    assert.doesNotMatch(dry.stdout, /Continue/);
    const wrong = await dir.blitOnTerminal("", "copy", "nowhere", "dst");
    assert.ok(wrong.stdout.includes("\x1b[1;31merror:\x1b[0m Cannot read"));
  }),
});

Deno.test({
  ...ON_TERMINAL,
  name: "Ctrl-C at the prompt changes nothing and exits with 130",
  fn: scratch(async (dir) => {
    await dir.write(BOTH);
    const { status, stdout } = await dir.blitOnTerminal("\x03", "mirror", "src/", "dst");
    assert.equal(status, 130, stdout);
    assert.match(stdout, /\[y\/N\] \r\n.*Interrupted\./s);
    assert.deepEqual(await dir.files(), BOTH);
  }),
});

/** Begins a comparison of 256 GiB of holes, which takes a while, and waits until it is under way. */
async function longCheck(dir: Scratch, wrapper: readonly string[] = []) {
  for (const folder of ["src", "same"]) {
    await dir.write({ [`${folder}/`]: "" });
    for (let i = 0; i < 4; i++) {
      const path = join(dir.path, folder, `${i}`);
      const file = await Deno.open(path, { write: true, create: true });
      await file.truncate(64 * 2 ** 30);
      file.close();
    }
  }
  const child = dir.spawn({ wrapper }, "check", "-v", "src/", "same");
  const stdout = new Response(child.stdout).text();
  const begun = Promise.withResolvers<void>();
  const stderr = (async () => {
    let text = "";
    for await (const piece of child.stderr.pipeThrough(new TextDecoderStream())) {
      text += piece;
      if (text.includes("path:")) begun.resolve();
    }
    return text;
  })();
  await child.stdin.close();
  await Promise.race([begun.promise, child.status]);
  await new Promise((resolve) => setTimeout(resolve, 300));
  return { child, stdout, stderr };
}

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  Deno.test(
    `${signal} ends a run within a second, says what was done, and exits with 130`,
    scratch(async (dir) => {
      const { child, stdout, stderr } = await longCheck(dir);
      const asked = performance.now();
      child.kill(signal);
      const { code } = await child.status;
      const took = performance.now() - asked;
      assert.equal(code, 130, `${await stdout} ${await stderr}`);
      assert.ok(took < 1500, `${took} ms`);
      assert.match(await stdout, /^Interrupted/m);
      await stderr;
    }),
  );
}

Deno.test({
  name: "what nohup runs goes on when the terminal hangs up",
  ignore: !hasProgram("nohup"),
  fn: scratch(async (dir) => {
    const { child, stdout, stderr } = await longCheck(dir, ["nohup"]);
    child.kill("SIGHUP");
    const waited = new Promise((resolve) => setTimeout(resolve, 1500, "goes on"));
    const seen = await Promise.race([child.status, waited]);
    if (seen === "goes on") child.kill("SIGTERM");
    assert.equal(seen, "goes on", `${await stdout} ${await stderr}`);
    assert.equal((await child.status).code, 130);
    await Promise.all([stdout, stderr, waited]);
  }),
});

Deno.test(
  "a reader that closes the pipe is no crash",
  scratch(async (dir) => {
    const files: Record<string, string> = {};
    for (let i = 0; i < 3000; i++) files[`src/${"x".repeat(50)}${i}`] = "";
    await dir.write(files);
    for (const args of [["find", "src"], ["ls", "src"], ["copy", "-v", "src", "dst"]]) {
      const child = dir.spawn({}, ...args);
      await child.stdin.close();
      await child.stdout.cancel();
      const stderr = await new Response(child.stderr).text();
      const { code } = await child.status;
      assert.deepEqual([code, /error|Error/.test(stderr)], [0, false], `${args}: ${stderr}`);
    }
    assert.equal(Object.keys(await dir.files("dst")).length, 3000);
  }),
);

/** What a copy loads when it is called, beside what cli.ts loads at once. */
const LOADED_BY_COPY = [
  "src/cli/run_transfer.ts",
  "src/app/settings.ts",
  "src/engine/run.ts",
  "src/native/pool.ts",
  "src/tree/local.ts",
];

Deno.test("before the command is known little is loaded, and for a copy no package from npm", () => {
  const first = staticallyLoaded(["cli.ts"]);
  assert.ok(first.size < 25, `${first.size} modules`);
  assert.deepEqual([...first].filter((name) => /^npm:|src\/(engine|tree|native)\//.test(name)), []);
  const copy = staticallyLoaded(["cli.ts", ...LOADED_BY_COPY]);
  assert.ok(copy.size > 50, "the modules of a copy are found");
  assert.deepEqual([...copy].filter((name) => name.startsWith("npm:")), []);
});

/** Specifiers of the modules that these load before any of their code runs. */
function staticallyLoaded(roots: readonly string[]): Set<string> {
  const loaded = new Set<string>();
  for (const root of roots) {
    const path = fileURLToPath(new URL(`../../${root}`, import.meta.url));
    const { stdout } = new Deno.Command(Deno.execPath(), { args: ["info", "--json", path] })
      .outputSync();
    // deno-lint-ignore no-explicit-any
    const graph: { modules: any[]; roots: string[] } = JSON.parse(new TextDecoder().decode(stdout));
    const byName = new Map(graph.modules.map((module) => [module.specifier, module]));
    const queue = [...graph.roots];
    for (let name = queue.pop(); name !== undefined; name = queue.pop()) {
      if (loaded.has(name)) continue;
      loaded.add(name);
      for (const dependency of byName.get(name)?.dependencies ?? []) {
        if (!dependency.isDynamic && dependency.code) queue.push(dependency.code.specifier);
      }
    }
  }
  return loaded;
}
