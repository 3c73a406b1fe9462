import assert from "node:assert/strict";
import { BlitError } from "../core/error.ts";
import type { Progress } from "../core/events.ts";
import { LiveBlock } from "./live.ts";
import { makeReport } from "./report.ts";
import { type Sink, Terminal } from "./terminal.ts";

class Screen implements Sink {
  text = "";
  error: Error | null = null;
  readonly #terminal: boolean;

  constructor(terminal: boolean) {
    this.#terminal = terminal;
  }
  writeSync(bytes: Uint8Array): number {
    if (this.error) throw this.error;
    // Short writes happen on pipes.
    const part = bytes.subarray(0, 1000);
    this.text += new TextDecoder().decode(part);
    return part.length;
  }
  isTerminal(): boolean {
    return this.#terminal;
  }
}

Deno.test("results are buffered for a pipe and whole after a flush, even with short writes", () => {
  const out = new Screen(false);
  const terminal = new Terminal(out, new Screen(false), true);
  terminal.out("x".repeat(5000));
  assert.equal(out.text, "");
  terminal.flush();
  assert.equal(out.text, `${"x".repeat(5000)}\n`);
});

Deno.test("bytes and text come in the order in which they were printed, a piece at a time", () => {
  const out = new Screen(false);
  const terminal = new Terminal(out, new Screen(false), true);
  const shown = () => out.text;
  const bytes = (text: string) => new TextEncoder().encode(text);
  terminal.write("a");
  terminal.writeBytes(bytes("b"));
  terminal.writeBytes(bytes("c"));
  assert.equal(shown(), "a");
  terminal.write("d");
  assert.equal(shown(), "abc");
  terminal.flush();
  terminal.flush();
  assert.equal(shown(), "abcd");
  terminal.writeBytes(bytes("e".repeat(70_000)));
  assert.equal(shown().length, 70_004);
});

Deno.test("errors are coloured on a terminal, plain elsewhere and without colours", () => {
  const [colored, plain, without] = [new Screen(true), new Screen(false), new Screen(true)];
  new Terminal(new Screen(false), colored, true).error("no");
  new Terminal(new Screen(false), plain, true).error("no");
  new Terminal(new Screen(false), without, false).error("no");
  assert.equal(colored.text, "\x1b[1;31merror:\x1b[0m no\n");
  assert.equal(plain.text, "error: no\n");
  assert.equal(without.text, "error: no\n");
});

Deno.test("quiet leaves out notices and warnings, never errors", () => {
  const err = new Screen(false);
  const terminal = new Terminal(new Screen(false), err, false);
  terminal.quiet = true;
  terminal.note("note");
  terminal.warning("warning");
  terminal.error("no");
  assert.equal(err.text, "error: no\n");
});

Deno.test("a reader that went away is told once and is no error; a full disk is", () => {
  const out = new Screen(false);
  const terminal = new Terminal(out, new Screen(false), false);
  let told = 0;
  terminal.onBrokenPipe = () => told++;
  out.error = new Deno.errors.BrokenPipe("gone");
  for (let i = 0; i < 3; i++) {
    terminal.out("x");
    terminal.flush();
  }
  assert.deepEqual([told, terminal.broken], [1, true]);
  const full = new Screen(false);
  full.error = new TypeError("No space left on device");
  const writing = new Terminal(full, new Screen(false), false);
  writing.out("x");
  assert.throws(() => writing.flush(), (error) => error instanceof BlitError);
});

const PROGRESS: Progress = {
  phase: "copy",
  totalsKnown: true,
  entriesScanned: 1,
  filesTotal: 2,
  filesDone: 1,
  bytesTotal: 2,
  bytesDone: 1,
  deletionsTotal: 0,
  deletionsDone: 0,
  bytesPerSecond: 0,
  etaMs: null,
  current: "a\x1b[2Jb",
  elapsedMs: 0,
};

Deno.test("the live block waits 0.5 s, is cleared for lines, and leaves the cursor to be seen", async () => {
  const err = new Screen(true);
  const terminal = new Terminal(new Screen(true), err, false);
  const live = new LiveBlock(terminal);
  const started = performance.now();
  live.update({ type: "progress", ...PROGRESS });
  await until(() => err.text !== "");
  assert.ok(performance.now() - started >= 490);
  await until(() => err.text.includes("50 %"));
  assert.ok(err.text.startsWith("\x1b[?25l"));
  assert.ok(err.text.includes("a\\x1b[2Jb"), "names are escaped");
  const drawn = err.text.length;
  terminal.error("no");
  assert.ok(err.text.slice(drawn).startsWith("\r\x1b[1A\x1b[Jerror: no\n"));
  await until(() => err.text.endsWith("b\x1b[?25h"));
  live.stop();
  assert.ok(err.text.endsWith("b\x1b[?25h\r\x1b[1A\x1b[J"));
  assert.equal(terminal.live, null);
  // The width table is loaded in the background; the sanitizer wants it done.
  await import("string-width");
});

Deno.test("a run shorter than 0.5 s draws nothing", () => {
  const err = new Screen(true);
  const live = new LiveBlock(new Terminal(new Screen(true), err, false));
  live.update({ type: "progress", ...PROGRESS });
  live.stop();
  live.update({ type: "progress", ...PROGRESS });
  assert.equal(err.text, "");
});

Deno.test("on a terminal that only prints lines no live block is begun", async () => {
  for (const [canDraw, isDrawn] of [[true, true], [false, false]] as const) {
    const terminal = new Terminal(new Screen(true), new Screen(true), false, canDraw);
    const report = await makeReport(terminal, { mode: "copy" }, true);
    report.event({ type: "progress", ...PROGRESS });
    assert.equal(terminal.live !== null, isDrawn);
    terminal.live?.stop();
  }
});

async function until(condition: () => boolean): Promise<void> {
  const deadline = performance.now() + 5000;
  while (!condition()) {
    if (performance.now() > deadline) assert.fail("waited 5 s in vain");
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
