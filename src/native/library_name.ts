/**
 * What the native library's file is called.
 *
 * @module
 */

/** File name of the library on this system. */
export function libraryName(): string {
  switch (Deno.build.os) {
    case "windows":
      return "blit_native.dll";
    case "darwin":
      return "libblit_native.dylib";
    default:
      return "libblit_native.so";
  }
}
