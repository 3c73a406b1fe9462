/**
 * PortableTree, a file tree over Deno's own file API, for where no native library is loaded. It needs
 * permission to read and write, nothing else; what it can't keep is in its traits.
 *
 * @module
 */
import { lstat } from "node:fs/promises";
import { textToName } from "../core/rel_path.ts";
import { Kind } from "../core/entry_block.ts";
import { fromDenoError } from "./deno_errors.ts";
import { fieldsOfStats } from "./portable_names.ts";
import { PortableStore } from "./portable_store.ts";
import { failure } from "./step_failure.ts";
import { StoreTree } from "./store_tree.ts";

/** How to open a root. */
export interface PortableTreeOptions {
  /** Make the directory and missing parents. */
  readonly create?: boolean;
}

/** A tree over Deno's file API; see the module's comment. */
export class PortableTree extends StoreTree {
  private constructor(store: PortableStore, display: string) {
    super(store, display);
  }

  /**
   * Opens a root. Links on the way to it are followed, this once.
   *
   * @param path of a directory, as the user wrote it
   * @throws {BlitError} `not_found`, `permission`, `not_directory`, and what the file system says
   */
  static async open(path: string, options: PortableTreeOptions = {}): Promise<PortableTree> {
    const name = textToName(path);
    try {
      if (options.create) await Deno.mkdir(path, { recursive: true });
      const root = await Deno.realPath(path);
      const fields = fieldsOfStats(await lstat(root, { bigint: true }), "");
      if (fields.kind !== Kind.directory) throw failure("not_directory", "open", name);
      return new PortableTree(new PortableStore(root, fields), path);
    } catch (error) {
      throw fromDenoError(error, "open", name);
    }
  }
}
