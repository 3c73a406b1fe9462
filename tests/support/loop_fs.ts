/**
 * File systems made for one test: tmpfs, or ext4, xfs and btrfs from a sparse image.
 *
 * @module
 */
import { join } from "node:path";
import { Scratch, scratch } from "./cli.ts";
import { CannotRun, need } from "./needs.ts";

export { CannotRun, need } from "./needs.ts";

/** What is mounted. */
export interface FsKind {
  readonly type: "tmpfs" | "ext4" | "xfs" | "btrfs";
  /** Size of the file system, MiB. */
  readonly sizeMiB: number;
  /** Most inodes, for xfs about; the type's own choice where left out, and always for btrfs. */
  readonly inodes?: number;
  /** Mount options besides. */
  readonly options?: string;
}

/** The least each type's tools make, MiB, and enough for a tree with everything in it. */
export const EVERY_FS: readonly FsKind[] = [
  { type: "tmpfs", sizeMiB: 400 },
  { type: "ext4", sizeMiB: 400 },
  { type: "xfs", sizeMiB: 400 },
  { type: "btrfs", sizeMiB: 400 },
];

/** Why something can't be done that only root can; null as root on Linux. */
export function needsRoot(): string | null {
  if (Deno.build.os !== "linux") return "Linux only";
  return Deno.uid() === 0 ? null : "not root";
}

/** Why the programs can't be used: one isn't there, or no shell that finds it; null where all are. */
export function needsPrograms(...names: string[]): string | null {
  if (Deno.build.os === "windows") return "Linux only";
  for (const name of names) {
    const { code } = new Deno.Command("sh", {
      args: ["-c", `command -v "$0"`, name],
      stdout: "null",
      stderr: "null",
    }).outputSync();
    if (code !== 0) return `${name} is not installed`;
  }
  return null;
}

/** Registers a test that counts as skipped where it throws {@link CannotRun}. */
export function testOrSkip(name: string, test: (dir: Scratch) => Promise<void>): void {
  Deno.test(name, scratch(test));
}

/**
 * Registers a test that works on a file system of its own.
 *
 * @param test its first argument is a scratch folder on the file system, its second one outside of it
 */
export function testOn(
  fs: FsKind,
  name: string,
  test: (dir: Scratch, outside: Scratch) => Promise<void>,
): void {
  testOrSkip(name, (outside) => onMount(fs, outside, (dir) => test(dir, outside)));
}

/**
 * Mounts a file system while `work` runs, and always takes it away, frozen or not.
 *
 * @throws {CannotRun} where this machine can't mount it
 */
export async function onMount(
  fs: FsKind,
  outside: Scratch,
  work: (dir: Scratch, mountPoint: string) => Promise<void>,
): Promise<void> {
  need(needsRoot());
  const mountPoint = await Deno.makeTempDir({ prefix: "blit-mount-" });
  // Images in memory where there is room: a test measures blit, not the disk.
  const image = await Deno.makeTempFile({ dir: shmOrTmp(), prefix: "blit-image-" });
  try {
    mount(fs, image, mountPoint);
    try {
      const path = join(mountPoint, "work");
      await Deno.mkdir(path);
      await work(new Scratch(path, outside.env().HOME), mountPoint);
    } finally {
      sh(
        `fsfreeze --unfreeze "$0" 2>/dev/null; umount "$0" || { sleep 1; umount "$0"; } || umount --lazy "$0"`,
        mountPoint,
      );
    }
  } finally {
    await Deno.remove(image);
    await Deno.remove(mountPoint);
  }
}

function shmOrTmp(): string | undefined {
  try {
    return Deno.statSync("/dev/shm").isDirectory ? "/dev/shm" : undefined;
  } catch {
    return undefined;
  }
}

/** What mkfs.xfs gives an inode. */
const XFS_INODE_BYTES = 512;

function mount(
  { type, sizeMiB, inodes, options: more }: FsKind,
  image: string,
  mountPoint: string,
): void {
  if (type === "tmpfs") {
    const options = `size=${sizeMiB}m${inodes ? `,nr_inodes=${inodes}` : ""}`;
    return attempt("mount", "-t", "tmpfs", "-o", options, "tmpfs", mountPoint);
  }
  need(needsPrograms(`mkfs.${type}`));
  Deno.truncateSync(image, sizeMiB * 2 ** 20);
  const percent = Math.ceil((inodes ?? 0) * XFS_INODE_BYTES * 100 / (sizeMiB * 2 ** 20));
  const make = {
    ext4: ["mkfs.ext4", "-q", "-F", "-b", "4096", ...(inodes ? ["-N", `${inodes}`] : [])],
    xfs: ["mkfs.xfs", "-q", "-f", ...(inodes ? ["-i", `maxpct=${percent}`] : [])],
    btrfs: ["mkfs.btrfs", "-q", "-f"],
  }[type];
  attempt(...make, image);
  attempt("mount", "-o", more ? `loop,${more}` : "loop", image, mountPoint);
}

function attempt(...words: string[]): void {
  const { code, stderr } = new Deno.Command(words[0], { args: words.slice(1) }).outputSync();
  if (code !== 0) {
    const said = new TextDecoder().decode(stderr).trim().split("\n")[0];
    throw new CannotRun(`${words[0]} failed: ${said}`);
  }
}

/**
 * Runs a bash script that must succeed, and returns what it printed.
 *
 * @param words its `$0`, `$1`, ...
 */
export function sh(script: string, ...words: string[]): string {
  need(Deno.build.os === "windows" ? "bash is not installed" : null);
  const { code, stdout, stderr } = new Deno.Command("bash", {
    args: ["-c", script, ...words],
    // Names that are not UTF-8 stay what they are.
    env: { LC_ALL: "C" },
  }).outputSync();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  if (code !== 0) {
    throw new CommandFailed(`${script.trim().slice(0, 200)}\n${code}: ${text(stderr)}`);
  }
  return text(stdout);
}

/** A script of a test that didn't do what it should. */
export class CommandFailed extends Error {}
