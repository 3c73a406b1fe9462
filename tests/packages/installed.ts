/**
 * The packages as a user meets them: installed in a new Debian, started by systemd with the whole sandbox, written
 * to, reloaded, upgraded and removed. `deno task package:try`; not part of the gate, since it takes minutes.
 *
 * usage: installed.ts [--rpm] [DIST]    as root, with debootstrap and systemd-nspawn; DIST is where deno task package put them
 *
 * `--rpm` tries those for rpm, by the rpm that Debian has: what they depend on is named there by other names, and isn't looked for.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join, resolve } from "node:path";

/** What the machine does by itself once it is up; every line must succeed. */
const INSIDE = `#!/bin/sh
set -ex
for i in 1 2 3 4 5 6 7 8 9 10; do
  journalctl -u blit-daemon | grep -q 'ready on 127.0.0.1' && break
  sleep 1
done
mkdir -p /tmp/from /root/.config/blit
echo one >/tmp/from/a
echo '127.0.0.1:9031 plain' >/root/.config/blit/known_hosts
# The Deno that packages are tried with loses a call now and then.
for i in 1 2 3 4 5; do
  timeout 20 blit copy --json /tmp/from/ 127.0.0.1:9031:/files/ >/tmp/summary && break
done
grep -q '"transport": "data_plane"' /tmp/summary
cmp /tmp/from/a /srv/files/a
test "$(stat -c %U /srv/files/a)" = blit-daemon
test "$(stat -c %a:%U /var/lib/blit-daemon)" = 700:blit-daemon
test "$(stat -c %a:%U /var/cache/blit-daemon/native)" = 700:blit-daemon
systemctl reload blit-daemon
sleep 1
journalctl -u blit-daemon | grep -q 'configuration read again'
systemctl stop blit-daemon
test "$(systemctl show -p Result --value blit-daemon)" = success
systemd-analyze security --no-pager blit-daemon | tail -n 1
echo WENT WELL
`;

const UNIT = `[Unit]
After=blit-daemon.service
Wants=blit-daemon.service
[Service]
Type=oneshot
Environment=HOME=/root
ExecStart=/bin/sh /inside.sh
ExecStopPost=/bin/systemctl --no-block poweroff
StandardOutput=file:/inside.log
StandardError=file:/inside.log
[Install]
WantedBy=multi-user.target
`;

function run(program: string, ...args: string[]): string {
  const { success, stdout, stderr } = new Deno.Command(program, { args, stdin: "null" })
    .outputSync();
  const said = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  assert.ok(success, `${program} ${args.join(" ")}:\n${said}`);
  return said;
}

/** How a kind of package is handled. */
interface Format {
  /** Ends the name of its files for x64; before it stands the version. */
  readonly suffix: string;
  /** Stands between a package's name and its version. */
  readonly mark: string;
  /** What the new Debian needs for it. */
  readonly needs: string;
  readonly install: readonly string[];
  readonly upgrade: readonly string[];
  readonly remove: readonly string[];
  /** Where the configuration is once the package is removed. */
  readonly kept: string;
  /** Takes what a removal leaves; null where nothing does. */
  readonly purge: readonly string[] | null;
}

const DEB: Format = {
  suffix: "_amd64.deb",
  mark: "_",
  needs: "",
  install: ["dpkg", "-i"],
  upgrade: ["dpkg", "-i"],
  remove: ["dpkg", "-r"],
  kept: "/etc/blit-daemon.jsonc",
  purge: ["dpkg", "-P", "blit-daemon"],
};
const RPM: Format = {
  suffix: ".x86_64.rpm",
  mark: "-0",
  needs: ",rpm",
  install: ["rpm", "-i", "--nodeps"],
  upgrade: ["rpm", "-U", "--nodeps", "--replacepkgs"],
  remove: ["rpm", "-e"],
  kept: "/etc/blit-daemon.jsonc.rpmsave",
  purge: null,
};

function tryPackages(dist: string, root: string, format: Format): void {
  const inside = (...words: string[]): string => run("chroot", root, ...words);
  const isThere = (path: string) => {
    try {
      return Boolean(Deno.lstatSync(join(root, path)));
    } catch {
      return false;
    }
  };
  const packages = ["blit", "blit-daemon"].map((name) =>
    [...Deno.readDirSync(dist)].map((entry) => entry.name)
      .find((file) => file.startsWith(`${name}${format.mark}`) && file.endsWith(format.suffix))!
  );
  run(
    "debootstrap",
    "--variant=minbase",
    `--include=systemd,systemd-sysv,man-db${format.needs}`,
    "bookworm",
    root,
  );
  for (const file of packages) Deno.copyFileSync(join(dist, file), join(root, "root", file));

  inside(...format.install, ...packages.map((file) => `/root/${file}`));
  assert.match(inside("man", "-w", "blit-copy", "blit-daemon.jsonc"), /blit-copy\.1/);
  assert.match(inside("getent", "passwd", "blit-daemon"), /\/var\/lib\/blit-daemon:.*nologin/);
  assert.ok(!isThere("/etc/systemd/system/multi-user.target.wants/blit-daemon.service"));

  const config = join(root, "etc/blit-daemon.jsonc");
  const told = Deno.readTextFileSync(config).replace('// { "name": "files"', '{ "name": "files"');
  Deno.writeTextFileSync(config, told);
  Deno.mkdirSync(join(root, "srv/files"));
  inside("chown", "blit-daemon", "/srv/files");
  Deno.writeTextFileSync(join(root, "inside.sh"), INSIDE);
  Deno.writeTextFileSync(join(root, "etc/systemd/system/inside.service"), UNIT);
  inside("systemctl", "enable", "blit-daemon", "inside");
  const nspawn = ["--quiet", "--boot", "--private-network", "--register=no", "--keep-unit"];
  run("timeout", "180", "systemd-nspawn", ...nspawn, `--directory=${root}`);
  const log = Deno.readTextFileSync(join(root, "inside.log"));
  assert.match(log, /WENT WELL\n$/, log);
  console.log(/→.*/.exec(log)?.[0]);

  inside(...format.upgrade, `/root/${packages[1]}`);
  assert.equal(Deno.readTextFileSync(config), told, "an upgrade keeps the configuration");
  inside(...format.remove, "blit", "blit-daemon");
  assert.ok(!isThere("/usr/bin/blit-daemon") && !isThere("/usr/bin/blit"));
  assert.ok(!isThere("/etc/systemd/system/multi-user.target.wants/blit-daemon.service"));
  assert.equal(Deno.readTextFileSync(join(root, format.kept)), told);
  assert.ok(isThere("/var/lib/blit-daemon"));
  if (format.purge !== null) {
    inside(...format.purge);
    assert.ok(!isThere("/etc/blit-daemon.jsonc") && !isThere("/var/lib/blit-daemon"));
  }
  assert.ok(isThere("/srv/files/a"));
}

const [format, dist] = Deno.args[0] === "--rpm" ? [RPM, Deno.args[1]] : [DEB, Deno.args[0]];
const root = Deno.makeTempDirSync({ prefix: "blit-debian-" });
try {
  Deno.chmodSync(root, 0o755);
  tryPackages(resolve(dist ?? "dist"), root, format);
  console.log("The packages install, serve, upgrade and go.");
} finally {
  Deno.removeSync(root, { recursive: true });
}
