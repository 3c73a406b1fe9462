/**
 * Events and result of a pull as JSON, from a daemon to the client that ordered it: docs/protocol.md.
 *
 * @module
 */
import * as v from "valibot";
import { BlitError, kindFromPeer } from "../core/error.ts";
import { EVENT_SCHEMA, type RunEvent, type Summary } from "../core/events.ts";
import { parseRunRecord } from "../core/run_record.ts";
import type { EngineResult } from "../engine/request.ts";
import { peerText } from "./peer_text.ts";

/** What a daemon says of a pull: an event, or at the end the result. */
export type PullNews =
  | { readonly kind: "event"; readonly event: RunEvent }
  | { readonly kind: "result"; readonly result: EngineResult };

const LONGEST_WORDS = 4096, MOST_PATH_BYTES = 65_536;
const MOST_FAILURES = 1000, MOST_WARNINGS = 1000, MOST_METHODS = 32;

const words = v.pipe(v.string(), v.transform((text) => peerText(text, LONGEST_WORDS)));
const word = v.pipe(v.string(), v.regex(/^[\w-]{1,64}$/));
const path = v.pipe(
  v.string(),
  v.maxLength(MOST_PATH_BYTES),
  // deno-lint-ignore no-control-regex
  v.regex(/^[\x00-\xff]*$/),
);
const number = v.pipe(v.number(), v.minValue(0));
const kind = v.pipe(v.string(), v.transform(kindFromPeer));
const runPath = v.picklist(["direct", "pipeline", "large", "rename"]);
const phase = v.picklist([
  "scan",
  "copy",
  "link",
  "delete",
  "finish",
  "verify",
  "remove-source",
]);
const failure = v.object({ path, kind, message: words });

const SUMMARY = v.object({
  schema: v.literal(EVENT_SCHEMA),
  mode: word,
  source: words,
  destination: words,
  outcome: v.picklist(["done", "failed", "partial", "interrupted", "different"]),
  dryRun: v.boolean(),
  filesExamined: number,
  directoriesExamined: number,
  filesTransferred: number,
  filesCreated: number,
  filesReplaced: number,
  filesUnchanged: number,
  filesSkipped: number,
  filesResumed: number,
  metadataUpdated: number,
  linksMade: number,
  directoriesCreated: number,
  bytesTransferred: number,
  bytesTotal: number,
  entriesDeleted: number,
  entriesMoved: number,
  entriesProtected: number,
  stagedSkipped: number,
  filesFailed: number,
  differences: number,
  failures: v.pipe(v.array(failure), v.maxLength(MOST_FAILURES)),
  warnings: v.pipe(v.array(words), v.maxLength(MOST_WARNINGS)),
  durationMs: number,
  planningMs: number,
  firstWorkMs: v.nullable(number),
  predictedMs: v.nullable(number),
  workers: number,
  path: runPath,
  implementation: word,
  transport: v.nullable(v.picklist(["data_plane", "data_plane_tls", "control_plane"])),
  streams: number,
  tcpFallback: v.boolean(),
  copyMethods: v.pipe(
    v.record(word, v.object({ files: number, bytes: number })),
    v.maxEntries(MOST_METHODS),
  ),
});

const NEWS = v.variant("type", [
  v.object({
    type: v.literal("start"),
    mode: word,
    source: words,
    destination: words,
    dryRun: v.boolean(),
  }),
  v.object({
    type: v.literal("decision"),
    path: runPath,
    workers: number,
    batchFiles: number,
    batchBytes: number,
    why: words,
    predictedMs: v.optional(number),
  }),
  v.object({ type: v.literal("workers"), workers: number, why: words }),
  v.object({
    type: v.literal("heartbeat"),
    reason: v.picklist(["idle", "starved", "interval", "end"]),
    files: number,
  }),
  v.object({ type: v.literal("phase"), phase }),
  v.object({
    type: v.literal("item"),
    action: word,
    reason: word,
    path,
    sizeBytes: number,
  }),
  v.object({
    type: v.literal("progress"),
    phase,
    totalsKnown: v.boolean(),
    entriesScanned: number,
    filesTotal: number,
    filesDone: number,
    bytesTotal: number,
    bytesDone: number,
    deletionsTotal: number,
    deletionsDone: number,
    bytesPerSecond: number,
    etaMs: v.nullable(number),
    current: v.nullable(path),
    elapsedMs: number,
  }),
  v.object({ type: v.literal("failure"), ...failure.entries }),
  v.object({ type: v.literal("warning"), message: words }),
  v.object({ type: v.literal("waiting"), what: words, path: v.optional(path) }),
  v.object({
    type: v.literal("result"),
    summary: SUMMARY,
    record: v.unknown(),
    error: v.nullable(v.object({
      kind,
      message: words,
      path: v.optional(words),
      os: v.optional(v.object({ errno: v.number(), code: v.optional(word) })),
    })),
  }),
]);
const TYPES: ReadonlySet<unknown> = new Set(
  NEWS.options.map(({ entries }) => entries.type.literal),
);

/** An event as JSON; null for the summary, which is a part of the result. */
export function formatPullEvent(event: RunEvent): string | null {
  return event.type === "summary" ? null : JSON.stringify(event);
}

/** The result as JSON. */
export function formatPullResult({ summary, record, error }: EngineResult): string {
  const told = error === null
    ? null
    : error instanceof BlitError
    ? { kind: error.kind, message: error.message, path: error.path, os: error.os }
    : { kind: "bug", message: error.message };
  return JSON.stringify({ type: "result", summary, record, error: told });
}

/**
 * Reads what a daemon says of a pull.
 *
 * @returns null for an event of a kind that this blit doesn't know
 * @throws {BlitError} `mismatch` where it isn't what its kind says
 */
export function parsePullNews(text: string): PullNews | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw misread(cause);
  }
  if (typeof value !== "object" || value === null || !("type" in value)) throw misread(null);
  if (!TYPES.has(value.type)) return null;
  const parsed = v.safeParse(NEWS, value, { abortEarly: true });
  if (!parsed.success) throw misread(parsed.issues[0].message);
  const news = parsed.output;
  if (news.type !== "result") return { kind: "event", event: news as RunEvent };
  const { summary, record, error } = news;
  const result: EngineResult = {
    summary: summary as Summary,
    record: parseRunRecord(record),
    error: error === null ? null : new BlitError(error.kind, error.message, error),
  };
  return { kind: "result", result };
}

function misread(cause: unknown): BlitError {
  return new BlitError(
    "mismatch",
    "The daemon tells of its copy in a way that this blit doesn't understand. " +
      "Install the same version of blit on both sides.",
    { operation: "copy", cause },
  );
}
