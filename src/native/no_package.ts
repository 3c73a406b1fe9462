/**
 * What `@blit/native` is in a clone, which builds its own library: nothing, so that Deno asks no registry for it. What is
 * published names the npm package instead (`packaging/jsr.ts`).
 *
 * @module
 */

/** Absolute path of the native library for this system; null where the package has none. */
export const library: string | null = null;

/** In words why there is none. */
export const reason: string = "no native library comes with this blit";
