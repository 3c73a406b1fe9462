/**
 * How Deno runs the daemon, wherever it is started or compiled. The task `daemon` in deno.json says the same.
 *
 * @module
 */

/**
 * V8 looks for what has become free when young objects fill 4 MiB, instead of 32, and when the others are half as many again
 * as the last time, instead of four times: a daemon that is never idle would otherwise keep 100 MiB of what nobody needs.
 * There is no way to ask for that from within.
 */
export const DAEMON_FLAGS: readonly string[] = [
  "--v8-flags=--max-semi-space-size=4,--heap-growing-percent=50",
];
