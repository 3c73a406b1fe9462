/**
 * From results and errors to exit statuses.
 *
 * @module
 */
import { BlitError, type ErrorKind, EXIT_CODE } from "../core/error.ts";
import type { Outcome } from "../core/events.ts";
import type { EngineResult } from "../engine/request.ts";

/** Exit status of wrong usage. */
export const EXIT_USAGE = 64;
/** Exit status of an interrupted run. */
export const EXIT_INTERRUPTED = 130;

const OF_OUTCOME: Readonly<Record<Outcome, number>> = {
  done: 0,
  failed: 1,
  partial: 2,
  interrupted: EXIT_INTERRUPTED,
  different: 1,
};

/**
 * Status of an error that ended a command before it began its work.
 *
 * @param command its name; for `check`, 1 means different, so errors are 2
 */
export function exitOfError(error: unknown, command: string | null): number {
  const kind: ErrorKind = error instanceof BlitError ? error.kind : "bug";
  // The command line asked for something that this build doesn't have.
  if (kind === "unsupported") return EXIT_USAGE;
  return forCheck(EXIT_CODE[kind], command);
}

/** Status of a run that has a summary. */
export function exitOfResult(result: EngineResult): number {
  const { summary, error } = result;
  if (summary.outcome === "interrupted") return EXIT_INTERRUPTED;
  if (error !== null) {
    return forCheck(EXIT_CODE[error instanceof BlitError ? error.kind : "bug"], summary.mode);
  }
  if (summary.mode === "check" && summary.filesFailed > 0) return 2;
  return OF_OUTCOME[summary.outcome];
}

function forCheck(status: number, command: string | null): number {
  return command === "check" && status === 1 ? 2 : status;
}
