/**
 * Power cuts: what is on the disk at any moment, and at the moment at which `--fsync` returns.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { type CutDisk, DISKS, powerTrees, withCutDisk } from "../support/cut_disk.ts";
import { ended } from "../support/cli.ts";
import {
  assertNothingStaged,
  assertRsyncFindsNothing,
  assertStatus,
  sleep,
} from "../support/judges.ts";
import { sh } from "../support/loop_fs.ts";
import { served, WAYS } from "../support/served.ts";
import { assertJudgesAgree } from "../support/three_judges.ts";
import { Cases, type Context, ROUTES, type Sweep } from "./sweep.ts";

/** Cases of each kind on each file system, those of cuts without the ones that came too late. */
const FULL = { returned: 4, cuts: 17 };
/** In the gate's selection; a route over the network has one kind. */
const SHORT = {
  local: { returned: 1, cuts: 1 },
  push: { returned: 1, cuts: 0 },
  pull: { returned: 0, cuts: 1 },
};

/** A run may end before its cut: so often another moment is tried, for each case. */
const TRIES = 2;

/** Power cuts on ext4, xfs and btrfs. */
export const sweep: Sweep = {
  name: "power",
  title:
    "the bytes of a disk are copied aside and mounted: the moment blit --fsync returns, everything is there; in the middle of such a run as many files are whole as were reported done, and what was replaced is old or new; without it no file of xfs and btrfs has its final size and time over wrong bytes; and the next plain run finds those of ext4 and makes the trees equal. Small, large, sparse and preallocated files, links and deletions on ext4, xfs and btrfs",
  routes: ROUTES,
  run: async (context) => {
    const cases = new Cases(context);
    const { short, part, route } = context;
    const { returned, cuts } = short ? SHORT[route] : {
      returned: Math.ceil(FULL.returned * part),
      cuts: Math.ceil(FULL.cuts * part),
    };
    let lossy = 0, controls = 0, zeros = 0, reported = 0;
    powerTrees(join(context.dir.path, "outside"));
    await withCutDisk(context.dir, powerTrees, async (disk) => {
      for (const type of short ? DISKS.slice(0, 1) : DISKS) {
        const cut = new Cut(context, disk, type);
        for (let i = 0; i < returned; i++) {
          const name = `${type} returned ${i}`;
          await cases.try(`returned on ${type}`, name, () => cut.whenReturned(i));
        }
        if (returned > 0) {
          controls++;
          if (await cut.losesWithoutFsync()) lossy++;
        }
        for (const fsync of [true, false]) {
          const kind = `cut ${fsync ? "with --fsync " : ""}on ${type}`;
          for (let i = 0; i < cuts * TRIES && cases.hitOf(kind) < cuts; i++) {
            const name = `${type} ${fsync ? "fsync" : "plain"} ${i}`;
            await cases.try(kind, name, () => cut.midRun(i, fsync));
          }
        }
        zeros += cut.zeros;
        reported += cut.reported;
      }
    });
    cases.note(
      `${reported} files were reported done before cuts with --fsync, and as many more than before each run were whole`,
    );
    cases.note(
      `a cut when a run without --fsync returned lost something ${lossy} of ${controls} times`,
    );
    cases.note(
      `${zeros} files of ext4 had their final size and time over zeros after a cut without --fsync, and the next run mended each`,
    );
    return cases.counts();
  },
};

/** Starts a mirror with options. */
type Spawn = (...options: string[]) => Deno.ChildProcess;

/** What the judge saw of a destination. */
interface Seen {
  /** Files and links with the size, time and content of the source. */
  readonly whole: number;
  /** Files with its size and time over other bytes. */
  readonly wrong: readonly string[];
  /** Files that were there, and are neither what they were nor what the source has. */
  readonly torn: readonly string[];
}

/** Cases on one file system. */
class Cut {
  readonly #context: Context;
  readonly #disk: CutDisk;
  readonly #type: (typeof DISKS)[number];
  /** Files of ext4 with their final size and time over zeros. */
  zeros = 0;
  /** Files that runs with `--fsync` had reported done before their cuts. */
  reported = 0;
  /** How long a run took, ms, with and without `--fsync`. */
  readonly #tookMs = new Map<boolean, number>();
  /** Whole files on a fresh disk, by the source's path. */
  readonly #atFirst = new Map<string, number>();

  constructor(context: Context, disk: CutDisk, type: (typeof DISKS)[number]) {
    this.#context = context;
    this.#disk = disk;
    this.#type = type;
  }

  /** Everything is there when `--fsync` returns. */
  async whenReturned(i: number): Promise<boolean> {
    await this.#mounted(i, async (spawn) => {
      const ran = await ended(spawn("--json", "--fsync"));
      this.#disk.cut();
      assert.equal(ran.status, 0, ran.stdout + ran.stderr);
      this.#tookMs.set(true, ran.json().duration_ms);
    });
    await this.#disk.afterCut(this.#type, () => {
      assertJudgesAgree(this.#source(i), this.#destination);
      assertNothingStaged(this.#disk.mountPoint);
      return Promise.resolve();
    });
    return true;
  }

  /** The same without `--fsync` must lose something, or the sweep could see nothing. */
  async losesWithoutFsync(): Promise<boolean> {
    await this.#mounted(1, async (spawn) => {
      const ran = await ended(spawn("--json"));
      this.#disk.cut();
      this.#tookMs.set(false, ran.json().duration_ms);
    });
    let isLossy = false;
    await this.#disk.afterCut(this.#type, () => {
      try {
        assertJudgesAgree(this.#source(1), this.#destination);
      } catch {
        isLossy = true;
      }
      return Promise.resolve();
    });
    return isLossy;
  }

  /** The power is cut while the run works. */
  async midRun(i: number, fsync: boolean): Promise<boolean> {
    let reported = 0, before = 0;
    let hit = false;
    await this.#mounted(i, async (spawn) => {
      before = this.#wholeAtFirst(i);
      const child = spawn("--json", "-p", ...fsync ? ["--fsync"] : []);
      const begun = Promise.withResolvers<void>();
      const follow = (async () => {
        const lines = child.stderr.pipeThrough(new TextDecoderStream());
        let rest = "";
        for await (const piece of lines) {
          const all = (rest + piece).split("\n");
          rest = all.pop()!;
          for (const line of all) {
            const event = JSON.parse(line);
            // The start of Deno is of no interest.
            begun.resolve();
            if (event.type === "progress") reported = event.files_done;
          }
        }
      })().catch(() => {}).finally(begun.resolve);
      const flusher = fsync ? null : this.#flusher();
      try {
        const tookMs = this.#tookMs.get(fsync) ?? 1000;
        await begun.promise;
        await sleep(tookMs * this.#context.random());
        const reportedNow = reported;
        this.#disk.cut();
        hit = await isKilled(child);
        reported = reportedNow;
        await follow;
      } finally {
        flusher?.kill("SIGKILL");
        await flusher?.status;
      }
    });
    if (!hit) return false;
    await this.#disk.afterCut(this.#type, async () => {
      const seen = this.#look(i);
      // ext4 puts sizes and times on disk before the bytes; what is wrong is found by the next run, below.
      if (this.#type === "ext4" && !fsync) this.zeros += seen.wrong.length;
      else assert.deepEqual(seen.wrong, [], "final size and time over wrong bytes");
      if (fsync) {
        assert.deepEqual(seen.torn, [], "neither old nor new");
        assert.ok(
          seen.whole >= before + reported,
          `${reported} files were reported done, ${seen.whole - before} are whole`,
        );
        this.reported += reported;
      }
      await this.#through(i, async (spawn) => assertStatus(await ended(spawn()), 0));
      // The other judges read everything twice more, and have looked at the runs that weren't cut.
      assertRsyncFindsNothing(this.#source(i), this.#destination);
      assertNothingStaged(this.#disk.mountPoint);
    });
    return true;
  }

  get #destination(): string {
    return join(this.#disk.mountPoint, "dst");
  }

  /** In turns on the disk itself, where content may be shared, and elsewhere. */
  #source(i: number): string {
    return i % 2 === 0
      ? join(this.#disk.mountPoint, "src")
      : join(this.#context.dir.path, "outside/src");
  }

  /** Mounts a fresh disk, and begins on it. */
  async #mounted(i: number, work: (spawn: Spawn) => Promise<void>): Promise<void> {
    await this.#disk.mounted(this.#type, () => this.#through(i, work));
  }

  /** Gives the mirror of the route, through a daemon on the disk where it has one. */
  async #through(i: number, work: (spawn: Spawn) => Promise<void>): Promise<void> {
    const { dir, route } = this.#context;
    const command = ["mirror", "--yes", "--max-delete=all"];
    const source = this.#source(i);
    if (route === "local") {
      return await work((...options) =>
        dir.spawn({}, ...command, ...options, `${source}/`, this.#destination)
      );
    }
    const folder = route === "push" ? this.#disk.mountPoint : join(source, "..");
    await served(
      dir,
      WAYS[0],
      ({ host, spawn }) =>
        work((...options) =>
          route === "push"
            ? spawn({}, ...command, ...options, `${source}/`, `${host}:/m/dst`)
            : spawn({}, ...command, ...options, `${host}:/m/src/`, this.#destination)
        ),
      { folder },
    );
  }

  /** Flushes the file system now and then, so that much of what is under way is on disk at the cut. */
  #flusher(): Deno.ChildProcess {
    const script = `while :; do sleep 0.0$((RANDOM % 90 + 10)); sync -f "$0" || exit; done`;
    return new Deno.Command("bash", { args: ["-c", script, this.#disk.mountPoint] }).spawn();
  }

  /** Files that are whole on a fresh disk, which is the same each time. */
  #wholeAtFirst(i: number): number {
    const source = this.#source(i);
    const known = this.#atFirst.get(source) ?? this.#look(i).whole;
    this.#atFirst.set(source, known);
    return known;
  }

  #look(i: number): Seen {
    const old = join(this.#disk.mountPoint, "old");
    return JSON.parse(
      sh(`perl -e "$0" "$1" "$2" "$3"`, LOOK, this.#source(i), this.#destination, old),
    );
  }
}

/** Ends a run; false where it had ended by itself. */
async function isKilled(child: Deno.ChildProcess): Promise<boolean> {
  try {
    child.kill("SIGKILL");
  } catch {
    // It had ended.
  }
  const [{ signal }] = await Promise.all([
    child.status,
    child.stdout.cancel(),
    child.stdin.abort().catch(() => {}),
  ]);
  return signal === "SIGKILL";
}

/** Perl that compares files and links of a source, a destination, and what the destination was. */
const LOOK = String.raw`
use Time::HiRes; my ($src, $dst, $old) = @ARGV; my ($whole, @wrong, @torn) = (0);
sub content { my ($p) = @_; open(my $f, "<", $p) or return undef; local $/; my $c = <$f>; $c }
sub names { my ($root) = @_; open(my $o, "-|", "find", $root, "(", "-type", "f", "-o", "-type", "l", ")", "-printf", "%P\\0%y\\0%s\\0%T\@\\0%l\\0"); local $/; my @all = split /\0/, <$o>, -1; pop @all; my %e;
  while (my ($p, @rest) = splice(@all, 0, 5)) { $e{$p} = \@rest unless $p =~ m{(^|/)\.blit-}; } \%e }
my ($s, $d, $o) = (names($src), names($dst), names($old));
for my $p (sort keys %$d) { my $here = $d->{$p}; my $there = $s->{$p};
  my $isSame = $there && "@$here" eq "@$there"; my $isEqual = $there && ($here->[0] eq "l" || content("$dst/$p") eq content("$src/$p"));
  if ($isSame && $isEqual) { $whole++; } elsif ($isSame) { push @wrong, $p; }
  elsif ($o->{$p} && $here->[0] eq "f" && content("$dst/$p") ne content("$old/$p") && !$isEqual) { push @torn, $p; } }
for my $p (keys %$o) { push @torn, "$p is gone" if $s->{$p} && !$d->{$p}; }
my $list = sub { "[" . join(",", map { "\"$_\"" } @_) . "]" };
print "{\"whole\":$whole,\"wrong\":", $list->(@wrong), ",\"torn\":", $list->(@torn), "}";`;
