/**
 * Puts the native library that a compiled program carries where the system can load it.
 *
 * Deno would unpack it into the temporary folder under a name that anybody can tell beforehand, and load what is there.
 * Here it goes into a folder that nobody else can write to, and what is there is loaded only when it is what
 * the program carries.
 *
 * @module
 */
import { createHash, randomUUID } from "node:crypto";
import { dirname, isAbsolute, join } from "node:path";

/** A library inside the program. */
export interface CarriedLibrary {
  /** Its file name. */
  readonly name: string;
  /** SHA-256 of its bytes, in hex. */
  readonly digest: string;
  /** Its bytes; asked for only where they have to be written. */
  bytes(): Uint8Array;
}

/** A library as a file. */
export interface UnpackedLibrary {
  readonly path: string;
  /** To be called when it is loaded, or can't be. */
  done(): void;
}

/** Other versions stay this long after they were unpacked: they may be in use. */
const OTHERS_MS = 30 * 24 * 3600 * 1000;

/**
 * Where the library can be loaded from, best first: a folder that is kept for the next start, else one that goes again.
 *
 * @param problem is told why the first one wasn't possible
 */
export function* unpackLibrary(
  library: CarriedLibrary,
  problem: (words: string) => void,
): Generator<UnpackedLibrary> {
  const folder = cacheFolder();
  try {
    if (folder === null) throw new UnsafePlace("the environment names no folder to keep it in");
    yield { path: keptLibrary(library, folder), done: () => {} };
  } catch (error) {
    problem(wordsOf(error));
  }
  try {
    yield passingLibrary(library);
  } catch (error) {
    problem(wordsOf(error));
  }
}

/** A place that others could write to. */
class UnsafePlace extends TypeError {
  override readonly name = "UnsafePlace";
}

/**
 * Puts the library into a folder of the user's, unless it is there already.
 *
 * @param folder absolute; made where it is missing
 * @returns path of the file
 * @throws {UnsafePlace} where others could change what is there; Deno's errors where it can't be written
 */
export function keptLibrary(library: CarriedLibrary, folder: string): string {
  Deno.mkdirSync(folder, { recursive: true, mode: 0o700 });
  checkPrivate(folder);
  const dot = library.name.lastIndexOf(".");
  const [stem, suffix] = [library.name.slice(0, dot), library.name.slice(dot)];
  const path = join(folder, `${stem}-${library.digest.slice(0, 32)}${suffix}`);
  if (isWhole(path, library.digest)) return path;
  const staged = join(folder, `.${randomUUID()}`);
  try {
    writeLibrary(staged, library);
    Deno.renameSync(staged, path);
  } catch (error) {
    removeQuietly(staged);
    // Windows replaces no library that a process has loaded; another start may have put it there meanwhile.
    if (isWhole(path, library.digest)) return path;
    throw error;
  }
  removeOthers(folder, stem, path);
  return path;
}

/** Puts the library into a new folder, which goes as soon as it is loaded. */
function passingLibrary(library: CarriedLibrary): UnpackedLibrary {
  // Its mode is 0700 and its name can't be told beforehand.
  const folder = Deno.makeTempDirSync({ prefix: "blit-native-" });
  const path = join(folder, library.name);
  // Windows keeps a file that is loaded: there it stays behind.
  const done = () => removeQuietly(folder);
  try {
    writeLibrary(path, library);
  } catch (error) {
    done();
    throw error;
  }
  return { path, done };
}

/** The folder that a user's programs keep in what they can make again; null where the environment doesn't say. */
function cacheFolder(): string | null {
  const { os } = Deno.build;
  const places: readonly (readonly [variable: string, ...below: string[]])[] = os === "windows"
    ? [["LOCALAPPDATA", "blit", "cache"]]
    : [
      // systemd's, for a daemon without a home.
      ["CACHE_DIRECTORY"],
      ["XDG_CACHE_HOME", "blit"],
      os === "darwin" ? ["HOME", "Library", "Caches", "blit"] : ["HOME", ".cache", "blit"],
    ];
  for (const [variable, ...below] of places) {
    const given = Deno.env.get(variable)?.split(os === "windows" ? ";" : ":")[0];
    if (given && isAbsolute(given)) return join(given, ...below, "native");
  }
  return null;
}

/**
 * Checks that nobody but the user and root can change what is in a folder, or put another one in its place.
 *
 * Windows has no such modes: what is below a profile is its user's.
 */
function checkPrivate(folder: string): void {
  if (Deno.build.os === "windows") return;
  const user = Deno.uid();
  const { isDirectory, uid, mode } = Deno.lstatSync(folder);
  if (!isDirectory || uid !== user) throw new UnsafePlace(`"${folder}" is somebody else's`);
  if ((mode! & 0o777) !== 0o700) throw new UnsafePlace(`"${folder}" is open to others`);
  const real = Deno.realPathSync(folder);
  for (let above = dirname(real);; above = dirname(above)) {
    const { uid, mode } = Deno.lstatSync(above);
    // In a sticky folder nobody renames what is another's.
    const open = (mode! & 0o022) !== 0 && (mode! & 0o1000) === 0;
    if (open || (uid !== user && uid !== 0)) {
      throw new UnsafePlace(`"${above}", which it would be below, is open to others`);
    }
    if (above === dirname(above)) return;
  }
}

/** Whether a file is the user's alone, and holds what the program carries. */
function isWhole(path: string, digest: string): boolean {
  let bytes: Uint8Array;
  try {
    const { isFile, uid, mode } = Deno.lstatSync(path);
    if (!isFile) return false;
    if (Deno.build.os !== "windows" && (uid !== Deno.uid() || (mode! & 0o022) !== 0)) return false;
    bytes = Deno.readFileSync(path);
  } catch {
    return false;
  }
  return digestOf(bytes) === digest;
}

function writeLibrary(path: string, library: CarriedLibrary): void {
  const bytes = library.bytes();
  if (digestOf(bytes) !== library.digest) {
    throw new TypeError("what the program carries is damaged: install it again");
  }
  Deno.writeFileSync(path, bytes, { createNew: true, mode: 0o700 });
}

function removeOthers(folder: string, stem: string, path: string): void {
  const before = Date.now() - OTHERS_MS;
  for (const { name } of Deno.readDirSync(folder)) {
    const other = join(folder, name);
    if (other === path || !(name.startsWith(`${stem}-`) || name.startsWith("."))) continue;
    try {
      if ((Deno.lstatSync(other).mtime?.getTime() ?? 0) < before) Deno.removeSync(other);
    } catch {
      // Another start removed it, or has it open.
    }
  }
}

function removeQuietly(path: string): void {
  try {
    Deno.removeSync(path, { recursive: true });
  } catch {
    // It was never made, or it is in use.
  }
}

function digestOf(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
