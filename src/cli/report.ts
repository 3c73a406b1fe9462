/**
 * Reports: what a run tells while it works and when it is done, as text or as JSON.
 *
 * @module
 */
import type { Located } from "../app/locate.ts";
import type { TransferResult } from "../app/transfer.ts";
import type { RunEvent } from "../core/events.ts";
import { displayName } from "../core/rel_path.ts";
import { formatBytes, formatCount, formatDuration } from "../core/units.ts";
import type { OptionValues } from "./options.ts";
import { isNews, itemLine } from "./render_items.ts";
import type { Terminal } from "./terminal.ts";

/** Between two progress events or lines. */
const EVENT_MS = 100, LINE_MS = 1000;

/** What a run reports to. */
export interface Report {
  readonly wantsItems: boolean;
  located(located: Located): void;
  event(event: RunEvent): void;
  /** @param exitStatus what the process will end with */
  done(result: TransferResult, exitStatus: number): Promise<void>;
}

/** How much is told. */
export type ReportOptions =
  & Pick<OptionValues, "verbose" | "dryRun" | "json" | "progress" | "noProgress">
  & { readonly mode: string };

/** The report for people: items and summary on stdout, the rest on stderr. */
export class TextReport implements Report {
  readonly wantsItems: boolean;
  readonly #terminal: Terminal;
  readonly #options: ReportOptions;
  readonly #onProgress: (event: RunEvent) => void;
  /** Entries that failed since a connection was gone. */
  #lost = 0;

  /** @param onProgress draws progress; given the events that bear on it */
  constructor(
    terminal: Terminal,
    options: ReportOptions,
    onProgress: (event: RunEvent) => void,
  ) {
    this.#terminal = terminal;
    this.#options = options;
    this.#onProgress = onProgress;
    this.wantsItems = !terminal.quiet &&
      (options.verbose || options.dryRun || options.mode === "check") === true;
  }

  located({ sourceDisplay, destinationDisplay }: Located): void {
    this.#terminal.note(`${sourceDisplay} → ${destinationDisplay}`);
  }

  event(event: RunEvent): void {
    switch (event.type) {
      case "item":
        if (isNews(event)) this.#terminal.out(itemLine(event, this.#options.mode));
        break;
      case "failure":
        // All that was under way fails with a connection, thousands of small files for one reason.
        if (event.kind === "disconnected" && ++this.#lost > 1 && !this.#options.verbose) break;
        this.#terminal.error(event.message);
        break;
      case "warning":
        this.#terminal.warning(event.message);
        break;
      case "start":
      case "progress":
        this.#onProgress(event);
        break;
      case "waiting":
        this.#onProgress(event);
        this.#detail(`${event.what}${event.path ? ` ${displayName(event.path)}` : ""}`);
        break;
      case "decision":
        this.#detail(decisionLine(event));
        break;
      case "phase":
        this.#detail(`phase: ${event.phase}`);
        break;
      case "workers":
        this.#detail(`workers: ${event.workers}, ${event.why}`);
        break;
      case "heartbeat":
        // Idle flushes are the normal case, some of them every millisecond.
        if (event.reason === "interval" || event.reason === "starved") {
          this.#detail(`heartbeat (${event.reason}): ${formatCount(event.files)} files`);
        }
    }
  }

  async done(result: TransferResult): Promise<void> {
    const { count, summaryText } = await import("./render_summary.ts");
    const { summary, error } = result;
    if (this.#lost > 1 && !this.#options.verbose) {
      const more = count(this.#lost - 1, "more entry");
      this.#terminal.error(`${more} failed for the same reason. -v and --json list them.`);
    }
    const text = summaryText(summary);
    if (!this.#terminal.quiet) this.#terminal.out(text);
    if (this.#options.verbose) this.#figures(result);
    // An entry's failure that ended the run has been told already.
    const told = summary.failures.some(({ message }) => message === error?.message);
    if (error !== null && !told) this.#terminal.error(error.message);
  }

  #figures({ summary }: TransferResult): void {
    const { planningMs, firstWorkMs, predictedMs, durationMs } = summary;
    this.#detail(
      `planned in ${formatDuration(planningMs)}` +
        (firstWorkMs === null ? "" : `, first work after ${formatDuration(firstWorkMs)}`) +
        (predictedMs === null
          ? ""
          : `; predicted ${formatDuration(predictedMs)}, took ${formatDuration(durationMs)}`),
    );
    if (summary.transport !== null) {
      const streams = `${summary.streams} stream${summary.streams === 1 ? "" : "s"}`;
      this.#detail(`content went by: ${summary.transport.replaceAll("_", " ")}, ${streams}`);
    }
    const methods = Object.entries(summary.copyMethods).map(([method, { files, bytes }]) =>
      `${method} ${formatCount(files)} files, ${formatBytes(bytes)}`
    );
    if (methods.length > 0) this.#detail(`copied by: ${methods.join("; ")}`);
    if (summary.stagedSkipped > 0) {
      this.#detail(`${formatCount(summary.stagedSkipped)} staged entries of other runs left alone`);
    }
  }

  #detail(line: string): void {
    if (this.#options.verbose) this.#terminal.note(this.#terminal.paint("dim", line));
  }
}

/** The report for programs: one object on stdout, with `-p` events as NDJSON on stderr. */
export class JsonReport implements Report {
  readonly wantsItems: boolean;
  readonly #terminal: Terminal;
  readonly #options: ReportOptions;
  readonly #json: typeof import("./json.ts");
  #lastProgress = -Infinity;

  constructor(terminal: Terminal, options: ReportOptions, json: typeof import("./json.ts")) {
    this.#terminal = terminal;
    this.#options = options;
    this.#json = json;
    this.wantsItems = options.progress === true &&
      (options.verbose || options.dryRun || options.mode === "check") === true;
  }

  located(): void {}

  event(event: RunEvent): void {
    if (!this.#options.progress) return;
    if (event.type === "progress") {
      if (event.elapsedMs - this.#lastProgress < EVENT_MS) return;
      this.#lastProgress = event.elapsedMs;
    }
    this.#terminal.err(JSON.stringify(this.#json.eventJson(event)));
  }

  done(result: TransferResult, exitStatus: number): Promise<void> {
    this.#terminal.out(JSON.stringify(this.#json.summaryJson(result, exitStatus), null, 2));
    return Promise.resolve();
  }
}

/**
 * Chooses the report.
 *
 * @param progressByDefault what the settings say
 */
export async function makeReport(
  terminal: Terminal,
  options: ReportOptions,
  progressByDefault: boolean,
): Promise<Report> {
  if (options.json) return new JsonReport(terminal, options, await import("./json.ts"));
  return new TextReport(terminal, options, await progressDisplay());

  async function progressDisplay(): Promise<(event: RunEvent) => void> {
    const wanted = options.progress ?? (terminal.interactive && progressByDefault);
    if (!wanted || options.noProgress || terminal.quiet) return () => {};
    if (!terminal.interactive) return plainProgress(terminal, options.mode);
    const { LiveBlock } = await import("./live.ts");
    const live = new LiveBlock(terminal);
    return (event) => live.update(event);
  }
}

/** Progress where there is nothing to draw on, such as under `tee`: a line a second. */
function plainProgress(terminal: Terminal, mode: string): (event: RunEvent) => void {
  let last = 0;
  return async (event) => {
    if (event.type !== "progress" || event.elapsedMs - last < LINE_MS) return;
    last = event.elapsedMs;
    const { progressLine } = await import("./render_progress.ts");
    terminal.note(progressLine(event, mode));
  };
}

function decisionLine(event: Extract<RunEvent, { type: "decision" }>): string {
  const { path, why, workers, batchFiles, batchBytes, predictedMs } = event;
  const predicted = predictedMs === undefined ? "" : `, predicted ${formatDuration(predictedMs)}`;
  return `path: ${path} (${why}), ${workers} workers, batches of up to ${
    formatCount(batchFiles)
  } files or ${formatBytes(batchBytes)}${predicted}`;
}
