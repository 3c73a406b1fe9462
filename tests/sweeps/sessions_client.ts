/**
 * A client with several transfers at once that is there to be killed: says `going` once each of them has moved content.
 * Arguments: how many, source and destination of each (`#` is its number), folder of settings.
 *
 * @module
 */
import { transfer } from "../../src/app/transfer.ts";
import { defaultOptions } from "../../src/core/options.ts";

const [count, source, destination, configDir] = Deno.args;
let going = 0;
await Promise.allSettled(Array.from({ length: Number(count) }, (_, i) => {
  let moved = false;
  return transfer({
    source: source.replace("#", `${i}`),
    destination: destination.replace("#", `${i}`),
    options: defaultOptions("copy"),
    cwd: "/",
    configDir,
    listener: (event) => {
      if (moved || event.type !== "progress" || event.bytesDone === 0) return;
      moved = true;
      if (++going === Number(count)) console.log("going");
    },
  });
}));
