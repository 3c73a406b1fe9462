/**
 * The command `blit-daemon`.
 *
 * @module
 */
import { main } from "./src/daemon/main.ts";

if (import.meta.main) {
  Deno.exit(await main(Deno.args));
}
