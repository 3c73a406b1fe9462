/**
 * Loaded ahead of cli.ts by `deno task blit`: brings the native library up to date, then gives up
 * the permission to run programs, which only cargo was meant for.
 *
 * @module
 */
import { buildNative } from "./build.ts";

const outcome = await buildNative();
const isOld = outcome.kind === "no-cargo" && outcome.stale;
if (isOld) {
  console.error(
    "The native library is older than its sources, and cargo is not here to rebuild it.",
  );
} else if (outcome.kind === "failed" || outcome.kind === "no-cargo") {
  // A library left over from older sources must not be taken for the one that failed to build.
  if (!Deno.env.get("BLIT_NATIVE_LIB")) Deno.env.set("BLIT_NO_NATIVE", outcome.kind);
}
await Deno.permissions.revoke({ name: "run" });
