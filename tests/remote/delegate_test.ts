/**
 * Copies between two daemons, each a process of its own: the destination's pulls, this machine only says so and looks on.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import type { Ran, Scratch } from "../support/cli.ts";
import {
  assertMtreeAgrees,
  assertNothingStaged,
  assertRsyncFindsNothing,
  assertStatus,
} from "../support/judges.ts";
import { need, needsPrograms, sh, testOrSkip } from "../support/loop_fs.ts";
import { Proxy } from "../support/proxy.ts";
import { richTree } from "../support/trees.ts";
import { DaemonHome, type DaemonProcess } from "../support/daemon_process.ts";
import { rawClient } from "./daemon_support.ts";

/** Two daemons: `from` serves the folder `a` as module `m`, `to` serves `b` as `n`. */
interface Two {
  readonly from: string;
  readonly to: string;
  readonly daemons: readonly [DaemonProcess, DaemonProcess];
  blit(...args: string[]): Promise<Ran>;
}

interface TwoOptions {
  /** TLS and tokens at both. */
  readonly secure?: boolean;
  /** What else the destination's module says. */
  readonly module?: Record<string, unknown>;
  /** What else the source's module says. */
  readonly sourceModule?: Record<string, unknown>;
  /** What else the destination's configuration says. */
  readonly config?: Record<string, unknown>;
}

async function two(
  dir: Scratch,
  test: (two: Two) => Promise<void>,
  { secure = false, module = {}, sourceModule = {}, config = {} }: TwoOptions = {},
): Promise<void> {
  using fromHome = new DaemonHome();
  using toHome = new DaemonHome();
  await dir.write({ "a/": "", "b/": "" });
  const blit = (...args: string[]) => dir.blit(...args);
  const start = async (home: DaemonHome, settings: Record<string, unknown>) => {
    const file = home.write("config.jsonc", JSON.stringify(settings));
    const bind = secure ? ["--bind", "0.0.0.0"] : [];
    const daemon = await home.start("--config", file, ...bind);
    const host = `127.0.0.1:${daemon.ready.port}`;
    if (secure) {
      const add = ["token", "add", "t", "--module", "*", "--access", "delete", "--json"];
      const { stdout } = await home.run(...add);
      const token = JSON.parse(stdout).token;
      const file = home.write("token", `${token}\n`);
      const login = ["login", host, "--token-file", file, "--fingerprint"];
      assertStatus(await blit(...login, daemon.ready.fingerprint!), 0);
    }
    return { daemon, host };
  };
  const a = join(dir.path, "a"), b = join(dir.path, "b");
  const from = await start(fromHome, {
    modules: [{ name: "m", path: a, trustMetadata: true, ...sourceModule }],
  });
  try {
    const to = await start(toHome, {
      modules: [{
        name: "n",
        path: b,
        trustMetadata: true,
        delegation: [from.host],
        ...module,
      }],
      ...config,
    });
    try {
      const daemons = [from.daemon, to.daemon] as const;
      await test({ from: from.host, to: to.host, daemons, blit });
    } finally {
      await to.daemon.stop();
    }
  } finally {
    await from.daemon.stop();
  }
}

for (const secure of [false, true]) {
  testOrSkip(
    `between two daemons everything is kept, ${secure ? "over TLS" : "plain"}`,
    (dir) =>
      two(dir, async ({ from, to, blit }) => {
        const a = join(dir.path, "a"), b = join(dir.path, "b/x");
        richTree(join(a, "x"));
        const ran = await blit("mirror", "--yes", "--json", `${from}:/m/x/`, `${to}:/n/x`);
        assertStatus(ran, 0);
        const { transport, files_transferred, source, destination, outcome } = ran.json();
        assert.equal(transport, secure ? "data_plane_tls" : "data_plane");
        assert.ok(files_transferred > 0);
        assert.deepEqual([source, destination, outcome], [
          `${from}:/m/x/`,
          `${to}:/n/x`,
          "done",
        ]);
        assertRsyncFindsNothing(join(a, "x"), b);
        assertMtreeAgrees(join(a, "x"), b);
        assertStatus(await blit("check", `${from}:/m/x/`, `${to}:/n/x`), 0);
        const again = await blit("mirror", "--yes", "--json", `${from}:/m/x/`, `${to}:/n/x`);
        assertStatus(again, 0);
        assert.equal(again.json().files_transferred, 0);
        assertNothingStaged(dir.path);
      }, { secure }),
  );
}

testOrSkip(
  "between two daemons the options of a run hold",
  (dir) =>
    two(dir, async ({ from, to, blit }) => {
      await dir.write({
        "a/s/one": "1",
        "a/s/two": "22",
        "a/s/d/three": "333",
        "a/s/skip.tmp": "x",
        "a/empty/": "",
        "b/t/old/file": "gone",
        "b/t/one": "other",
        list: "d/three\n",
      });
      const files = await dir.files("b");
      const place = [`${from}:/m/s/`, `${to}:/n/t`];
      const dry = await blit("mirror", "--dry-run", ...place);
      assertStatus(dry, 0);
      assert.match(dry.stdout, /delete +old\/file/);
      // What deletes needs an answer, or --yes; and it may not delete more than was said.
      assertStatus(await blit("mirror", ...place), 64);
      assertStatus(await blit("mirror", "--yes", `${from}:/m/empty/`, `${to}:/n/t`), 1);
      const limited = await blit("mirror", "--yes", "--max-delete", "1", ...place);
      assertStatus(limited, 1);
      assert.match(limited.stderr, /--max-delete/);
      assert.equal((await dir.files("b"))["t/old/file"], files["t/old/file"]);
      const mirrored = await blit("mirror", "--yes", "-v", "--exclude", "*.tmp", ...place);
      assertStatus(mirrored, 0);
      assert.match(mirrored.stdout, /delete +old\/file/);
      // What the filter hides stays, as the run that was refused its deletions had copied it.
      assert.deepEqual(await dir.files("b/t"), {
        one: "1",
        two: "22",
        "d/three": "333",
        "skip.tmp": "x",
      });
      assertStatus(await blit("check", ...place), 0);
      assertStatus(await blit("copy", `${from}:/m/s/one`, `${to}:/n/single`), 0);
      assertStatus(await blit("copy", "--files-from", "list", `${from}:/m/s/`, `${to}:/n/some`), 0);
      assert.deepEqual(await dir.files("b/some"), { "d/three": "333" });
      assert.equal((await dir.files("b")).single, "1");
      const events = await blit("copy", "--json", "-p", `${from}:/m/s`, `${to}:/n/json`);
      assertStatus(events, 0);
      const types = events.stderr.trim().split("\n").map((line) => JSON.parse(line).type);
      assert.equal(types[0], "start");
      assert.equal(types.at(-1), "summary");
      assert.equal(events.json().outcome, "done");
      assertNothingStaged(dir.path);
    }),
);

testOrSkip(
  "a module is filled from no daemon that its configuration doesn't name",
  (dir) =>
    two(dir, async ({ from, to, blit }) => {
      await dir.write({ "a/file": "1" });
      const ran = await blit("copy", `${from}:/m/`, `${to}:/n/x`);
      assertStatus(ran, 1);
      assert.match(ran.stderr, new RegExp(`Add "${from}" to "delegation" .* and restart it`));
      assert.deepEqual(await dir.files("b"), {});
      // Nothing has to be copied for these.
      assertStatus(await blit("check", `${from}:/m/`, `${to}:/n/`), 1);
      assertStatus(await blit("copy", "--dry-run", `${from}:/m/`, `${to}:/n/x`), 0);
    }, { module: { delegation: ["elsewhere", "127.0.0.1"] } }),
);

testOrSkip(
  "a source that is served read-only is read",
  (dir) =>
    two(dir, async ({ from, to, blit }) => {
      await dir.write({ "a/file": "1", "b/": "" });
      assertStatus(await blit("copy", `${from}:/m/`, `${to}:/n/x`), 0);
      assert.deepEqual(await dir.files("b"), { "x/file": "1" });
    }, { sourceModule: { readOnly: true } }),
);

testOrSkip(
  "a module without trustMetadata takes no owner and no set-id bit from a daemon",
  (dir) =>
    two(dir, async ({ from, to, blit }) => {
      await dir.write({ "a/d/file": "1", "a/d/big": "x".repeat(3 << 20) });
      const asRoot = Deno.uid() === 0;
      if (asRoot) need(needsPrograms("setfattr", "getfattr", "mknod"));
      for (const path of ["d/file", "d/big"]) {
        const file = join(dir.path, "a", path);
        if (asRoot) await Deno.chown(file, 1234, 1234);
        await Deno.chmod(file, 0o6755);
      }
      if (asRoot) {
        const attributes = ["-n", "security.blit", "-v", "x", join(dir.path, "a/d/file")];
        await new Deno.Command("setfattr", { args: attributes }).output();
        await new Deno.Command("mknod", { args: [join(dir.path, "a/d/null"), "c", "1", "3"] })
          .output();
      }
      const ran = await blit("copy", `${from}:/m/`, `${to}:/n/x`);
      assertStatus(ran, asRoot ? 2 : 0);
      for (const path of ["d/file", "d/big"]) {
        const { mode, uid } = await Deno.stat(join(dir.path, "b/x", path));
        assert.equal(mode! & 0o7777, 0o755);
        assert.equal(uid, Deno.uid());
      }
      if (asRoot) {
        const read = ["-d", "-m", "-", join(dir.path, "b/x/d/file")];
        const { stdout } = await new Deno.Command("getfattr", { args: read }).output();
        assert.doesNotMatch(new TextDecoder().decode(stdout), /security\.blit/);
      }
      await assert.rejects(Deno.lstat(join(dir.path, "b/x/d/null")), Deno.errors.NotFound);
    }, { module: { trustMetadata: false } }),
);

testOrSkip("content that goes from daemon to daemon doesn't pass the client", async (dir) => {
  using control = new CountingProxy();
  using data = new CountingProxy();
  await two(dir, async ({ from, daemons: [, to], blit }) => {
    control.to = to.ready.port;
    data.to = to.ready.data_port;
    await dir.write({ "a/d/file": "x".repeat(24 << 20) });
    assertStatus(await blit("copy", `${from}:/m/d`, `127.0.0.1:${control.port}:/n/`), 0);
    assert.equal((await Deno.stat(join(dir.path, "b/d/file"))).size, 24 << 20);
    assert.equal(data.bytes, 0);
    assert.ok(control.bytes > 0 && control.bytes < 1 << 20, `${control.bytes}`);
  }, { config: { advertisedDataPort: data.port } });
});

testOrSkip(
  "when the client is killed its copy between daemons ends, and leaves nothing",
  (dir) =>
    two(dir, async ({ from, to, daemons, blit }) => {
      const big = join(dir.path, "a/big");
      for (const file of ["one", "two"]) await Deno.writeTextFile(join(dir.path, "a", file), file);
      await writeLarge(big);
      const child = dir.spawn({}, "copy", `${from}:/m/`, `${to}:/n/x`);
      await until(() => staged(join(dir.path, "b/x")).length > 0, "a staged file");
      child.kill("SIGKILL");
      await child.stdin.close().catch(() => {});
      await child.output();
      await until(() => staged(join(dir.path, "b/x")).length === 0, "no staged file");
      assert.throws(() => Deno.statSync(join(dir.path, "b/x/big")), Deno.errors.NotFound);
      await Deno.remove(big);
      assertStatus(await blit("copy", `${from}:/m/`, `${to}:/n/x`), 0);
      assert.deepEqual(await dir.files("b/x"), { one: "one", two: "two" });
      assert.match(daemons[1].stderr, /session \d+ failed/);
    }),
);

testOrSkip(
  "a copy between daemons is interrupted by Ctrl-C, and shows how far it came",
  (dir) =>
    two(dir, async ({ from, to, daemons }) => {
      const big = join(dir.path, "a/big");
      await writeLarge(big);
      const child = dir.spawn({}, "copy", "--json", `${from}:/m/`, `${to}:/n/x`);
      await until(() => staged(join(dir.path, "b/x")).length > 0, "a staged file");
      const looking = rawClient(daemons[1].ready, null);
      const [job] = (await looking.jobs.list({})).jobs;
      assert.equal(job.state, "running");
      assert.ok(job.streams > 0 && !job.fallback, `${job.streams} streams`);
      looking.close();
      child.kill("SIGINT");
      await child.stdin.close().catch(() => {});
      const { code, stdout } = await child.output();
      assert.equal(code, 130);
      assert.equal(JSON.parse(new TextDecoder().decode(stdout)).outcome, "interrupted");
      await until(() => staged(join(dir.path, "b/x")).length === 0, "no staged file");
    }),
);

for (const secure of [false, true]) {
  testOrSkip(
    `a move between two daemons keeps everything, and takes away what arrived, ${
      secure ? "over TLS" : "plain"
    }`,
    (dir) =>
      two(dir, async ({ from, to, blit }) => {
        const a = join(dir.path, "a"), b = join(dir.path, "b");
        richTree(join(a, "x"));
        sh(`cp -a "$0/x" "$0/kept"`, a);
        const ran = await blit("move", "--yes", "--json", `${from}:/m/x`, `${to}:/n`);
        assertStatus(ran, 0);
        const { transport, outcome, files_transferred, entries_deleted } = ran.json();
        assert.equal(transport, secure ? "data_plane_tls" : "data_plane");
        assert.equal(outcome, "done");
        assert.ok(entries_deleted >= files_transferred && files_transferred > 20);
        assertRsyncFindsNothing(join(a, "kept"), join(b, "x"));
        assertMtreeAgrees(join(a, "kept"), join(b, "x"));
        assert.deepEqual([...Deno.readDirSync(a)].map(({ name }) => name), ["kept"]);
        // One file, and into what is there.
        await dir.write({ "a/one": "1", "b/y/two": "2" });
        assertStatus(await blit("move", "--yes", `${from}:/m/one`, `${to}:/n/y/`), 0);
        assert.deepEqual(await dir.files("b/y"), { one: "1", two: "2" });
        assert.throws(() => Deno.lstatSync(join(a, "one")), Deno.errors.NotFound);
        assertNothingStaged(dir.path);
      }, { secure }),
  );
}

testOrSkip(
  "a move between two daemons leaves at the source what the destination couldn't take",
  (dir) =>
    two(dir, async ({ from, to, blit }) => {
      await dir.write({ "a/f": "1", "a/dir": "2", "a/g/y": "3", "b/dir/x": "own", "b/g/z": "4" });
      const ran = await blit("move", "--yes", `${from}:/m/`, `${to}:/n/`);
      assertStatus(ran, 2);
      assert.match(ran.stderr, /dir/);
      assert.deepEqual(await dir.files("a"), { dir: "2" });
      assert.deepEqual(await dir.files("b"), { f: "1", "dir/x": "own", "g/y": "3", "g/z": "4" });
    }),
);

testOrSkip(
  "a move between two daemons is refused where nothing could be removed, before anything is copied",
  (dir) =>
    two(dir, async ({ from, to, blit }) => {
      await dir.write({ "a/f": "1" });
      const ran = await blit("move", "--yes", `${from}:/m/`, `${to}:/n/x`);
      assertStatus(ran, 1);
      assert.match(ran.stderr, /read-only\. Use copy/);
      assert.deepEqual(await dir.files("b"), {});
    }, { sourceModule: { readOnly: true } }),
);

testOrSkip(
  "a copy between daemons whose order is lost is ordered again, with --retry",
  (dir) =>
    two(dir, async ({ from, to, daemons, blit }) => {
      sh(`cd "$0"; for i in $(seq 300); do echo $i > f$i; done`, join(dir.path, "a"));
      const proxy = await Proxy.listen();
      try {
        proxy.target = daemons[1].ready.port;
        const places = [`${from}:/m/`, `127.0.0.1:${proxy.port}:/n/x`];
        // In the middle of what the daemon tells of each entry.
        proxy.cutOnce("fromDaemon", 12_000);
        assertStatus(await blit("copy", "-v", ...places), 1);
        proxy.cutOnce("fromDaemon", 12_000);
        const retried = ["--retry", "3", "--wait", "0"];
        assertStatus(await blit("mirror", "-v", "--force", "--yes", ...retried, ...places), 0);
        assertRsyncFindsNothing(join(dir.path, "a"), join(dir.path, "b/x"));
        assertNothingStaged(dir.path);
        sh(`ls "$0" > "$1"`, join(dir.path, "a"), join(dir.path, "list"));
        proxy.cutOnce("fromDaemon", 12_000);
        const listed = ["--force", "--files-from", "list", "-v", "-p", "--json", ...retried];
        const ran = await blit("copy", ...listed, ...places);
        assertStatus(ran, 0);
        assert.match(ran.stderr, /"type":"waiting"/);
        assert.equal(ran.json().files_examined, 300);
      } finally {
        await proxy.close();
      }
      assertStatus(await blit("check", `${from}:/m/`, `${to}:/n/x`), 0);
    }),
);

/** A file that takes a while to send: written, since holes would be sent at once. */
async function writeLarge(path: string): Promise<void> {
  const args = ["if=/dev/zero", `of=${path}`, "bs=1M", "count=768", "status=none"];
  assert.ok((await new Deno.Command("dd", { args }).output()).success);
}

function staged(folder: string): string[] {
  try {
    return [...Deno.readDirSync(folder)].map(({ name }) => name)
      .filter((name) => name.startsWith(".blit-"));
  } catch {
    return [];
  }
}

async function until(holds: () => boolean, what: string): Promise<void> {
  const deadline = performance.now() + 20_000;
  while (!holds()) {
    assert.ok(performance.now() < deadline, `${what} within 20 s`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** A port whose connections go on to another one, and are counted. */
class CountingProxy implements Disposable {
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #open = new Set<Deno.Conn>();
  to = 0;
  /** Bytes that passed, both ways. */
  bytes = 0;

  constructor() {
    this.#serve();
  }

  get port(): number {
    return this.#listener.addr.port;
  }

  async #serve(): Promise<void> {
    for await (const near of this.#listener) {
      const far = await Deno.connect({ hostname: "127.0.0.1", port: this.to });
      this.#carry(near, far);
      this.#carry(far, near);
    }
  }

  async #carry(from: Deno.Conn, to: Deno.Conn): Promise<void> {
    this.#open.add(from);
    try {
      for await (const piece of from.readable) {
        this.bytes += piece.length;
        let at = 0;
        while (at < piece.length) at += await to.write(piece.subarray(at));
      }
    } catch {
      // Either side has gone.
    }
    for (const end of [from, to]) {
      try {
        end.close();
      } catch {
        // It is closed already.
      }
    }
    this.#open.delete(from);
  }

  [Symbol.dispose](): void {
    this.#listener.close();
    for (const connection of this.#open) {
      try {
        connection.close();
      } catch {
        // It is closed already.
      }
    }
  }
}
