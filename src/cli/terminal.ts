/**
 * Terminal: what a command prints to. Standard output is for results, standard error for everything else; a live
 * block at the end of the terminal is taken away while lines are printed.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { BlitError } from "../core/error.ts";

/** Where bytes go: `Deno.stdout`, `Deno.stderr`, or a test's. */
export interface Sink {
  writeSync(bytes: Uint8Array): number;
  isTerminal(): boolean;
}

/** Something drawn below the printed lines. */
export interface LiveDisplay {
  /** Removes it from the screen; it is drawn again at its next turn. */
  clear(): void;
  /** Removes it for good and gives the cursor back. */
  stop(): void;
}

/** Styles, and the SGR codes that begin them. */
const STYLES = { bold: "1", dim: "2", red: "1;31", yellow: "33", green: "32" } as const;
/** A style of text. */
export type Style = keyof typeof STYLES;

const FLUSH_CHARS = 64 * 1024;
const ENCODER = new TextEncoder();

/** The two streams of a command. */
export class Terminal {
  /** Whether standard error is a terminal that a live block can be drawn on. */
  readonly interactive: boolean;
  /** Whether standard output is a terminal. */
  readonly outIsTerminal: boolean;
  /** Set by `-q`: notices and results are left out, errors stay. */
  quiet = false;
  live: LiveDisplay | null = null;
  /** Called once, when nobody reads standard output any more. */
  onBrokenPipe: () => void = () => {};
  readonly #out: Sink;
  readonly #err: Sink;
  #color: boolean;
  /** What waits to be written is text, or bytes. */
  #buffered = "";
  #pieces: Uint8Array[] = [];
  #pieceBytes = 0;
  #outBroken = false;
  #errBroken = false;
  /** A question stands on the last line, without a line end. */
  #asking = false;

  /**
   * @param color whether errors and the live block are coloured where standard error is a terminal
   * @param canDraw false for a terminal that only prints lines
   */
  constructor(out: Sink, err: Sink, color: boolean, canDraw = true) {
    this.#out = out;
    this.#err = err;
    this.outIsTerminal = out.isTerminal();
    this.interactive = canDraw && err.isTerminal();
    this.#color = color && this.interactive;
  }

  /** Whether nobody reads standard output any more. */
  get broken(): boolean {
    return this.#outBroken;
  }

  /** Turns colours on or off, whatever standard error is. */
  setColor(color: boolean): void {
    this.#color = color;
  }

  /** Width of the terminal in columns; 80 where it is none, or doesn't say (0). */
  columns(): number {
    try {
      return Deno.consoleSize().columns || 80;
    } catch {
      return 80;
    }
  }

  /** Styles text for standard error. */
  paint(style: Style, text: string): string {
    return this.#color ? `\x1b[${STYLES[style]}m${text}\x1b[0m` : text;
  }

  /** Prints a line of the result, quiet or not. */
  out(line: string): void {
    this.write(`${line}\n`);
  }

  /** Prints a part of the result as it is. */
  write(text: string): void {
    if (this.#outBroken) return;
    if (this.#pieceBytes > 0) this.flush();
    this.#buffered += text;
    if (this.outIsTerminal || this.#buffered.length >= FLUSH_CHARS) this.flush();
  }

  /** Prints bytes of the result as they are; the caller must not change them afterwards. */
  writeBytes(bytes: Uint8Array): void {
    if (this.#outBroken) return;
    if (this.#buffered !== "") this.flush();
    this.#pieces.push(bytes);
    this.#pieceBytes += bytes.length;
    if (this.outIsTerminal || this.#pieceBytes >= FLUSH_CHARS) this.flush();
  }

  /** Prints a line of commentary; not in quiet runs. */
  note(line: string): void {
    if (!this.quiet) this.err(line);
  }

  warning(message: string): void {
    this.note(`${this.paint("yellow", "warning:")} ${message}`);
  }

  error(message: string): void {
    this.err(`${this.paint("red", "error:")} ${message}`);
  }

  /** Prints a line to standard error, quiet or not. */
  err(line: string): void {
    this.live?.clear();
    if (this.outIsTerminal) this.flush();
    this.drawn(`${this.#asking ? "\n" : ""}${line}\n`);
    this.#asking = false;
  }

  /** Prints a question; what is typed stands behind it. */
  ask(question: string): void {
    this.flush();
    this.drawn(question);
    this.#asking = true;
  }

  /** Told that the question was answered, with a line end. */
  answered(): void {
    this.#asking = false;
  }

  /** Writes to standard error as it is; for the live block. */
  drawn(text: string): void {
    if (!this.#errBroken) this.#put(this.#err, ENCODER.encode(text));
  }

  /** Writes out what is buffered. */
  flush(): void {
    if (this.#buffered === "" && this.#pieceBytes === 0) return;
    const bytes = this.#pieceBytes > 0
      ? Buffer.concat(this.#pieces)
      : ENCODER.encode(this.#buffered);
    this.#drop();
    if (this.outIsTerminal) this.live?.clear();
    this.#put(this.#out, bytes);
  }

  #drop(): void {
    this.#buffered = "";
    this.#pieces = [];
    this.#pieceBytes = 0;
  }

  #put(sink: Sink, bytes: Uint8Array): void {
    try {
      for (let at = 0; at < bytes.length;) at += sink.writeSync(bytes.subarray(at));
    } catch (error) {
      if (sink === this.#err) {
        this.#errBroken = true;
        return;
      }
      const first = !this.#outBroken;
      this.#outBroken = true;
      this.#drop();
      // `blit find | head`: the reader has what it wanted.
      if (!(error instanceof Deno.errors.BrokenPipe)) {
        const words = error instanceof Error ? error.message : String(error);
        throw new BlitError("io", `Cannot write to standard output: ${words}.`, { cause: error });
      }
      if (first) this.onBrokenPipe();
    }
  }
}
