/**
 * Somebody who swaps folders and files of trees for links to elsewhere, as fast as they can, and a watch over what is elsewhere.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { sh } from "./loop_fs.ts";
import { smallFiles } from "./trees.ts";

/**
 * Perl that swaps, in each root, folders `dNNNNN`, folders in them and files, and the one folder it is told (or none) by its
 * own name, for links to a folder outside, and back, until its input ends. Removes nothing but its links: what took a
 * name meanwhile gets another one. Prints how often.
 */
const SWAP = String.raw`
use Fcntl; my ($outside, $whole, @roots) = @ARGV; my $swaps = 0; my $input = fcntl(STDIN, F_GETFL, 0); fcntl(STDIN, F_SETFL, $input | O_NONBLOCK);
my %elsewhere = map { (stat $_)[1] => 1 } $outside, "$outside/sub";
while (1) {
  my $read = sysread(STDIN, my $c, 1); last if defined $read && $read == 0;
  my $n = int rand 12; my $folder = sprintf("d%05d", $n); my $kind = int rand($whole ne "" ? 5 : 4);
  chdir($roots[int rand @roots]) or next;
  # What blit copies may be such a link itself: whoever follows it here must not be this process.
  if ($kind > 0 && $kind < 4) { chdir($folder) or next; next if $elsewhere{(stat ".")[1]}; }
  my ($parent, $own) = $whole =~ m{^(.*)/(.*)$}; if ($kind == 4) { chdir($parent) or next; }
  my ($name, $to) = $kind == 4 ? ($own, $outside) : $kind == 0 ? ($folder, $outside) : $kind == 1 ? ("sub", "$outside/sub") : $kind == 2 ? ("f" . ($n * 100 + int rand 100), "$outside/f" . int rand 100) : ("sub", "../../outside");
  next if -l $name; rename($name, "$name.aside") or next;
  if (symlink($to, $name)) { $swaps++; select(undef, undef, undef, rand(0.003)); unlink($name) if -l $name; }
  rename("$name.aside", $name) or do { rename($name, "$name.lost$swaps"); rename("$name.aside", $name); };
}
print "$swaps\n";`;

/**
 * Perl that watches folders until its input ends, and prints what was done there: new, changed and removed entries as
 * inotify tells, and what was opened, read and written as fanotify tells, with the command. Who opens or reads and isn't
 * a descendant of the process that watches is somebody else on this machine, who looks through everything (find, du).
 * A look (stat) shows in none of them, and in nothing that is copied.
 */
const WATCH = String.raw`
my @folders = @ARGV; my $fd = syscall(294, 0); my $fan = syscall(300, 1, 0); if ($fd < 0 || $fan < 0) { print "no inotify or fanotify\n"; exit }
for my $f (@folders) { my $path = "$f\0"; syscall(254, $fd, $path, 0x2 | 0x4 | 0x8 | 0x40 | 0x80 | 0x100 | 0x200) >= 0 or die "$f: $!";
  syscall(301, $fan, 1, 0x1 | 0x2 | 0x20 | 0x08000000 | 0x40000000, -100, $path) >= 0 or die "$f: $!"; }
my $top = getppid();
sub is_ours { my ($pid) = @_; while ($pid > 1) { return 1 if $pid == $top; open(my $f, "<", "/proc/$pid/stat") or return 1; my $line = <$f> // return 1; $pid = (split " ", $line =~ s/^.*\) //r)[1]; } 0 }
print "ready\n"; $| = 1; open(my $events, "<&=", $fd); open(my $opened, "<&=", $fan); my $rin = ""; vec($rin, $_, 1) = 1 for $fd, $fan, 0;
while (1) { select(my $r = $rin, undef, undef, undef); my $some = 0;
  if (vec($r, $fd, 1)) { $some = 1; sysread($events, my $b, 65536); while (length $b) { my ($wd, $mask, $cookie, $len) = unpack("iIII", $b); my $name = unpack("Z*", substr($b, 16, $len)); substr($b, 0, 16 + $len) = "";
    printf("%x %s\n", $mask & 0xfff, $name); } }
  if (vec($r, $fan, 1)) { $some = 1; sysread($opened, my $b, 65536); while (length $b) { my ($len, $v, $mask, $file, $pid) = unpack("IIQii", $b); substr($b, 0, $len) = "";
    my $path = readlink("/proc/self/fd/$file"); syscall(3, $file); my $who = open(my $f, "<", "/proc/$pid/cmdline") ? <$f> // "" : "ended"; $who =~ tr/\0\n/  /;
    printf("%x %s by %s\n", $mask & 0xfff, $path, $who) if is_ours($pid); } }
  last unless $some; }`;

/** Folders of a tree to swap: `d00000` to `d00011`, with 100 files and a folder `sub` each. */
export function swappable(path: string): void {
  smallFiles(path, 1200, 100);
  sh(
    `for d in "$0"/d*; do mkdir $d/sub; for i in 1 2 3; do echo inner $d $i > $d/sub/f$i; done; done`,
    path,
  );
}

/** What lies outside: the names that the trees have, so that a followed link does damage or is seen in what was copied. */
export class Outside {
  readonly path: string;
  readonly #before: string;

  /** Makes `outside` in a folder. */
  constructor(folder: string) {
    this.path = join(folder, "outside");
    sh(
      `mkdir -p "$0/sub"; cd "$0"; for i in $(seq 0 1199); do echo from outside > f$i; done; for i in 1 2 3; do echo from outside > sub/f$i; done
      chmod 0640 f*; touch -d 2020-01-01 f* sub/* sub .`,
      this.path,
    );
    this.#before = this.#look();
  }

  /**
   * Swaps folders of `roots` for links to here while `work` runs.
   *
   * @param whole a folder that is swapped itself; its name must be the process's alone to give
   * @returns how often it did, and what happened here meanwhile, which must be nothing
   */
  async whileSwapped(
    roots: readonly string[],
    whole: string | null,
    work: () => Promise<void>,
  ): Promise<{ readonly swaps: number; readonly touched: string }> {
    let swaps = 0;
    const touched = await this.whileWatched(async () => {
      const swap = perl(SWAP, this.path, whole ?? "", ...roots);
      const ended = new Response(swap.stdout).text();
      try {
        await work();
      } finally {
        await swap.stdin.close().catch(() => {});
      }
      swaps = Number(await ended);
      await swap.status;
    });
    return { swaps, touched };
  }

  /**
   * Watches while `work` runs, which can ask what has been seen so far.
   *
   * @returns what happened here meanwhile, which must be nothing
   */
  async whileWatched(work: (soFar: () => string) => Promise<void>): Promise<string> {
    const watch = perl(WATCH, this.path, join(this.path, "sub"));
    const events = watch.stdout.pipeThrough(new TextDecoderStream()).getReader();
    assert.match((await events.read()).value ?? "", /^ready/, "nothing can be watched");
    const seen = { text: "" };
    const ended = follow(events, seen);
    try {
      await work(() => seen.text);
    } finally {
      await watch.stdin.close().catch(() => {});
    }
    await ended;
    const touched = seen.text.split("\n").filter(Boolean).slice(0, 5);
    await watch.status;
    if (this.#look() !== this.#before) touched.push("something has changed");
    return touched.join("; ");
  }

  /** Files below a folder that hold what lies outside. */
  stolen(folder: string): string {
    return sh(`grep -rl 'from outside' "$0" 2>/dev/null || true`, folder);
  }

  #look(): string {
    return sh(`find "$0" -printf '%p %i %T@ %C@ %s %m %n\\n' | sort`, this.path);
  }
}

function perl(script: string, ...args: string[]): Deno.ChildProcess {
  return new Deno.Command("perl", {
    args: ["-e", script, ...args],
    stdin: "piped",
    stdout: "piped",
  })
    .spawn();
}

async function follow(
  reader: ReadableStreamDefaultReader<string>,
  seen: { text: string },
): Promise<void> {
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    seen.text += value;
  }
}
