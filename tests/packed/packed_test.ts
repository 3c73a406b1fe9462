/**
 * What `deno publish` would send, run as those who take it from a registry run it: from an address, without this folder and
 * its import map.
 *
 * @module
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { publishedConfig, stagePublished } from "../../packaging/jsr.ts";
import { SYSTEMS } from "../../packaging/systems.ts";
import { libraryName } from "../../src/native/library_name.ts";
import { VERSION } from "../../src/app/version.ts";
import { type Ran, type Scratch, scratch } from "../support/cli.ts";
import { assertStatus } from "../support/judges.ts";

const ROOT = new URL("../../", import.meta.url);
const DENO_JSON = Deno.readTextFileSync(new URL("deno.json", ROOT));
const { exports } = JSON.parse(DENO_JSON);
const { imports } = JSON.parse(publishedConfig(DENO_JSON));

/** On Windows it is a script, which only its whole name starts. */
const NPM = Deno.build.os === "windows" ? "npm.cmd" : "npm";

/** Paths of the files that would be published from a folder; nothing may be wrong with them. */
function packedFiles(folder: URL): string[] {
  const { success, stdout, stderr } = new Deno.Command(Deno.execPath(), {
    // Types are the gate's; what is read here is what the registry would complain of.
    args: ["publish", "--dry-run", "--allow-dirty", "--no-check"],
    cwd: folder,
    env: { NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1" },
  }).outputSync();
  const said = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  assert.ok(success, said);
  assert.doesNotMatch(said, /^(error|warning)/m);
  const files = [...said.matchAll(/^ +(file:\S+) \([\d.]+[KM]?B\)$/gm)].map(([, url]) => url);
  assert.ok(files.length > 200, said);
  return files.map((url) => url.slice(folder.href.length)).sort();
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
    packedFiles(ROOT).map((path) => {
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

/** Serves npm packages from folders, as a registry does, while `body` runs. */
async function registryOf(
  dir: Scratch,
  folders: readonly string[],
  body: (at: string) => Promise<void>,
): Promise<void> {
  const files = new Map<string, Uint8Array<ArrayBuffer>>();
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, (request) => {
    const bytes = files.get(decodeURIComponent(new URL(request.url).pathname));
    return bytes ? new Response(bytes) : new Response("{}", { status: 404 });
  });
  const at = `http://127.0.0.1:${server.addr.port}`;
  try {
    for (const folder of folders) {
      const { success, stdout, stderr } = await new Deno.Command(NPM, {
        args: ["pack", "--silent", "--offline", folder],
        cwd: dir.path,
      }).output();
      assert.ok(success, new TextDecoder().decode(stderr));
      const name = new TextDecoder().decode(stdout).trim();
      const packed = Deno.readFileSync(join(dir.path, name));
      const about = JSON.parse(Deno.readTextFileSync(join(folder, "package.json")));
      const integrity = `sha512-${createHash("sha512").update(packed).digest("base64")}`;
      const dist = { tarball: `${at}/${name}`, integrity };
      files.set(`/${name}`, packed);
      const versions = { [about.version]: { ...about, dist } };
      const answer = { name: about.name, "dist-tags": { latest: about.version }, versions };
      files.set(`/${about.name}`, new TextEncoder().encode(JSON.stringify(answer)));
    }
    await body(at);
  } finally {
    await server.shutdown();
  }
}

/** Makes the npm packages of this system's library as a release does; returns their folders. */
function nativePackages(out: string): string[] {
  const system = SYSTEMS.find(({ here }) => here)!.name;
  const { success, stderr } = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", "packaging/npm.ts", "--out", out, system],
    cwd: ROOT,
  }).outputSync();
  assert.ok(success, new TextDecoder().decode(stderr));
  return ["native", `native-${system}`].map((name) => join(out, name));
}

/** Home of a user who takes `@blit/...` from a registry; Deno keeps what it fetches there. */
async function homeFor(dir: Scratch, name: string, registry: string): Promise<string> {
  const home = join(dir.path, name);
  await Deno.mkdir(join(home, "deno"), { recursive: true });
  // Other packages are there already. Deno knows them by their true path, so a link wouldn't do.
  const copied = await new Deno.Command("cp", {
    args: ["-a", join(dir.env().DENO_DIR, "npm"), join(home, "deno")],
  }).output();
  assert.ok(copied.success);
  await Deno.writeTextFile(join(home, ".npmrc"), `@blit:registry=${registry}/\n`);
  return home;
}

/** macOS ends a process that loads a library which was changed after it was signed. */
async function signed(path: string): Promise<void> {
  const { success, stderr } = await new Deno.Command("codesign", {
    args: ["--force", "--sign", "-", path],
  }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
}

async function run(dir: Scratch, home: string, entry: string, ...args: string[]): Promise<Ran> {
  const may = ["read", "write", "env", "sys", "net", "ffi", "import"].map((w) => `--allow-${w}`);
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-config", "--no-check", "--no-prompt", "--quiet", ...may, entry, ...args],
    cwd: dir.path,
    env: {
      HOME: home,
      USERPROFILE: home,
      XDG_CONFIG_HOME: join(home, "config"),
      DENO_DIR: join(home, "deno"),
      DENO_NO_UPDATE_CHECK: "1",
      NO_COLOR: "1",
    },
  }).output();
  const [out, err] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  return { status: code, stdout: out, stderr: err, json: () => JSON.parse(out) };
}

Deno.test(
  "the packed files run from a registry: the command, the library, and the daemon",
  scratch(async (dir) => {
    await dir.write({ "src/a": "1", "src/b/c": "22", "dst/old": "" });
    await publishedAt(async (at) => {
      const cli = new URL(exports["."], `${at}/`).href;
      const daemon = new URL(exports["./daemon"], `${at}/`).href;
      // A registry without the package of the native library.
      await registryOf(dir, [], async (registry) => {
        const home = await homeFor(dir, "without", registry);
        const mirrored = await run(dir, home, cli, "mirror", "--yes", "src/", "dst");
        assertStatus(mirrored, 0);
        const notice = /Going on without the native library \(the package @blit\/native can't be/;
        assert.match(mirrored.stderr, notice);
        assert.deepEqual(await dir.files("dst"), await dir.files("src"));
        const refused = await run(dir, home, daemon, "--root", "src");
        assert.equal(refused.status, 1);
        assert.match(refused.stderr, /needs the native library/);
      });

      const packages = nativePackages(join(dir.path, "npm"));
      let home = "";
      await registryOf(dir, packages, async (registry) => {
        home = await homeFor(dir, "with", registry);
        assertStatus(await run(dir, home, daemon, "--help"), 0);
      });
      // The registry is gone: Deno fetched what belongs to blit before it began, and nothing is fetched later.
      const mirrored = await run(dir, home, cli, "mirror", "--yes", "src/", "native");
      assertStatus(mirrored, 0);
      assert.doesNotMatch(mirrored.stderr, /native library/);
      assert.deepEqual(await dir.files("native"), await dir.files("src"));
      const help = await run(dir, home, daemon, "--help");
      assert.match(help.stdout, /blit-daemon \[--config FILE/);

      await dir.write({
        "use.ts": `import { copy } from "${new URL(exports["./lib"], `${at}/`)}";
          const { summary } = await copy("src/", "copied");
          console.log(summary.outcome, summary.filesTransferred);`,
        // Imported, it does nothing.
        "import.ts": `import "${cli}"; console.log("still");`,
      });
      const library = await run(dir, home, "use.ts");
      assert.equal(library.stdout, "done 2\n", library.stderr);
      assert.deepEqual(await dir.files("copied"), await dir.files("src"));
      assert.equal((await run(dir, home, "import.ts")).stdout, "still\n");

      // A library of another version, without one of the functions, is no error: blit goes on without it.
      const path = join(packages[1], libraryName());
      const bytes = Buffer.from(Deno.readFileSync(path)).toString("latin1");
      const other = bytes.replaceAll("blit_abi_describe", "blit_abi_describf");
      Deno.writeFileSync(path, Buffer.from(other, "latin1"));
      if (Deno.build.os === "darwin") await signed(path);
      await registryOf(dir, packages, async (registry) => {
        const home = await homeFor(dir, "other", registry);
        const copied = await run(dir, home, cli, "copy", "src/", "other-copy");
        assertStatus(copied, 0);
        assert.match(
          copied.stderr,
          /Going on without the native library \(.* of another version\)/,
        );
        assert.deepEqual(await dir.files("other-copy"), await dir.files("src"));
      });
    });
  }),
);

Deno.test(
  "what is staged for the registry is the published part of the clone, with the npm package of the native library",
  scratch((dir) => {
    const out = join(dir.path, "jsr");
    stagePublished(out);
    const { imports, tasks } = JSON.parse(Deno.readTextFileSync(join(out, "deno.json")));
    assert.equal(imports["@blit/native"], `npm:@blit/native@${VERSION}`);
    assert.equal(tasks, undefined);
    for (const path of packedFiles(ROOT)) {
      if (path === "deno.json") continue;
      assert.deepEqual(Deno.readFileSync(join(out, path)), Deno.readFileSync(new URL(path, ROOT)));
    }
    return Promise.resolve();
  }),
);
