/**
 * The packages as a user meets them: installed in a new Debian, started by systemd with the whole sandbox, written to,
 * reloaded, upgraded while they serve, and removed. `deno task package:try`; not part of the gate, since it takes minutes.
 *
 * usage: installed.ts [--rpm] [--suite NAME] [DIST [NEWER]]    as root, with debootstrap and systemd-nspawn
 *
 * DIST is where `deno task package` put them, NEWER the same of a higher version; left out, the same programs are packed as
 * one. `--suite` names Debian's release (default bookworm). `--rpm` tries those for rpm, by the rpm that Debian has: what
 * they depend on is named there by other names, and isn't looked for.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { VERSION } from "../../src/app/version.ts";

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
  /** Prints the version of blit-daemon that is installed, and maybe more. */
  readonly version: readonly string[];
  /** Where the configuration is once the package is removed. */
  readonly kept: string;
  /** Takes what a removal leaves; null where nothing does. */
  readonly purge: readonly string[] | null;
  /** Upgrades once more where the packaged configuration has changed as well as the user's; null where that isn't tried. */
  readonly changedConfiguration: ((daemon: string) => string) | null;
}

/** What a script does where nobody can be asked, as dpkg does: it ends, and the daemon goes on as it is until it is told. */
const changedConfiguration = (daemon: string) => `
dpkg-deb -R '${daemon}' /tmp/changed
echo '// newer' >>/tmp/changed/etc/blit-daemon.jsonc
sed -i 's/^Version: .*/&.1/' /tmp/changed/DEBIAN/control
dpkg-deb -b /tmp/changed /root/changed.deb
pid=$(systemctl show -p MainPID --value blit-daemon)
if dpkg -i /root/changed.deb </dev/null; then exit 1; fi
test "$(systemctl show -p MainPID --value blit-daemon)" = "$pid"
cmp /tmp/config /etc/blit-daemon.jsonc
push more
dpkg --force-confold --configure blit-daemon </dev/null
cmp /tmp/config /etc/blit-daemon.jsonc
tail -n 1 /etc/blit-daemon.jsonc.dpkg-dist | grep -qx '// newer'
ready 4
`;

const DEB: Format = {
  suffix: "_amd64.deb",
  mark: "_",
  needs: "",
  install: ["dpkg", "-i"],
  upgrade: ["dpkg", "-i"],
  remove: ["dpkg", "-r"],
  version: ["dpkg-query", "-W", "-f", "${Version}", "blit-daemon"],
  kept: "/etc/blit-daemon.jsonc",
  purge: ["dpkg", "-P", "blit-daemon"],
  changedConfiguration,
};
const RPM: Format = {
  suffix: ".x86_64.rpm",
  mark: "-",
  needs: ",rpm",
  install: ["rpm", "-i", "--nodeps"],
  upgrade: ["rpm", "-U", "--nodeps", "--replacepkgs"],
  remove: ["rpm", "-e"],
  version: ["rpm", "-q", "--qf", "%{VERSION}", "blit-daemon"],
  kept: "/etc/blit-daemon.jsonc.rpmsave",
  purge: null,
  changedConfiguration: null,
};

/** Packages of blit and blit-daemon, by their files' names. */
interface Packages {
  readonly folder: string;
  readonly files: readonly [client: string, daemon: string];
}

/** The version of the daemon that {@link Packages} holds. */
function versionOf({ files }: Packages, { mark, suffix }: Format): string {
  return files[1].slice(`blit-daemon${mark}`.length, -suffix.length).replace(/-1$/, "");
}

function found(folder: string, { mark, suffix }: Format): Packages {
  const files = ["blit", "blit-daemon"].map((name) => {
    const all = [...Deno.readDirSync(folder)].map((entry) => entry.name).filter((file) =>
      file.startsWith(`${name}${mark}`) && /\d/.test(file[name.length + 1]) && file.endsWith(suffix)
    );
    assert.equal(all.length, 1, `${folder} has ${all.length} packages ${name} for this system`);
    return all[0];
  });
  return { folder, files: [files[0], files[1]] };
}

/** Packs the programs of DIST as the next version. */
function packedNewer(dist: string, work: string, format: Format): Packages {
  const [major, minor, patch] = VERSION.split(/[.-]/).map(Number);
  Deno.symlinkSync(join(dist, "linux-x64"), join(work, "linux-x64"));
  const script = new URL("../../packaging/packages.ts", import.meta.url).pathname;
  const may = ["read", "write", "env", "run"].map((what) => `--allow-${what}`);
  const as = ["--out", work, "--as", `${major}.${minor}.${patch + 1}`];
  run(Deno.execPath(), "run", "--no-prompt", "--no-check", ...may, script, ...as);
  return found(work, format);
}

const quoted = (words: readonly string[]) => words.map((word) => `'${word}'`).join(" ");

/** What the machine does by itself once it is up; every line must succeed. */
function inside(format: Format, newer: Packages): string {
  const packages = newer.files.map((file) => `/root/${file}`).join(" ");
  return `#!/bin/sh
set -ex
ready() {
  for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    journalctl -u blit-daemon | grep -c 'ready on 127.0.0.1' | grep -qx "$1" && return
    sleep 1
  done
  return 1
}
# The Deno that packages are tried with loses a call now and then.
push() {
  for i in 1 2 3 4 5; do
    timeout 20 blit copy --json /tmp/from/ "127.0.0.1:9031:/$1/" >/tmp/summary && break
  done
  grep -q '"transport": "data_plane"' /tmp/summary
}
token() {
  blit-daemon token "$@" --state /var/lib/blit-daemon
}
ready 1
mkdir -p /tmp/from /root/.config/blit
echo one >/tmp/from/a
echo '127.0.0.1:9031 plain' >/root/.config/blit/known_hosts
push files
cmp /tmp/from/a /srv/files/a
test "$(stat -c %U /srv/files/a)" = blit-daemon
test "$(stat -c %a:%U /var/lib/blit-daemon)" = 700:blit-daemon
test "$(stat -c %a:%U /var/cache/blit-daemon/native)" = 700:blit-daemon
token add keeper --module files --access write >/tmp/token
test "$(stat -c %a:%U /var/lib/blit-daemon/tokens.json)" = 600:blit-daemon
token list >/tmp/tokens

# A change that is read while it runs.
sed -i 's/"files", "path"/"more", "path"/' /etc/blit-daemon.jsonc
systemctl reload blit-daemon
sleep 1
journalctl -u blit-daemon | grep -q 'configuration read again'
echo two >/tmp/from/b
push more
cp /etc/blit-daemon.jsonc /tmp/config

# A mistake is told to whoever reloads, and changes nothing.
echo 'x' >>/etc/blit-daemon.jsonc
if systemctl reload blit-daemon; then exit 1; fi
cp /tmp/config /etc/blit-daemon.jsonc
push more
pid=$(systemctl show -p MainPID --value blit-daemon)

# The newer version takes the place of the one that serves.
${quoted(format.upgrade)} ${packages} </dev/null
${quoted(format.version)} >/root/version
blit-daemon --version >/root/program
cmp /tmp/config /etc/blit-daemon.jsonc
systemctl is-active blit-daemon
systemctl is-enabled blit-daemon
ready 2
journalctl -u blit-daemon | grep 'ready on' | tail -n 1 | grep -q "$(cat /root/program) ready on"
test "$(systemctl show -p MainPID --value blit-daemon)" != "$pid"
readlink "/proc/$(systemctl show -p MainPID --value blit-daemon)/exe" | grep -qx /usr/bin/blit-daemon
token list | cmp - /tmp/tokens
echo three >/tmp/from/c
push more
cmp /tmp/from/b /srv/files/b
cmp /tmp/from/c /srv/files/c
test "$(journalctl -u blit-daemon | grep -c 'Failed with result')" = 0
systemd-analyze security --no-pager blit-daemon | tail -n 1

# One that was stopped stays so.
systemctl stop blit-daemon
test "$(systemctl show -p Result --value blit-daemon)" = success
${quoted(format.upgrade)} ${packages} </dev/null
if systemctl is-active blit-daemon; then exit 1; fi
systemctl start blit-daemon
ready 3
${format.changedConfiguration?.(`/root/${newer.files[1]}`) ?? ""}
# A removal stops it.
${quoted(format.remove)} blit blit-daemon
if systemctl is-active blit-daemon; then exit 1; fi
if readlink /proc/[0-9]*/exe | grep blit-daemon; then exit 1; fi
echo WENT WELL
`;
}

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

function tryPackages(
  { root, suite, format }: { readonly root: string; readonly suite: string; format: Format },
  older: Packages,
  newer: Packages,
): void {
  const within = (...words: string[]): string => run("chroot", root, ...words);
  const isThere = (path: string) => {
    try {
      return Boolean(Deno.lstatSync(join(root, path)));
    } catch {
      return false;
    }
  };
  const include = `--include=systemd,systemd-sysv,man-db${format.needs}`;
  run("debootstrap", "--variant=minbase", include, suite, root);
  for (const { folder, files } of [older, newer]) {
    for (const file of files) Deno.copyFileSync(join(folder, file), join(root, "root", file));
  }

  within(...format.install, ...older.files.map((file) => `/root/${file}`));
  assert.match(within("man", "-w", "blit-copy", "blit-daemon.jsonc"), /blit-copy\.1/);
  assert.match(within("getent", "passwd", "blit-daemon"), /\/var\/lib\/blit-daemon:.*nologin/);
  assert.ok(!isThere("/etc/systemd/system/multi-user.target.wants/blit-daemon.service"));

  const config = join(root, "etc/blit-daemon.jsonc");
  const told = Deno.readTextFileSync(config).replace('// { "name": "files"', '{ "name": "files"');
  Deno.writeTextFileSync(config, told);
  Deno.mkdirSync(join(root, "srv/files"));
  within("chown", "blit-daemon", "/srv/files");
  Deno.writeTextFileSync(join(root, "inside.sh"), inside(format, newer));
  Deno.writeTextFileSync(join(root, "etc/systemd/system/inside.service"), UNIT);
  within("systemctl", "enable", "blit-daemon", "inside");
  const nspawn = ["--quiet", "--boot", "--private-network", "--register=no", "--keep-unit"];
  run("timeout", "400", "systemd-nspawn", ...nspawn, `--directory=${root}`);
  const log = Deno.readTextFileSync(join(root, "inside.log"));
  assert.match(log, /WENT WELL\n$/, log);
  console.log(/→.*/.exec(log)?.[0]);
  const version = Deno.readTextFileSync(join(root, "root/version"));
  assert.ok(version.startsWith(versionOf(newer, format)), version);
  assert.notEqual(versionOf(newer, format), versionOf(older, format));

  assert.ok(!isThere("/usr/bin/blit-daemon") && !isThere("/usr/bin/blit"));
  assert.ok(!isThere("/etc/systemd/system/multi-user.target.wants/blit-daemon.service"));
  const kept = told.replace('"files", "path"', '"more", "path"');
  assert.equal(Deno.readTextFileSync(join(root, format.kept)), kept);
  assert.ok(isThere("/var/lib/blit-daemon/tokens.json"));
  if (format.purge !== null) {
    within(...format.purge);
    assert.ok(!isThere("/etc/blit-daemon.jsonc") && !isThere("/var/lib/blit-daemon"));
    assert.ok(!isThere("/var/cache/blit-daemon"));
  }
  assert.ok(isThere("/srv/files/a"));
  console.log(
    `${suite}: ${versionOf(older, format)} installs, serves, upgrades to ` +
      `${versionOf(newer, format)} and goes.`,
  );
}

const { values, positionals: [dist = "dist", newer] } = parseArgs({
  options: {
    rpm: { type: "boolean", default: false },
    suite: { type: "string", default: "bookworm" },
  },
  allowPositionals: true,
});
const format = values.rpm ? RPM : DEB;
const work = Deno.makeTempDirSync({ prefix: "blit-debian-" });
const root = join(work, "root");
try {
  Deno.mkdirSync(root);
  Deno.chmodSync(work, 0o755);
  tryPackages(
    { root, suite: values.suite, format },
    found(resolve(dist), format),
    newer === undefined ? packedNewer(resolve(dist), work, format) : found(resolve(newer), format),
  );
} finally {
  Deno.removeSync(work, { recursive: true });
}
