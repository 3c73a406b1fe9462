/**
 * The live block: drawn from 0.5 s on, at most 10 times a second, below everything that is printed.
 *
 * @module
 */
import type { RunEvent } from "../core/events.ts";
import { type Measure, progressLines, type ProgressState } from "./render_progress.ts";
import type { LiveDisplay, Terminal } from "./terminal.ts";

const DELAY_MS = 500;
const DRAW_MS = 100;
const HIDE_CURSOR = "\x1b[?25l", SHOW_CURSOR = "\x1b[?25h", CLEAR_BELOW = "\x1b[J";

/** A live block on a terminal. */
export class LiveBlock implements LiveDisplay {
  readonly #terminal: Terminal;
  #delay: ReturnType<typeof setTimeout> | undefined;
  #interval: ReturnType<typeof setInterval> | undefined;
  #state: Pick<ProgressState, "progress" | "waiting"> | null = null;
  #mode = "";
  #frame = 0;
  #drawn: readonly string[] = [];
  #stopped = false;
  #measure: Measure = (text) => text.length;

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
    terminal.live = this;
  }

  /** Takes in what happened; it is shown at the next draw. The first event begins the wait for the first draw. */
  update(event: RunEvent): void {
    if (this.#stopped) return;
    this.#delay ??= setTimeout(() => this.#start(), DELAY_MS);
    if (event.type === "start") this.#mode = event.mode;
    else if (event.type === "progress") {
      this.#state = { progress: event, waiting: null };
    } else if (event.type === "waiting" && this.#state) {
      this.#state = { ...this.#state, waiting: event };
    }
  }

  clear(): void {
    const text = this.#clearing();
    if (text !== "") this.#terminal.drawn(text);
  }

  /** What takes the lines away that are drawn. */
  #clearing(): string {
    if (this.#drawn.length === 0) return "";
    // Counted anew, since a narrower window has wrapped the lines meanwhile.
    const columns = this.#terminal.columns();
    const rows = this.#drawn.reduce(
      (sum, line) => sum + Math.max(1, Math.ceil(this.#measure(line) / columns)),
      0,
    );
    this.#drawn = [];
    return `\r${rows > 1 ? `\x1b[${rows - 1}A` : ""}${CLEAR_BELOW}`;
  }

  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    clearTimeout(this.#delay);
    clearInterval(this.#interval);
    this.clear();
    if (this.#terminal.live === this) this.#terminal.live = null;
  }

  #start(): void {
    this.#interval = setInterval(() => this.#draw(), DRAW_MS);
    // Wide characters matter only here, and the module takes 25 ms to load. A run doesn't end for the lack of it.
    import("string-width").then(({ default: stringWidth }) => {
      this.#measure = (text) => stringWidth(text);
    }).catch(() => {});
  }

  #draw(): void {
    if (this.#state === null) return;
    // The last column stays free: some terminals wrap as soon as it is filled.
    const columns = Math.max(1, this.#terminal.columns() - 1);
    const state = { ...this.#state, frame: this.#frame++, mode: this.#mode };
    const lines = progressLines(state, columns, this.#measure);
    // Shown between any two draws: Ctrl-Z and kill -9 leave the terminal as it is then.
    this.#terminal.drawn(HIDE_CURSOR + this.#clearing() + lines.join("\n") + SHOW_CURSOR);
    this.#drawn = lines;
  }
}
