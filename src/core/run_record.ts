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
  /** Type of the destination's file system, likewise. */
  readonly destinationFs: string;
  /** Which kind of tree the destination was. */
  readonly implementation: "native" | "portable";
  /** What the run did. */
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
  /** Time until both sides had agreed, ms. */
  readonly handshakeMs: number;
  /** Round-trip time in steps, so that it says little about where the host is. */
  readonly rttClass: "local" | "lan" | "metro" | "wan" | "far";
  /** What carried the content. */
  readonly transport: "data_plane" | "data_plane_tls" | "control_plane";
  /** Connections of the data plane, 1 or more. */
  readonly streams: number;
  /** How often a connection or a range was tried again. */
  readonly retries: number;
  /** Hash of the host's name, salted on this machine; hexadecimal. */
  readonly hostHash: string;
}

/** How a run went. */
export interface RunRecord {
  /** Version of this record. */
  readonly schema: typeof RUN_RECORD_SCHEMA;
  /** When it ended, ms since 1970. */
  readonly atMs: number;
  /** What kind of run it was. */
  readonly profile: RunProfile;
  /** Entries of any kind that were looked at in the source. */
  readonly entriesExamined: number;
  /** Entries other than directories that were made or replaced. */
  readonly filesCopied: number;
  /** Content bytes that were moved. */
  readonly bytesCopied: number;
  /** Entries that were deleted. */
  readonly entriesDeleted: number;
  /** From the start until everything was compared. */
  readonly planningMs: number;
  /** From the first work handed out until the last was done; overlaps with planning. */
  readonly transferMs: number;
  /** Time of the whole run, ms. */
  readonly durationMs: number;
  /** Workers at the end of the run. */
  readonly workers: number;
  /** A batch was full at this many files. */
  readonly batchFiles: number;
  /** A batch was full at this many content bytes. */
  readonly batchBytes: number;
  /** The path that the run took. */
  readonly path: "direct" | "pipeline" | "large" | "rename";
  /** What the predictor says of a run of this size for planning, ms; null where nothing was predicted. */
  readonly predictedPlanningMs: number | null;
  /** Likewise for the transfer, ms. */
  readonly predictedTransferMs: number | null;
  /** Likewise for the whole run, ms. */
  readonly predictedDurationMs: number | null;
  /** What a remote run adds; left out in a local one. */
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
