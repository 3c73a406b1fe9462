/**
 * Failures of single steps in trees without native code: made from a kind and a STEPS word, told as
 * `core/failure.ts` tells all failures, packed as results.
 *
 * @module
 */
import { BlitError, type ErrorKind, STATUS } from "../core/error.ts";
import { describeFailure } from "../core/failure.ts";
import type { RelPath } from "../core/rel_path.ts";
import { type ResultFields, STEPS } from "../core/work_batch.ts";

/** What was being done when something failed: a word of {@link STEPS}. */
export type StepWord = (typeof STEPS)[number];

/** What to do about a kind of error. */
export type StepAdvice = { readonly [K in ErrorKind]?: string };

/**
 * Makes the error for a step that failed on a path.
 *
 * @param errno the system's error number, 0 where none was involved
 * @param advice what to do, where the caller knows better than the tables
 */
export function failure(
  kind: ErrorKind,
  operation: StepWord,
  path: RelPath,
  errno = 0,
  advice: StepAdvice = {},
): BlitError {
  return describeFailure({
    status: STATUS[kind],
    os: errno,
    step: STEPS.indexOf(operation),
    path,
    advice: advice[kind],
  });
}

/** Whether an error is a {@link BlitError} of one of these kinds. */
export function isKind(error: unknown, ...kinds: ErrorKind[]): error is BlitError {
  return error instanceof BlitError && kinds.includes(error.kind);
}

/** Packs an error as a result; one that is no {@link BlitError} is a `bug`. */
export function resultOfError(error: unknown): ResultFields & { readonly status: number } {
  if (!(error instanceof BlitError)) return { status: STATUS.bug };
  const step = Math.max(0, STEPS.indexOf(error.operation as StepWord));
  return { status: STATUS[error.kind], os: error.os?.errno ?? 0, step };
}

/** @throws {BlitError} `cancelled` once the signal is aborted */
export function checkCancelled(signal: AbortSignal, operation: StepWord, path: RelPath): void {
  if (signal.aborted) throw failure("cancelled", operation, path);
}
