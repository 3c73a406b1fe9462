/**
 * What a test may need of a machine that not every one has.
 *
 * @module
 */
import { join } from "node:path";

/** Why a test can't run here. */
export class CannotRun extends Error {}

/** Leaves the test where the reason isn't null; `testOrSkip` and `scratch` say so aloud. */
export function need(reason: string | null): void {
  if (reason !== null) throw new CannotRun(reason);
}

let linksWork: boolean | undefined;

/** Why symlinks can't be made: Windows wants a right for that, and wine has none; null where they can. */
export function needsSymlinks(): string | null {
  if (linksWork === undefined) {
    const folder = Deno.makeTempDirSync({ prefix: "blit-link-" });
    try {
      Deno.symlinkSync("nowhere", join(folder, "link"), { type: "file" });
      linksWork = Deno.lstatSync(join(folder, "link")).isSymlink;
    } catch {
      linksWork = false;
    } finally {
      Deno.removeSync(folder, { recursive: true });
    }
  }
  return linksWork ? null : "symlinks can't be made";
}

/** Why files have no attributes of any name: on Windows those are streams, and wine has none; null where they have. */
export function needsStreams(): string | null {
  if (Deno.build.os !== "windows") return null;
  const folder = Deno.makeTempDirSync({ prefix: "blit-stream-" });
  try {
    Deno.writeTextFileSync(join(folder, "file"), "");
    Deno.writeTextFileSync(join(folder, "file:stream"), "");
    return [...Deno.readDirSync(folder)].length === 1 ? null : "no streams";
  } catch {
    return "no streams";
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

/** Why files keep no holes: wine has none; null where they may. */
export function needsHoles(): string | null {
  if (Deno.build.os !== "windows") return null;
  try {
    const symbols = { wine_get_version: { parameters: [], result: "pointer" } } as const;
    Deno.dlopen("ntdll.dll", symbols).close();
    return "no holes";
  } catch {
    return null;
  }
}
