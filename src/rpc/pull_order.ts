/**
 * The order that a client gives a daemon which is to pull from another one, as JSON: docs/protocol.md, "Daemon to daemon".
 *
 * @module
 */
import * as v from "valibot";
import { BlitError } from "../core/error.ts";
import type { RunOptions } from "../core/options.ts";
import { nameToBytes, type RelPath } from "../core/rel_path.ts";
import { parseRunRecord, type RunRecord } from "../core/run_record.ts";
import { pathFromPeer } from "./convert.ts";
import { peerText } from "./peer_text.ts";

/** Longest order, chars. */
export const LONGEST_ORDER = 4 << 20;
/** Most records of the history that go with an order. */
export const MOST_HISTORY = 200;
const MOST_RULES = 10_000, LONGEST_RULE = 4096, MOST_PATHS = 500_000;
/** Most batches at once, and longest waits, that a client may ask a daemon for. */
const MOST_WORKERS = 64, MOST_RETRIES = 1000, MOST_WAIT_MS = 3_600_000;

/** What a daemon is to do. */
export interface PullOrder {
  readonly options: RunOptions;
  /** The one entry, where the source isn't a directory. */
  readonly single?: { readonly source: RelPath; readonly destination: RelPath };
  /** Only these take part. */
  readonly paths?: readonly RelPath[];
  /** Send an event for each planned entry. */
  readonly emitItems: boolean;
  /** Content goes over the control plane between the daemons too. */
  readonly forceControlPlane: boolean;
  /** The destination as the client's user writes it. */
  readonly display: string;
  /** Earlier runs of the kind. */
  readonly history: readonly RunRecord[];
}

const amount = (least: number, most: number) =>
  v.pipe(v.number(), v.integer(), v.minValue(least), v.maxValue(most));
const size = v.optional(amount(0, Number.MAX_SAFE_INTEGER));
const age = v.optional(v.pipe(v.number(), v.minValue(0)));
/** A byte string: one char a byte. */
const path = v.pipe(
  v.string(),
  // deno-lint-ignore no-control-regex
  v.regex(/^[\x00-\xff]*$/),
  v.transform((text) => pathFromPeer(nameToBytes(text))),
);

// Strict: an option that this daemon doesn't know might be the one that was to keep something.
const OPTIONS = v.strictObject({
  mode: v.picklist(["copy", "mirror", "move"]),
  dryRun: v.literal(false),
  compare: v.strictObject({
    checksum: v.boolean(),
    sizeOnly: v.boolean(),
    ignoreTimes: v.boolean(),
    ignoreExisting: v.boolean(),
    update: v.boolean(),
    force: v.boolean(),
  }),
  filter: v.strictObject({
    rules: v.pipe(
      v.array(v.strictObject({
        action: v.picklist(["include", "exclude"]),
        pattern: v.pipe(v.string(), v.maxLength(LONGEST_RULE)),
        origin: v.pipe(v.string(), v.maxLength(LONGEST_RULE)),
      })),
      v.maxLength(MOST_RULES),
    ),
    gitignore: v.boolean(),
    minSizeBytes: size,
    maxSizeBytes: size,
    minAgeSeconds: age,
    maxAgeSeconds: age,
    nowMs: v.number(),
  }),
  delete: v.strictObject({
    scope: v.picklist(["subset", "all"]),
    maxDelete: v.variant("kind", [
      v.strictObject({ kind: v.literal("default") }),
      v.strictObject({ kind: v.literal("count"), count: amount(0, Number.MAX_SAFE_INTEGER) }),
      v.strictObject({ kind: v.literal("percent"), percent: v.pipe(v.number(), v.minValue(0)) }),
      v.strictObject({ kind: v.literal("all") }),
    ]),
    allowEmptySource: v.boolean(),
    allowRoot: v.boolean(),
  }),
  oneWay: v.boolean(),
  resume: v.boolean(),
  fsync: v.boolean(),
  oneFileSystem: v.boolean(),
  retries: amount(0, MOST_RETRIES),
  retryWaitMs: amount(0, MOST_WAIT_MS),
  discard: v.literal(false),
  workers: v.optional(amount(1, MOST_WORKERS)),
  maxThreads: v.optional(amount(1, MOST_WORKERS)),
});

const ORDER = v.strictObject({
  options: OPTIONS,
  single: v.optional(v.strictObject({ source: path, destination: path })),
  paths: v.optional(v.pipe(v.array(path), v.maxLength(MOST_PATHS))),
  emitItems: v.boolean(),
  forceControlPlane: v.boolean(),
  display: v.pipe(v.string(), v.transform((text) => peerText(text, 4096))),
  history: v.pipe(v.array(v.unknown()), v.maxLength(MOST_HISTORY)),
});

/**
 * Writes an order.
 *
 * @throws {BlitError} `usage` where it is longer than a daemon takes
 */
export function formatPullOrder(order: PullOrder): string {
  const text = JSON.stringify(order);
  if (text.length <= LONGEST_ORDER && (order.paths?.length ?? 0) <= MOST_PATHS) return text;
  throw new BlitError(
    "usage",
    "Cannot name so many paths in a copy between two daemons. Give --files-from in several parts.",
    { operation: "start" },
  );
}

/**
 * Reads an order.
 *
 * @throws {BlitError} `usage` where something is missing, out of range, or not known to this daemon
 */
export function parsePullOrder(text: string): PullOrder {
  let value: unknown = null;
  if (text.length <= LONGEST_ORDER) {
    try {
      value = JSON.parse(text);
    } catch {
      // Nothing that could be read: refused below as what it is.
    }
  }
  const parsed = v.safeParse(ORDER, value, { abortEarly: true });
  if (!parsed.success) {
    const at = v.getDotPath(parsed.issues[0]) ?? "the whole";
    throw new BlitError(
      "usage",
      `Cannot follow the order to copy: this daemon doesn't take what stands at "${
        peerText(at, 128)
      }". Use a client of the same version.`,
      { operation: "copy from" },
    );
  }
  const { history, ...order } = parsed.output;
  return { ...order, history: history.map(parseRunRecord).filter((record) => record !== null) };
}
