/**
 * A disk whose power is cut: the image's bytes are copied aside at one moment, and mounted.
 *
 * @module
 */
import { join } from "node:path";
import type { Scratch } from "./cli.ts";
import { type FsKind, need, needsPrograms, onMount, sh } from "./loop_fs.ts";

/** File systems that lose what is not on disk. */
export const DISKS = ["ext4", "xfs", "btrfs"] as const;

/** Least that mkfs.xfs makes, with room for two trees. */
const DISK_MIB = 300;

/** What is in a disk's folder at the beginning: `src`, `dst`, and `old`, which is what `dst` was. */
export type Fill = (folder: string) => void;

/** Images of disks, and the place where one of them is mounted. */
export class CutDisk {
  /** Where the disk is mounted. */
  readonly mountPoint: string;
  readonly #images: string;
  readonly #fill: Fill;

  constructor(images: string, mountPoint: string, fill: Fill) {
    this.#images = images;
    this.mountPoint = mountPoint;
    this.#fill = fill;
  }

  /** Mounts a filled disk, its content on disk, while `work` runs. */
  async mounted(type: FsKind["type"], work: () => Promise<void>): Promise<void> {
    const filled = join(this.#images, `${type}.img`);
    if (sh(`test -e "$0" || echo none`, filled) !== "") await this.#make(type, filled);
    // A new file: somebody's namespace of mounts may still hold the last one.
    sh(`rm -f "$1"; cp --reflink=always "$0" "$1"`, filled, this.#disk);
    await this.#on(type, this.#disk, work);
  }

  /** The power is cut now: what is on disk at this moment is kept. */
  cut(): void {
    // A copy by reference holds the image's lock: no write of the disk's file system falls between its parts.
    sh(`rm -f "$1"; cp --reflink=always "$0" "$1"`, this.#disk, this.#cut);
  }

  /** Mounts what was kept while `work` runs. */
  async afterCut(type: FsKind["type"], work: () => Promise<void>): Promise<void> {
    await this.#on(type, this.#cut, work);
  }

  get #disk(): string {
    return join(this.#images, "disk.img");
  }

  get #cut(): string {
    return join(this.#images, "cut.img");
  }

  async #make(type: FsKind["type"], image: string): Promise<void> {
    const options = type === "ext4" ? "-q -F -b 4096" : "-q -f";
    need(needsPrograms(`mkfs.${type}`));
    sh(`truncate -s ${DISK_MIB}M "$0"; mkfs.${type} ${options} "$0"`, image);
    await this.#on(type, image, () => Promise.resolve(this.#fill(this.mountPoint)));
  }

  async #on(type: FsKind["type"], image: string, work: () => Promise<void>): Promise<void> {
    // All images of a type have one UUID, which xfs takes only once.
    const options = type === "xfs" ? "loop,nouuid" : "loop";
    sh(`mount -o "$2" "$0" "$1"`, image, this.mountPoint, options);
    try {
      await work();
    } finally {
      sh(`for i in 1 2 3 4 5; do umount "$0" && exit; sleep 1; done; exit 1`, this.mountPoint);
    }
  }
}

/** Makes a place for disks while `work` runs. */
export async function withCutDisk(
  outside: Scratch,
  fill: Fill,
  work: (disk: CutDisk) => Promise<void>,
): Promise<void> {
  await onMount({ type: "xfs", sizeMiB: 3000 }, outside, async (images) => {
    const mountPoint = await Deno.makeTempDir({ prefix: "blit-disk-" });
    try {
      await work(new CutDisk(images.path, mountPoint, fill));
    } finally {
      await Deno.remove(mountPoint);
    }
  });
}

/** Makes the trees of {@link Fill}: a source of every kind of file that power cuts break, and a destination that differs. */
export function powerTrees(folder: string): void {
  sh(
    String.raw`set -e; mkdir -p "$0"; cd "$0"; mkdir src; (cd src; perl -e "$1")
    cp -a src dst; cd dst
    rm -rf d3 d7; for f in */*[02468]; do test -f "$f" -a ! -L "$f" && { head -c 3000 /dev/urandom > "$f.x"; mv "$f.x" "$f"; touch -d 2015-05-05 "$f"; }; done
    rm -f */*[3]; mkdir gone; for i in $(seq 50); do echo $i > gone/$i; done; echo x > d1/extraneous
    cd ..; cp -a dst old; sync -f .`,
    folder,
    TREE,
  );
}

const TREE = String.raw`
use Fcntl; open(my $rnd, "<", "/dev/urandom"); srand 3;
sub bytes { read($rnd, my $b, $_[0]); $b =~ tr/\0/x/; $b }
sub put { my ($p, @at) = @_; open(my $f, ">", $p) or die "$p: $!"; while (@at) { my ($o, $c) = splice(@at, 0, 2); sysseek($f, $o, 0); syswrite($f, $c); } }
for my $d (0 .. 14) { mkdir "d$d"; put("d$d/f$_", 0, bytes(100 + int rand 12000)) for 0 .. 79; }
mkdir "m"; put("m/f$_", 0, bytes(20_000 + int rand 400_000)) for 0 .. 39;
mkdir "l"; put("l/f$_", 0, bytes(1_100_000 + int rand 4_000_000)) for 0 .. 5;
mkdir "s"; for my $i (0 .. 39) { my $size = 200_000 + int rand 3_000_000;
  put("s/f$i", 0, bytes(5000), int($size / 2), bytes(3000), $size - 4000, bytes(4000)) if $i % 4 == 0;
  put("s/f$i", $size - 100_000, bytes(100_000)) if $i % 4 == 1;
  if ($i % 4 == 2) { put("s/f$i", 0, bytes(100_000)); truncate("s/f$i", $size); }
  put("s/f$i", 8192, bytes(4096), 16384, bytes(4096), 65536, bytes(1000)) if $i % 4 == 3; }
mkdir "p"; for my $i (0 .. 19) { my $size = 300_000 + int rand 1_500_000; put("p/f$i"); system("fallocate", ($i % 2 ? "-n" : ()), "-l", $size, "p/f$i") == 0 or die;
  open(my $f, "+<", "p/f$i"); syswrite($f, bytes(int($size / ($i % 3 + 1)))); }
mkdir "k"; for my $i (0 .. 29) { symlink("../m/f$i", "k/l$i"); link("m/f$i", "k/h$i"); put("k/x$i", 0, bytes(500)); system("setfattr", "-n", "user.n", "-v", "v$i", "k/x$i"); }
`;
