/**
 * The destination rule: from two arguments to two roots, whether or not the destination exists.
 *
 * `SRC/` means what is in SRC, and goes into DST. A directory SRC lands as `DST/name`. Anything else goes into DST
 * where that is a directory or ends in `/`, else becomes DST.
 *
 * @module
 */
import { basename, dirname, isAbsolute, join, resolve } from "node:path";
import { BlitError } from "../core/error.ts";
import { displayName, type RelPath, textToName } from "../core/rel_path.ts";
import { lookAt, realPathOf } from "../tree/place.ts";
import { localPath } from "./endpoint.ts";

/** Two roots, and the one entry in them where SRC isn't a directory. */
export interface Located {
  /** Absolute path of the directory to open as the source tree. */
  readonly sourceRoot: string;
  /** Absolute path of the directory to open as the destination tree; may not exist yet. */
  readonly destinationRoot: string;
  /** The one entry, where SRC is not a directory. */
  readonly single?: { readonly source: RelPath; readonly destination: RelPath };
  /** Absolute path of what SRC names. */
  readonly sourcePath: string;
  /** Absolute path of what SRC ends up as. */
  readonly destinationPath: string;
  /** SRC means what is in it, not itself. */
  readonly contents: boolean;
  /** SRC as typed, for display. */
  readonly sourceDisplay: string;
  /** Where SRC ends up, for display: `/mnt/nas/photos`. */
  readonly destinationDisplay: string;
}

/**
 * Finds out where a transfer goes.
 *
 * @param source SRC as typed
 * @param destination DST as typed
 * @param cwd folder that relative paths start from; absolute
 * @throws {BlitError} `not_found` or `permission` where the source can't be seen; `not_directory` where a
 *   directory would have to replace something else; `usage` and `unsupported` as {@link localPath}
 */
export async function locate(source: string, destination: string, cwd: string): Promise<Located> {
  const from = absolutePath(localPath(source), cwd);
  const to = absolutePath(localPath(destination), cwd);
  const meansContents = endsInDirectory(source);
  const info = await lookAt(from, meansContents);
  if (info === null) {
    throw new BlitError(
      "not_found",
      `Cannot read "${display(source)}": No such file or directory (ENOENT). Check the path.`,
      { operation: "read", path: display(source) },
    );
  }
  if (meansContents && !info.isDirectory) {
    throw new BlitError(
      "not_directory",
      `"${display(source)}" ends in a slash, but is not a directory. Leave the slash out.`,
      { operation: "read", path: display(source) },
    );
  }
  return info.isDirectory
    ? await directoryTarget(source, destination, from, to, meansContents)
    : await singleTarget(source, destination, from, to);
}

async function directoryTarget(
  source: string,
  destination: string,
  from: string,
  to: string,
  contents: boolean,
): Promise<Located> {
  const there = await lookAt(to, true);
  if (there && !there.isDirectory) throw notDirectory(destination);
  const root = contents ? to : join(to, basename(from));
  if (!contents) {
    const inside = await lookAt(root, false);
    if (inside?.isSymlink) {
      // Following a link found inside the destination would write outside of what was named.
      throw new BlitError(
        "refused",
        `"${display(root)}" is a symlink. Remove it, or name what it points to: ` +
          `"${display(withSlash(source))}" to "${display(withSlash(root))}".`,
        { operation: "write to", path: display(root) },
      );
    }
    if (inside && !inside.isDirectory) throw notDirectory(root);
  }
  return {
    sourceRoot: from,
    destinationRoot: root,
    sourcePath: from,
    destinationPath: root,
    contents,
    sourceDisplay: display(source),
    destinationDisplay: display(root),
  };
}

async function singleTarget(
  source: string,
  destination: string,
  from: string,
  to: string,
): Promise<Located> {
  const there = await lookAt(to, true);
  const wantsDirectory = endsInDirectory(destination);
  if (wantsDirectory && there && !there.isDirectory) throw notDirectory(destination);
  const into = wantsDirectory || there?.isDirectory === true;
  const target = into ? join(to, basename(from)) : to;
  return {
    sourceRoot: dirname(from),
    destinationRoot: dirname(target),
    sourcePath: from,
    destinationPath: target,
    contents: false,
    single: {
      source: textToName(basename(from)),
      destination: textToName(basename(target)),
    },
    sourceDisplay: display(source),
    destinationDisplay: display(target),
  };
}

/** One existing entry, for the commands that take one path. */
export interface LocatedEntry {
  /** Absolute path as named. */
  readonly path: string;
  /** Absolute path of the directory to open. */
  readonly root: string;
  /** The entry in it; `""` where the root itself is meant. */
  readonly entry: RelPath;
  readonly isDirectory: boolean;
  readonly display: string;
}

/**
 * Finds one existing entry: a directory is opened itself, anything else in its parent. A symlink is itself, with a
 * slash behind it what it points to.
 *
 * @throws {BlitError} as {@link locate}
 */
export async function locateEntry(path: string, cwd: string): Promise<LocatedEntry> {
  const absolute = absolutePath(localPath(path), cwd);
  const info = await lookAt(absolute, endsInDirectory(path));
  if (info === null || (endsInDirectory(path) && !info.isDirectory)) {
    const [kind, why] = info === null
      ? ["not_found", "No such file or directory (ENOENT)"] as const
      : ["not_directory", "Not a directory (ENOTDIR)"] as const;
    throw new BlitError(kind, `Cannot read "${display(path)}": ${why}. Check the path.`, {
      operation: "read",
      path: display(path),
    });
  }
  return {
    path: absolute,
    root: info.isDirectory ? absolute : dirname(absolute),
    entry: info.isDirectory ? "" : textToName(basename(absolute)),
    isDirectory: info.isDirectory,
    display: display(path),
  };
}

/**
 * Makes a path absolute. `..` is left to the system wherever it occurs: after a symlink it means another directory
 * than the text says.
 */
export function absolutePath(path: string, cwd: string): string {
  const parts = path.split(Deno.build.os === "windows" ? /[/\\]/ : "/");
  if (!parts.includes("..")) return resolve(cwd, path);
  const last = parts.at(-1)!;
  if (last === "" || last === ".") return absolutePath(dirname(`${path}x`), cwd);
  if (last !== "..") return join(absolutePath(dirname(path), cwd), last);
  // Where it doesn't exist, looking at the path will say so.
  return realPathOf(isAbsolute(path) ? path : `${cwd}/${path}`) ?? resolve(cwd, path);
}

/** Whether the text names a directory by its form: it ends in `/`, `.` or `..`. */
export function endsInDirectory(text: string): boolean {
  return (Deno.build.os === "windows" ? /(^|[/\\])\.{0,2}$/ : /(^|\/)\.{0,2}$/).test(text);
}

function notDirectory(path: string): BlitError {
  return new BlitError(
    "not_directory",
    `"${display(path)}" exists and is not a directory. Choose another destination, or remove it.`,
    { operation: "write into", path: display(path) },
  );
}

function withSlash(path: string): string {
  return path.endsWith("/") ? path : `${path}/`;
}

function display(path: string): string {
  return displayName(textToName(path));
}
