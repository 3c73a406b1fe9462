/**
 * How Deno runs the daemon, wherever it is started or compiled. The task `daemon` in deno.json says the same.
 *
 * @module
 */

/**
 * V8 keeps up to 4 MiB of young objects twice, instead of 32: a daemon under load otherwise fills 96 MiB before it looks for
 * what has become free, and keeps them for as long as it is busy. There is no way to ask for that from within.
 */
export const DAEMON_FLAGS: readonly string[] = ["--v8-flags=--max-semi-space-size=4"];
