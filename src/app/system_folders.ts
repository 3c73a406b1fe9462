/**
 * The folders that an operating system keeps itself in: nobody empties one of them without saying so.
 *
 * @module
 */
import { join } from "node:path";

const FOLDERS: Readonly<Partial<Record<typeof Deno.build.os, readonly string[]>>> = {
  // The Filesystem Hierarchy Standard's, but for those that people mount their own data on: /media, /mnt, /opt, /srv.
  linux: [
    ..."bin boot dev etc home lib lib32 lib64 libx32 proc root run sbin sys usr var".split(" "),
    "usr/local",
    "var/lib",
  ].map((name) => `/${name}`),
  darwin: "Applications Library System Users bin dev etc private sbin usr var".split(" ")
    .map((name) => `/${name}`),
};

/** Absolute paths of the system's own folders, whether or not they are there. */
export function systemFolders(os: typeof Deno.build.os = Deno.build.os): readonly string[] {
  if (os !== "windows") return FOLDERS[os] ?? FOLDERS.linux!;
  const named = ["SystemRoot", "ProgramFiles", "ProgramFiles(x86)", "ProgramData", "PUBLIC"]
    .flatMap((name) => Deno.env.get(name) ?? []);
  const drive = Deno.env.get("SystemDrive");
  return drive === undefined ? named : [...named, join(drive, "\\Users")];
}
