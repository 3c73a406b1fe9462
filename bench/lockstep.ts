/**
 * Preloaded before blit to count its calls: native code answers in lockstep.
 *
 * How many batches blit makes depends on what happens to be done when it looks, since a worker that idles is given a
 * small one. Here the waiting call gathers what all jobs under way have to say and hands it over in the order of their
 * numbers, and clocks that tick don't: blit does the same at each run, however busy the machine is.
 *
 * @module
 */
import { FRAME_LAST, OUT_LEN_TOO_SMALL } from "../src/native/layout.ts";
import type { NativeSymbols } from "../src/native/symbols.ts";

const GATHER_BYTES = 4 * 1024 * 1024;

/** One frame, and the job that it is of. */
interface Frame {
  readonly job: bigint;
  readonly bytes: Uint8Array;
}

/** The library's functions, of which two are changed. */
function inLockstep(real: NativeSymbols): NativeSymbols {
  let underWay = 0;
  const frames: Frame[] = [];
  let buffer = new Uint8Array(new ArrayBuffer(GATHER_BYTES));

  /** Takes the frames of one real call; returns what that answered. */
  const gather = async (timeoutMs: number): Promise<number> => {
    const length = new Uint32Array(new ArrayBuffer(8));
    const code = await real.blit_pool_collect(buffer, BigInt(buffer.length), timeoutMs, length);
    if (code !== 0) return code;
    if ((length[1] & OUT_LEN_TOO_SMALL) !== 0) {
      buffer = new Uint8Array(new ArrayBuffer(2 * length[0]));
      return 0;
    }
    const view = new DataView(buffer.buffer);
    for (let at = 0; at < length[0];) {
      const end = at + view.getUint32(at + 8, true);
      frames.push({ job: view.getBigUint64(at, true), bytes: buffer.slice(at, end) });
      if ((buffer[at + 13] & FRAME_LAST) !== 0) underWay--;
      at = end;
    }
    return 0;
  };

  return {
    ...real,
    blit_pool_submit(request, length) {
      const code = real.blit_pool_submit(request, length);
      if (code === 0) underWay++;
      return code;
    },
    async blit_pool_collect(given, capacity, timeoutMs, givenLength) {
      // As the pool gives them.
      const [out, outLength] = [given as Uint8Array, givenLength as Uint32Array];
      if (frames.length === 0) {
        // A call that is answered at once resolves before what else this turn submits: that is to be under way first.
        await new Promise((resolve) => setTimeout(resolve));
        while (underWay > 0) {
          const code = await gather(timeoutMs);
          if (code !== 0) return code;
        }
        frames.sort((a, b) => a.job < b.job ? -1 : a.job > b.job ? 1 : 0);
      }
      if (frames.length > 0 && frames[0].bytes.length > Number(capacity)) {
        outLength[0] = frames[0].bytes.length;
        outLength[1] = OUT_LEN_TOO_SMALL;
        return 0;
      }
      let at = 0;
      while (frames.length > 0 && at + frames[0].bytes.length <= Number(capacity)) {
        const { bytes } = frames.shift()!;
        out.set(bytes, at);
        at += bytes.length;
      }
      outLength[0] = at;
      return 0;
    },
  };
}

const open = Deno.dlopen;
Object.defineProperty(Deno, "dlopen", {
  value: (...args: Parameters<typeof open>) => {
    const library = open(...args);
    return {
      symbols: inLockstep(library.symbols as unknown as NativeSymbols),
      close: () => library.close(),
    };
  },
});

// Heartbeats flush what is planned by then, and watch for stalls.
globalThis.setInterval = (() => 0) as unknown as typeof setInterval;
