/**
 * A move between two file systems never loses the only copy.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import type { Scratch } from "../support/cli.ts";
import {
  assertNothingStaged,
  assertRsyncFindsNothing,
  assertStatus,
  killAfter,
} from "../support/judges.ts";
import { type FsKind, need, needsPrograms, onMount, sh, testOn } from "../support/loop_fs.ts";
import { contents, randomFile, richTree, smallFiles } from "../support/trees.ts";

const TMPFS: FsKind = { type: "tmpfs", sizeMiB: 400 };
const KILLS = 6;

/** Registers a test over two file systems. */
function betweenTwo(name: string, test: (to: Scratch, from: Scratch) => Promise<void>): void {
  testOn(TMPFS, name, (to, outside) => onMount(TMPFS, outside, (from) => test(to, from)));
}

betweenTwo(
  "a move to another file system takes every kind along and leaves nothing",
  async (dir, outside) => {
    const source = join(outside.path, "src");
    richTree(source);
    sh(`cp -a "$0" "$0.before"`, source);
    const ran = await outside.blit("move", "--yes", "--json", "src", dir.path);
    assertStatus(ran, 0);
    assertRsyncFindsNothing(`${source}.before`, join(dir.path, "src"));
    assert.deepEqual(await outside.files("src").catch(() => null), null);
    assertNothingStaged(dir.path);
  },
);

betweenTwo(
  "a move that is killed at any moment has every file whole on one side",
  async (dir, outside) => {
    const [source, target] = [join(outside.path, "src"), join(dir.path, "src")];
    const make = () => {
      smallFiles(source, 3000);
      randomFile(join(source, "large"), 8);
      sh(
        `cd "$0"; ln d00000/f1 linked; mkdir -p empty/deep; mkfifo fifo; ln -s nowhere link`,
        source,
      );
    };
    make();
    const all = (await contents(source))!;
    const start = performance.now();
    assertStatus(await outside.blit("move", "--yes", "src", dir.path), 0);
    let wholeMs = performance.now() - start;
    let killed = 0;
    for (let i = 0; i < KILLS; i++) {
      sh(`rm -rf "$0" "$1"`, source, target);
      make();
      sh(`cp -a "$0" "$0.before"`, source);
      const before = (await contents(source))!;
      const began = performance.now();
      const child = outside.spawn({}, "move", "--yes", "src", dir.path);
      if (await killAfter(child, wholeMs * (0.3 + 0.7 * Math.random()))) killed++;
      // The machine was busier before.
      else wholeMs = Math.min(wholeMs, performance.now() - began) * 0.8;
      const [here, there] = [await contents(source), await contents(target)];
      for (const [path, digest] of before) {
        const whole = [here?.get(path), there?.get(path)].includes(digest);
        assert.ok(whole, `${path} is whole on neither side`);
      }
      const again = await outside.blit("move", "--yes", "src", dir.path);
      if (here !== null) assertStatus(again, 0);
      assertRsyncFindsNothing(`${source}.before`, target);
      assertNothingStaged(dir.path);
      sh(`rm -rf "$0.before"`, source);
    }
    assert.ok(killed > 0 && all.size > 3000, "at least one run must have been killed while it ran");
  },
);

betweenTwo(
  "files that change while they are moved are never lost: the last version is on one side",
  async (dir, outside) => {
    need(needsPrograms("perl"));
    const source = join(outside.path, "src");
    smallFiles(source, 3000);
    // Appends a line to one file after another; what it wrote last is what must survive.
    const script = String.raw`my $root = shift; my $end = time + 20; my $n = 0;
    while (time < $end) { my $i = int(rand 3000); my $path = sprintf("%s/d%05d/f%d", $root, int($i / 200), $i);
      open(my $f, "+<", $path) or next; seek($f, 0, 2); $n++; syswrite($f, "+$n"); close $f; print "$i $n\n"; }`;
    const writer = new Deno.Command("perl", {
      args: ["-e", `$| = 1; ${script}`, source],
      stdout: "piped",
    }).spawn();
    const said = new Response(writer.stdout).text();
    const ran = await outside.blit("move", "--yes", "--json", "src", dir.path);
    writer.kill("SIGKILL");
    await writer.status;
    assert.ok([0, 2].includes(ran.status), ran.stderr);
    const last = new Map(
      (await said).trim().split("\n").slice(0, -1).map((line) =>
        line.split(" ") as [string, string]
      ),
    );
    const lost: string[] = [];
    for (const [i, n] of last) {
      const path = `src/d${`${Math.floor(Number(i) / 200)}`.padStart(5, "0")}/f${i}`;
      const sides = [await textOf(outside, path), await textOf(dir, path)];
      // The writer was killed: it may have written once more than it said.
      if (!sides.some((text) => `${text}+`.includes(`+${n}+`))) lost.push(path);
    }
    assert.deepEqual(lost, [], "last versions are on neither side");
  },
);

betweenTwo(
  "a file that a program has open for writing is copied and stays: what it writes next is not lost",
  async (dir, outside) => {
    smallFiles(join(outside.path, "src"), 20);
    const log = await Deno.open(join(outside.path, "src/d00000/f7"), { append: true });
    const ran = await outside.blit("move", "--yes", "src", dir.path);
    assertStatus(ran, 2);
    assert.match(
      ran.stderr,
      /f7": A program has it open for writing \(ETXTBSY\)\. End what uses it/,
    );
    await log.write(new TextEncoder().encode("+last"));
    assert.match(await textOf(outside, "src/d00000/f7") ?? "", /\+last$/);
    assert.equal(await textOf(outside, "src/d00000/f8"), null);
    log.close();
    assertStatus(await outside.blit("move", "--yes", "src", dir.path), 0);
    assert.match(await textOf(dir, "src/d00000/f7") ?? "", /\+last$/);
    assert.equal(await textOf(outside, "src/d00000/f7"), null);
  },
);

async function textOf(dir: Scratch, path: string): Promise<string | null> {
  return await Deno.readTextFile(join(dir.path, path)).catch(() => null);
}
