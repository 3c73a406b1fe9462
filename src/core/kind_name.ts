/**
 * What an entry's kind is called outside of blit: in JSON, and in answers to an administrator.
 *
 * @module
 */
import { Kind } from "./entry_block.ts";

/** The word for each kind. */
export const KIND_NAME: Readonly<Record<Kind, string>> = {
  [Kind.unknown]: "unknown",
  [Kind.file]: "file",
  [Kind.directory]: "directory",
  [Kind.symlink]: "symlink",
  [Kind.fifo]: "fifo",
  [Kind.socket]: "socket",
  [Kind.charDevice]: "char_device",
  [Kind.blockDevice]: "block_device",
};
