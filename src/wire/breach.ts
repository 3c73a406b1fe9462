/**
 * The error for a peer that breaks the protocol.
 *
 * @module
 */
import { BlitError } from "../core/error.ts";

/**
 * Makes a `mismatch`, which ends the stream.
 *
 * @param what is wrong: words that follow "the other side"
 */
export function breach(what: string): BlitError {
  return new BlitError(
    "mismatch",
    `Cannot go on with the connection: the other side ${what}. Install the same version of blit on both.`,
    { operation: "process" },
  );
}
