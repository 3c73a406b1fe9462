/**
 * Lockstep: a plain walk over the directories that both trees have, for a move's renaming and for its
 * verification.
 *
 * @module
 */
import { EntryBlock, Kind } from "../core/entry_block.ts";
import { joinRel, type RelPath } from "../core/rel_path.ts";
import { singleRecord } from "../core/single_record.ts";
import { checkCancelled, type EngineContext } from "./context.ts";
import { Cursor } from "./cursor.ts";
import { type FoldedEntry, FoldedNames } from "./folding.ts";
import { DirNode } from "./node.ts";
import { Walk } from "./tree.ts";
import { Children, VisitBit, Visits } from "./visits.ts";

const LIST = 14;

/** What is done with what the walk meets. */
export interface LockstepHandlers {
  /** A source entry that the destination has nothing for. */
  alone(node: DirNode, source: EntryBlock, i: number): void;
  /** A name that both have, but for directories on both sides, which are entered. */
  pair(node: DirNode, source: EntryBlock, i: number, destination: EntryBlock, j: number): void;
  /** Everything in a directory is settled; the ones below come before. */
  left(node: DirNode, record: EntryBlock): void;
  /** A directory could not be listed on one side; that has been reported. */
  unread(node: DirNode): void;
}

/** Walks, one directory after the other, depth first. */
export async function lockstep(context: EngineContext, handlers: LockstepHandlers): Promise<void> {
  const visits = new Visits();
  const walks = { here: new Walk(), there: new Walk() };
  const settle = (node: DirNode) => handlers.left(node, new EntryBlock(node.record!));
  try {
    const here = await context.source.stat([""]);
    let node = new DirNode(null, "", singleRecord(here, 0, ""), settle);
    for (;;) {
      checkCancelled(context);
      await walk(context, handlers, node, visits, walks);
      node.done();
      await context.executor.room();
      const visit = visits.next();
      if (visit === undefined) return;
      const name = visit.block.name(visit.i);
      const record = singleRecord(visit.block, visit.i, name, NONE);
      node = new DirNode(visit.node, joinRel(visit.node.path, name), record, settle);
    }
  } finally {
    visits.close();
  }
}

async function walk(
  context: EngineContext,
  handlers: LockstepHandlers,
  node: DirNode,
  visits: Visits,
  walks: { readonly here: Walk; readonly there: Walk },
): Promise<void> {
  const { source, destination, tally } = context;
  const here = new Cursor(source.list(node.path, { sorted: true, walk: walks.here }));
  const there = new Cursor(destination.list(node.path, { sorted: true, walk: walks.there }));
  await Promise.all([here.fetch(), there.fetch()]);
  if (here.status !== 0 || there.status !== 0) {
    const failing = here.status !== 0 ? here : there;
    const side = here.status !== 0 ? "source" : "destination";
    // A move's copying has told of it already.
    if (!tally.hasFailed(node.path)) {
      tally.failStatus(node.path, failing.status, failing.os, LIST, side);
    }
    await Promise.all([here.close(), there.close()]);
    handlers.unread(node);
    return;
  }
  const children = new Children(node, visits);
  const names = FoldedNames.of(context.destinationFacts);
  if (names !== null) await holdAll(names, there);
  while (here.name !== null && there.status === 0) {
    if (names === null && there.name !== null && there.name < here.name) {
      if (!there.step()) await there.fetch();
      continue;
    }
    tally.entriesScanned++;
    const [block, i] = [here.block!, here.i];
    const found = names === null ? sameName(here, there) : claimed(names, here.name);
    if (found === null) handlers.alone(node, block, i);
    else {
      const both = block.kind(i) === Kind.directory &&
        found.block.kind(found.j) === Kind.directory;
      if (both) children.add(block, i, VisitBit.source | VisitBit.destination);
      else handlers.pair(node, block, i, found.block, found.j);
      if (names === null && !there.step()) await there.fetch();
    }
    if (!here.step()) {
      await context.executor.room();
      await here.fetch();
    }
  }
  children.flush();
  // A listing that broke off midway: what it showed is dealt with, the rest must be heard of.
  if (here.status !== 0) tally.failStatus(node.path, here.status, here.os, LIST, "source");
  else if (there.status !== 0) {
    tally.failStatus(node.path, there.status, there.os, LIST, "destination");
  }
  await there.close();
}

/** An entry of the destination. */
type Found = Pick<FoldedEntry, "block" | "j">;

/** Adds all names of a directory of the destination. */
async function holdAll(names: FoldedNames, there: Cursor): Promise<void> {
  while (there.name !== null && there.status === 0) {
    names.add(there.block!, there.i);
    if (!there.step()) await there.fetch();
  }
}

function sameName(here: Cursor, there: Cursor): Found | null {
  return there.name === here.name ? { block: there.block!, j: there.i } : null;
}

/** What the name finds; nothing where another name of the source has it already. */
function claimed(names: FoldedNames, name: RelPath): Found | null {
  const { entry, before } = names.claim(name);
  return before === null ? entry : null;
}

const NONE = new Uint8Array(0);
