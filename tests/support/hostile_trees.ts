/**
 * Trees of one hostile kind each: what file systems allow and tools trip over.
 *
 * @module
 */
import { deepTree } from "./trees.ts";
import { sh } from "./loop_fs.ts";

/** What some judges must leave out. */
export type Beyond =
  /** Paths that no single system call takes. */
  | "paths"
  /** Files whose holes nobody reads to their end. */
  | "content";

/** A tree of one hostile kind. */
export interface HostileTree {
  readonly name: string;
  /** What judges that can't go there leave to the others. */
  readonly beyond?: Beyond;
  /** Makes it. @param path not there yet @param most entries of a tree that is about their number */
  make(path: string, most: number): void;
}

/** A tree that a Perl script makes in the folder that it stands in; its argument is `most`. */
function perl(name: string, script: string, beyond?: Beyond): HostileTree {
  return { name, beyond, make: (path, most) => shell(`perl -e "$2" "$1"`, path, most, script) };
}

/** The same with bash. */
function bash(name: string, script: string): HostileTree {
  return { name, make: (path, most) => shell(script, path, most) };
}

function shell(script: string, path: string, most: number, ...more: string[]): void {
  sh(`set -euo pipefail; umask 022; mkdir -p "$0"; cd "$0"; ${script}`, path, `${most}`, ...more);
}

const PERL = String.raw`use strict; use warnings; my $most = shift;
sub put { my ($p, $c) = @_; open(my $f, ">", $p) or die "$p: $!"; print $f $c; close $f or die "$p: $!"; }
sub dir { mkdir $_[0] or die "$_[0]: $!"; }
`;

const NAMES = PERL + String.raw`
for my $b (1 .. 255) {
  next if $b == 47; my $c = chr $b;
  put($c, "one byte $b") unless $c eq ".";
  dir("d$c"); put("d$c/$c$c$c", "three bytes $b"); symlink("$c$c.", "l$c") or die $!;
}
srand 7;
for my $i (0 .. 1999) {
  my $n = join "", map { my $b = 1 + int rand 255; $b == 47 ? "x" : chr $b } 1 .. 2 + int rand 12;
  put($n, $i) unless -e $n or -l $n or $n eq "..";
}
put($_, "x") for "...", ".blit", "blit-1-1", "-r", "--delete", "~", "a..b", "C:", "nas:9031", "*", "?", "[a]", "{a,b}", "%s%n", "\$(x)", "\x60x\x60", "&&", "NUL", "aux.txt";
`;

const LONG_NAMES = PERL + String.raw`
put("A" x 255, "x"); put("\xff" x 255, "x"); put(("\xf0\x9f\x98\x80" x 63) . "abc", "x"); put(("e\xcc\x81" x 85), "x");
my $at = "."; for my $c ("b" .. "h") { $at .= "/" . $c x 255; dir($at); put("$at/" . "F" x 255, $c); }
# xfs takes links of 1,023 bytes.
for my $l (["t", "s"], ["\xff", "u"]) { symlink($l->[0] x 4095, $l->[1] x 255) or symlink($l->[0] x 1023, $l->[1] x 255) or die $!; }
put($_ x 255, "replaced later") for "0" .. "9"; link("A" x 255, "L" x 255) or die $!;
put("I" x 255, "y" x 1_500_000);
`;

const WIDE = PERL + String.raw`
dir("wide"); put("wide/" . sprintf("%x-%d", ($_ * 2654435761) & 0xffffffff, $_), $_ % 7 ? "" : $_) for 1 .. $most;
`;

/** 1,000 levels: each `chdir` is one name, so that the length of the path doesn't matter. */
const DEEP = PERL + String.raw`
for my $i (1 .. 1000) { dir("d"); chdir("d") or die $!; put("f", $i) if $i % 10 == 0; symlink("../f", "l") if $i % 100 == 0; }
`;

const HARDLINKS = PERL + String.raw`
srand 11; dir("d$_") for 0 .. 49; my $n = 0;
for my $i (0 .. 299) {
  my $first = sprintf("d%d/w%d", int rand 50, $n++); put($first, "web $i " . "x" x int rand 9000);
  link($first, sprintf("d%d/w%d", int rand 50, $n++)) or die $! for 1 .. int rand 12;
}
put("many", "one inode"); my $names = $most > 5000 ? 5000 : int($most / 4); link("many", sprintf("d%d/m%d", $_ % 50, $_)) or die $! for 1 .. $names;
system("mkfifo", "fifo") == 0 or die; system("mknod", "null", "c", "1", "3") == 0 or die; symlink("many", "link") or die $!;
for my $k ("fifo", "null") { link($k, "d$_/$k") or die $! for 0 .. 9; }
system("ln", "-P", "link", "d$_/link") == 0 or die for 0 .. 9;
put("large", "z" x 3_000_000); link("large", "d$_/large") or die $! for 0 .. 9;
`;

const SPARSE = PERL + String.raw`
my $tib = 2 ** 40;
sub sparse { my ($p, $size, %at) = @_; open(my $f, ">", $p) or die $!; truncate($f, $size) or die "$p: $!";
  for my $o (sort { $a <=> $b } keys %at) { sysseek($f, $o, 0); syswrite($f, $at{$o}) == length $at{$o} or die "$p: $!"; } close $f; }
sparse("empty", $tib); sparse("end", $tib, $tib - 3 => "end"); sparse("begin", $tib, 0 => "begin"); sparse("odd", $tib - 12345, 70000 => "a", $tib / 2 => "middle");
srand 5; sparse("many", $tib, map { int(rand($tib / 4096)) * 4096 => pack("C", 1 + $_ % 255) x 4096 } 1 .. 200);
sparse("hole-begin", 2_000_000, 1_999_999 => "x"); sparse("hole-end", 2_000_000, 0 => "x"); sparse("hole-mid", 9_000_000, 0 => "x" x 5000, 8_990_000 => "y" x 9000);
sparse("zeros", 0, 0 => "\0" x 300_000); sparse("data-zeros", 0, 0 => ("x" x 65536) . ("\0" x 262144) . ("y" x 65536));
system("fallocate", "-l", "4M", "reserved"); put("kept", "kept"); system("fallocate", "-n", "-l", "4M", "kept");
`;

const MODES = PERL + String.raw`
umask 0; for my $m (0 .. 07777) {
  my $n = sprintf("%04o", $m); put("f$n", $n); chmod($m, "f$n") or die $!;
  next if $m % 3; dir("d$n"); put("d$n/f", "x") if $m % 2; chmod($m, "d$n") or die $!;
}
for my $m (0, 0644, 04755, 02755, 06777, 01777) {
  my $n = sprintf("o%04o", $m); put($n, $n); chown(1000 + $m, 2000 + $m, $n) or die $!; chmod($m, $n) or die $!;
  dir("p$n"); chown(1000 + $m, 2000 + $m, "p$n") or die $!; chmod($m, "p$n") or die $!;
}
put("high", "x"); chown(4294967294, 4294967294, "high") or die $!; chmod(06755, "high");
`;

const ACLS = String.raw`
for i in $(seq 40); do
  echo $i > f$i; setfacl -m "u:$((1000 + i)):r$([ $((i % 2)) = 0 ] && echo w || echo -)x,g:$((2000 + i)):--x,m::r$([ $((i % 3)) = 0 ] && echo w || echo -)-" f$i
  mkdir d$i; setfacl -m "u:$((3000 + i)):rwx" d$i; setfacl -d -m "u:$((4000 + i)):r-x,g:$((5000 + i)):rw-,m::r--" d$i
  echo inherits > d$i/f; mkdir d$i/sub; [ $((i % 4)) = 0 ] && setfacl -b d$i/f d$i/sub || true
done
echo x > many; setfacl -m "$(seq -s, -f 'u:%.0f:r--' 6000 6200)" many
mkdir many-default; setfacl -d -m "$(seq -s, -f 'g:%.0f:rwx' 7000 7200)" many-default; echo x > many-default/f
echo x > setid; setfacl -m u:99:rwx setid; chmod 6755 setid; chown 12:34 setid; chmod 6755 setid
mkdir setgid; setfacl -d -m u:99:rwx setgid; chmod 2775 setgid; mkfifo fifo; setfacl -m u:99:rw fifo; mknod null c 1 3; setfacl -m g:98:r null
`;

/** What fits differs: ext4 has a block for all of an entry's attributes, btrfs a leaf for each. */
const XATTRS = String.raw`
case $(stat -f -c %T .) in ext*) large=3000;; btrfs) large=15000;; xfs) large=65536;; *) large=40000;; esac
set_all() { perl -e 'my ($kind, $large) = @ARGV; my $hex = sub { "0x" . unpack("H*", $_[0]) };
  if ($kind eq "many") { print "# file: many\n"; printf "user.n%03d=%s\n", $_, $hex->("v" x ($_ % 9)) for 1 .. 100; }
  if ($kind eq "large") { print "# file: large\nuser.large=", $hex->(join "", map { chr($_ % 256) } 1 .. $large), "\n"; }
  if ($kind eq "name") { print "# file: name\nuser.", "n" x 250, "=", $hex->("v"), "\n"; }' $1 $large | setfattr --restore=-; }
for f in many large name; do echo x > $f; set_all $f; done
echo x > binary; setfattr -n user.binary -v 0x0001ff0a0d00 binary; setfattr -n user.empty binary
echo x > security; setfattr -n security.blit -v label security; setfattr -n security.other -v 0x00ff security
for i in 0 1 2 3 4; do echo x > capable$i; chmod 075$i capable$i; setfattr -n security.capability -v 0x010000020004000000000000000000000000000$i capable$i; done
echo x > trusted; setfattr -n trusted.blit -v secret trusted; setfattr -n trusted.a.b.c -v x trusted
mkdir folder; setfattr -n user.note -v folder folder; setfattr -n trusted.note -v x folder; setfattr -n security.note -v x folder
ln -s x link; setfattr -h -n trusted.note -v link link; mkfifo fifo; setfattr -n trusted.note -v fifo fifo; mknod zero c 1 5; setfattr -n trusted.note -v zero zero
echo x > readonly; setfattr -n user.note -v r readonly; chmod 0400 readonly
echo x > a; setfattr -n user.shared -v y a; ln a b
for i in $(seq 300); do echo $i > s$i; setfattr -n user.i -v "$i" s$i; done
`;

const PAIRS = PERL + String.raw`
my @names = ("name", "NAME", "Name", "\xc3\xa9", "e\xcc\x81", "\xc3\x89", "E\xcc\x81", "\xc3\x9f", "ss", "SS", "\xe1\xba\x9e", "\xc4\xb0", "i", "I", "\xc4\xb1", "i\xcc\x87",
  "\xe2\x84\xaa", "k", "K", "\xe2\x84\xab", "\xc3\x85", "A\xcc\x8a", "\xed\x95\x9c", "\xe1\x84\x92\xe1\x85\xa1\xe1\x86\xab", "\xef\xac\x80", "ff", "\xcf\x83", "\xcf\x82", "\xce\xa3",
  "\xe2\x80\x8b", "a\xe2\x80\x8b", "a", "\xef\xbb\xbfa", "a ", " a", "a.", "\xed\xa0\x80", "\xc0\xaf", "\xf4\x90\x80\x80");
for my $i (0 .. $#names) { my $n = $names[$i]; put($n, "$i"); dir("d-$n"); put("d-$n/$_", "$i") for @names; symlink("$n.", "l-$n") or die $!; }
`;

const SPECIALS = String.raw`
for i in $(seq 30); do mkfifo -m 0$((i % 8))$((i % 7))4 fifo$i; chown $i:$((i * 3)) fifo$i; done
# xfs keeps majors below 512 and 18 bits of the minor number.
mknod c-max c 4095 1048575 2> /dev/null || mknod c-max c 511 262143; mknod b-max b 4095 1048575 2> /dev/null || mknod b-max b 511 262143; mknod c-zero c 0 0; mknod b-small b 1 255; mknod b-256 b 1 256; mknod c-null c 1 3; mknod b-loop b 7 255
for i in $(seq 20); do mknod -m 0600 c$i c $((i * 13)) $((i * 997)); chown $i:$i c$i; done
perl -MSocket -e 'for my $i (1 .. 20) { socket(my $s, PF_UNIX, SOCK_STREAM, 0); bind($s, pack_sockaddr_un("socket$i")) or die $!; chmod(0600 + $i % 8, "socket$i") }'
touch -d '2001-02-03 04:05:06.123456789 UTC' fifo* c* b* socket*
mkdir -m 1777 spool; mkfifo spool/in; ln -s ../fifo1 spool/link; ln -s /dev/null null; ln -s /proc/self/root root; ln -s . self; ln -s .. up
`;

const TIMES = PERL + String.raw`
for my $t ("1902-01-01 00:00:00.999999999", "1969-12-31 23:59:59.999999999", "1970-01-01 00:00:00.000000001", "1970-01-01 00:00:00", "2037-12-31 23:59:59.5", "2001-02-03 04:05:06.000000001", "2200-01-01 00:00:00.000000999") {
  (my $n = $t) =~ tr/ :/__/; put("f$n", "x"); dir("d$n"); put("d$n/f", "x"); symlink("f$n", "l$n"); system("mkfifo", "p$n");
  system("touch", "-h", "-d", "$t UTC", "f$n", "d$n/f", "l$n", "p$n", "d$n") == 0 or die;
}
`;

/** Every kind. */
export const HOSTILE_TREES: readonly HostileTree[] = [
  perl("names of every byte", NAMES),
  perl("names of 255 bytes", LONG_NAMES),
  { name: "paths beyond PATH_MAX", beyond: "paths", make: deepTree },
  perl("many entries in one folder", WIDE),
  perl("1,000 levels", DEEP),
  perl("webs of hardlinks", HARDLINKS),
  perl("sparse files of 1 TiB", SPARSE, "content"),
  perl("every mode, set-id bits", MODES),
  bash("ACLs", ACLS),
  bash("extended attributes", XATTRS),
  perl("case and Unicode pairs", PAIRS),
  bash("FIFOs, sockets, devices", SPECIALS),
  perl("times", TIMES),
];
