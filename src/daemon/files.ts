/**
 * The daemon's own files: its configuration, tokens and certificate. Secrets are for its user alone.
 *
 * @module
 */
import { closeSync, fchownSync, fsyncSync, openSync, writeFileSync } from "node:fs";
import { dirname, isAbsolute, join, resolve } from "node:path";
import { BlitError } from "../core/error.ts";
import { textToName } from "../core/rel_path.ts";
import { fromDenoError } from "../tree/deno_errors.ts";
import type { StepAdvice } from "../tree/step_failure.ts";
import type { DaemonConfig } from "./config.ts";
import { type FolderFault, parseConfig } from "./config_parse.ts";

/** What to do about files of the daemon's own: nobody leaves them out. */
const ADVICE: StepAdvice = {
  permission: "Run as root, or as the user that blit-daemon runs as.",
  read_only: "Name a folder that can be written to with --state.",
};

/**
 * Folder of what the daemon keeps: the one that was named, else `STATE_DIRECTORY` (systemd's), else `blit-daemon` in XDG's
 * state folder.
 *
 * @param named by `--state`
 * @returns its absolute path
 * @throws {BlitError} `usage` where nothing names one
 */
export function stateDirectory(named: string | null = null): string {
  if (named !== null) return resolve(named);
  const given = Deno.env.get("STATE_DIRECTORY")?.split(":")[0];
  if (given && isAbsolute(given)) return given;
  const xdg = Deno.env.get("XDG_STATE_HOME");
  if (xdg && isAbsolute(xdg)) return join(xdg, "blit-daemon");
  const home = Deno.env.get("HOME");
  if (home) return join(home, ".local", "state", "blit-daemon");
  throw new BlitError(
    "usage",
    "Cannot tell where to keep tokens and the certificate. Give --state DIR, or set HOME.",
    { operation: "find the state folder" },
  );
}

/**
 * Reads a text file.
 *
 * @returns null where there is none
 * @throws {BlitError} `permission`, `io` and the like
 */
export function readText(path: string): string | null {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw fromDenoError(error, "read", textToName(path), ADVICE);
  }
}

/**
 * Reads and checks a configuration.
 *
 * @param path relative to the process's folder, or absolute
 * @throws {BlitError} `not_found`; `usage` with file, line and column of the first mistake
 */
export function readConfig(path: string, fault: FolderFault = folderFault): DaemonConfig {
  if (path.endsWith(".toml")) {
    throw new BlitError(
      "usage",
      `"${path}" is a configuration of blit-daemon 0.1. Turn it into one of this version: ` +
        `blit-daemon import ${path} > blit-daemon.jsonc`,
    );
  }
  const absolute = resolve(path);
  const text = readText(absolute);
  if (text === null) {
    throw new BlitError("not_found", `Cannot read "${path}": No such file. Check --config.`);
  }
  return parseConfig(text, path, dirname(absolute), fault);
}

/** A watched file is looked at this often besides. */
const LOOK_MS = 2_000;

/**
 * Writes a file that only the daemon's user may read, whole or not at all. Written by root, it belongs to whom its folder
 * belongs to: the daemon may run as another user.
 *
 * @throws {BlitError} `permission`, `no_space` and the like
 */
export function writeSecret(path: string, text: string): void {
  const staged = `${path}.${crypto.randomUUID()}`;
  try {
    Deno.mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    const { uid, gid } = Deno.statSync(dirname(path));
    const file = openSync(staged, "wx", 0o600);
    try {
      // By the open file: a name in a folder of somebody else's may be a link by now.
      if (Deno.uid() === 0 && uid !== 0) fchownSync(file, uid!, gid!);
      writeFileSync(file, text);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    Deno.renameSync(staged, path);
  } catch (error) {
    try {
      Deno.removeSync(staged);
    } catch {
      // It was never made.
    }
    throw fromDenoError(error, "write", textToName(path), ADVICE);
  }
}

/** Tells one state of a file from another; `""` where there is none. */
export function fileStamp(path: string): string {
  try {
    const { mtime, size, ino } = Deno.statSync(path);
    return `${mtime?.getTime()}:${size}:${ino}`;
  } catch {
    return "";
  }
}

const NO_DIRECTORY = "is no directory. Make it first";
const CLOSED =
  "can't be reached by the user that blit-daemon runs as. Open the folders above it to that user; " +
  "below /home, /root and /run/user also systemd's unit: ProtectHome=no";

/** What keeps a path from being served as a folder; see {@link FolderFault}. Links to one are followed. */
export function folderFault(path: string): string | null {
  try {
    return Deno.statSync(path).isDirectory ? null : NO_DIRECTORY;
  } catch (error) {
    return error instanceof Deno.errors.PermissionDenied ? CLOSED : NO_DIRECTORY;
  }
}

/**
 * Tells when a file changed, or came, or went: at once where the system says so, else within a few seconds. It may not say so,
 * where it has no watch left to give, or where the folder that it watched was moved away.
 *
 * @returns stops telling
 */
export function watchFile(path: string, changed: () => void): () => void {
  let stamp = fileStamp(path);
  const look = () => {
    const now = fileStamp(path);
    if (now === stamp) return;
    stamp = now;
    changed();
  };
  const timer = setInterval(look, LOOK_MS);
  const unwatch = watchFolder(dirname(path), look);
  return () => {
    clearInterval(timer);
    unwatch();
  };
}

function watchFolder(path: string, changed: () => void): () => void {
  let watcher: Deno.FsWatcher;
  try {
    Deno.mkdirSync(path, { recursive: true, mode: 0o700 });
    watcher = Deno.watchFs(path, { recursive: false });
  } catch {
    return () => {};
  }
  const follow = async () => {
    for await (const event of watcher) if (event.kind !== "access") changed();
  };
  follow().catch(() => {});
  return () => watcher.close();
}
