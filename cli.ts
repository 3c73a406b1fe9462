/**
 * The command `blit`.
 *
 * @module
 */
import { main } from "./src/cli/main.ts";

if (import.meta.main) {
  const args = Deno.args.some((arg) => arg.includes("\ufffd"))
    ? await (await import("./src/app/command_line.ts")).wholeArguments(Deno.args)
    : Deno.args;
  Deno.exit(await main(args, { exit: (status) => Deno.exit(status) }));
}
