/**
 * Nothing is reported to anybody: which sockets of the internet a run makes, as the kernel sees it. Each run lasts over
 * three seconds, since Deno's own update check comes about a second after the start.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Scratch } from "../support/cli.ts";
import { assertStatus, sleep } from "../support/judges.ts";
import { need, needsPrograms, testOrSkip } from "../support/loop_fs.ts";
import { served, WAYS } from "../support/served.ts";

const REPO = fileURLToPath(new URL("../../", import.meta.url));
const RUN_MS = 3500;

/** Calls with an address of the internet, made by `deno task blit copy --files-from - ...` and all its processes. */
async function internetCalls(dir: Scratch, ...args: string[]): Promise<string[]> {
  need(needsPrograms("strace"));
  const log = join(dir.env().HOME, "strace.log");
  // A cache that knows of no earlier check, with the packages of the real one.
  const cache = join(dir.env().HOME, "deno");
  await Deno.mkdir(cache);
  await Deno.symlink(join(dir.env().DENO_DIR, "npm"), join(cache, "npm"));
  // Whether Deno looks for updates is the task's own business.
  const { DENO_NO_UPDATE_CHECK: _, ...env } = dir.env();
  const child = new Deno.Command("strace", {
    args: [
      ...["-f", "-qq", "-e", "trace=socket,bind,connect,sendto,sendmsg,sendmmsg", "-o", log],
      ...[Deno.execPath(), "task", "--config", join(REPO, "deno.json"), "blit", "copy"],
      ...["--files-from", "-", "--json", ...args],
    ],
    cwd: dir.path,
    clearEnv: true,
    env: { ...env, PATH: Deno.env.get("PATH")!, DENO_DIR: cache },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const list = child.stdin.getWriter();
  await sleep(RUN_MS);
  await list.write(new TextEncoder().encode("a\n"));
  await list.close();
  const { code, stdout, stderr } = await child.output();
  const [out, err] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  assertStatus({ status: code, stdout: out, stderr: err, json: () => JSON.parse(out) }, 0);
  assert.equal(JSON.parse(out).files_transferred, 1);
  return (await Deno.readTextFile(log)).split("\n").filter((line) => line.includes("AF_INET"));
}

testOrSkip("a local command makes no internet socket, nor does Deno for it", async (dir) => {
  await dir.write({ "src/a": "1" });
  assert.deepEqual(await internetCalls(dir, "src/", "dst"), []);
});

testOrSkip("a remote command speaks with the host that was named, and nobody else", async (dir) => {
  await dir.write({ "src/a": "1" });
  await served(dir, WAYS[0], async ({ host, daemon }) => {
    const { port, data_port } = daemon.ready;
    const calls = await internetCalls(dir, "src/", `${host}:/m/dst`);
    const addressed = calls.filter((line) => !/ socket\(/.test(line));
    assert.ok(addressed.length >= 2, calls.join("\n"));
    const named = new RegExp(
      `htons\\((${port}|${data_port})\\), sin_addr=inet_addr\\("127.0.0.1"\\)`,
    );
    assert.deepEqual(addressed.filter((line) => !named.test(line)), []);
  });
});

testOrSkip("a local command gives the network up before it touches a path", async (dir) => {
  await dir.write({
    "src/a": "1",
    "watch.js": `
      const touches = /^(chmod|chown|copy|create|cwd|dlopen|link|lstat|make|mkdir|open|read|real|remove|rename|stat|symlink|write)/;
      for (const [name, call] of Object.entries(Deno)) {
        if (typeof call !== "function" || !touches.test(name)) continue;
        Deno[name] = (...args) => {
          const { state } = Deno.permissions.querySync({ name: "net" });
          console.error("touch", state);
          return call(...args);
        };
      }`,
  });
  const run = async (...args: string[]) => {
    const { stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        ...["run", "--no-prompt", "-A", "--no-check", "--preload", join(dir.path, "watch.js")],
        ...[join(REPO, "cli.ts"), ...args],
      ],
      cwd: dir.path,
      env: dir.env(),
    }).output();
    return new TextDecoder().decode(stderr).split("\n").filter((line) => line.startsWith("touch"));
  };
  for (const args of [["copy", "src", "dst"], ["ls", "src"], ["rm", "--yes", "dst"]]) {
    const touches = await run(...args);
    assert.ok(touches.length > 2, args.join(" "));
    assert.deepEqual(new Set(touches), new Set(["touch prompt"]), args.join(" "));
  }
});
