/**
 * Reading a token: from a file, from standard input, or from the keyboard without showing it.
 *
 * @module
 */
import { readTokenFile } from "../app/hosts.ts";
import { BlitError } from "../core/error.ts";
import type { Terminal } from "./terminal.ts";

const ENTER = new Set([10, 13]);
const END = 4, INTERRUPT = 3, DELETE = 127, BACKSPACE = 8;

/** Where a token comes from that isn't in a file. */
export interface Keyboard {
  readonly readable: ReadableStream<Uint8Array>;
  isTerminal(): boolean;
  /** Typed characters come at once, and aren't shown. */
  setRaw(isRaw: boolean): void;
  read(buffer: Uint8Array): Promise<number | null>;
}

/**
 * Reads a token.
 *
 * @param file path, `-` for standard input; left out: it is asked for
 * @param keyboard standard input
 * @returns null where nothing was typed: the daemon needs none
 * @throws {BlitError} `usage` where it can't be asked for; `cancelled` by Ctrl-C
 */
export async function readToken(
  file: string | undefined,
  terminal: Terminal,
  signal: AbortSignal,
  keyboard: Keyboard = Deno.stdin,
): Promise<string | null> {
  if (file !== undefined) {
    const text = file === "-" ? await new Response(keyboard.readable).text() : readTokenFile(file);
    return text.trim() || null;
  }
  if (!keyboard.isTerminal()) {
    throw new BlitError(
      "usage",
      "The token can't be asked for here: give --token-file FILE, or --token-file - for standard input.",
    );
  }
  terminal.ask("Token (as the daemon's token add showed it; empty where none is needed): ");
  const typed = await readHidden(signal, keyboard);
  // Enter isn't shown either.
  terminal.drawn("\n");
  terminal.answered();
  return typed.trim() || null;
}

async function readHidden(signal: AbortSignal, keyboard: Keyboard): Promise<string> {
  keyboard.setRaw(true);
  try {
    const bytes: number[] = [];
    const buffer = new Uint8Array(4096);
    for (;;) {
      const length = await keyboard.read(buffer);
      if (length === null) return text(bytes);
      for (const byte of buffer.subarray(0, length)) {
        if (ENTER.has(byte) || byte === END) return text(bytes);
        if (byte === INTERRUPT) throw new BlitError("cancelled", "Interrupted.");
        if (byte === DELETE || byte === BACKSPACE) bytes.pop();
        else bytes.push(byte);
      }
      signal.throwIfAborted();
    }
  } finally {
    keyboard.setRaw(false);
  }
}

function text(bytes: readonly number[]): string {
  return new TextDecoder().decode(Uint8Array.from(bytes));
}
