/**
 * The folder that relative paths start from.
 *
 * @module
 */
import { BlitError } from "../core/error.ts";

/**
 * The folder that this process stands in.
 *
 * @throws {BlitError} `not_found` where it is gone, or the way to it may not be seen
 */
export function workingDirectory(): string {
  try {
    return Deno.cwd();
  } catch (cause) {
    throw new BlitError(
      "not_found",
      "The folder that this was started in is gone, or may not be seen. Change to another one and run again.",
      { operation: "open", path: ".", cause },
    );
  }
}
