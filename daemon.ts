/**
 * The command `blit-daemon`; and, for programs that serve folders themselves, {@link serve}.
 *
 * ```ts
 * import { serve } from "@blit/cli/daemon";
 *
 * await using daemon = await serve({
 *   modules: [{ name: "photos", path: "/srv/photos" }],
 *   stateFolder: "/var/lib/my-program",
 * });
 * console.log(`localhost:${daemon.port}:/photos/`);
 * ```
 *
 * @module
 */
import { main } from "./src/daemon/main.ts";

export { BlitError, type BlitErrorInit, type ErrorKind } from "./src/core/error.ts";
export type { DaemonLimits } from "./src/daemon/config.ts";
export {
  type ModuleSettings,
  serve,
  type Served,
  type ServedCounts,
  type ServeSettings,
} from "./src/daemon/embedded.ts";
export { ACCESS, type Access } from "./src/rpc/service/rights.ts";

if (import.meta.main) {
  Deno.exit(await main(Deno.args));
}
