/**
 * Asking once before something is deleted.
 *
 * @module
 */
import { BlitError } from "../core/error.ts";
import type { Terminal } from "./terminal.ts";

/**
 * Asks a question that only `y` or `yes` answers with yes.
 *
 * @param question without the `[y/N]`
 * @param signal Ctrl-C while it waits
 * @throws {BlitError} `usage` where standard input is no terminal; `cancelled`
 */
export async function confirm(
  question: string,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<boolean> {
  if (!Deno.stdin.isTerminal()) {
    throw new BlitError("usage", "This deletes; add --yes in scripts, or --dry-run to look.");
  }
  terminal.ask(`${question} [y/N] `);
  const answer = await Promise.race([readLine(), aborted(signal)]);
  if (answer.endsWith("\n")) terminal.answered();
  return /^y(es)?$/i.test(answer.trim());
}

async function readLine(): Promise<string> {
  const decoder = new TextDecoder();
  const buffer = new Uint8Array(256);
  let line = "";
  while (!line.includes("\n")) {
    const length = await Deno.stdin.read(buffer);
    if (length === null) break;
    line += decoder.decode(buffer.subarray(0, length), { stream: true });
  }
  return line;
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}
