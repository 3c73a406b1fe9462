import assert from "node:assert/strict";
import { join } from "node:path";
import { scratch } from "../support/cli.ts";

const ROOT = new URL("../../", import.meta.url);

interface ModuleInfo {
  readonly specifier: string;
  readonly dependencies?: readonly {
    readonly code?: { readonly specifier: string };
    readonly isDynamic?: boolean;
  }[];
}

/** Everything that loading a module loads, what is imported later left out. */
function loadedWith(entry: string): string[] {
  const { stdout } = new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", new URL(entry, ROOT).href],
  }).outputSync();
  const { modules, redirects = {} } = JSON.parse(new TextDecoder().decode(stdout));
  const byName = new Map<string, ModuleInfo>(
    modules.map((module: ModuleInfo) => [module.specifier, module]),
  );
  const found = new Set<string>();
  const waiting = [new URL(entry, ROOT).href];
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    const specifier = redirects[name] ?? name;
    if (found.has(specifier)) continue;
    found.add(specifier);
    for (const { code, isDynamic } of byName.get(specifier)?.dependencies ?? []) {
      if (code !== undefined && !isDynamic) waiting.push(code.specifier);
    }
  }
  return [...found];
}

Deno.test("what a local command loads has nothing of the network's", () => {
  const entries = ["cli.ts", "src/engine/run.ts", "src/tree/local.ts"];
  for (const command of ["transfer", "ls", "du", "find", "rm", "df"]) {
    entries.push(`src/cli/run_${command}.ts`);
  }
  for (const entry of entries) {
    const loaded = loadedWith(entry);
    assert.ok(loaded.length > 5, entry);
    const network = loaded.filter((name) =>
      /\/src\/(rpc|gen|net|daemon)\/|connectrpc|protobuf/.test(name)
    );
    assert.deepEqual(network, [], entry);
  }
});

Deno.test(
  "a local command has given the network up when it ends, a remote one hasn't",
  scratch(async (dir) => {
    await dir.write({
      "src/a": "1",
      "tell.js":
        `addEventListener("unload", () => console.error(Deno.permissions.querySync({ name: "net" }).state));`,
    });
    const run = async (...args: string[]) => {
      const { stderr } = await new Deno.Command(Deno.execPath(), {
        args: [
          ...["run", "--no-prompt", "-A", "--no-check"],
          ...["--preload", join(dir.path, "tell.js"), new URL("cli.ts", ROOT).pathname, ...args],
        ],
        cwd: dir.path,
        env: dir.env(),
      }).output();
      return new TextDecoder().decode(stderr).trimEnd().split("\n").at(-1);
    };
    assert.equal(await run("copy", "src", "dst"), "prompt");
    assert.equal(await run("rm", "--yes", "dst"), "prompt");
    assert.equal(await run("logout", "nas"), "prompt");
    assert.equal(await run("ls", "127.0.0.1:1:/m"), "granted");
    assert.equal(await run("copy", "src", "127.0.0.1:1:/m"), "granted");
  }),
);
