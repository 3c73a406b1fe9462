/**
 * The daemon's own files: its configuration, tokens and certificate. Secrets are for its user alone.
 *
 * @module
 */
import { dirname, isAbsolute, join } from "node:path";
import { BlitError } from "../core/error.ts";
import { textToName } from "../core/rel_path.ts";
import { fromDenoError } from "../tree/deno_errors.ts";

/**
 * Folder of what the daemon keeps: `STATE_DIRECTORY` (systemd's), else `blit-daemon` in XDG's state folder.
 *
 * @throws {BlitError} `usage` where the environment names neither
 */
export function stateDirectory(): string {
  const given = Deno.env.get("STATE_DIRECTORY")?.split(":")[0];
  if (given && isAbsolute(given)) return given;
  const xdg = Deno.env.get("XDG_STATE_HOME");
  if (xdg && isAbsolute(xdg)) return join(xdg, "blit-daemon");
  const home = Deno.env.get("HOME");
  if (home) return join(home, ".local", "state", "blit-daemon");
  throw new BlitError(
    "usage",
    "Cannot tell where to keep tokens and the certificate. Set HOME or XDG_STATE_HOME.",
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
    throw fromDenoError(error, "read", textToName(path));
  }
}

/**
 * Writes a file that only the daemon's user may read, whole or not at all.
 *
 * @throws {BlitError} `permission`, `no_space` and the like
 */
export function writeSecret(path: string, text: string): void {
  const staged = `${path}.${crypto.randomUUID()}`;
  try {
    Deno.mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    const file = Deno.openSync(staged, { write: true, createNew: true, mode: 0o600 });
    try {
      const bytes = new TextEncoder().encode(text);
      for (let at = 0; at < bytes.length;) at += file.writeSync(bytes.subarray(at));
      file.syncSync();
    } finally {
      file.close();
    }
    Deno.renameSync(staged, path);
  } catch (error) {
    try {
      Deno.removeSync(staged);
    } catch {
      // It was never made.
    }
    throw fromDenoError(error, "write", textToName(path));
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

/** Whether a path is a directory, or a link to one. */
export function isDirectory(path: string): boolean {
  try {
    return Deno.statSync(path).isDirectory;
  } catch {
    return false;
  }
}

/**
 * Tells when something in a folder changed.
 *
 * @returns stops telling
 */
export function watchFolder(path: string, changed: () => void): () => void {
  let watcher: Deno.FsWatcher;
  try {
    Deno.mkdirSync(path, { recursive: true, mode: 0o700 });
    watcher = Deno.watchFs(path, { recursive: false });
  } catch {
    // Without it changes act when the next caller comes: whoever authenticates looks at the file.
    return () => {};
  }
  const follow = async () => {
    for await (const event of watcher) if (event.kind !== "access") changed();
  };
  follow().catch(() => {});
  return () => watcher.close();
}
