/**
 * What version 0.2 kept and left behind, recorded, is taken by the programs of today.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { Buffer } from "node:buffer";
import { DaemonHome } from "../support/daemon_process.ts";
import { assertNothingStaged, assertStatus } from "../support/judges.ts";
import type { Scratch } from "../support/cli.ts";
import { sh, testOrSkip } from "../support/loop_fs.ts";
import { digestOf } from "../support/trees.ts";
import { wired } from "../support/wired.ts";
import kept from "../vectors/state_0_2.json" with { type: "json" };

const { interrupted } = kept;
/** How much of the file the interrupted run had brought. */
const THERE_BYTES = 17_000_000;

testOrSkip(
  "configuration, certificate, tokens, known hosts, settings and history of 0.2 are taken as they are",
  async (dir) => {
    using home = new DaemonHome();
    for (const folder of ["srv", "files"]) Deno.mkdirSync(join(home.path, folder));
    const config = home.write("blit-daemon.jsonc", kept.daemon["blit-daemon.jsonc"]);
    const state = join(home.path, "state/blit-daemon");
    Deno.mkdirSync(state, { recursive: true, mode: 0o700 });
    for (const name of ["certificate.pem", "key.pem", "tokens.json"] as const) {
      Deno.writeTextFileSync(join(state, name), kept.daemon[name], { mode: 0o600 });
    }
    const daemon = await home.start("--config", config);
    try {
      assert.equal(daemon.ready.fingerprint, kept.fingerprint);
      const host = `127.0.0.1:${daemon.ready.port}`;
      Deno.mkdirSync(dir.configDir, { recursive: true, mode: 0o700 });
      for (const [name, text] of Object.entries(kept.client)) {
        const now = text.replaceAll("PORT", `${daemon.ready.port}`);
        Deno.writeTextFileSync(join(dir.configDir, name), now, { mode: 0o600 });
      }
      const told = await dir.blit("diagnostics", "perf", "--json");
      assertStatus(told, 0);
      assert.deepEqual([told.json().records.length, told.json().skipped], [2, 0], told.stdout);
      // The settings leave it out.
      await dir.write({ "src/a": "1", "src/b.tmp": "2" });
      assertStatus(await dir.blit("copy", "src/", `${host}:/files/x/`), 0);
      assert.deepEqual([...Deno.readDirSync(join(home.path, "files/x"))].map((e) => e.name), ["a"]);

      // A run that leaves something out keeps an earlier one's marker.
      Deno.removeSync(join(dir.configDir, "settings.jsonc"));
      plantInterrupted(dir, join(home.path, "files/half"));
      const ran = await dir.blit("copy", "--json", "--resume", "large/", `${host}:/files/half/`);
      assertResumed(ran.json());
      assert.equal(
        await digestOf(join(home.path, "files/half/large")),
        await digestOf(join(dir.path, "large/large")),
      );
      assertNothingStaged(home.path);
    } finally {
      assert.equal(await daemon.stop(), 0);
    }
    // Nothing of it was written anew.
    for (const name of ["certificate.pem", "key.pem", "tokens.json"] as const) {
      assert.equal(Deno.readTextFileSync(join(state, name)), kept.daemon[name]);
    }
  },
);

testOrSkip("a local copy that 0.2 left half done is gone on with", async (dir) => {
  plantInterrupted(dir, join(dir.path, "dst"));
  const ran = await dir.blit("copy", "--json", "--resume", "large/", "dst/");
  assertResumed(ran.json());
  assert.equal(
    await digestOf(join(dir.path, "dst/large")),
    await digestOf(join(dir.path, "large/large")),
  );
  assertNothingStaged(dir.path);
});

testOrSkip(
  "a push goes on, with --retry, when its daemon is stopped and started again",
  (dir) =>
    wired(dir, async ({ data, there, runs, complete }) => {
      let restarted: Promise<void> | null = null;
      data.onceAfter("fromClient", 5_000_000, () => {
        // What is under way can't end before the daemon does.
        data.stall();
        restarted = (async () => {
          assert.equal(await there.daemon.stop(), 0);
          // The client hears of its connections' end, as it does without a proxy.
          data.cut();
          await there.start();
        })();
      });
      const retried = ["--retry", "100", "--wait", "1"];
      assertStatus(await there.blit("mirror", "--yes", ...retried, ...runs.push), 0);
      assert.notEqual(restarted, null);
      await restarted;
      complete("push");
    }, { config: { limits: { drainSeconds: 0 } }, files: 20 }),
);

/** A source with one large file, and what 0.2 left in its destination when it was killed. */
function plantInterrupted(dir: Scratch, destination: string): void {
  const content = new Uint8Array(interrupted.sizeBytes);
  for (let i = 0; i < content.length; i += 65_536) {
    content.set(crypto.getRandomValues(new Uint8Array(Math.min(65_536, content.length - i))), i);
  }
  Deno.mkdirSync(join(dir.path, "large"));
  Deno.mkdirSync(destination, { recursive: true });
  Deno.writeFileSync(join(dir.path, "large", interrupted.name), content);
  sh(`touch -d ${interrupted.mtime} "$0"`, join(dir.path, "large", interrupted.name));
  const staged = content.subarray(0, THERE_BYTES);
  Deno.writeFileSync(join(destination, interrupted.staged), staged, { mode: 0o600 });
  const marker = ".blit-1a20f498c97b65f8-0";
  Deno.writeTextFileSync(join(destination, marker), interrupted[marker], { mode: 0o600 });
  // The journal is of this file.
  const [, line] = interrupted[marker].split("\n");
  const [path, target, size] = line.split("\t");
  assert.equal(Buffer.from(path, "base64").toString(), interrupted.staged);
  assert.equal(Buffer.from(target, "base64").toString(), interrupted.name);
  assert.equal(Number(size), interrupted.sizeBytes);
}

function assertResumed(summary: { files_resumed: number; bytes_transferred: number }): void {
  assert.equal(summary.files_resumed, 1);
  assert.ok(summary.bytes_transferred < interrupted.sizeBytes / 2, `${summary.bytes_transferred}`);
}
