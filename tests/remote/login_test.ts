import assert from "node:assert/strict";
import { join } from "node:path";
import { formatFingerprint } from "../../src/core/fingerprint.ts";
import { scratch } from "../support/cli.ts";
import { assertStatus } from "../support/judges.ts";
import { DaemonHome } from "../support/daemon_process.ts";

/** Every address is this machine's own, but the daemon is secure. */
const SECURE = ["--bind", "0.0.0.0"];

function tokenFor(home: DaemonHome, ...access: string[]) {
  const words = ["token", "add", "laptop", "--module", "default", "--access", ...access];
  return home.run(...words).then(({ stdout }) => /\S*blit_\S+/.exec(stdout)?.[0] ?? stdout.trim());
}

Deno.test(
  "an unknown host gets nothing; a login pins its certificate and keeps the token; a logout forgets",
  scratch(async (dir) => {
    using home = new DaemonHome();
    await dir.write({ "served/a": "1" });
    const daemon = await home.start(...SECURE, "--root", join(dir.path, "served"));
    try {
      const host = `127.0.0.1:${daemon.ready.port}`;
      const fingerprint = daemon.ready.fingerprint!;
      const token = await tokenFor(home, "read");

      const stranger = await dir.blit("ls", `${host}://`);
      assertStatus(stranger, 1);
      assert.match(stranger.stderr, new RegExp(`${host} is unknown\\. Run: blit login ${host}\\n`));

      // Whoever logs in isn't told to log in.
      const unasked = await dir.blit("login", host);
      assertStatus(unasked, 1);
      assert.ok(
        unasked.stderr.includes(`its certificate is ${fingerprint}, and nobody can be asked`),
      );
      assert.ok(unasked.stderr.includes("add --fingerprint"), unasked.stderr);

      const misspelt = await dir.blit(
        ...["login", host, "--token-file", "tokn", "--fingerprint", fingerprint],
      );
      assertStatus(misspelt, 1);
      assert.match(misspelt.stderr, /Cannot open "tokn": No such file .* Check the path\./);

      const other = formatFingerprint(new Uint8Array(32));
      const wrong = await dir.blitWith(
        { stdin: token },
        ...["login", host, "--token-file", "-", "--fingerprint", other],
      );
      assertStatus(wrong, 1);
      assert.match(wrong.stderr, /another certificate/);
      assertStatus(await dir.blit("ls", `${host}://`), 1);

      const badToken = await dir.blitWith(
        { stdin: "blit_nothing" },
        ...["login", host, "--token-file", "-", "--fingerprint", fingerprint],
      );
      assertStatus(badToken, 1);

      const none = await dir.blitWith(
        { stdin: "" },
        ...["login", host, "--token-file", "-", "--fingerprint", fingerprint],
      );
      assertStatus(none, 1);
      assert.match(none.stderr, /wants a token, and none was given\. Make one there/);
      assert.throws(() => Deno.statSync(join(dir.configDir, "known_hosts")));

      const login = await dir.blitWith(
        { stdin: `${token}\n` },
        ...["login", host, "--token-file", "-", "--fingerprint", fingerprint],
      );
      assertStatus(login, 0);
      assert.match(login.stdout, /is known now, with certificate SHA256:/);
      assert.equal(Deno.statSync(join(dir.configDir, "credentials")).mode! & 0o777, 0o600);

      const listed = await dir.blit("ls", `${host}:/default`);
      assertStatus(listed, 0);
      assert.match(listed.stdout, / a\n/);
      const root = await dir.blit("ls", `${host}://`);
      assert.match(root.stderr, /The daemon has no default root for you\./);
      const modules = await dir.blit("list-modules", host, "--json");
      assert.deepEqual(modules.json().map(({ name }: { name: string }) => name), ["default"]);

      assertStatus(await dir.blit("logout", host), 0);
      assertStatus(await dir.blit("ls", `${host}:/default`), 1);
      assertStatus(await dir.blit("logout", host), 1);
    } finally {
      await daemon.stop();
    }
  }),
);

Deno.test(
  "a daemon that shows another certificate than the known one is refused, and gets no token",
  scratch(async (dir) => {
    await dir.write({ "served/a": "1" });
    const served = join(dir.path, "served");
    let port: number;
    {
      using home = new DaemonHome();
      const daemon = await home.start(...SECURE, "--root", served);
      port = daemon.ready.port;
      const token = await tokenFor(home, "read");
      const host = `127.0.0.1:${port}`;
      const { fingerprint } = daemon.ready;
      const args = ["login", host, "--token-file", "-", "--fingerprint", fingerprint!];
      assertStatus(await dir.blitWith({ stdin: token }, ...args), 0);
      await daemon.stop();
    }
    using home = new DaemonHome();
    // The last --port counts: the same one again, with another certificate.
    const daemon = await home.start(...SECURE, "--root", served, "--port", String(port));
    try {
      const refused = await dir.blit("ls", `127.0.0.1:${port}:/default`);
      assertStatus(refused, 1);
      assert.match(refused.stderr, /shows another certificate than the one that is known/);
      assert.match(refused.stderr, /blit logout/);
    } finally {
      await daemon.stop();
    }
    // Nor is a host that was encrypted taken in plain.
    using open = new DaemonHome();
    const plain = await open.start("--root", served, "--port", String(port));
    try {
      const refused = await dir.blit("ls", `127.0.0.1:${port}:/default`);
      assertStatus(refused, 1);
      assert.match(refused.stderr, /doesn't speak TLS as it did\. .* run blit logout/);
      const place = `127.0.0.1:${port}`;
      assertStatus(await dir.blit("logout", place), 0);
      assertStatus(await dir.blit("ls", `${place}:/default`), 0);
    } finally {
      await plain.stop();
    }
  }),
);

Deno.test(
  "on this machine a plain daemon needs no login",
  scratch(async (dir) => {
    using home = new DaemonHome();
    await dir.write({ "served/sub/a": "1" });
    const daemon = await home.start("--root", join(dir.path, "served"));
    try {
      const host = `127.0.0.1:${daemon.ready.port}`;
      assert.match((await dir.blit("ls", `${host}:`)).stdout, /^\/default /m);
      assert.match((await dir.blit("du", `${host}:/default`)).stdout, /\/default\/sub\n/);
      assert.match((await dir.blit("find", `${host}://`, "--name", "a")).stdout, /sub\/a\n/);
      assert.equal((await dir.blit("df", `${host}://`, "--json")).json().path, `${host}://`);
      assertStatus(await dir.blit("rm", "--yes", `${host}:/default/sub`), 0);
      assert.deepEqual(await dir.files("served"), {});
      assertStatus(await dir.blit("rm", "--yes", `${host}:/default`), 1);
    } finally {
      await daemon.stop();
    }
  }),
);

Deno.test(
  "a host that nobody answers for is one clear line",
  scratch(async (dir) => {
    for (const place of ["127.0.0.1:1:/m", "no.such.host.invalid:/m"]) {
      const { status, stderr } = await dir.blit("ls", place);
      assert.equal(status, 1);
      assert.match(stderr, /^error: Cannot reach \S+: .*\n$/);
    }
  }),
);
