/**
 * Verify: the second half of a move across file systems. What is at the destination is read back and
 * compared by BLAKE3 with the source as it is now; what is equal may leave the source.
 *
 * @module
 */
import { EntryBlock, Kind } from "../core/entry_block.ts";
import { baseOf, joinRel, parentOf, type RelPath } from "../core/rel_path.ts";
import { singleRecord } from "../core/single_record.ts";
import { ContentCompare } from "./content.ts";
import type { EngineContext } from "./context.ts";
import { lockstep } from "./lockstep.ts";
import { DirNode } from "./node.ts";
import { Removal } from "./removal.ts";

/** Verifies whole trees, then removes what was verified from the source. */
export async function verify(context: EngineContext): Promise<void> {
  const removal = new Removal(context, true);
  const content = new ContentCompare(context);
  const judge = new Verification(context, content, removal);
  try {
    await lockstep(context, {
      alone: (node, source, i) => judge.missing(joinRel(node.path, source.name(i))),
      pair: (node, source, i, destination, j) => judge.pair(node, source, i, destination, j),
      left: (node, record) => {
        if (node.parent !== null) removal.directory(node.path, record);
      },
      unread: () => {},
    });
    content.flush();
    await context.executor.drain();
    context.tally.enter("remove-source");
    await removal.run();
  } finally {
    removal.close();
  }
}

/** Verifies one entry, then removes it from the source. */
export async function verifySingle(
  context: EngineContext,
  paths: { readonly source: RelPath; readonly destination: RelPath },
): Promise<void> {
  const { source, destination, tally } = context;
  tally.enter("verify");
  const [here, there] = await Promise.all([
    source.stat([paths.source]),
    destination.stat([paths.destination]),
  ]);
  const removal = new Removal(context, true);
  const content = new ContentCompare(context);
  const judge = new Verification(context, content, removal);
  try {
    if (here.status(0) !== 0 || there.status(0) !== 0) {
      judge.missing(paths.source);
      return;
    }
    const record = new EntryBlock(singleRecord(here, 0, baseOf(paths.source)));
    const node = new DirNode(null, parentOf(paths.source), null, () => {});
    judge.pair(node, record, 0, there, 0, paths.destination);
    content.flush();
    await context.executor.drain();
    tally.enter("remove-source");
    await removal.run();
  } finally {
    removal.close();
  }
}

class Verification {
  readonly #context: EngineContext;
  readonly #content: ContentCompare;
  readonly #removal: Removal;

  constructor(context: EngineContext, content: ContentCompare, removal: Removal) {
    this.#context = context;
    this.#content = content;
    this.#removal = removal;
  }

  /** Not at the destination: it came after the copy, or its copy failed, which was reported. */
  missing(path: RelPath): void {
    this.#stays(path, "it is not at the destination. Run again to move it.");
  }

  pair(
    node: DirNode,
    source: EntryBlock,
    i: number,
    destination: EntryBlock,
    j: number,
    destinationPath?: RelPath,
  ): void {
    const path = joinRel(node.path, source.name(i));
    // Equal or not, it wasn't moved.
    if (this.#context.tally.leftAlone?.has(destinationPath ?? path)) return;
    if (source.kind(i) !== destination.kind(j)) {
      this.#stays(path, "the destination has another kind of entry there.");
      return;
    }
    if (source.kind(i) === Kind.file) {
      this.#content.add(node, source, i, destination, j, (verdict, block, k) => {
        if (verdict === "same" || verdict === "xattrs") this.#removal.file(node.path, block, k);
        else if (verdict === "content") {
          this.#stays(path, "the destination's content differs. Run again to move it.");
        }
      }, destinationPath);
      return;
    }
    const equal = source.kind(i) === Kind.symlink
      ? source.target(i) === destination.target(j)
      : source.sameRdev(i, destination, j);
    if (equal) this.#removal.file(node.path, source, i);
    else this.#stays(path, "the destination differs.");
  }

  #stays(path: RelPath, why: string): void {
    const { tally } = this.#context;
    // It may be one of those that an option left alone.
    if (!tally.remembersAll) return;
    // Why it wasn't copied has been told.
    if (tally.hasFailed(path)) return;
    tally.failWith(path, "changed", "source", `Cannot move {}: ${why}`);
  }
}
