/**
 * Events and summary as JSON: snake_case, paths as text, with `path_base64` beside a path that isn't UTF-8.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { BlitError } from "../core/error.ts";
import { EVENT_SCHEMA, type Failure, type RunEvent, type Summary } from "../core/events.ts";
import { isUtf8Name, nameToText, type RelPath } from "../core/rel_path.ts";
import type { TransferResult } from "../app/transfer.ts";

/** A JSON object. */
export type Json = Record<string, unknown>;

/** A path as fields: `path`, and `path_base64` where text can't say it. */
export function pathFields(path: RelPath, name = "path"): Json {
  const fields: Json = { [name]: nameToText(path) };
  if (!isUtf8Name(path)) {
    fields[`${name}_base64`] = Buffer.from(path, "latin1").toString("base64");
  }
  return fields;
}

/** An event, for the NDJSON stream. */
export function eventJson(event: RunEvent): Json {
  if (event.type === "summary") return { schema: EVENT_SCHEMA, type: "summary" };
  const fields: Json = { schema: EVENT_SCHEMA };
  const named = event.type === "item" || event.type === "failure" || event.type === "waiting";
  for (const [key, value] of Object.entries(event)) {
    if ((named && key === "path" || key === "current") && typeof value === "string") {
      Object.assign(fields, pathFields(value, key));
    } else fields[snake(key)] = plain(key, value);
  }
  return fields;
}

/** The object that `--json` prints on stdout. */
export function summaryJson(result: TransferResult, exitStatus: number): Json {
  const { mode, failures, copyMethods, source: _s, destination: _d, ...rest } = result.summary;
  const { located, error } = result;
  const fields: Json = {
    schema: EVENT_SCHEMA,
    operation: mode,
    source: located.sourceDisplay,
    destination: located.destinationDisplay,
  };
  for (const [key, value] of Object.entries(rest) as [keyof Summary, unknown][]) {
    fields[snake(key)] = plain(key, value);
  }
  return {
    ...fields,
    copy_methods: copyMethods,
    failures: failures.map(failureJson),
    error: error === null ? null : errorJson(error),
    exit_status: exitStatus,
  };
}

/** The object that `--json` prints where a command failed before it began. */
export function unbegunJson(operation: string, error: unknown, exitStatus: number): Json {
  return {
    schema: EVENT_SCHEMA,
    operation,
    error: errorJson(error),
    exit_status: exitStatus,
  };
}

function errorJson(error: unknown): Json {
  if (!(error instanceof BlitError)) return { kind: "bug", message: String(error) };
  return {
    kind: error.kind,
    message: error.message,
    ...(error.path === undefined ? {} : { path: error.path }),
    ...(error.os === undefined ? {} : { os: error.os }),
  };
}

function failureJson({ path, kind, message }: Failure): Json {
  return { ...pathFields(path), kind, message };
}

/** Times in whole milliseconds, rates in whole bytes: the rest is noise. */
function plain(key: string, value: unknown): unknown {
  return typeof value === "number" && /(Ms|PerSecond)$/.test(key) ? Math.round(value) : value;
}

function snake(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** The same value with snake_case keys at every level, and with bigints as text. */
export function snakeKeys(value: unknown): unknown {
  if (typeof value === "bigint") return String(value);
  if (Array.isArray(value)) return value.map(snakeKeys);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [snake(key), snakeKeys(inner)]),
  );
}
