/**
 * Loaded before a program, it makes the program give back, on SIGUSR2, all memory that nothing holds, and add to the file
 * BLIT_TEST_HELD a line with what is left: bytes of the heap that are used, bytes that V8 has for it, bytes of buffers beside
 * it, bytes that malloc gave out, bytes that are resident. Linux with glibc only.
 *
 * @module
 */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

setFlagsFromString("--expose-gc");
const collect: () => void = runInNewContext("gc");
// Opened now: the program may give its permissions up.
const libc = Deno.dlopen("libc.so.6", {
  malloc_trim: { parameters: ["usize"], result: "i32" },
  mallinfo2: { parameters: [], result: { struct: new Array<"usize">(10).fill("usize") } },
});
/** Places in `struct mallinfo2` (man 3 mallinfo): bytes in pieces of their own, and those given out of arenas. */
const HBLKHD = 4, UORDBLKS = 7;
const held = Deno.openSync(Deno.env.get("BLIT_TEST_HELD")!, { create: true, append: true });

Deno.addSignalListener("SIGUSR2", () => {
  collect();
  // What finalizers let go of goes with the second.
  setTimeout(() => {
    collect();
    libc.symbols.malloc_trim(0n);
    const { heapUsed, heapTotal, external, rss } = Deno.memoryUsage();
    const info = new BigUint64Array(libc.symbols.mallinfo2().buffer);
    const given = info[HBLKHD] + info[UORDBLKS];
    const line = `${heapUsed} ${heapTotal} ${external} ${given} ${rss}\n`;
    held.writeSync(new TextEncoder().encode(line));
  }, 100);
});
