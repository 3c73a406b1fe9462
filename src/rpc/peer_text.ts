/**
 * Text that a peer sent, made fit for a terminal or a log.
 *
 * @module
 */

/** Control characters, and what changes the direction or the line of text: a peer could forge output with them. */
// deno-lint-ignore no-control-regex
const UNSAFE = /[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

/**
 * Cuts a peer's text to a length and takes from it what could move the cursor or hide words.
 *
 * @param most longest text, chars; what is over is cut and `...` says so
 */
export function peerText(text: string, most: number): string {
  const cut = text.length > most ? `${text.slice(0, most)}...` : text;
  return cut.replace(UNSAFE, "\ufffd");
}
