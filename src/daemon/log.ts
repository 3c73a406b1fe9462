/**
 * The daemon's log: lines on stderr, one an event.
 *
 * @module
 */
import { configure, getLogger, type LogRecord, reset } from "@logtape/logtape";
import type { ServiceLog } from "../rpc/service/host.ts";
import type { LogLevel } from "./config.ts";
import { LineWriter } from "./line_writer.ts";

const CATEGORY = "blit-daemon";
/** How long the last lines may take. */
const LAST_MS = 1000;

let lines: LineWriter | null = null;

/** Where the daemon's parts write; nothing is shown before {@link startLog}. */
export function daemonLog(): ServiceLog {
  return getLogger(CATEGORY);
}

/**
 * Shows the log on stderr.
 *
 * @param json one JSON object a line instead of words
 */
export async function startLog(level: LogLevel, json: boolean): Promise<void> {
  const writer = new LineWriter(Deno.stderr, (count) => {
    daemonLog().warn("{count} lines of the log are lost: nobody took them in time", { count });
  });
  lines = writer;
  await configure({
    reset: true,
    sinks: {
      stderr: (record: LogRecord) => {
        writer.write(json ? jsonLine(record) : textLine(record));
      },
    },
    loggers: [
      { category: CATEGORY, lowestLevel: level, sinks: ["stderr"] },
      { category: ["logtape", "meta"], lowestLevel: "error", sinks: ["stderr"] },
    ],
  });
}

/** Ends the log. */
export async function endLog(): Promise<void> {
  await lines?.flush(LAST_MS);
  await reset();
}

function textLine(record: LogRecord): string {
  const words = record.message.map((part, i) => i % 2 === 0 ? part : wordOf(part)).join("");
  return `${timeOf(record)} ${record.level.toUpperCase()} ${words}`;
}

function jsonLine(record: LogRecord): string {
  const message = record.message.map((part, i) => i % 2 === 0 ? part : wordOf(part)).join("");
  const properties = Object.fromEntries(
    Object.entries(record.properties).map(([name, value]) => [name, valueOf(value)]),
  );
  const always = { time: timeOf(record), level: record.level, message };
  // What was said counts, also where a word of it has such a name.
  return JSON.stringify({ ...always, ...properties, ...always });
}

function timeOf({ timestamp }: LogRecord): string {
  return new Date(timestamp).toISOString();
}

/** Clients choose some of these words: none of them may start a line of its own. */
function wordOf(value: unknown): string {
  return String(valueOf(value)).replace(/[\p{Cc}\u2028\u2029]/gu, "\ufffd");
}

function valueOf(value: unknown): unknown {
  if (value instanceof Error) return value.stack ?? value.message;
  return typeof value === "bigint" ? Number(value) : value;
}
