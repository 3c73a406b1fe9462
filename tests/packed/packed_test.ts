/**
 * What `deno publish` would send, run as those who take it from a registry run it: from an address, without this folder and
 * its import map.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { type Ran, type Scratch, scratch } from "../support/cli.ts";
import { assertStatus } from "../support/judges.ts";

const ROOT = new URL("../../", import.meta.url);
const { exports, imports } = JSON.parse(Deno.readTextFileSync(new URL("deno.json", ROOT)));

/** Paths of the files that would be published; nothing may be wrong with them. */
function packedFiles(): string[] {
  const { success, stdout, stderr } = new Deno.Command(Deno.execPath(), {
    // Types are the gate's; what is read here is what the registry would complain of.
    args: ["publish", "--dry-run", "--allow-dirty", "--no-check"],
    cwd: ROOT,
    env: { NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1" },
  }).outputSync();
  const said = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  assert.ok(success, said);
  assert.doesNotMatch(said, /^(error|warning)/m);
  const files = [...said.matchAll(/^ +(file:\S+) \([\d.]+[KM]?B\)$/gm)].map(([, url]) => url);
  assert.ok(files.length > 200, said);
  return files.map((url) => url.slice(ROOT.href.length));
}

/** Puts what a specifier means in the import map in its place, as the registry does. */
function withoutImportMap(source: string): string {
  return source.replaceAll(/(\bfrom |\bimport |\bimport\()"([^"]+)"/g, (whole, before, name) => {
    if (name in imports) return `${before}"${imports[name]}"`;
    const prefix = Object.keys(imports).find((key) => key.endsWith("/") && name.startsWith(key));
    if (prefix === undefined) return whole;
    return `${before}"${imports[prefix].replace("npm:/", "npm:")}${name.slice(prefix.length)}"`;
  });
}

/** Serves the packed files while `body` runs. */
async function publishedAt(body: (at: string) => Promise<void>): Promise<void> {
  const files = new Map(
    packedFiles().map((path) => {
      const text = Deno.readTextFileSync(new URL(path, ROOT));
      return [`/${path}`, path.endsWith(".ts") ? withoutImportMap(text) : text];
    }),
  );
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, (request) => {
    const text = files.get(new URL(request.url).pathname);
    const headers = { "content-type": "application/typescript" };
    return text === undefined
      ? new Response(null, { status: 404 })
      : new Response(text, { headers });
  });
  try {
    await body(`http://127.0.0.1:${server.addr.port}`);
  } finally {
    await server.shutdown();
  }
}

async function run(dir: Scratch, entry: string, ...args: string[]): Promise<Ran> {
  const { HOME, XDG_CONFIG_HOME, DENO_DIR } = dir.env();
  // Modules of an address that is another one at each run needn't stay in the cache.
  const cache = join(HOME, "deno");
  await Deno.mkdir(cache, { recursive: true });
  await Deno.symlink(join(DENO_DIR, "npm"), join(cache, "npm")).catch(() => {});
  const may = ["read", "write", "env", "sys", "net", "ffi", "import"].map((w) => `--allow-${w}`);
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-config", "--no-check", "--no-prompt", "--quiet", ...may, entry, ...args],
    cwd: dir.path,
    env: { HOME, XDG_CONFIG_HOME, DENO_DIR: cache, DENO_NO_UPDATE_CHECK: "1", NO_COLOR: "1" },
  }).output();
  const [out, err] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  return { status: code, stdout: out, stderr: err, json: () => JSON.parse(out) };
}

Deno.test(
  "the packed files run from a registry: the command, the library, and the daemon",
  scratch(async (dir) => {
    await dir.write({ "src/a": "1", "src/b/c": "22", "dst/old": "" });
    await publishedAt(async (at) => {
      const cli = await run(
        dir,
        new URL(exports["."], `${at}/`).href,
        "mirror",
        "--yes",
        "src/",
        "dst",
      );
      assertStatus(cli, 0);
      assert.match(
        cli.stderr,
        /Going on without the native library \(no native library comes with/,
      );
      assert.deepEqual(await dir.files("dst"), await dir.files("src"));

      await dir.write({
        "use.ts": `import { copy } from "${new URL(exports["./lib"], `${at}/`)}";
          const { summary } = await copy("src/", "copied");
          console.log(summary.outcome, summary.filesTransferred);`,
      });
      const library = await run(dir, "use.ts");
      assert.equal(library.stdout, "done 2\n", library.stderr);
      assert.deepEqual(await dir.files("copied"), await dir.files("src"));

      // Imported, it does nothing.
      await dir.write({
        "import.ts": `import "${new URL(exports["."], `${at}/`)}"; console.log("still");`,
      });
      assert.equal((await run(dir, "import.ts")).stdout, "still\n");

      const daemon = new URL(exports["./daemon"], `${at}/`).href;
      const help = await run(dir, daemon, "--help");
      assert.match(help.stdout, /blit-daemon \[--config FILE/);
      const without = await run(dir, daemon, "--root", "src");
      assert.deepEqual([without.status, /needs the native library/.test(without.stderr)], [
        1,
        true,
      ]);
    });
  }),
);
