/**
 * What is refused before anything is opened for writing (promise 3): trees inside each other, and targets whose
 * loss nobody would forgive. Emptiness of the source is judged by its listing, in {@link isEmptyTree}.
 *
 * @module
 */
import { dirname, join, relative, sep } from "node:path";
import { BlitError } from "../core/error.ts";
import type { Mode, RunOptions } from "../core/options.ts";
import { displayName, textToName } from "../core/rel_path.ts";
import { isSameDirectory, mayShareMachine } from "../engine/same_directory.ts";
import type { Tree, Walk } from "../engine/tree.ts";
import { isSamePlace, type Place, realPathOf } from "../tree/place.ts";
import { homeDirectory } from "./home.ts";
import { isSameEntry, lookAt, placesAbove } from "./local_place.ts";
import { systemFolders } from "./system_folders.ts";
import type { Located } from "./locate.ts";
import { sameModule } from "./location.ts";

/**
 * Refuses options that contradict the mode.
 *
 * @param hasFilesFrom whether `--files-from` was given
 * @throws {BlitError} `usage`
 */
export function guardOptions(options: RunOptions, hasFilesFrom: boolean): void {
  const { mode, filter } = options;
  const filtered = filter.rules.length > 0 || filter.gitignore || hasFilesFrom ||
    filter.minSizeBytes !== undefined || filter.maxSizeBytes !== undefined ||
    filter.minAgeSeconds !== undefined || filter.maxAgeSeconds !== undefined ||
    filter.keep !== undefined;
  if (mode === "move" && filtered) {
    throw new BlitError(
      "usage",
      "Filters don't go with move: what they hide could be lost. Copy with the filter, then check, then rm.",
    );
  }
  if (options.discard && mode !== "copy") {
    throw new BlitError("usage", `--null goes with copy only, not with ${mode}.`);
  }
  const { sizeOnly, checksum, ignoreTimes } = options.compare;
  if (sizeOnly && checksum) {
    throw new BlitError("usage", "--size-only and --checksum contradict each other: give one.");
  }
  if (sizeOnly && ignoreTimes) {
    throw new BlitError("usage", "--size-only and --ignore-times contradict each other: give one.");
  }
}

/**
 * Refuses two places that overlap, and protected targets.
 *
 * @throws {BlitError} `refused`, with the option that allows it where one does
 */
export async function guardPlaces(located: Located, options: RunOptions): Promise<void> {
  if (options.mode === "check") return;
  await guardOverlap(located, options);
  if (options.delete.allowRoot || located.single) return;
  // A module is made to be mirrored onto: its root is as good as any folder of it.
  const { sourceRoot, destinationRoot } = located;
  if (options.mode === "mirror" && destinationRoot.kind === "local") {
    await guardProtected(destinationRoot.path, "mirror onto");
  } else if (options.mode === "move" && sourceRoot.kind === "local") {
    await guardProtected(sourceRoot.path, "move away");
  }
}

async function guardOverlap(located: Located, options: RunOptions): Promise<void> {
  const { mode } = options;
  const { sourceRoot: from, destinationRoot: to, single } = located;
  if (from.kind === "remote" && to.kind === "remote") return guardModule(located, mode);
  if (from.kind === "remote" || to.kind === "remote") return;
  const { sourcePath, destinationPath } = located;
  if (single && sourcePath.kind === "local" && destinationPath.kind === "local") {
    if (await isSameEntry(sourcePath.path, destinationPath.path)) throw sameFile(located, mode);
    return;
  }
  const sourceRoot = from.path, destinationRoot = to.path;
  const source = await placesAbove(sourceRoot);
  const destination = await placesAbove(destinationRoot);
  const at = destination.findIndex((place) => isSamePlace(place, source[0]));
  if (at === 0) {
    throw overlap(located, "are the same directory", "Choose another destination.");
  }
  if (at > 0) {
    if (isElsewhere(destination.slice(0, at), source[0], options)) return;
    throw overlap(
      located,
      "overlap: the destination is inside the source",
      "Choose a destination outside of it.",
    );
  }
  const above = source.findIndex((place) => isSamePlace(place, destination[0]));
  if (above < 0) return;
  // Going up a level is fine (`copy sub/ .`), unless something that is copied would land on the source itself.
  const down = relative(source[above].path, source[0].path).split(sep)[0];
  if (mode === "mirror" || (await lookAt(join(sourceRoot, down), false))) {
    throw overlap(
      located,
      "overlap: the source is inside the destination",
      "Choose a destination that doesn't hold the source.",
    );
  }
}

/**
 * Whether a destination inside the source lies where the run doesn't go: on another file system, as a backup of `/` below
 * `/mnt` does with `--one-file-system`.
 *
 * @param way the destination and what holds it, up to the source
 */
function isElsewhere(way: readonly Place[], source: Place, options: RunOptions): boolean {
  if (!options.oneFileSystem || options.mode === "move") return false;
  return way.some(({ device }) => device !== null && device !== source.device);
}

/** Two places of one module of one daemon, by their paths: what links lead to only the daemon could tell. */
function guardModule(located: Located, mode: Mode): void {
  const { sourcePath: from, destinationPath: to, single } = located;
  if (from.kind !== "remote" || to.kind !== "remote" || !sameModule(from, to)) return;
  if (from.path === to.path) {
    if (single) throw sameFile(located, mode);
    throw overlap(located, "are the same directory", "Choose another destination.");
  }
  if (single) return;
  if (from.path === "" || to.path.startsWith(`${from.path}/`)) {
    throw overlap(
      located,
      "overlap: the destination is inside the source",
      "Choose a destination outside of it.",
    );
  }
  if (mode === "mirror" && (to.path === "" || from.path.startsWith(`${to.path}/`))) {
    throw overlap(
      located,
      "overlap: the source is inside the destination",
      "Choose a destination that doesn't hold the source.",
    );
  }
}

function sameFile(located: Located, mode: Mode): BlitError {
  return new BlitError(
    "refused",
    `"${located.sourceDisplay}" and "${located.destinationDisplay}" are the same file.`,
    { operation: mode, path: located.sourceDisplay },
  );
}

/**
 * Refuses two open trees that are one, whatever they are called: another module of the daemon, or this machine's own
 * daemon; and a tree of this machine that lies in what its own daemon serves. The reverse shows in the listings: the
 * engine refuses it.
 *
 * @throws {BlitError} `refused`
 */
export async function guardTrees(
  source: Tree,
  destination: Tree,
  located: Located,
  mode: Mode,
): Promise<void> {
  const { sourceRoot: from, destinationRoot: to } = located;
  if (mode === "check" || located.single || (from.kind === "local" && to.kind === "local")) return;
  const isOneHost = from.kind === "remote" && to.kind === "remote" &&
    from.host.toLowerCase() === to.host.toLowerCase();
  if (!isOneHost && !mayShareMachine(source, destination)) return;
  const [a, b] = await Promise.all([source.probe(), destination.probe()]);
  if (a.device === b.device && a.rootInode === b.rootInode) {
    const roots = [source, destination].map((tree) => ({ tree, path: "" }));
    if (!await isSameDirectory(roots[0], roots[1])) return;
    throw overlap(located, "are the same directory", "Choose another destination.");
  }
  if (to.kind === "local") {
    if (await placeOf(source, to.path) === null) return;
    throw overlap(
      located,
      "overlap: the destination is inside the source",
      "Choose a destination outside of it.",
    );
  }
  if (from.kind !== "local") return;
  const down = await placeOf(destination, from.path);
  if (down === null) return;
  if (mode === "mirror" || (await lookAt(join(from.path, down), false))) {
    throw overlap(
      located,
      "overlap: the source is inside the destination",
      "Choose a destination that doesn't hold the source.",
    );
  }
}

/** Where a folder of this machine lies in a daemon's tree: the name that leads there from its root; null: it doesn't. */
async function placeOf(tree: Tree, path: string): Promise<string | null> {
  const { device, rootInode } = await tree.probe();
  const [own, ...above] = await placesAbove(path);
  const at = above.find((place) =>
    place.inode !== null && BigInt(place.inode) === rootInode && BigInt(place.device!) === device
  );
  if (at === undefined) return null;
  const block = await tree.stat([""]);
  const info = await lookAt(at.path, true);
  // As `isSameDirectory` has it, by the clock that Deno shows.
  const changedMs = block.status(0) === 0 ? Number(block.ctimeNs(0) / 1_000_000n) : null;
  if (info?.ctime?.getTime() !== changedMs) return null;
  return relative(at.path, own.path).split(sep)[0];
}

/**
 * Refuses `/`, the home directory, whatever holds either, and the system's own folders.
 *
 * @param path absolute
 * @param doing words that follow "Refusing to"
 * @throws {BlitError} `refused`
 */
export async function guardProtected(path: string, doing: string): Promise<void> {
  const target = (await placesAbove(path))[0];
  const what = await whyProtected(target);
  if (what === null) return;
  throw new BlitError(
    "refused",
    `Refusing to ${doing} "${displayName(textToName(path))}": it is ${what}. ` +
      "If that is really meant, add --allow-root.",
    { operation: doing, path, advice: "If that is really meant, add --allow-root." },
  );
}

/** Words for what a place is that isn't to be emptied; null where it is like any other. */
async function whyProtected(target: Place): Promise<string | null> {
  if (dirname(target.path) === target.path) return "the root of a file system";
  const [own, ...above] = await placesAbove(homeDirectory() ?? "/");
  if (isSamePlace(own, target)) return "the home directory";
  if (above.some((place) => isSamePlace(place, target))) {
    return "a directory that holds the home directory";
  }
  const isSystem = (folder: string) => target.path === folder || target.path === realPathOf(folder);
  return systemFolders().some(isSystem) ? "one of the system's directories" : null;
}

/**
 * Whether a tree's root has nothing in it; staged leftovers, and `lost+found` at the root of a file system, don't
 * count: a volume that was just made has that, and one that wasn't mounted has nothing.
 *
 * @throws {BlitError} `permission` and the like where the root can't be listed
 */
export async function isEmptyTree(tree: Tree, walk?: Walk): Promise<boolean> {
  for await (const block of tree.list("", { sorted: false, walk })) {
    if (block.listStatus !== 0) {
      const { describeFailure } = await import("../core/failure.ts");
      const { STEPS } = await import("../core/work_batch.ts");
      throw describeFailure({
        status: block.listStatus,
        os: block.listOs,
        step: STEPS.indexOf("list"),
        path: textToName(tree.display),
      });
    }
    for (let i = 0; i < block.count; i++) {
      if (block.name(i) !== "lost+found") return false;
    }
  }
  return true;
}

/**
 * Refuses a mirror whose source has nothing in it: most often it isn't mounted.
 *
 * @param walk a walk of the source that goes on with the block that is looked at
 * @throws {BlitError} `refused`
 */
export async function guardEmptySource(
  source: Tree,
  options: RunOptions,
  walk: Walk,
): Promise<void> {
  if (options.mode !== "mirror" || options.delete.allowEmptySource) return;
  if (!await isEmptyTree(source, walk)) return;
  throw new BlitError(
    "refused",
    `The source "${source.display}" is empty, so everything at the destination would be deleted. ` +
      "Is it mounted? If it is meant, add --allow-empty-source.",
    {
      operation: "mirror",
      path: source.display,
      advice: "If it is meant, add --allow-empty-source.",
    },
  );
}

function overlap(located: Located, how: string, advice: string): BlitError {
  return new BlitError(
    "refused",
    `"${located.sourceDisplay}" and "${located.destinationDisplay}" ${how}. ${advice}`,
    { operation: "start", path: located.destinationDisplay, advice },
  );
}
