/**
 * Sets the metadata of an entry that exists, in the one right order.
 *
 * @module
 */
import { type EntryBlock, type EntryFields, Kind } from "../core/entry_block.ts";
import type { RelPath } from "../core/rel_path.ts";
import { ResultFlag } from "../core/work_batch.ts";
import type { EntryStore } from "./entry_store.ts";
import { isKind } from "./step_failure.ts";

const SET_ID_BITS = 0o6000;

/** What to set. */
export interface MetaWish {
  /** Kind, mode, uid, gid and mtime as the source has them. */
  readonly fields: EntryFields;
  /** Set owner and group, and with them set-id bits. */
  readonly owner: boolean;
  /** The source's extended attributes; null to leave them alone. */
  readonly xattrs: ReadonlyMap<string, Uint8Array> | null;
}

/**
 * Sets owner, extended attributes, mode and mtime, in that order: a change of owner clears set-id bits,
 * and every earlier step may touch the time. What stands for a mode where there is none comes last.
 *
 * @returns {@link ResultFlag}s for what the store can't keep
 */
export async function setMeta(store: EntryStore, path: RelPath, wish: MetaWish): Promise<number> {
  const { fields, owner, xattrs } = wish;
  let flags = 0;
  let ownerIsSet = false;
  if (owner) {
    ownerIsSet = await trySetOwner(store, path, fields);
    if (!ownerIsSet) flags |= ResultFlag.ownerDropped;
  }
  if (xattrs !== null) {
    if (store.traits.xattrs) await store.setXattrs(path, xattrs);
    else if (xattrs.size > 0) flags |= ResultFlag.xattrsDropped;
  }
  // A set-id bit beside another owner than the source's would hand out somebody else's rights.
  const mode = ownerIsSet ? fields.mode ?? 0 : (fields.mode ?? 0) & ~SET_ID_BITS;
  const setsMode = fields.kind !== Kind.symlink;
  if (setsMode && store.traits.modes) await store.setMode(path, mode);
  if (fields.kind !== Kind.symlink || store.traits.symlinkTimes) {
    await store.setTime(path, fields.mtimeNs ?? 0n);
  }
  // There it is an attribute, which touches no time; with the time some systems take it away (wine 10).
  if (setsMode && !store.traits.modes) await store.setMode(path, mode);
  return flags;
}

async function trySetOwner(store: EntryStore, path: RelPath, fields: EntryFields) {
  if (!store.traits.owners) return false;
  try {
    await store.setOwner(path, fields.uid ?? 0, fields.gid ?? 0);
    return true;
  } catch (error) {
    // Root inside a user namespace, or a file system without owners.
    if (isKind(error, "permission", "unsupported")) return false;
    throw error;
  }
}

/** The fields of a block's record, for a {@link MetaWish} or a new block. */
export function fieldsOf(
  block: EntryBlock,
  i: number,
): EntryFields {
  return {
    name: block.name(i),
    kind: block.kind(i),
    target: block.target(i),
    sizeBytes: block.sizeBytes(i),
    allocatedBytes: block.allocatedBytes(i),
    mtimeNs: block.mtimeNs(i),
    ctimeNs: block.ctimeNs(i),
    inode: block.inode(i),
    device: block.device(i),
    rdev: block.rdev(i),
    mode: block.mode(i),
    uid: block.uid(i),
    gid: block.gid(i),
    linkCount: block.linkCount(i),
    flags: block.flags(i),
  };
}
