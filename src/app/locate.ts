/**
 * The destination rule: from two arguments to two roots, whether or not the destination exists.
 *
 * `SRC/` means what is in SRC, and goes into DST. A directory SRC lands as `DST/name`. Anything else goes into DST
 * where that is a directory or ends in `/`, else becomes DST.
 *
 * @module
 */
import { dirname, join, resolve } from "node:path";
import { BlitError } from "../core/error.ts";
import { displayName, type RelPath, textToName } from "../core/rel_path.ts";
import { leadsBeyondDeno, realPathOf } from "../tree/place.ts";
import { parseEndpoint, requirePlace } from "./endpoint.ts";
import { isBeyondDeno, lookAt } from "./local_place.ts";
import { type Location, locationAbove, locationIn, locationText, nameOf } from "./location.ts";
import { isOnShare } from "./share_place.ts";

/** What stands at a location. */
export interface There {
  readonly isDirectory: boolean;
  readonly isSymlink: boolean;
}

/** Looks at a location; `follow`: a symlink means what it points to. Null where nothing is. */
export type Look = (location: Location, follow: boolean) => Promise<There | null>;

/** Looks at places of this machine alone. */
export const lookLocally: Look = (location, follow) =>
  location.kind === "local"
    ? lookAt(location.path, follow)
    // A command that knows no daemons has said so by now.
    : Promise.reject(new BlitError("unsupported", "This command works on local paths only."));

/** Two roots, and the one entry in them where SRC isn't a directory. */
export interface Located {
  /** The directory to open as the source tree. */
  readonly sourceRoot: Location;
  /** The directory to open as the destination tree; may not exist yet. */
  readonly destinationRoot: Location;
  /** The one entry, where SRC is not a directory. */
  readonly single?: { readonly source: RelPath; readonly destination: RelPath };
  /** What SRC names. */
  readonly sourcePath: Location;
  /** What SRC ends up as. */
  readonly destinationPath: Location;
  /** SRC means what is in it, not itself. */
  readonly contents: boolean;
  /** SRC as typed, for display. */
  readonly sourceDisplay: string;
  /** Where SRC ends up, for display: `/mnt/nas/photos`. */
  readonly destinationDisplay: string;
}

/** An argument, read. */
export interface Named {
  readonly location: Location;
  /** As typed, for display. */
  readonly display: string;
  /** It is a directory by its form. */
  readonly isFolder: boolean;
}

/**
 * Finds out where a transfer goes.
 *
 * @param source SRC as typed
 * @param destination DST as typed
 * @param cwd folder that relative paths start from; absolute
 * @param look left out: daemons are refused
 * @throws {BlitError} `not_found` or `permission` where the source can't be seen; `not_directory` where a
 *   directory would have to replace something else; `usage` where an argument is none
 */
export async function locate(
  source: string,
  destination: string,
  cwd: string,
  look: Look = lookLocally,
): Promise<Located> {
  const from = readArgument(source, cwd);
  const to = readArgument(destination, cwd);
  // What is far away is asked while the near side is looked at.
  if (to.location.kind === "remote") look(to.location, true).catch(() => {});
  const info = await look(from.location, from.isFolder);
  if (info === null) throw notThere(from.display);
  if (from.isFolder && !info.isDirectory) {
    throw new BlitError(
      "not_directory",
      `"${from.display}" ends in a slash, but is not a directory. Leave the slash out.`,
      { operation: "read", path: from.display },
    );
  }
  return info.isDirectory
    ? await directoryTarget(from, to, look)
    : await singleTarget(from, to, look);
}

async function directoryTarget(from: Named, to: Named, look: Look): Promise<Located> {
  const there = await look(to.location, true);
  if (there && !there.isDirectory) throw notDirectory(to.display);
  if (there === null) await refuseDangling(to, look);
  const name = nameOf(from.location);
  // A daemon's default root has no name to land under.
  const contents = from.isFolder || name === "";
  const root = contents ? to.location : locationIn(to.location, name);
  const rootDisplay = locationText(root);
  if (!contents) {
    const inside = await look(root, false);
    if (inside?.isSymlink) {
      // Following a link found inside the destination would write outside of what was named.
      throw new BlitError(
        "refused",
        `"${rootDisplay}" is a symlink. Remove it, or name what it points to: ` +
          `"${withSlash(from.display)}" to "${withSlash(rootDisplay)}".`,
        { operation: "write to", path: rootDisplay },
      );
    }
    if (inside && !inside.isDirectory) throw notDirectory(rootDisplay);
  }
  return {
    sourceRoot: from.location,
    destinationRoot: root,
    sourcePath: from.location,
    destinationPath: root,
    contents,
    sourceDisplay: from.display,
    destinationDisplay: locationText(root),
  };
}

async function singleTarget(from: Named, to: Named, look: Look): Promise<Located> {
  const there = await look(to.location, true);
  if (to.isFolder && there && !there.isDirectory) throw notDirectory(to.display);
  if (to.isFolder && there === null) await refuseDangling(to, look);
  const into = to.isFolder || there?.isDirectory === true;
  const name = nameOf(from.location);
  const target = into ? locationIn(to.location, name) : to.location;
  const sourceRoot = locationAbove(from.location), destinationRoot = locationAbove(target);
  if (sourceRoot === null || destinationRoot === null) throw notDirectory(to.display);
  return {
    sourceRoot,
    destinationRoot,
    sourcePath: from.location,
    destinationPath: target,
    contents: false,
    single: { source: name, destination: nameOf(target) },
    sourceDisplay: from.display,
    destinationDisplay: locationText(target),
  };
}

/**
 * Refuses a link that leads nowhere on the way to a folder that isn't there yet. A daemon would have to be asked for each
 * folder, and says so itself.
 */
async function refuseDangling({ location }: Named, look: Look): Promise<void> {
  if (location.kind === "remote") return;
  for (let at: Location | null = location; at !== null; at = locationAbove(at)) {
    if (await look(at, true) !== null) return;
    if (!(await look(at, false))?.isSymlink) continue;
    const path = locationText(at);
    throw new BlitError(
      "not_found",
      `"${path}" is a symlink to what isn't there. Is that mounted? Else mend the link, or remove it.`,
      { operation: "write into", path },
    );
  }
}

/**
 * Reads an argument that names a place, whether or not something is there.
 *
 * @throws {BlitError} `usage` where it names none
 */
export function readArgument(text: string, cwd: string): Named {
  const endpoint = parseEndpoint(text);
  if (endpoint.kind === "local") {
    const location: Location = { kind: "local", path: absolutePath(endpoint.path, cwd) };
    return { location, display: display(text), isFolder: endsInDirectory(text) };
  }
  const { host, port, contents } = endpoint;
  const { module, path } = requirePlace(endpoint);
  const location: Location = { kind: "remote", host, port, module, path: textToName(path) };
  return { location, display: display(text), isFolder: contents };
}

/** One existing entry, for the commands that take one path. */
export interface LocatedEntry {
  /** As named. */
  readonly location: Location;
  /** The directory to open. */
  readonly root: Location;
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
export async function locateEntry(
  path: string,
  cwd: string,
  look: Look = lookLocally,
): Promise<LocatedEntry> {
  const { location, display, isFolder } = readArgument(path, cwd);
  const info = await look(location, isFolder);
  if (info === null) throw notThere(display);
  const above = info.isDirectory ? null : locationAbove(location);
  if (isFolder && !info.isDirectory) {
    throw new BlitError(
      "not_directory",
      `Cannot read "${display}": Not a directory (ENOTDIR). Check the path.`,
      { operation: "read", path: display },
    );
  }
  return {
    location,
    root: above ?? location,
    entry: above === null ? "" : nameOf(location),
    isDirectory: info.isDirectory,
    display,
  };
}

/**
 * Makes a path absolute. `..` goes up from where it is, as the system has it: after a symlink that is another directory
 * than the text says.
 *
 * @throws {BlitError} `not_found` where it goes up from what isn't there; `unsupported` where only native code could follow it
 */
export function absolutePath(path: string, cwd: string): string {
  const parts = path.split(Deno.build.os === "windows" ? /[/\\]/ : "/");
  if (!parts.includes("..")) return resolve(cwd, path);
  const last = parts.at(-1)!;
  if (last === "" || last === ".") return absolutePath(dirname(`${path}x`), cwd);
  if (last !== "..") return join(absolutePath(dirname(path), cwd), last);
  // Deno takes dots out of a path by its text, unless it has every permission there is: it is never shown one.
  const below = absolutePath(path.slice(0, -"..".length) || ".", cwd);
  const real = realPathOf(below);
  if (real !== null) return dirname(real);
  // Only native code sees what is there; on Windows dots go by the text anyway.
  if (isOnShare(below)) return dirname(below);
  throw isBeyondDeno(below) || leadsBeyondDeno(below) ? beyondDeno(path) : notThere(display(path));
}

/** Whether the text names a directory by its form: it ends in `/`, `.` or `..`. */
export function endsInDirectory(text: string): boolean {
  return (Deno.build.os === "windows" ? /(^|[/\\])\.{0,2}$/ : /(^|\/)\.{0,2}$/).test(text);
}

function beyondDeno(path: string): BlitError {
  const shown = display(path);
  return new BlitError(
    "unsupported",
    `Cannot read "${shown}": it goes up from a folder that Deno can't look at. Name the place without "..".`,
    { operation: "read", path: shown },
  );
}

function notThere(path: string): BlitError {
  return new BlitError(
    "not_found",
    `Cannot read "${path}": No such file or directory (ENOENT). Check the path.`,
    { operation: "read", path },
  );
}

function notDirectory(path: string): BlitError {
  return new BlitError(
    "not_directory",
    `"${path}" exists and is not a directory. Choose another destination, or remove it.`,
    { operation: "write into", path },
  );
}

function withSlash(path: string): string {
  return path.endsWith("/") ? path : `${path}/`;
}

function display(path: string): string {
  return displayName(textToName(path));
}
