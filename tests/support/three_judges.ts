/**
 * Three programs that aren't ours, and must agree that two trees are the same: rsync, mtree, find with checksums and filefrag.
 *
 * @module
 */
import assert from "node:assert/strict";
import { need, needsPrograms, sh } from "./loop_fs.ts";
import type { Beyond } from "./hostile_trees.ts";

/**
 * Fails where any judge sees a difference.
 *
 * @param beyond what rsync can't reach, or nobody reads to its end: then the others go there alone
 */
export function assertJudgesAgree(source: string, destination: string, beyond?: Beyond): void {
  need(needsPrograms("rsync", "mtree", "perl", "filefrag"));
  // rsync takes no path of such a length, in any directory that it stands in.
  if (beyond !== "paths") byRsync(source, destination, beyond === "content" ? [] : ["--checksum"]);
  byMtree(source, destination, beyond);
  byFind(source, destination, beyond);
}

function byRsync(source: string, destination: string, options: readonly string[]): void {
  const said = sh(
    String
      .raw`rsync --dry-run --itemize-changes --archive --hard-links --acls --xattrs --devices --specials --delete "\${@:2}" "$0/" "$1/"`
      .replace("\\$", "$"),
    source,
    destination,
    ...options,
  );
  assert.equal(said.slice(0, 2000), "", "rsync would change this");
}

function byMtree(source: string, destination: string, beyond?: Beyond): void {
  // Its times end at the second, and it can't say one before 1970: find has them.
  const keys = `type,mode,uid,gid,size,link,device,nlink${beyond === "content" ? "" : ",sha256"}`;
  // What it wrote itself it can't read where a name ends in M-#, or a link's target in a backslash: so it lists both.
  // How many links a folder has is its file system's to say: in btrfs always 1.
  const said = sh(
    `list() { mtree -c -P -k ${keys} -p "$1" | grep -av '^#' | sed '/ type=dir/s/ nlink=[0-9]*//'; }; diff -a <(list "$0") <(list "$1") || true`,
    source,
    destination,
  );
  assert.equal(said.slice(0, 2000), "", "mtree sees this");
}

/**
 * Perl that prints all that find says of a tree, one entry a line, its name in hexadecimal, with the first name of each
 * inode in the place of its number.
 */
const LIST = String.raw`
my %first; $/ = "\0";
while (<STDIN>) { chomp; my ($path, $inode, @rest) = split m{//}, $_, 10; $first{$inode} //= unpack("H*", $path); print unpack("H*", $path), " $first{$inode} ", join(" ", map { unpack("H*", $_) =~ s/^$/-/r } @rest), "\n"; }`;

/** Perl that digests what lies outside of holes, zeros not counted, of each file named on standard input. */
const DATA = String.raw`
use Digest::SHA; $/ = "\0"; my $zero = "\0" x 4096;
while (<STDIN>) { chomp; my $path = $_; my $sha = Digest::SHA->new(256); open(my $f, "<", $path) or die "$path: $!"; my $at = 0; my $size = -s $f;
  while (defined(my $data = sysseek($f, $at, 3))) { my $end = sysseek($f, $data, 4); $data = int($data / 4096) * 4096; sysseek($f, $data, 0);
    for (; $data < $end; $data += 4096) { my $n = sysread($f, my $block, 4096); last unless $n; $block .= "\0" x (4096 - $n); $sha->add("$data:$block") if $block ne $zero; }
    $at = $end; }
  print unpack("H*", $path), " $size ", $sha->hexdigest, "\n"; }`;

/** Perl that adds up what filefrag says each file has mapped, bytes. */
const EXTENTS = String.raw`
$/ = "\0"; while (<STDIN>) { chomp; my $path = $_; my $sum = 0; open(my $o, "-|", "filefrag", "-v", "-s", "-b4096", $path) or die $!;
  { local $/ = "\n"; while (<$o>) { $sum += $1 if /^\s*\d+:\s+\d+\.\.\s*\d+:\s+\d+\.\.\s*\d+:\s+(\d+):/; } } print unpack("H*", $path), " $sum\n"; }`;

function byFind(source: string, destination: string, beyond?: Beyond): void {
  const same = (script: string, ...words: string[]) => {
    const said = sh(
      String.raw`look() { cd "$1"; shift; ${script}; }; export LC_ALL=C
      diff <(look "$0" "${"$"}{@:2}") <(look "$1" "${"$"}{@:2}") | head -20 || true`,
      source,
      destination,
      ...words,
    );
    assert.equal(said.slice(0, 4000), "", "find sees this");
  };
  // The size of a folder is its file system's.
  same(
    String
      .raw`find . \( -type d -printf '%P//%i//%y//%m//%U//%G//%T@\0' \) -o -printf '%P//%i//%y//%m//%U//%G//%T@//%s//%n//%l\0' | sort -z | perl -e "$1"`,
    LIST,
  );
  if (beyond === "paths") {
    return same(`find . -type f -execdir sha256sum {} + | sort`);
  }
  if (beyond !== "content") {
    return same(`find . -type f -print0 | sort -z | xargs -0r sha256sum -z | tr '\\0' '\\n'`);
  }
  same(`find . -type f -print0 | sort -z | perl -e "$1"`, DATA);
  assertHolesKept(source, destination);
}

/** What the destination has mapped is at most what the source has, but for the ends of extents. */
function assertHolesKept(source: string, destination: string): void {
  const mapped = (folder: string) => {
    const lines = sh(`cd "$0"; find . -type f -print0 | sort -z | perl -e "$1"`, folder, EXTENTS);
    return new Map(lines.trim().split("\n").map((line) => line.split(" ") as [string, string]));
  };
  // filefrag can't ask tmpfs; there the blocks are what there is.
  const blocks = (folder: string) =>
    new Map(
      sh(`cd "$0"; find . -type f -printf '%P %b\\n'`, folder).trim().split("\n")
        .map((line) => line.split(" ") as [string, string])
        .map(([path, count]) => [path, `${Math.ceil(Number(count) / 8)}`] as const),
    );
  const isTmpfs = sh(`stat -f -c %T "$0"`, destination).trim() === "tmpfs";
  const [there, here] = isTmpfs
    ? [blocks(source), blocks(destination)]
    : [mapped(source), mapped(destination)];
  for (const [path, count] of there) {
    const copied = Number(here.get(path));
    assert.ok(copied <= Number(count) * 1.25 + 32, `${path}: ${count} blocks became ${copied}`);
  }
}
