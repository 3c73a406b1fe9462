/**
 * Runs command lines one after another in one process, and says how each ended.
 *
 * usage: each_line.ts FILE    an array of arrays of words, as JSON
 *
 * @module
 */
import { main } from "../../src/cli/main.ts";

const lines: string[][] = JSON.parse(Deno.readTextFileSync(Deno.args[0]));
for (const words of lines) {
  const status = await main(words, { exit: (status) => Deno.exit(status) });
  console.log(`${status} ${JSON.stringify(words)}`);
}
