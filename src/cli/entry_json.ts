/**
 * Entries as JSON, and a streamed JSON array.
 *
 * @module
 */
import { type EntryBlock, Kind } from "../core/entry_block.ts";
import { KIND_NAME } from "../core/kind_name.ts";
import type { RelPath } from "../core/rel_path.ts";
import { type Json, pathFields } from "./json.ts";
import type { Terminal } from "./terminal.ts";

/**
 * An entry as JSON; `is_dir`, `size` and `mtime_seconds` are v1's names.
 *
 * @param name what the path's field is called
 */
export function entryJson(path: RelPath, block: EntryBlock, i: number, name: string): Json {
  const kind = block.kind(i);
  const mtimeNs = block.mtimeNs(i);
  return {
    ...pathFields(path, name),
    kind: KIND_NAME[kind],
    is_dir: kind === Kind.directory,
    size: block.sizeBytes(i),
    allocated: block.allocatedBytes(i),
    mtime_seconds: Number((mtimeNs < 0n ? mtimeNs - 999_999_999n : mtimeNs) / 1_000_000_000n),
    // As text: a number of this size would lose its last digits in most readers.
    mtime_ns: String(mtimeNs),
    mode: block.mode(i).toString(8).padStart(4, "0"),
    uid: block.uid(i),
    gid: block.gid(i),
    links: block.linkCount(i),
    ...(kind === Kind.symlink ? pathFields(block.target(i), "target") : {}),
  };
}

/** Prints objects as one JSON array while they come. */
export class JsonArray {
  readonly #terminal: Terminal;
  #count = 0;

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  push(value: Json): void {
    this.#terminal.write(`${this.#count++ === 0 ? "[\n" : ",\n"}  ${JSON.stringify(value)}`);
  }

  end(): void {
    this.#terminal.write(this.#count === 0 ? "[]\n" : "\n]\n");
  }
}
