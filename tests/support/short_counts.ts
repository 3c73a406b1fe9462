/**
 * Calls that move fewer bytes than they were asked for, as kernels may: `short_counts.c` makes them, strace can't.
 *
 * @module
 */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { CannotRun, need, needsPrograms } from "./loop_fs.ts";
import type { Injection } from "./strace.ts";

/** The effect of an {@link Injection} that this is for. */
export const SHORT_COUNT = "short count";
/** Calls that can be made to move less, and whose count is one of their arguments. */
export const SHORTENED = ["pread64", "pwrite64", "copy_file_range", "sendto", "recvfrom"];

const SOURCE = fileURLToPath(new URL("short_counts.c", import.meta.url));

/**
 * Builds the program that makes them.
 *
 * @param folder where it is put; it goes with that
 * @throws {CannotRun} where there is no compiler, or it doesn't know this machine's registers
 */
export function buildShortener(folder: string): string {
  need(needsPrograms("cc"));
  if (Deno.build.arch !== "x86_64") throw new CannotRun("short counts need x86_64");
  const program = join(folder, "short_counts");
  const { code, stderr } = new Deno.Command("cc", {
    args: ["-O1", "-Wall", "-Wextra", "-Werror", "-o", program, SOURCE],
  }).outputSync();
  if (code !== 0) throw new TypeError(new TextDecoder().decode(stderr));
  return program;
}

/**
 * Its words, before `-p PID` or a command.
 *
 * @param where folders, and ports as `:9031`: what else is read or written isn't counted
 */
export function shortening(
  program: string,
  log: string,
  { call, number }: Injection,
  where: readonly string[],
): string[] {
  return [program, log, call, `${number}`, where.join(",")];
}
