/**
 * RunRecord: what the history keeps of one run. Sizes, counts, times and the profile; no paths, no names.
 *
 * @module
 */

/** Version of {@link RunRecord}; raised when a field changes its meaning. Other versions are not read. */
export const RUN_RECORD_SCHEMA = 1;

/** Runs of one profile are alike enough to learn from each other. */
export interface RunProfile {
  /** Type of the source's file system, such as `ext4`; `unknown` where it can't be told. */
  readonly sourceFs: string;
  readonly destinationFs: string;
  readonly implementation: "native" | "portable";
  readonly mode: "copy" | "mirror" | "move" | "check";
  /** Every byte was read on both sides to compare. */
  readonly checksum: boolean;
  /** Everything was on disk before the run ended. */
  readonly fsync: boolean;
  /** Nothing was written (`--null`). */
  readonly discard: boolean;
  /** Which way the network was used; left out where it wasn't. */
  readonly remote?: "push" | "pull" | "delegated";
}

/** What a remote run adds. */
export interface RemoteFacts {
  readonly handshakeMs: number;
  /** Round-trip time in steps, so that it says little about where the host is. */
  readonly rttClass: "local" | "lan" | "metro" | "wan" | "far";
  readonly transport: "data_plane" | "data_plane_tls" | "control_plane";
  readonly streams: number;
  readonly retries: number;
  /** Hash of the host's name, salted on this machine; hexadecimal. */
  readonly hostHash: string;
}

/** How a run went. */
export interface RunRecord {
  readonly schema: typeof RUN_RECORD_SCHEMA;
  /** When it ended, ms since 1970. */
  readonly atMs: number;
  readonly profile: RunProfile;
  /** Entries of any kind that were looked at in the source. */
  readonly entriesExamined: number;
  readonly filesCopied: number;
  readonly bytesCopied: number;
  readonly entriesDeleted: number;
  /** From the start until everything was compared. */
  readonly planningMs: number;
  /** From the first work handed out until the last was done; overlaps with planning. */
  readonly transferMs: number;
  readonly durationMs: number;
  /** Workers at the end of the run. */
  readonly workers: number;
  readonly batchFiles: number;
  readonly batchBytes: number;
  readonly path: "direct" | "pipeline" | "large" | "rename";
  /** What was predicted for it; null where nothing was. */
  readonly predictedPlanningMs: number | null;
  readonly predictedTransferMs: number | null;
  readonly predictedDurationMs: number | null;
  readonly remote?: RemoteFacts;
}

/** A key that equal profiles share. */
export function profileKey(profile: RunProfile): string {
  const { sourceFs, destinationFs, implementation, mode, checksum, fsync, discard, remote } =
    profile;
  return [
    sourceFs,
    destinationFs,
    implementation,
    mode,
    checksum,
    fsync,
    discard,
    remote ?? "local",
  ]
    .join("|");
}

/**
 * Checks one record from a file that anybody may have edited.
 *
 * @param value parsed JSON
 * @returns a new record with the known fields and nothing else; null where one is missing or out of range
 */
export function parseRunRecord(value: unknown): RunRecord | null {
  const fields = new Fields(value);
  const record: RunRecord = {
    schema: fields.oneOf("schema", [RUN_RECORD_SCHEMA]),
    atMs: fields.count("atMs"),
    profile: parseProfile(fields.inner("profile")),
    entriesExamined: fields.count("entriesExamined"),
    filesCopied: fields.count("filesCopied"),
    bytesCopied: fields.count("bytesCopied"),
    entriesDeleted: fields.count("entriesDeleted"),
    planningMs: fields.amount("planningMs"),
    transferMs: fields.amount("transferMs"),
    durationMs: fields.amount("durationMs"),
    workers: fields.count("workers", 1, 4096),
    batchFiles: fields.count("batchFiles"),
    batchBytes: fields.count("batchBytes"),
    path: fields.oneOf("path", ["direct", "pipeline", "large", "rename"]),
    predictedPlanningMs: fields.nullable("predictedPlanningMs"),
    predictedTransferMs: fields.nullable("predictedTransferMs"),
    predictedDurationMs: fields.nullable("predictedDurationMs"),
    ...(fields.has("remote") ? { remote: parseRemote(fields.inner("remote")) } : {}),
  };
  return fields.valid ? record : null;
}

function parseProfile(fields: Fields): RunProfile {
  return {
    sourceFs: fields.word("sourceFs"),
    destinationFs: fields.word("destinationFs"),
    implementation: fields.oneOf("implementation", ["native", "portable"]),
    mode: fields.oneOf("mode", ["copy", "mirror", "move", "check"]),
    checksum: fields.boolean("checksum"),
    fsync: fields.boolean("fsync"),
    discard: fields.boolean("discard"),
    ...(fields.has("remote")
      ? { remote: fields.oneOf("remote", ["push", "pull", "delegated"]) }
      : {}),
  };
}

function parseRemote(fields: Fields): RemoteFacts {
  return {
    handshakeMs: fields.amount("handshakeMs"),
    rttClass: fields.oneOf("rttClass", ["local", "lan", "metro", "wan", "far"]),
    transport: fields.oneOf("transport", ["data_plane", "data_plane_tls", "control_plane"]),
    streams: fields.count("streams", 1, 4096),
    retries: fields.count("retries"),
    hostHash: fields.word("hostHash"),
  };
}

/** Reads fields of an unknown value and remembers whether all of them were as they must be. */
class Fields {
  readonly #of: Readonly<Record<string, unknown>>;
  readonly #parent: Fields | null;
  #valid = true;

  constructor(value: unknown, parent: Fields | null = null) {
    this.#parent = parent;
    this.#of = {};
    if (typeof value === "object" && value !== null) this.#of = value as Record<string, unknown>;
    else this.#fail();
  }

  get valid(): boolean {
    return this.#valid;
  }

  has(name: string): boolean {
    return Object.hasOwn(this.#of, name);
  }

  inner(name: string): Fields {
    return new Fields(this.#get(name), this);
  }

  boolean(name: string): boolean {
    const value = this.#get(name);
    return typeof value === "boolean" ? value : this.#fail(false);
  }

  oneOf<const T extends string | number>(name: string, allowed: readonly T[]): T {
    const value = this.#get(name);
    return allowed.find((one) => one === value) ?? this.#fail(allowed[0]);
  }

  /** A short identifier. */
  word(name: string): string {
    const value = this.#get(name);
    return typeof value === "string" && /^[\w.+:-]{1,64}$/.test(value) ? value : this.#fail("");
  }

  /** A whole number. */
  count(name: string, least = 0, most = Number.MAX_SAFE_INTEGER): number {
    const value = this.#get(name);
    const good = typeof value === "number" && Number.isSafeInteger(value) && value >= least &&
      value <= most;
    return good ? value : this.#fail(least);
  }

  /** A number of ms, possibly with a fraction; a hundred years at most. */
  amount(name: string): number {
    const value = this.#get(name);
    return typeof value === "number" && value >= 0 && value < 3.2e12 ? value : this.#fail(0);
  }

  nullable(name: string): number | null {
    return this.#get(name) === null ? null : this.amount(name);
  }

  #get(name: string): unknown {
    return Object.hasOwn(this.#of, name) ? this.#of[name] : undefined;
  }

  #fail<T>(instead?: T): T {
    this.#valid = false;
    if (this.#parent) this.#parent.#fail();
    return instead as T;
  }
}
