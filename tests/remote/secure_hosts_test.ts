/**
 * Two hosts that don't know each other, and what the README says to type: first start, token, login, mirror; then
 * with a firewall on the data port, and with another certificate.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import type { Ran, RunWith, Scratch } from "../support/cli.ts";
import { DaemonHome } from "../support/daemon_process.ts";
import { assertRsyncFindsNothing, assertStatus } from "../support/judges.ts";
import { need, needsPrograms, sh, testOrSkip } from "../support/loop_fs.ts";
import { type Host, withTwoHosts } from "../support/two_hosts.ts";

function daemonFlags(far: Host): string[] {
  return ["--bind", far.address, "--root", "served", "--no-mdns"];
}

/** Runs `blit` on the near host. */
function on(dir: Scratch, near: Host, given: RunWith = {}) {
  return (...args: string[]): Promise<Ran> =>
    dir.blitWith({ ...given, wrapper: near.command() }, ...args);
}

testOrSkip("first start, token, login, mirror; a firewall; another certificate", async (dir) => {
  need(needsPrograms("rsync", "iptables"));
  await withTwoHosts(async (near, far) => {
    await dir.write({ "served/": "", "src/a": "1", "src/sub/b": "2", "src/link": "-> a" });
    sh(`head -c 3000000 /dev/urandom > "$0/src/large"`, dir.path);
    const target = `${far.address}:/default/copy`;
    const blit = on(dir, near);
    const home = new DaemonHome({ path: dir.path, host: far });
    let daemon = await home.startAs(...daemonFlags(far));
    try {
      assert.match(
        daemon.readyLine,
        /ready on 10\.99\.0\.2: control port 9031, data port 9032, TLS/,
      );
      await daemon.says(/--fingerprint/);
      const fingerprint = /--fingerprint (SHA256:\S+)/.exec(daemon.stderr)?.[1];
      assert.ok(fingerprint, daemon.stderr);

      const stranger = await blit("mirror", "--yes", "src/", target);
      assertStatus(stranger, 1);
      assert.match(stranger.stderr, /10\.99\.0\.2:9031 is unknown\. Run: blit login 10\.99\.0\.2/);

      const add = ["token", "add", "laptop", "--module", "default", "--access", "delete"];
      const token = (await home.run(...add)).stdout.trim();
      const wrong = on(dir, near, { stdin: token });
      const pinned = ["login", far.address, "--token-file", "-", "--fingerprint"];
      const mistyped = await wrong(...pinned, "SHA256:" + "A".repeat(43));
      assertStatus(mistyped, 1);
      assertStatus(await on(dir, near, { stdin: token })(...pinned, fingerprint), 0);

      const first = await blit("mirror", "--yes", "--json", "src/", target);
      assertStatus(first, 0);
      assert.equal(first.json().tcp_fallback, false);
      assertRsyncFindsNothing(join(dir.path, "src"), join(dir.path, "served/copy"));

      sh(
        `ip netns exec "$0" iptables -A INPUT -p tcp --dport 9032 -j DROP`,
        far.namespace,
      );
      sh(
        `echo more >> "$0/src/a"; rm "$0/src/sub/b"; head -c 70000 /dev/urandom > "$0/src/new"`,
        dir.path,
      );
      const start = performance.now();
      const blocked = await blit("mirror", "--yes", "--json", "src/", target);
      assertStatus(blocked, 0);
      assert.ok(performance.now() - start < 10_000, "the fallback took too long");
      assert.equal(blocked.json().tcp_fallback, true);
      assert.equal(blocked.json().warnings.length, 1);
      assertRsyncFindsNothing(join(dir.path, "src"), join(dir.path, "served/copy"));

      await daemon.stop();
      sh(`rm -r "$0"/state/blit-daemon/certificate.pem`, dir.path);
      daemon = await home.startAs(...daemonFlags(far));
      const changed = await blit("mirror", "--yes", "src/", target);
      assertStatus(changed, 1);
      assert.match(changed.stderr, /certificate/);
    } finally {
      await daemon.stop();
    }
  });
});

testOrSkip("a host is reached at once though the first of its addresses is dead", async (dir) => {
  need(needsPrograms("iptables", "unshare", "mount"));
  await withTwoHosts(async (near, far) => {
    // Deno has them in the opposite order to the system's.
    const dead = ["10.99.0.3", "10.99.0.4"];
    const hosts = [dead[0], far.address, dead[1]].map((address) => `${address} nas\n`).join("");
    await dir.write({ "served/a": "1", hosts });
    for (const address of dead) {
      sh(
        `ip -n "$0" addr add "$1/24" dev cable
         ip netns exec "$0" iptables -A INPUT -d "$1" -j DROP`,
        far.namespace,
        address,
      );
    }
    const named = 'mount --bind "$0" /etc/hosts && exec "$@"';
    const wrapper = near.command("unshare", "-m", "sh", "-c", named, join(dir.path, "hosts"));
    const home = new DaemonHome({ path: dir.path, host: far });
    const daemon = await home.startAs(...daemonFlags(far), "--insecure");
    try {
      const start = performance.now();
      assertStatus(await dir.blitWith({ wrapper }, "login", "nas", "--plain"), 0);
      assertStatus(await dir.blitWith({ wrapper }, "copy", "nas:/default/a", "b"), 0);
      // The time that an address has is 10 s.
      assert.ok(performance.now() - start < 10_000, `${performance.now() - start} ms`);
    } finally {
      await daemon.stop();
    }
  });
});

testOrSkip("a daemon is reached by its address on the link, with the interface", async (dir) => {
  await withTwoHosts(async (near, far) => {
    await dir.write({ "served/a": "1" });
    const shown = sh('ip -n "$0" -6 -o addr show dev cable scope link', far.namespace);
    const address = /inet6 (fe80:[0-9a-f:]+)/.exec(shown)![1];
    // Not before it is known to be nobody else's.
    sh(
      'while ip -n "$0" -6 addr show tentative | grep -q fe80; do sleep 0.1; done',
      far.namespace,
    );
    const home = new DaemonHome({ path: dir.path, host: far });
    const flags = ["--bind", "::", "--root", "served", "--no-mdns"];
    const daemon = await home.startAs(...flags);
    try {
      await daemon.says(/--fingerprint/);
      const fingerprint = /--fingerprint (SHA256:\S+)/.exec(daemon.stderr)![1];
      const add = ["token", "add", "laptop", "--module", "default", "--access", "read"];
      const token = (await home.run(...add)).stdout.trim();
      const host = `[${address}%cable]`;
      const login = ["login", host, "--token-file", "-", "--fingerprint", fingerprint];
      assertStatus(await on(dir, near, { stdin: token })(...login), 0);
      const copied = await on(dir, near)("copy", "--json", `${host}:/default/a`, "b");
      assertStatus(copied, 0);
      assert.equal(copied.json().transport, "data_plane_tls");
      const without = await on(dir, near)("ls", `[${address}]:/default/`);
      assertStatus(without, 1);
      assert.match(without.stderr, /say by which interface: \[fe80:[^%]*%eth0\]/);
    } finally {
      await daemon.stop();
    }
  });
});

testOrSkip(
  "a daemon without encryption is used once that was said, gets no token, and shares a large file among streams",
  async (dir) => {
    need(needsPrograms("rsync"));
    await withTwoHosts(async (near, far) => {
      await dir.write({ "served/": "", "src/a": "1" });
      const blit = on(dir, near);
      const home = new DaemonHome({ path: dir.path, host: far });
      const daemon = await home.startAs(...daemonFlags(far), "--insecure");
      try {
        assert.match(daemon.readyLine, /plain/);
        const target = `${far.address}://copy`;
        const stranger = await blit("copy", "src/", target);
        assertStatus(stranger, 1);
        assert.match(stranger.stderr, /is unknown/);
        // Nothing is on standard input: no token is asked for.
        assertStatus(await blit("login", far.address, "--plain"), 0);
        assertStatus(await blit("copy", "src/", target), 0);
        assertRsyncFindsNothing(join(dir.path, "src"), join(dir.path, "served/copy"));
        // One file, large enough for several streams to share it, there and back.
        sh(`mkdir "$0"/huge; head -c 140M /dev/urandom > "$0"/huge/file`, dir.path);
        for (
          const places of [["huge/", `${far.address}://huge`], [`${far.address}://huge/`, "back/"]]
        ) {
          const ran = await blit("copy", "--json", ...places);
          assertStatus(ran, 0);
          assert.ok(ran.json().streams > 1, `${ran.json().streams} streams`);
        }
        sh(`cd "$0"; cmp huge/file served/huge/file; cmp huge/file back/file`, dir.path);
      } finally {
        await daemon.stop();
      }
      assert.match(daemon.stderr, /INSECURE/);
    });
  },
);
