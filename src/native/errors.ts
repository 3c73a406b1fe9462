/**
 * Errors of native calls: a return code of a call, or the payload of a `failed` frame.
 *
 * @module
 */
import { BlitError, kindOfStatus } from "../core/error.ts";
import { describeFailure } from "../core/failure.ts";
import type { RelPath } from "../core/rel_path.ts";

/**
 * Checks the return code of a call that names no file.
 *
 * @param code what the call returned: 0, or minus a status
 * @param operation what was called for, as words that follow "Cannot"
 * @throws {BlitError} of the kind that the code says
 */
export function checkCode(code: number, operation: string): void {
  if (code === 0) return;
  const kind = kindOfStatus(-code);
  throw new BlitError(
    kind,
    `Cannot ${operation}: the native library answered "${kind}". ` +
      "This is a bug in blit: please report it with this line.",
    { operation },
  );
}

/**
 * Reads the payload of a `failed` frame.
 *
 * @param payload u32 status, u32 os, u32 step
 * @param path what the job was about: its first item
 */
export function errorOfFailedFrame(payload: Uint8Array, path: RelPath): BlitError {
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  return describeFailure({
    status: view.getUint32(0, true),
    os: view.getUint32(4, true),
    step: view.getUint32(8, true),
    path,
  });
}
