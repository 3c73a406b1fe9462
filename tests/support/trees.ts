/**
 * Trees that tests copy: one with everything in it, and large plain ones.
 *
 * @module
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { join } from "node:path";
import { need, needsPrograms, sh } from "./loop_fs.ts";

/** Programs that {@link richTree} needs besides bash and coreutils. */
export const RICH_TOOLS = ["perl", "setfattr", "setfacl", "mknod"] as const;

/**
 * Makes a tree that holds every kind of entry, as root.
 *
 * What must not be the same on both sides (a read-only folder's content, links to itself) is in it, too.
 */
export function richTree(path: string): void {
  need(needsPrograms(...RICH_TOOLS));
  sh(RICH, path);
}

const RICH = String.raw`
set -euo pipefail
umask 022
mkdir -p "$0"; cd "$0"
# Kinds.
mkdir plain empty empty/deeper
printf 'text' > plain/file; : > plain/nothing; head -c 3000000 /dev/urandom > plain/large
mkfifo plain/fifo; mknod plain/char c 1 3; mknod plain/block b 7 200
perl -MSocket -e 'socket(S, PF_UNIX, SOCK_STREAM, 0); bind(S, pack_sockaddr_un("plain/socket")) or die $!'
# Links.
mkdir links
ln -s ../plain/file links/relative; ln -s /etc/hostname links/absolute; ln -s nowhere links/dangling
ln -s loop-b links/loop-a; ln -s loop-a links/loop-b; ln -s . links/self; ln -s "$(printf '%0255d' 0)" links/long
# Webs of hardlinks, over folders, of a FIFO and of a symlink.
mkdir web web/sub
echo one > web/a; ln web/a web/sub/b; ln web/a plain/c; echo two > web/d; ln web/d web/sub/e
mkfifo web/fifo; ln web/fifo web/sub/fifo; ln -s a web/link; ln -P web/link web/sub/link
# Holes.
truncate -s 64M plain/sparse; printf x | dd of=plain/sparse bs=1 seek=33554432 conv=notrunc status=none
# Modes and owners.
mkdir modes; cd modes
for mode in 0000 0400 0444 0755 4755 2755 6711 1644; do echo x > f$mode; chmod $mode f$mode; done
echo x > owned; chown 1234:5678 owned; echo x > owned-suid; chown 1234:5678 owned-suid; chmod 6755 owned-suid
mkdir sticky setgid locked readonly; echo x > readonly/file; mkdir readonly/sub; echo x > locked/file
chmod 1777 sticky; chmod 2775 setgid; chmod 0555 readonly/sub readonly; chmod 0000 locked
ln -s owned chowned; chown -h 1234:5678 chowned
cd ..
# Attributes and ACLs.
mkdir attributes; cd attributes
echo x > user; setfattr -n user.note -v value user; setfattr -n user.empty user
head -c 1500 /dev/zero | tr '\0' v > "$0.value" ; setfattr -n user.long -v "$(cat "$0.value")" user; rm "$0.value"
echo x > security; setfattr -n security.blit -v label security
echo x > capable; setfattr -n security.capability -v 0x0100000200040000000000000000000000000000 capable
echo x > trusted; setfattr -n trusted.blit -v secret trusted
mkdir tagged; setfattr -n user.note -v folder tagged
echo x > acl; setfacl -m u:1234:rw-,g:5678:r--,m::rw- acl
mkdir default; setfacl -m u:1234:rwx default; setfacl -d -m u:4321:rwx default
echo x > default/inherits; mkdir default/sub; setfacl -b default/inherits
cd ..
# Names.
mkdir names; cd names
echo x > $'new\nline'; echo x > $'\xff\xfe bytes'; mkdir $'\xe9'; echo x > $'\xe9/\x80'
echo x > $'\xf0\x9f\x98\x80'; echo x > $'\xef\xbf\xbf'; echo x > "$(printf '%0255d' 0)"; echo x > -dash
echo x > 'a\b'; echo x > 'a..b'; echo x > ' space '; echo x > $'\e[31mred'; echo x > 'nas:9031'; echo x > '*?['
echo x > $'e\xcc\x81'; echo x > $'\xc3\xa9'; echo x > A; echo x > a
cd ..
# Times: to the nanosecond, before 1970, far away.
mkdir times
touch -d '2001-02-03 04:05:06.123456789 UTC' times/nanoseconds; touch -d '1969-07-20 20:17:40.000000001 UTC' times/moon
touch -d '2200-01-01 00:00:00.5 UTC' times/far; ln -s x times/link; touch -h -d '1999-12-31 23:59:59.987654321 UTC' times/link
touch -d '2011-11-11 11:11:11.111111111 UTC' times empty plain
`;

/** Makes folders in folders, with a file and a link at a path of 4,200 bytes: more than a system call takes. */
export function deepTree(path: string): void {
  sh(
    `set -e; mkdir -p "$0"; cd "$0"
    for i in $(seq 21); do d=$(printf '%0199d' $i); mkdir "$d"; cd "$d"; done
    echo deep > file; ln -s file link; touch -d '2001-02-03 04:05:06.123456789 UTC' file .`,
    path,
  );
}

/** Makes `count` files of a few bytes, `perFolder` to a folder. */
export function smallFiles(path: string, count: number, perFolder = 200): void {
  sh(
    String.raw`perl -e '
      my ($root, $count, $per) = @ARGV; mkdir $root;
      for my $i (0 .. $count - 1) {
        my $d = sprintf("%s/d%05d", $root, int($i / $per)); mkdir $d if $i % $per == 0;
        open(my $f, ">", "$d/f$i") or die "$d/f$i: $!"; print $f "content $i"; close $f;
      }' "$0" "$1" "$2"`,
    path,
    `${count}`,
    `${perFolder}`,
  );
}

/** Makes one file of random bytes. */
export function randomFile(path: string, sizeMiB: number): void {
  sh(`head -c ${sizeMiB}M /dev/urandom > "$0"`, path);
}

/** A piece of a file: where it begins and what it holds. */
export interface Piece {
  readonly at: number;
  readonly bytes: Uint8Array;
}

/** Makes a file that is a hole but for 50 pieces of 4 KiB to 1.2 MiB, spread evenly. */
export function piecesBehindHoles(path: string, sizeMiB: number): Piece[] {
  const pieces: Piece[] = [];
  using file = Deno.openSync(path, { write: true, createNew: true });
  file.truncateSync(sizeMiB * 2 ** 20);
  for (let i = 0; i < 50; i++) {
    const bytes = new Uint8Array(4096 * [1, 2, 17, 300][i % 4]);
    for (let at = 0; at < bytes.length; at += 65_536) {
      crypto.getRandomValues(bytes.subarray(at, at + 65_536));
    }
    const at = Math.floor(sizeMiB * i / 50) * 2 ** 20;
    file.seekSync(at, Deno.SeekMode.Start);
    file.writeSync(bytes);
    pieces.push({ at, bytes });
  }
  return pieces;
}

/** Asserts that a file has these pieces, each with zeros behind it, and the same size as what it was copied from. */
export function assertSamePieces(source: string, copy: string, pieces: readonly Piece[]): void {
  assert.equal(Deno.statSync(copy).size, Deno.statSync(source).size);
  using file = Deno.openSync(copy);
  for (const { at, bytes } of pieces) {
    const there = new Uint8Array(bytes.length + 65_536);
    file.seekSync(at, Deno.SeekMode.Start);
    for (let read = 0; read < there.length;) read += file.readSync(there.subarray(read))!;
    const expected = new Uint8Array(there.length);
    expected.set(bytes);
    assert.ok(Buffer.compare(there, expected) === 0, `${copy} differs behind ${at}`);
  }
}

/**
 * Content of every plain file below a folder by its path; null where there is no such folder. What goes away meanwhile
 * is left out.
 */
export async function contents(folder: string): Promise<Map<string, string> | null> {
  const found = new Map<string, string>();
  const visit = async (path: string, prefix: string) => {
    for (const entry of await Array.fromAsync(Deno.readDir(path))) {
      try {
        if (entry.isDirectory) await visit(join(path, entry.name), `${prefix}${entry.name}/`);
        else if (entry.isFile) {
          found.set(prefix + entry.name, await digestOf(join(path, entry.name)));
        }
      } catch (error) {
        if (!(error instanceof Deno.errors.NotFound)) throw error;
      }
    }
  };
  try {
    await visit(folder, "");
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
  return found;
}

/** SHA-256 of a file's content, hexadecimal. */
export async function digestOf(path: string): Promise<string> {
  const hash = await crypto.subtle.digest("SHA-256", await Deno.readFile(path));
  return new Uint8Array(hash).toHex();
}
