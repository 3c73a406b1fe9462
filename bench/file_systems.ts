/**
 * New, empty file systems for timed runs.
 *
 * On ext4, deleting the last run's destination makes the next run's file creation up to 20 times
 * slower for minutes (the inode search skips recently deleted ones): every timed run gets a new file
 * system instead.
 *
 * @module
 */
import type { TreeSize } from "./workloads.ts";

/** Kinds that can be made; `dir` is a plain folder under the temporary folder, for runs without root. */
export const FILE_SYSTEMS = ["tmpfs", "ext4", "xfs", "btrfs", "dir"] as const;
/** One of {@link FILE_SYSTEMS}. */
export type FileSystemKind = (typeof FILE_SYSTEMS)[number];

const GIB = 1024 ** 3;

/** A mount point that can be emptied by making its file system anew. */
export class FreshFileSystem {
  /** The mount point. */
  readonly path: string;
  readonly #kind: FileSystemKind;
  readonly #image: string;
  readonly #size: TreeSize;
  #mounted = false;

  /**
   * @param folder an existing folder to put the image and the mount point in
   * @param size how much it has to hold, all trees together
   */
  constructor(kind: FileSystemKind, folder: string, size: TreeSize) {
    this.#kind = kind;
    this.path = `${folder}/${kind}`;
    this.#image = `${folder}/${kind}.img`;
    this.#size = size;
  }

  /** Throws away what is there and mounts a new, empty file system. */
  async renew(): Promise<void> {
    await this.remove();
    await Deno.mkdir(this.path);
    if (this.#kind === "dir") return;
    // Room for metadata, small files rounded up to blocks, and slack that keeps allocators at ease.
    const bytes = this.#size.bytes * 1.3 + this.#size.files * 6144 + 2 * GIB;
    if (this.#kind === "tmpfs") {
      await shell(
        `mount -t tmpfs -o size=${Math.ceil(bytes)},nr_inodes=0 blit-bench "$1"`,
        this.path,
      );
    } else {
      await shell(`truncate -s ${Math.ceil(bytes / 4096) * 4096} "$1"`, this.#image);
      await shell(`${this.#mkfs(bytes)} "$1"`, this.#image);
      await shell('mount -o loop "$1" "$2"', this.#image, this.path);
    }
    this.#mounted = true;
  }

  #mkfs(bytes: number): string {
    switch (this.#kind) {
      case "ext4": {
        // An inode per so many bytes, so that they are enough, and never sparser than the default.
        const ratio = Math.max(1024, Math.min(8192, Math.floor(bytes / (this.#size.files * 1.2))));
        return `mkfs.ext4 -q -F -E lazy_itable_init=1,lazy_journal_init=1 -i ${ratio}`;
      }
      case "xfs":
        return "mkfs.xfs -q -f";
      default:
        return "mkfs.btrfs -q -f";
    }
  }

  /** Writes everything out, so that no run pays for what came before it. */
  async settle(): Promise<void> {
    await shell("sync");
  }

  /** Forgets all cached content: the next run reads from the disk. */
  async dropCaches(): Promise<void> {
    await shell("sync");
    if (this.#mounted && this.#kind !== "tmpfs") {
      await shell('umount "$2" && mount -o loop "$1" "$2"', this.#image, this.path);
    }
    await shell("echo 3 > /proc/sys/vm/drop_caches");
  }

  /** Unmounts and deletes. */
  async remove(): Promise<void> {
    if (this.#mounted) await shell('umount "$1"', this.path);
    this.#mounted = false;
    // rm, as Deno keeps its own remove away from some mount points.
    await shell('rm -rf --one-file-system "$1" "$2"', this.path, this.#image);
  }
}

/** Whether this user may mount and drop caches. */
export function isRoot(): boolean {
  return Deno.build.os !== "windows" && Deno.uid() === 0;
}

async function shell(script: string, ...args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command("sh", {
    args: ["-c", script, "sh", ...args],
    stdin: "null",
    stdout: "null",
  }).output();
  if (!success) {
    throw new Error(`${script} (${args.join(", ")}): ${new TextDecoder().decode(stderr).trim()}`);
  }
}
