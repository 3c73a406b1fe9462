/**
 * Names of staged entries, `.blit-<run id as 16 hex digits>-<n>`: the one place in TypeScript that makes
 * and recognises them. Native code has its twin; docs/native.md is the contract.
 *
 * @module
 */
import type { RelPath } from "./rel_path.ts";

const STAGED = /^\.blit-([0-9a-f]{16})-([0-9]+)$/;

/** Number of a run's marker, `.blit-<run>-0` in the destination's root. */
export const MARKER_NUMBER = 0;
/** Bits of a run id below its start time. */
const RUN_TIME_SHIFT = 20n;

/** A new run's id: milliseconds since 1970 above 20 random bits, so that a leftover's name tells when its run began. */
export function newRunId(): bigint {
  const random = crypto.getRandomValues(new Uint32Array(1))[0] & 0xfffff;
  return (BigInt(Date.now()) << RUN_TIME_SHIFT) | BigInt(random);
}

/** When a run began, ns since 1970. */
export function startOfRun(runId: bigint): bigint {
  return (runId >> RUN_TIME_SHIFT) * 1_000_000n;
}

/**
 * Makes the name of a staged entry.
 *
 * @param runId the run it belongs to, an unsigned 64-bit number
 * @param number tells the run's entries apart; {@link MARKER_NUMBER} is the run's marker
 */
export function stagedName(runId: bigint, number: number): RelPath {
  return `.blit-${BigInt.asUintN(64, runId).toString(16).padStart(16, "0")}-${number}`;
}

/** Whether a name (one component, not a path) is that of a staged entry or a marker. */
export function isStagedName(name: RelPath): boolean {
  // Nearly every name fails the first test, and every name of a scan comes through here.
  return name.startsWith(".blit-") && STAGED.test(name);
}

/** Whether a name is that of a run marker. */
export function isMarkerName(name: RelPath): boolean {
  const match = STAGED.exec(name);
  return match !== null && match[2] === String(MARKER_NUMBER);
}

/** The run that a staged entry belongs to; undefined where the name is not a staged one. */
export function runOfStagedName(name: RelPath): bigint | undefined {
  const match = STAGED.exec(name);
  return match ? BigInt(`0x${match[1]}`) : undefined;
}
