/**
 * Finds and opens the native library. Nothing is loaded before {@link loadNative} is called.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { BlitError } from "../core/error.ts";
import { checkCode } from "./errors.ts";
import { checkAbiRecord } from "./layout.ts";
import { libraryName } from "./library_name.ts";
import { type NativeSymbols, SYMBOLS } from "./symbols.ts";
import { type CarriedLibrary, unpackLibrary } from "./unpack.ts";

/** The native library, open and checked. */
export interface NativeLibrary {
  /** Where it was found. */
  readonly path: string;
  readonly symbols: NativeSymbols;
  /** Unloads it, after its pool was closed. */
  close(): void;
  /** Makes {@link NativeLibrary.close} do nothing: a thread that was left behind still runs its code. */
  keep(): void;
}

/** The library, or in words for a notice line why blit goes on without it. */
export type LoadResult =
  | { readonly library: NativeLibrary }
  | { readonly library: null; readonly reason: string };

/** Why there is none, by the value of `BLIT_NO_NATIVE`: 1 is the user's, the others say what became of building one. */
const WITHOUT: Readonly<Record<string, string>> = {
  "1": "BLIT_NO_NATIVE=1 is set",
  "failed": "it could not be built",
  "no-cargo": "it isn't built, and cargo isn't here to build it: install Rust",
};

/**
 * Finds and opens the native library: `BLIT_NATIVE_LIB`, else the one that a compiled program carries, else the release
 * build beside the source; where blit came from a registry, the one of the npm package for this system. Deno fetches
 * that package with blit's other ones, before blit starts.
 *
 * `BLIT_NO_NATIVE=1` asks for the portable tree. Needs the permissions ffi and env; in a compiled program also read,
 * write and sys.
 *
 * @returns the library, or the reason why there is none
 * @throws {BlitError} `mismatch` where a library built here is of another version; `unsupported` where
 *   `BLIT_NATIVE_LIB` names one that can't be opened
 */
export async function loadNative(): Promise<LoadResult> {
  const without = WITHOUT[Deno.env.get("BLIT_NO_NATIVE") ?? ""];
  if (without !== undefined) return { library: null, reason: without };
  const chosen = Deno.env.get("BLIT_NATIVE_LIB");
  if (chosen) {
    const result = openLibrary(chosen);
    if (result.library) return result;
    throw new BlitError(
      "unsupported",
      `Cannot open the native library named by BLIT_NATIVE_LIB: ${result.reason}. ` +
        "Correct the variable, or unset it.",
      { operation: "open native library", path: chosen },
    );
  }
  if (Deno.build.standalone) return loadCarried();
  if (!import.meta.url.startsWith("file:")) return await loadPackaged();
  return openLibrary(fileURLToPath(new URL(libraryName(), RELEASE_BUILD)));
}

const NONE: LoadResult = { library: null, reason: "no native library comes with this blit" };
/** What a program carries lies, to Deno, in the temporary folder: it is refused as whatever else is in /dev, say. */
const KEPT_BACK: LoadResult = {
  library: null,
  reason: "with TMPDIR in /dev, /proc or /sys Deno lets blit read nothing that it carries: " +
    "choose another folder",
};
const RELEASE_BUILD = new URL("../../ffi/target/release/", import.meta.url);
/** Where `packaging/compile.ts` puts it before it compiles. */
const CARRIED = new URL("../../ffi/target/carried/", import.meta.url);

/** Opens the library of the npm package for this system; one that doesn't fit is none. */
async function loadPackaged(): Promise<LoadResult> {
  try {
    const { library, reason } = await import("@blit/native");
    return library === null ? { library: null, reason } : openLibrary(library);
  } catch (error) {
    const reason = error instanceof BlitError
      ? "the one of the package @blit/native is of another version"
      : `the package @blit/native can't be loaded: ${
        error instanceof Error ? error.message : String(error)
      }`;
    return { library: null, reason };
  }
}

/** Unpacks the library that is inside of this program, and opens it. */
function loadCarried(): LoadResult {
  const name = libraryName();
  let digest: string;
  try {
    digest = Deno.readTextFileSync(new URL(`${name}.sha256`, CARRIED));
  } catch (error) {
    return error instanceof Deno.errors.NotCapable ? KEPT_BACK : NONE;
  }
  const carried: CarriedLibrary = {
    name,
    digest,
    bytes: () => Deno.readFileSync(new URL(name, CARRIED)),
  };
  let reason = "";
  const problem = (words: string) => void (reason = words);
  for (const { path, done } of unpackLibrary(carried, problem)) {
    try {
      const result = openLibrary(path);
      if (result.library) return result;
      // A folder where nothing may be executed, say: another one may do.
      problem(result.reason);
    } finally {
      done();
    }
  }
  return { library: null, reason };
}

/**
 * Opens one library and checks its ABI record.
 *
 * @param path path of the shared library
 * @throws {BlitError} `mismatch` where its functions or its ABI record are of another version
 */
export function openLibrary(path: string): LoadResult {
  let opened: Deno.DynamicLibrary<typeof SYMBOLS>;
  try {
    opened = Deno.dlopen(path, SYMBOLS);
  } catch (cause) {
    const words = cause instanceof Error ? cause.message : String(cause);
    if (words.startsWith("Failed to register symbol")) {
      throw new BlitError(
        "mismatch",
        `Cannot use the native library "${path}": ${words}. ` +
          "Build it again (deno task build), or set BLIT_NO_NATIVE=1 to go on without it.",
        { operation: "use native library", path, cause },
      );
    }
    return { library: null, reason: words.replace(/^(Could not open library: )+/, "") };
  }
  let kept = false;
  const library: NativeLibrary = {
    path,
    symbols: opened.symbols,
    close: () => {
      if (!kept) opened.close();
    },
    keep: () => void (kept = true),
  };
  try {
    // Room for more words than this version has: a newer library must get as far as its version.
    const record = new Uint8Array(256);
    checkCode(
      library.symbols.blit_abi_describe(record, BigInt(record.length)),
      "read the native library's version",
    );
    checkAbiRecord(new Uint32Array(record.buffer), path);
  } catch (error) {
    library.close();
    throw error;
  }
  return { library };
}
