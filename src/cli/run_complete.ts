/**
 * completions remote: what completion scripts ask for a word like `nas:/backup/ph`.
 *
 * Whoever waits is somebody at a prompt: what isn't there in time isn't offered, nothing is asked, and nothing is
 * said of what goes wrong.
 *
 * @module
 */
import type { Invocation } from "./invocation.ts";

/** Longer than this nobody waits for a prompt. */
const MOST_MS = 2000;

/** Prints the words, one a line. */
export async function run({ args, terminal, configDir }: Invocation): Promise<number> {
  const late = Promise.withResolvers<void>();
  const timer = setTimeout(late.resolve, MOST_MS - performance.now());
  const { completePlace } = await import("../app/complete.ts");
  const found = completePlace(args[0], configDir, (word) => terminal.out(word)).catch(() => {});
  await Promise.race([found, late.promise]);
  clearTimeout(timer);
  return 0;
}
