/**
 * Where a token comes from, and what is shown of it.
 *
 * @module
 */
import assert from "node:assert/strict";
import { BlitError } from "../core/error.ts";
import { type Keyboard, readToken } from "./secret.ts";
import { Terminal } from "./terminal.ts";

/** A terminal that keeps what is printed. */
function screen() {
  const shown = { text: "" };
  const sink = {
    writeSync: (bytes: Uint8Array) => {
      shown.text += new TextDecoder().decode(bytes);
      return bytes.length;
    },
    isTerminal: () => true,
  };
  return { shown, terminal: new Terminal(sink, sink, false) };
}

/** A keyboard on which these pieces are typed, one a read; null: its end. */
function typing(...pieces: (string | null)[]) {
  const modes: boolean[] = [];
  const bytes = (text: string) => new TextEncoder().encode(text);
  const keyboard: Keyboard = {
    readable: new Blob([pieces.join("")]).stream(),
    isTerminal: () => pieces.length > 0,
    setRaw: (isRaw) => modes.push(isRaw),
    read: (buffer) => {
      const piece = pieces.shift() ?? null;
      if (piece !== null) buffer.set(bytes(piece));
      return Promise.resolve(piece === null ? null : bytes(piece).length);
    },
  };
  return { keyboard, modes };
}

const NEVER = new AbortController().signal;

Deno.test("a typed token is not shown, and ends with Enter, Ctrl-D or the end of input", async () => {
  for (
    const [pieces, expected] of [
      [["bl", "it_x\r"], "blit_x"],
      [["blit_y\n"], "blit_y"],
      [["blit_z\x04more"], "blit_z"],
      [["blit_", null], "blit_"],
      // Wrong keys are taken back, more often than there are keys too.
      [["\x7fbq\x7flx\x08it\r"], "blit"],
      [["  \r"], null],
    ] as const
  ) {
    const { shown, terminal } = screen();
    const { keyboard, modes } = typing(...pieces);
    assert.equal(await readToken(undefined, terminal, NEVER, keyboard), expected);
    assert.deepEqual(modes, [true, false]);
    assert.match(shown.text, /^Token [^\n]*: \n$/);
    terminal.err("known now");
    assert.match(shown.text, /\nknown now\n$/);
  }
});

Deno.test("Ctrl-C while a token is typed interrupts, and the keyboard is as before", async () => {
  const { keyboard, modes } = typing("bli\x03");
  await assert.rejects(
    readToken(undefined, screen().terminal, NEVER, keyboard),
    (error) => error instanceof BlitError && error.kind === "cancelled",
  );
  assert.deepEqual(modes, [true, false]);
  const aborted = AbortSignal.abort(new BlitError("cancelled", "Interrupted."));
  const later = typing("bli", "t\r");
  await assert.rejects(readToken(undefined, screen().terminal, aborted, later.keyboard));
  assert.deepEqual(later.modes, [true, false]);
});

Deno.test("a token comes from a file, or from standard input, without its line end", async () => {
  const { shown, terminal } = screen();
  const path = Deno.makeTempFileSync();
  Deno.writeTextFileSync(path, "blit_file\n");
  assert.equal(await readToken(path, terminal, NEVER), "blit_file");
  Deno.removeSync(path);
  const piped = typing("blit_pipe\n").keyboard;
  assert.equal(await readToken("-", terminal, NEVER, piped), "blit_pipe");
  assert.equal(await readToken("-", terminal, NEVER, typing("\n").keyboard), null);
  assert.equal(shown.text, "");
});

Deno.test("without a terminal a token isn't asked for", async () => {
  await assert.rejects(
    readToken(undefined, screen().terminal, NEVER, typing().keyboard),
    (error) =>
      error instanceof BlitError && error.kind === "usage" && /token-file/.test(error.message),
  );
});
