/**
 * What a terminal writes, kept as text.
 *
 * @module
 */
import { Terminal } from "../../src/cli/terminal.ts";

/** A terminal that is none, and what was written to it so far. */
export function keptTerminal(): { readonly terminal: Terminal; readonly text: () => string } {
  let text = "";
  const sink = {
    writeSync: (bytes: Uint8Array) => {
      text += new TextDecoder().decode(bytes);
      return bytes.length;
    },
    isTerminal: () => false,
  };
  return { terminal: new Terminal(sink, sink, false), text: () => text };
}
