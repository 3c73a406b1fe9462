/**
 * One line for one planned entry: what is done to it, and why.
 *
 * @module
 */
import type { ItemAction, ItemReason, RunEvent } from "../core/events.ts";
import { displayName } from "../core/rel_path.ts";
import { formatBytes } from "../core/units.ts";

/** An `item` event. */
export type Item = Extract<RunEvent, { readonly type: "item" }>;

/** What a reason reads as. */
const REASON_WORDS: Readonly<Record<ItemReason, string>> = {
  new: "new",
  size: "other size",
  mtime: "other time",
  content: "other content",
  kind: "other kind",
  mode: "other permissions",
  owner: "other owner",
  target: "other link target",
  device: "other device number",
  hardlink: "other hardlinks",
  xattrs: "other extended attributes or ACLs",
  forced: "forced",
  "ignore-times": "whatever its time says",
  extraneous: "not in the source",
  "replaced-by-other-kind": "another kind takes its place",
  "newer-at-destination": "newer at the destination",
  exists: "exists",
  filtered: "left out by the filter",
  unreadable: "could not be read",
  "source-changed": "changed while it was read",
  moved: "moved",
  case: "other case",
  same: "the same",
};

const ACTION_WORDS: Readonly<Record<ItemAction, string>> = {
  create: "create",
  replace: "replace",
  "update-metadata": "update",
  link: "link",
  delete: "delete",
  rename: "rename",
  skip: "skip",
  keep: "keep",
};

/** What a difference that `check` found is called, by what would be done about it. */
const CHECK_WORDS: Readonly<Record<ItemAction, string>> = {
  create: "missing",
  replace: "differs",
  "update-metadata": "differs",
  link: "differs",
  delete: "extra",
  rename: "missing",
  skip: "skipped",
  keep: "kept",
};

const WORD_COLUMNS = 8;

/**
 * Renders an item; `create   photos/a.jpg  (new, 1.2 KiB)`.
 *
 * @param mode `check` names differences, the others actions
 */
export function itemLine(item: Item, mode: string): string {
  const word = (mode === "check" ? CHECK_WORDS : ACTION_WORDS)[item.action];
  const reason = mode === "check" && item.action === "create"
    ? "not at the destination"
    : REASON_WORDS[item.reason];
  const size = item.sizeBytes > 0 ? `, ${formatBytes(item.sizeBytes)}` : "";
  return `${word.padEnd(WORD_COLUMNS)} ${displayName(item.path)}  (${reason}${size})`;
}

/** Whether an item says that something is done or wrong; the others only say that all is well. */
export function isNews(item: Item): boolean {
  return item.reason !== "same";
}
