/**
 * Links that break, alter bytes or go silent in the middle of a push and of a pull.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { assertNothingStaged, assertRsyncFindsNothing, assertStatus } from "../support/judges.ts";
import { sh, testOrSkip } from "../support/loop_fs.ts";
import { CONTENT, wired } from "../support/wired.ts";

const MIB = 2 ** 20;

for (const direction of ["push", "pull"] as const) {
  for (const [how, words] of [["cut", "breaks"], ["hangUp", "is closed"]] as const) {
    testOrSkip(
      `a ${direction} whose control connection ${words} says so, and --retry goes on`,
      (dir) =>
        wired(dir, async ({ control, data, there, runs, complete }) => {
          const endOnce = () => data.onceAfter(CONTENT[direction], 3 * MIB, () => control[how]());
          endOnce();
          const ran = await there.blit("mirror", "--yes", ...runs[direction]);
          assertStatus(ran, 1);
          assert.match(ran.stderr, /(connection|127\.0\.0\.1:\d+).*un again/);
          endOnce();
          const retried = ["--retry", "3", "--wait", "0"];
          assertStatus(await there.blit("mirror", "--yes", ...retried, ...runs[direction]), 0);
          complete(direction);
        }),
    );
  }

  testOrSkip(
    `a ${direction} whose control connection breaks, and whose streams say nothing of their end, doesn't wait for them`,
    (dir) =>
      wired(dir, async ({ control, data, there, runs, complete }) => {
        const loseOnce = () =>
          data.onceAfter(CONTENT[direction], 3 * MIB, () => {
            data.stall();
            control.cut();
          });
        // A silent peer has 30 s, a run without progress 10.
        const inTime = async (...words: string[]) => {
          const began = performance.now();
          loseOnce();
          const ran = await there.blit("mirror", "--yes", ...words, ...runs[direction]);
          assert.ok(performance.now() - began < 9000);
          return ran;
        };
        const ran = await inTime();
        assertStatus(ran, 1);
        assert.match(ran.stderr, /The connection to 127\.0\.0\.1:\d+ is gone\. Run again/);
        assertStatus(await inTime("--retry", "3", "--wait", "0"), 0);
        complete(direction);
      }),
  );

  testOrSkip(
    `a ${direction} whose stream breaks says so, and --retry goes on`,
    (dir) =>
      wired(dir, async ({ data, there, runs, complete }) => {
        data.cutOnce(CONTENT[direction], 5 * MIB);
        const ran = await there.blit("mirror", "--yes", ...runs[direction]);
        assert.ok([1, 2].includes(ran.status), `${ran.status} ${ran.stderr}`);
        assert.match(ran.stderr, /broke|gone|un again/);
        data.cutOnce(CONTENT[direction], 5 * MIB);
        const retried = ["--retry", "3", "--wait", "0"];
        assertStatus(await there.blit("mirror", "--yes", ...retried, ...runs[direction]), 0);
        complete(direction);
      }),
  );

  testOrSkip(
    `a ${direction} never takes a byte that was altered on the way`,
    (dir) =>
      wired(dir, async ({ data, there, runs, complete }) => {
        // In a small file, and in the middle of a large one.
        for (const atByte of [20_000, 6 * MIB]) {
          data.corruptOnce(CONTENT[direction], atByte);
          const ran = await there.blit("mirror", "--yes", "--json", ...runs[direction]);
          if (ran.status !== 0) {
            assert.match(ran.stdout + ran.stderr, /corrupt|altered|digest|broke/i);
          }
          assertStatus(await there.blit("mirror", "--yes", ...runs[direction]), 0);
          complete(direction);
          const emptied = direction === "push" ? there.folder : dir.path;
          await Deno.remove(join(emptied, "dst"), { recursive: true });
        }
      }),
  );
}

/** Bytes of each side of the control connection between one cut and the next: few enough to meet each kind of call. */
const CUTS = {
  fromClient: [1500, 3000, 9000, 2000],
  fromDaemon: [2500, 7000, 1200, 3000],
};

for (const direction of ["push", "pull"] as const) {
  testOrSkip(
    `a mirror and a move that ${direction} come through however often the control connection breaks`,
    (dir) =>
      wired(dir, async ({ control, there, runs, complete }) => {
        const [near, far] = direction === "push"
          ? [dir.path, there.folder]
          : [there.folder, dir.path];
        sh(
          `cd "$0/src"; rm large; rm -r d[2-9]* || true; mkdir -p deep/er empty; echo x > deep/er/one
            for i in 1 2 3 4 5 6; do ln deep/er/one "deep/link$i"; mkdir "deep/d$i"; done
            touch -d @1000000000 deep deep/* empty; cp -a . ../kept
            mkdir -p "$1/dst/old/er"; cd "$1/dst"; touch old/er/{a,b,c,d} old/x; ln -s x old/link`,
          near,
          far,
        );
        const retried = ["--retry", "200", "--wait", "0"];
        const run = async (...words: string[]) => {
          const cuts = [
            control.cutAfterEach("fromClient", CUTS.fromClient),
            control.cutAfterEach("fromDaemon", CUTS.fromDaemon),
          ];
          assertStatus(await there.blit(...words, "--yes", ...retried, ...runs[direction]), 0);
          const count = cuts.reduce((sum, cut) => sum + cut(), 0);
          assert.ok(count >= 3, `only ${count} cuts`);
        };
        await run("mirror", "--max-delete", "all");
        complete(direction);
        sh(`rm -r "$0/dst"`, far);
        await run("move");
        assertRsyncFindsNothing(join(near, "kept"), join(far, "dst"));
        assert.deepEqual([...Deno.readDirSync(join(near, "src"))], []);
        assertNothingStaged(dir.path);
      }),
  );
}
