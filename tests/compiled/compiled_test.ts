/**
 * The compiled programs: one file each, that work without Deno, without the source and without other users' help.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import type { Ran, Scratch } from "../support/cli.ts";
import { compilePrograms } from "../support/compiled.ts";
import { DaemonProcess } from "../support/daemon_process.ts";
import { freePort } from "../support/free_port.ts";
import { assertStatus } from "../support/judges.ts";
import { need, needsPrograms, needsRoot, testOrSkip } from "../support/loop_fs.ts";

/** Two users without rights. */
const [VICTIM, ATTACKER] = [65534, 65533];
const as = (user: number) => ["setpriv", `--reuid=${user}`, `--regid=${user}`, "--clear-groups"];

/** Runs a program with nothing in its environment but what is given. */
function run(dir: Scratch, env: Record<string, string>, ...words: string[]): Ran {
  const [program, ...args] = words;
  const { code, stdout, stderr } = new Deno.Command(program, {
    args,
    cwd: dir.path,
    clearEnv: true,
    env: { PATH: "/usr/bin:/bin", ...env },
    stdin: "null",
  }).outputSync();
  const [out, err] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  return { status: code, stdout: out, stderr: err, json: () => JSON.parse(out) };
}

/** Every file that a run named to the kernel, and every socket of the internet that it made. */
function trace(dir: Scratch, env: Record<string, string>, ...words: string[]) {
  const log = join(dir.path, "trace");
  const calls = "trace=openat,connect,socket,sendto,mkdir,rename";
  const ran = run(dir, env, "strace", "-f", "-qq", "-e", calls, "-o", log, ...words);
  const lines = Deno.readTextFileSync(log).split("\n").map((line) => line.replace(/^\d+ +/, ""));
  return {
    ran,
    lines,
    sockets: lines.filter((line) => /AF_INET/.test(line) && /^(socket|connect|sendto)/.test(line)),
  };
}

testOrSkip("compiled, blit mirrors a tree and pushes it to the compiled daemon", async (dir) => {
  need(needsPrograms("strace", "npx", "npm", "setpriv", "tar"));
  const programs = await compilePrograms(join(dir.path, "programs"));
  await dir.write({ "src/a": "1", "src/b/c": "22", "src/link": "-> a", "home/": "", "srv/": "" });
  const env = { HOME: join(dir.path, "home") };

  await mirrors(dir, env, programs.blit);
  saysWhatIsKeptBack(dir, env, programs.blit);
  await pushes(dir, env, programs);
  if (needsRoot() === null) await survivesOthers(dir, programs.blit);
});

async function mirrors(dir: Scratch, env: Record<string, string>, blit: string): Promise<void> {
  const mirror = [blit, "mirror", "--yes", "--json", "src/", "dst"];
  const first = trace(dir, env, ...mirror);
  assertStatus(first.ran, 0);
  assert.deepEqual(await dir.files("dst"), await dir.files("src"));
  assert.equal(first.ran.stderr.includes("Going on without the native library"), false);
  assert.deepEqual(first.sockets, []);
  // Neither what Deno would take from a folder for everybody, nor what stands beside the program.
  const taken = first.lines.filter((line) => /deno-compile|node_modules|package\.json/.test(line));
  assert.deepEqual(taken, []);
  const cache = join(env.HOME, ".cache/blit/native");
  const [{ name }] = [...Deno.readDirSync(cache)];
  assert.equal(Deno.statSync(cache).mode! & 0o777, 0o700);
  const second = trace(dir, env, ...mirror);
  assertStatus(second.ran, 0);
  assert.equal(second.ran.json().files_transferred, 0);
  // It is there already: it is read and loaded, not written.
  const named = second.lines.filter((line) => line.includes(name) || line.includes(".so.new"));
  assert.ok(
    named.length >= 2 && named.every((line) => line.includes("O_RDONLY")),
    named.join("\n"),
  );
}

function saysWhatIsKeptBack(dir: Scratch, env: Record<string, string>, blit: string): void {
  const ran = run(dir, { ...env, TMPDIR: "/dev/shm" }, blit, "copy", "src/", "portable");
  assertStatus(ran, 0);
  assert.match(
    ran.stderr,
    /without the native library \(with TMPDIR in \/dev, .* choose another folder\)/,
  );
}

/** How often a push is begun again: the chance that all fail is one in ten thousand. */
const MOST_AGAIN = 10;

/** Whether a run failed as one does whose client doesn't hear the daemon: a client of Deno 2.9 always does. */
function lostAnAnswer({ status, stdout, stderr }: Ran): boolean {
  return status === 124 ||
    status !== 0 &&
      /doesn't (answer|greet) as a blit daemon|Stalled in|is gone/.test(stdout + stderr);
}

async function pushes(
  dir: Scratch,
  env: Record<string, string>,
  programs: { readonly blit: string; readonly daemon: string },
): Promise<void> {
  const metrics = `127.0.0.1:${freePort()}`;
  const daemon = await DaemonProcess.of(
    new Deno.Command(programs.daemon, {
      args: ["--root", "srv", "--port", "0", "--data-port", "0", "--metrics", metrics, "--json"],
      cwd: dir.path,
      clearEnv: true,
      env,
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn(),
  );
  try {
    const { port, data_port } = daemon.ready;
    const to = `127.0.0.1:${port}:/default/pushed`;
    // Deno 2.7, unlike the one that releases are made with, takes a plain port's answer for a handshake, ...
    Deno.writeTextFileSync(join(env.HOME, ".config/blit/known_hosts"), `127.0.0.1:${port} plain\n`);
    const words = ["timeout", "15", programs.blit, "copy", "--json", "src/", to];
    const push = () => trace(dir, env, ...words);
    let { ran, sockets } = push();
    // ... and two times in five its client loses what it hears first, or the answer to a call.
    for (let again = 0; again < MOST_AGAIN && lostAnAnswer(ran); again++) {
      ({ ran, sockets } = push());
    }
    assertStatus(ran, 0);
    assert.equal(ran.json().transport, "data_plane");
    assert.deepEqual(await dir.files("srv/pushed"), await dir.files("src"));
    const dialled = sockets.filter((line) => !line.startsWith("socket"));
    assert.ok(dialled.some((line) => line.includes(`htons(${data_port})`)), sockets.join("\n"));
    const elsewhere = dialled.filter((line) =>
      !/inet_addr\("127\.0\.0\.1"\)/.test(line) ||
      !(line.includes(`htons(${port})`) || line.includes(`htons(${data_port})`))
    );
    assert.deepEqual(elsewhere, []);
    const counted = await (await fetch(`http://${metrics}/metrics`)).text();
    assert.match(counted, /^blit_stream_duration_seconds_count\{plane="data"\} [1-9]/m);
  } finally {
    assert.equal(await daemon.stop(), 0);
  }
}

/** Another user has made what the program would unpack into, in a home that everybody can write to. */
async function survivesOthers(dir: Scratch, blit: string): Promise<void> {
  Deno.chmodSync(join(dir.path, ".."), 0o755);
  await dir.write({
    "shared/home/": "",
    "shared/tmp/": "",
    "theirs/from/a": "1",
    "theirs/config/": "",
  });
  for (const open of ["shared/home", "shared/tmp"]) Deno.chmodSync(join(dir.path, open), 0o1777);
  Deno.chownSync(join(dir.path, "theirs"), VICTIM, VICTIM);
  Deno.chownSync(join(dir.path, "theirs/config"), VICTIM, VICTIM);
  const [home, tmp] = [join(dir.path, "shared/home"), join(dir.path, "shared/tmp")];
  const known = [...Deno.readDirSync(join(dir.path, "home/.cache/blit/native"))][0].name;
  const planted = run(
    dir,
    {},
    ...as(ATTACKER),
    "sh",
    "-c",
    `umask 0; mkdir -p ${home}/.cache/blit/native && cd ${home}/.cache/blit/native && echo evil >${known} &&
     echo evil >${tmp}/deno-compile-blit.cache && mkdir ${tmp}/deno-compile-blit && echo evil >${tmp}/libblit_native.so`,
  );
  assertStatus(planted, 0);
  const env = { HOME: home, TMPDIR: tmp, XDG_CONFIG_HOME: join(dir.path, "theirs/config") };
  const copy = [...as(VICTIM), blit, "copy", "--json", "theirs/from/", "theirs/to"];
  const { ran, lines } = trace(dir, env, ...copy);
  assertStatus(ran, 0);
  assert.equal(ran.stderr.includes("Going on without the native library"), false, ran.stderr);
  assert.equal(Deno.readTextFileSync(join(dir.path, "theirs/to/a")), "1");
  const touched = lines.filter((line) =>
    line.startsWith("openat") && (line.includes("native/lib") || line.includes("deno-compile"))
  );
  assert.deepEqual(touched, []);
  // The one that was loaded came from a folder that is gone again.
  const loaded = lines.filter((line) => /^openat.*blit-native-.*libblit_native\.so/.test(line));
  assert.ok(loaded.some((line) => line.includes("O_RDONLY")), lines.join("\n"));
  assert.deepEqual([...Deno.readDirSync(tmp)].filter(({ name }) => name.startsWith("blit-")), []);
}
