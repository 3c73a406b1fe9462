/**
 * What a local root's file system is and can keep, from native code's probe.
 *
 * @module
 */
import { dropsFinalDots } from "../core/name_folding.ts";
import type { FsFacts, Traits } from "../engine/tree.ts";
import { NativeRoot, type RootFacts } from "../native/root.ts";

/** Names of file system types by the magic number of `statfs` (linux/magic.h and the drivers). */
const TYPE_NAMES: ReadonlyMap<number, string> = new Map([
  [0xef53, "ext4"],
  [0x58465342, "xfs"],
  [0x9123683e, "btrfs"],
  [0xca451a4e, "bcachefs"],
  [0xf2f52010, "f2fs"],
  [0x2fc12fc1, "zfs"],
  [0x01021994, "tmpfs"],
  [0x858458f6, "ramfs"],
  [0x794c7630, "overlay"],
  [0x6969, "nfs"],
  [0xff534d42, "cifs"],
  [0xfe534d42, "smb2"],
  [0x65735546, "fuse"],
  [0x01021997, "9p"],
  [0x00c36400, "ceph"],
  [0x4d44, "vfat"],
  [0x2011bab0, "exfat"],
  [0x7366746e, "ntfs3"],
  [0x5346544e, "ntfs"],
  [0x482b, "hfsplus"],
  [0x9660, "iso9660"],
  [0x15013346, "udf"],
  [0x73717368, "squashfs"],
  [0xe0f5e1e2, "erofs"],
  [0x52654973, "reiserfs"],
  [0x3153464a, "jfs"],
  [0xf15f, "ecryptfs"],
  [0x786f4256, "vboxsf"],
]);

/** Types that know neither hardlinks nor special files. */
const PLAIN_TYPES = new Set(["vfat", "exfat"]);

/**
 * Names a file system's type.
 *
 * @param magic `f_type` of `statfs`
 * @param os the system whose number it is
 * @returns the name, else `unknown`
 */
export function fsTypeName(magic: number, os: typeof Deno.build.os = Deno.build.os): string {
  // macOS numbers its types in the order they were registered; blit's supported one is named.
  if (os === "darwin") return magic === 0x1a ? "apfs" : magic === 0x17 ? "hfsplus" : "unknown";
  return TYPE_NAMES.get(magic >>> 0) ?? "unknown";
}

/** The engine's form of a probe. */
export function fsFacts(probe: RootFacts): FsFacts {
  const type = fsTypeName(probe.typeMagic);
  return {
    device: probe.device,
    rootInode: probe.rootInode,
    type,
    freeBytes: probe.freeBytes,
    totalBytes: probe.totalBytes,
    freeInodes: probe.freeInodes,
    readOnly: NativeRoot.has(probe, "readOnly"),
    foldsCase: NativeRoot.has(probe, "foldsCase"),
    normalisesUnicode: NativeRoot.has(probe, "normalisesUnicode"),
    dropsFinalDots: dropsFinalDots(type),
    isFsRoot: NativeRoot.has(probe, "fsRoot"),
    timeGrainNs: probe.timeGrainNs,
  };
}

/** What a local tree on this file system keeps, for the user that blit runs as. */
export function localTraits(probe: RootFacts): Traits {
  const windows = Deno.build.os === "windows";
  const plain = PLAIN_TYPES.has(fsTypeName(probe.typeMagic));
  return {
    nanosecondTimes: true,
    rawNames: Deno.build.os === "linux",
    xattrs: NativeRoot.has(probe, "xattrs"),
    modes: !windows,
    owners: Deno.uid() === 0,
    losesModes: NativeRoot.has(probe, "losesModes"),
    losesWriteBit: NativeRoot.has(probe, "losesWriteBit"),
    losesOwners: NativeRoot.has(probe, "losesOwners"),
    hardlinks: !plain,
    specials: !windows && !plain,
    holes: !plain,
    beneath: true,
    symlinkTimes: true,
    // Windows lets only administrators flush a volume.
    syncsWhole: !windows,
  };
}
