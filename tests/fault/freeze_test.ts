/**
 * A file system that stops answering.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import {
  assertNothingStaged,
  assertRsyncFindsNothing,
  assertStatus,
  sleep,
  until,
} from "../support/judges.ts";
import { need, needsPrograms, onMount, sh, testOrSkip } from "../support/loop_fs.ts";
import { randomFile, smallFiles } from "../support/trees.ts";

testOrSkip(
  "a frozen destination, there or new, ends the run after 10 s and says where",
  async (outside) => {
    need(needsPrograms("fsfreeze"));
    smallFiles(join(outside.path, "src"), 2000);
    // Both at once: most of it is waiting.
    await Promise.all(
      ["dst", "new"].map((target) =>
        onMount({ type: "ext4", sizeMiB: 60 }, outside, async (dir, mountPoint) => {
          await dir.write({ "dst/old": "x" });
          const frozen = new Frozen(mountPoint);
          const child = outside.spawn({}, "mirror", "--yes", "src/", join(dir.path, target));
          const said = await frozen.endsTheRun(child);
          assert.match(
            said,
            /Stalled (in phase \w+: no progress for \d+ s at "[^"]*"|at the start).*Check the disk/s,
          );
          assertStatus(await outside.blit("mirror", "--yes", "src/", join(dir.path, target)), 0);
          assertRsyncFindsNothing(join(outside.path, "src"), join(dir.path, target));
          assertNothingStaged(dir.path);
        })
      ),
    );
  },
);

testOrSkip(
  "a destination that freezes in the middle of a large file ends the run after 10 s and names the file",
  async (outside) => {
    need(needsPrograms("fsfreeze"));
    const sizeMiB = 600;
    smallFiles(join(outside.path, "src"), 200);
    randomFile(join(outside.path, "src/large"), sizeMiB);
    await onMount({ type: "ext4", sizeMiB: 1000 }, outside, async (dir, mountPoint) => {
      const target = join(dir.path, "dst");
      const child = outside.spawn({}, "copy", "src/", target);
      await until(() => stagedBytes(target) > 32 << 20);
      const frozen = new Frozen(mountPoint);
      const reached = stagedBytes(target);
      assert.ok(reached > 0 && reached < sizeMiB << 20, `it froze at ${reached} bytes`);
      const said = await frozen.endsTheRun(child);
      assert.match(
        said,
        /Stalled in phase copy: no progress for \d+ s at "[^"]+", waiting for: .*"large"/,
      );
      assertStatus(await outside.blit("copy", "src/", target), 0);
      assertRsyncFindsNothing(join(outside.path, "src"), target);
      assertNothingStaged(dir.path);
    });
  },
);

/** Bytes in the staged files of a folder, which need not be there. */
function stagedBytes(folder: string): number {
  try {
    return [...Deno.readDirSync(folder)]
      .filter(({ name }) => /^\.blit-.*-[1-9]/.test(name))
      .reduce((sum, { name }) => sum + Deno.statSync(join(folder, name)).size, 0);
  } catch {
    return 0;
  }
}

/** A file system that is frozen from now on. */
class Frozen {
  readonly #mountPoint: string;
  readonly #startMs = performance.now();
  /** Without a thaw of its own a test would leave a file system that nobody can take away. */
  readonly #thaw: ReturnType<typeof setTimeout>;

  constructor(mountPoint: string) {
    this.#mountPoint = mountPoint;
    this.#thaw = setTimeout(() => sh(`fsfreeze --unfreeze "$0"`, mountPoint), 30_000);
    sh(`fsfreeze --freeze "$0"`, mountPoint);
  }

  /**
   * Sees that the run says so in time, thaws, and sees that it ends.
   *
   * @returns what it said
   */
  async endsTheRun(child: Deno.ChildProcess): Promise<string> {
    await child.stdin.close();
    const stdout = new Response(child.stdout).text();
    let saidMs = 0, said = "";
    const stderr = (async () => {
      for await (const piece of child.stderr.pipeThrough(new TextDecoderStream())) {
        said += piece;
        if (saidMs === 0 && said.includes("Stalled")) saidMs = performance.now() - this.#startMs;
      }
    })();
    // The kernel ends no thread that waits for the thaw: it comes once the message was seen.
    await until(() => saidMs > 0, 25_000).catch(() => {});
    await sleep(1500);
    clearTimeout(this.#thaw);
    const thawed = performance.now();
    sh(`fsfreeze --unfreeze "$0"`, this.#mountPoint);
    const { code } = await child.status;
    await Promise.all([stderr, stdout]);
    assert.equal(code, 1, said);
    assert.ok(saidMs > 9000 && saidMs < 14_000, `${saidMs} ms: ${said}`);
    assert.ok(performance.now() - thawed < 2000, "the process ends with the thaw");
    return said;
  }
}
