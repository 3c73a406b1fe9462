/**
 * Loaded ahead of cli.ts by `deno task blit`: brings the native library up to date, then gives up
 * the permission to run programs, which only cargo was meant for.
 *
 * @module
 */
import { buildNative } from "./build.ts";

const outcome = await buildNative();
if (outcome.kind === "failed") {
  console.error("The native library could not be built (see above); going on without it.");
  // A library left over from older sources must not be taken for the one that failed to build.
  Deno.env.set("BLIT_NO_NATIVE", "1");
} else if (outcome.kind === "no-cargo" && outcome.stale) {
  console.error(
    "The native library is older than its sources, and cargo is not here to rebuild it.",
  );
}
await Deno.permissions.revoke({ name: "run" });
