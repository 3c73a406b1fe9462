/**
 * What a daemon lets a client's batch do: which operations, with which rights, with which flags.
 *
 * @module
 */
import { HEADER_BYTES, Kind, RECORD_BYTES } from "../../core/entry_block.ts";
import { BlitError } from "../../core/error.ts";
import { BatchFlag, CopyAction, Op, REQUEST_BYTES, WorkBatch } from "../../core/work_batch.ts";
import { type Access, moduleWords, requireRight, type RightsHolder } from "./rights.ts";

/** Largest batch that is taken from a client, bytes. */
export const MOST_BATCH_BYTES = 4 * 1024 * 1024;

/** Every flag that a batch may have. */
const EVERY_FLAG = Object.values(BatchFlag).reduce((all: number, flag) => all | flag, 0);
/** Set-id bits of a mode. */
const SET_ID = 0o6000;
/** Where a record's mode and kind are. */
const MODE_AT = 68, KIND_AT = 84;
const DEVICES: ReadonlySet<number> = new Set([Kind.charDevice, Kind.blockDevice]);

/** What an operation is called in messages, and the right that it needs; operations not here move content. */
const RULES: Partial<Record<Op, { readonly words: string; readonly right: Access }>> = {
  [Op.copy]: { words: "make directories", right: "write" },
  [Op.meta]: { words: "set metadata", right: "write" },
  [Op.link]: { words: "make hardlinks", right: "write" },
  [Op.remove]: { words: "delete", right: "delete" },
  // A name goes away, whatever takes its place.
  [Op.rename]: { words: "rename", right: "delete" },
  [Op.hash]: { words: "read", right: "read" },
  [Op.sync]: { words: "flush", right: "write" },
  [Op.marker]: { words: "begin a run", right: "write" },
};

/** Whose batch it is. */
export interface BatchTerms extends RightsHolder {
  /** The module takes owners, set-id bits and security attributes from clients. */
  readonly trustMetadata: boolean;
}

/**
 * Checks a client's batch and takes from it what the module doesn't trust it with.
 *
 * @param bytes as received; a copy of them is returned
 * @param fromRoot a root of the session is its source: content may come from there
 * @throws {BlitError} `usage` where it is too large, has flags that nobody knows, or is no batch that moves no content; `mismatch` where its layout
 *   is wrong; `permission`, `read_only` where the rights don't allow it
 */
export function admitBatch(
  bytes: Uint8Array,
  terms: BatchTerms,
  fromRoot = false,
): WorkBatch {
  if (bytes.length > MOST_BATCH_BYTES || bytes.length < REQUEST_BYTES + HEADER_BYTES) {
    throw new BlitError(
      "usage",
      `Cannot run a batch of ${bytes.length} bytes: at most ${MOST_BATCH_BYTES} are taken. ` +
        "Use a client of the same version.",
      { operation: "run a batch" },
    );
  }
  const batch = new WorkBatch(bytes.slice());
  const rule = RULES[batch.op];
  if (rule === undefined) {
    throw new BlitError(
      "usage",
      `Cannot run operation ${batch.op} over the control plane: content goes over streams. ` +
        "Use a client of the same version.",
      { operation: "run a batch" },
    );
  }
  if ((batch.flags & ~EVERY_FLAG) !== 0) {
    throw new BlitError(
      "usage",
      "Cannot run a batch with flags that this daemon doesn't know. Use a client of the same version.",
      { operation: "run a batch" },
    );
  }
  requireRight(terms, rightFor(batch, rule.right), rule.words);
  if (fromRoot) requireRight(terms, "read", "read");
  else if (batch.op === Op.copy) requireDirectories(batch);
  if (!terms.trustMetadata) distrust(batch);
  return batch;
}

/**
 * Checks a batch that takes from another module of this daemon.
 *
 * @param source whose root it takes from; its right to read was asked with the call
 * @throws {BlitError} `permission`, `read_only` where the rights there don't allow it, or where its entries may carry what
 *   the destination's module takes from nobody
 */
export function admitAcross(batch: WorkBatch, source: BatchTerms, destination: BatchTerms): void {
  if (batch.op === Op.rename) requireRight(source, "delete", "rename");
  if (destination.trustMetadata || !source.trustMetadata) return;
  throw new BlitError(
    "permission",
    `Cannot copy from ${moduleWords(source.module)} into ${moduleWords(destination.module)} ` +
      "within the daemon: it trusts clients with metadata only there. Use a client of the same version.",
    { operation: "copy from" },
  );
}

/** Whatever killed runs left staged may be swept by whoever may write: it never had a name. */
function rightFor(batch: WorkBatch, right: Access): Access {
  const stale = batch.op === Op.remove && (batch.flags & BatchFlag.stale) !== 0;
  return stale ? "write" : right;
}

function requireDirectories(batch: WorkBatch): void {
  const { items } = batch;
  for (let i = 0; i < items.count; i++) {
    const action = items.action(i);
    if (
      items.kind(i) === Kind.directory &&
      (action === CopyAction.parentCreate || action === CopyAction.parentExists)
    ) continue;
    throw new BlitError(
      "usage",
      "Cannot copy content over the control plane: only directories are made there. " +
        "Use a client of the same version.",
      { operation: "run a batch" },
    );
  }
}

function distrust(batch: WorkBatch): void {
  const { items } = batch;
  const view = new DataView(batch.bytes.buffer, batch.bytes.byteOffset, batch.bytes.byteLength);
  view.setUint32(4, batch.flags & ~BatchFlag.owner, true);
  if (batch.op !== Op.meta && batch.op !== Op.copy) return;
  for (let i = 0; i < items.count; i++) {
    // Of a file native code drops the bits itself, and says so; a directory keeps what it is given.
    if (items.kind(i) === Kind.file) continue;
    const record = REQUEST_BYTES + HEADER_BYTES + i * RECORD_BYTES;
    const mode = record + MODE_AT;
    view.setUint32(mode, view.getUint32(mode, true) & ~SET_ID, true);
    // What is no kind fails as unsupported, alone.
    if (DEVICES.has(items.kind(i))) view.setUint8(record + KIND_AT, Kind.unknown);
  }
}
