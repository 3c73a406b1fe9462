/**
 * Windows as a client of a daemon on Linux, which `tests/windows/main.ts` has started.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import type { Scratch } from "../support/cli.ts";
import { assertStatus } from "../support/judges.ts";
import { need } from "../support/loop_fs.ts";
import { attrib, windowsTest } from "./support.ts";

/** A daemon: `host:port`, and for one with TLS what a login needs. */
function daemon(variable: string): { host: string; fingerprint: string; token: string } {
  const told = Deno.env.get(variable) ?? "";
  need(told === "" ? `${variable} names no daemon` : null);
  const [host, fingerprint, token] = told.split(" ");
  return { host, fingerprint, token };
}

async function pushAndPull(
  dir: Scratch,
  { host, transport, others }: {
    readonly host: string;
    readonly transport: string;
    /** What group and others may do with files that are new there. */
    readonly others: string;
  },
): Promise<void> {
  const large = "0123456789abcdef".repeat(200_000);
  await dir.write({ "src/a/small": "1", "src/large": large, "src/é ü": "name", "src/empty/": "" });
  attrib("+r", join(dir.path, "src", "a", "small"));
  const there = `${host}://${crypto.randomUUID()}`;
  const pushed = await dir.blit("mirror", "--yes", "--json", "src/", there);
  assertStatus(pushed, 0);
  assert.equal(pushed.json().transport, transport, pushed.stderr);
  assertStatus(await dir.blit("check", "src/", there), 0);
  assert.match((await dir.blit("copy", "src/", there)).stdout, /^Nothing to do/);
  const listed = (await dir.blit("ls", "-r", there)).stdout;
  assert.match(listed, new RegExp(`^-rw-${others} .* large$`, "m"));
  assert.match(listed, new RegExp(`^-r--${others} .* a/small$`, "m"));

  assertStatus(await dir.blit("copy", `${there}/`, "back"), 0);
  assert.deepEqual(await dir.files("back"), await dir.files("src"));
  const tunnelled = await dir.blit("copy", "--force-grpc-data", `${there}/large`, "tunnelled");
  assertStatus(tunnelled, 0);
  assert.equal(await Deno.readTextFile(join(dir.path, "tunnelled")), large);
  await dir.write({ "src/more": "x" });
  await Deno.remove(join(dir.path, "src", "large"));
  assertStatus(await dir.blit("mirror", "--yes", "src/", there), 0);
  assertStatus(await dir.blit("check", "src/", there), 0);
  assertStatus(await dir.blit("move", "--yes", there, "moved"), 0);
  assertStatus(await dir.blit("ls", there), 1);
  for (const path of ["src/a/small", "back/a/small"]) attrib("-r", join(dir.path, path));
  for await (const { name } of Deno.readDir(join(dir.path, "moved"))) {
    attrib("-r", join(dir.path, "moved", name, "a", "small"));
  }
}

windowsTest("pushes to and pulls from a daemon on Linux", async (dir) => {
  const { host } = daemon("BLIT_TEST_DAEMON");
  await pushAndPull(dir, { host, transport: "data_plane", others: "r-----" });
});

windowsTest("pushes to and pulls from a daemon on Linux, encrypted", async (dir) => {
  const { host, fingerprint, token } = daemon("BLIT_TEST_SECURE");
  const login = ["login", host, "--fingerprint", fingerprint, "--token-file", "-"];
  assertStatus(await dir.blitWith({ stdin: token }, ...login), 0);
  await pushAndPull(dir, { host, transport: "data_plane_tls", others: "r--r--" });
});

windowsTest(
  "what replaces a file on a daemon leaves its mode, but for write protection",
  async (dir) => {
    const { host } = daemon("BLIT_TEST_DAEMON");
    await dir.write({ "src/private/key": "another", "src/script": "another", "src/new": "1" });
    await Deno.writeTextFile(join(dir.path, "src", "large"), "x".repeat(3_000_000));
    assertStatus(await dir.blit("mirror", "--yes", "src/", `${host}://modes`), 0);
    const listed = (await dir.blit("ls", "-r", `${host}://modes`)).stdout;
    const modes = listed.trim().split("\n").map((line) => {
      const words = line.trim().split(/\s+/);
      return `${words.at(-1)!.replace(/\/$/, "")} ${words[0]}`;
    });
    assert.deepEqual(modes.sort(), [
      "large -rw-r-----",
      "new -rw-r-----",
      "private drwx------",
      "private/key -rw-------",
      "script -rwxr-xr-x",
    ]);
    assert.match((await dir.blit("copy", "src/", `${host}://modes`)).stdout, /^Nothing to do/);
  },
);

windowsTest(
  "names that Windows can't have are told one by one, and the rest comes",
  async (dir) => {
    const { host } = daemon("BLIT_TEST_DAEMON");
    const ran = await dir.blit("copy", `${host}://hostile/`, "dst");
    assertStatus(ran, 2);
    for (const name of ["a:b", "q?", 'quo"te']) assert.ok(ran.stderr.includes(name), ran.stderr);
    const found = await dir.files("dst");
    assert.equal(found.plain, "plain");
    // Two names that fold to one: the first comes, the second is told.
    assert.equal(Object.keys(found).filter((name) => name.toLowerCase() === "twice").length, 1);
    assert.match(ran.stderr, /twice|Twice/);
    assert.deepEqual(Object.keys(found).length, 2);
  },
);

windowsTest(
  "what comes from a daemon with times finer than here is the same the next time",
  async (dir) => {
    const { host } = daemon("BLIT_TEST_DAEMON");
    const ways: Record<string, string>[] = [{}, { BLIT_NO_NATIVE: "1" }];
    for (const env of ways) {
      const [copied, again] = [
        await dir.blitWith({ env }, "copy", `${host}://hostile/plain`, "dst/"),
        await dir.blitWith({ env }, "copy", `${host}://hostile/plain`, "dst/"),
      ];
      assertStatus(copied, 0);
      assert.match(again.stdout, /^Nothing to do/, again.stderr);
      assertStatus(await dir.blitWith({ env }, "check", `${host}://hostile/plain`, "dst/plain"), 0);
      assertStatus(await dir.blit("rm", "--yes", "dst"), 0);
    }
  },
);
