/**
 * A process that changes a tree while it is read, and keeps account of every version that each file ever had.
 *
 * @module
 */
import { sh } from "./loop_fs.ts";

/**
 * Perl that changes files until its input ends. The content of a version is its number, over and over, in blocks of 4 KiB:
 * so a mix of versions shows, and a page is what a system call makes visible at once. Before a file gets a size under
 * its name it is written down that its version had it.
 */
const CHURN = String.raw`
use strict; use warnings; use Fcntl; my ($root, $log, $seed, $moved) = @ARGV; srand $seed; my $n = 0; my @count = (0) x 9; my %version; my %folder;
open(my $account, ">", $log) or die $!; $account->autoflush(1); my $input = fcntl(STDIN, F_GETFL, 0); fcntl(STDIN, F_SETFL, $input | O_NONBLOCK);
sub note { syswrite($account, "$_[0] $_[1]\n"); }
sub block { sprintf("%-16d", $_[0]) x 256 }
sub extend { my ($path, $number, $from, $to, $hidden) = @_; open(my $f, $from ? "+<" : ">", $path) or return 0;
  # Its name went while it was being opened, before anybody could know of its writer.
  if ((stat $f)[3] == 0) { $count[8]++; return 0; } sysseek($f, $from * 4096, 0);
  for my $i ($from + 1 .. $to) { note($number, $i) unless $hidden; syswrite($f, block($number)) == 4096 or die $!; } 1 }
sub pick { my $i = int rand 90; "$root/d" . ($i % 9) . "/" . ($i % 3 ? "s/" : "") . "f$i" }
while (1) {
  my $read = sysread(STDIN, my $c, 1); last if defined $read && $read == 0;
  my $path = pick(); my $what = int rand 8; my $number = ++$n;
  # What was moved may have taken its folders along. A name that is given to another file between a move's last look and its removal goes with it: nobody could see that.
  if ($moved) { select(undef, undef, undef, 0.0005); $what = 2 if $what == 0; my ($folder) = $path =~ m{^(.*/d\d)}; mkdir $_ for $root, $folder, "$folder/s"; }
  if ($what == 0) { my $size = 1 + int rand 600; note($number, $size); extend("$path.new~", $number, 0, $size, 1) or next; rename("$path.new~", $path) or next; $version{$path} = $number; } # replaced whole
  elsif ($what == 1) { unlink $path or next; delete $version{$path}; }                                              # deleted
  elsif ($what == 2) { next if -e $path; note($number, 0); extend($path, $number, 0, 1 + int rand 30) or next; $version{$path} = $number; } # created in place
  elsif ($what == 3) { next unless -e $path; my $size = int((-s _) / 4096); extend($path, $version{$path}, $size, $size + 1 + int rand 8); } # grown
  elsif ($what == 4) { next unless -e $path; my $size = int(rand((-s _) / 4096)); note($version{$path}, $size); truncate($path, $size * 4096) or next; } # shrunk
  elsif ($what == 5) { my $to = pick(); next if $to eq $path or !-e $path or ($moved and -e $to); rename($path, $to) or next; $version{$to} = delete $version{$path}; } # renamed
  elsif ($what == 6) { next unless -e $path; note($number, 0); extend($path, $number, 0, 1 + int rand 30) or next; $version{$path} = $number; } # written anew in place
  else { my $folder = "$root/d" . int rand 9; if (rename($folder, "$folder-away")) { select(undef, undef, undef, rand 0.003); rename("$folder-away", $folder) or ($moved and !-e "$folder-away") or die $!; } } # a folder gone for a moment
  $count[$what]++; select(undef, undef, undef, rand 0.003);
}
print "@count\n"; for my $path (sort keys %version) { print substr($path, length($root) + 1), " $version{$path}\n"; }`;

/** What was done to the tree, by kind. */
export const CHANGES = [
  "replaced",
  "deleted",
  "created",
  "grown",
  "shrunk",
  "renamed",
  "written anew",
  "folders away",
  "gone while they were opened",
] as const;

/** A tree that changes. */
export class Churner {
  readonly #child: Deno.ChildProcess;
  readonly #log: string;
  /** Files that it didn't delete, each with its last version: known once it has stopped. */
  #last: readonly string[] = [];

  private constructor(child: Deno.ChildProcess, log: string) {
    this.#child = child;
    this.#log = log;
  }

  /**
   * Makes the tree's folders in an existing folder, and begins.
   *
   * @param moved whether its files are moved away meanwhile
   */
  static start(folder: string, log: string, seed: number, moved = false): Churner {
    sh(`cd "$0"; for d in 0 1 2 3 4 5 6 7 8; do mkdir -p d$d/s; done`, folder);
    const args = ["-MIO::Handle", "-e", CHURN, folder, log, `${seed}`, moved ? "1" : ""];
    const child = new Deno.Command("perl", { args, stdin: "piped", stdout: "piped" }).spawn();
    return new Churner(child, log);
  }

  /** How often each of {@link CHANGES} was made; the tree is quiet afterwards. */
  async stop(): Promise<number[]> {
    await this.#child.stdin.close().catch(() => {});
    const said = await new Response(this.#child.stdout).text();
    await this.#child.status;
    const [counts, ...last] = said.trim().split("\n");
    this.#last = last;
    return counts.split(" ").map(Number);
  }

  /** Files whose last version none of these folders has under its name, each with the number of that. */
  lost(...folders: string[]): string[] {
    const said = sh(`perl -e "$0" "\${@:2}" <<< "$1"`, LAST, this.#last.join("\n"), ...folders);
    return said.split("\n").filter(Boolean);
  }

  /** Files below a folder that hold what no version ever was, each with what it is. */
  neverWere(folder: string): string[] {
    return sh(`perl -e "$0" "$1" "$2"`, JUDGE, this.#log, folder).split("\n").filter(Boolean);
  }
}

const JUDGE = String.raw`
my ($log, $root) = @ARGV; my %were; open(my $l, "<", $log) or die $!; while (<$l>) { chomp; $were{$_} = 1; }
open(my $o, "-|", "find", $root, "-type", "f", "-name", "f*") or die $!; my @paths = <$o>; chomp @paths;
for my $path (@paths) { open(my $f, "<", $path) or die "$path: $!"; my ($blocks, $number) = (0);
  while (my $n = read($f, my $b, 4096)) { my ($said) = $b =~ /^(\d+) /; $number //= $said // "nothing";
    if ($n != 4096 || $b ne sprintf("%-16s", $number) x 256) { print "$path: block $blocks is no block of version $number ($n bytes)\n"; $blocks = -1; last; } $blocks++; }
  # One that isn't there yet has had any size.
  next if $blocks <= 0 or $path =~ /~$/; print "$path: version $number never had $blocks blocks\n" unless $were{"$number $blocks"}; }`;

/** A folder that is away for a moment may have been moved under that name. A file may have become empty at last. */
const LAST = String.raw`
my @folders = @ARGV;
while (<STDIN>) { chomp; my ($path, $number) = split / / or next; my $away = $path =~ s{^(d\d)/}{$1-away/}r; my $found = 0;
  for my $file (map { ("$_/$path", "$_/$away") } @folders) { open(my $f, "<", $file) or next; my $n = read($f, my $b, 16); $found = 1 if $n == 0 or $b =~ /^$number /; }
  print "$path: version $number\n" unless $found; }`;
