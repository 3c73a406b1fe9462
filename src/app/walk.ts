/**
 * Walks a tree for the commands that only look: each directory's entries in name order, then its subdirectories.
 *
 * @module
 */
import { type EntryBlock, Kind } from "../core/entry_block.ts";
import { type BlitError, kindOfStatus } from "../core/error.ts";
import { describeFailure } from "../core/failure.ts";
import { joinRel, type RelPath } from "../core/rel_path.ts";
import { STEPS } from "../core/work_batch.ts";
import { type Tree, Walk } from "../engine/tree.ts";

/** What a walk comes upon. */
export type Step =
  /** Some entries of a directory; `block.name(i)` is relative to it. */
  | { readonly type: "entries"; readonly directory: RelPath; readonly block: EntryBlock }
  /** A directory and all below it are done. */
  | { readonly type: "left"; readonly directory: RelPath }
  /** A directory could not be listed, or an entry's metadata not be read. */
  | { readonly type: "failed"; readonly path: RelPath; readonly error: BlitError };

/** How a walk goes. */
export interface WalkOptions {
  /** False: the root alone. */
  readonly recursive: boolean;
  /** Device that the walk doesn't leave; left out, it goes everywhere. */
  readonly device?: bigint;
  /** What the tree's root is called in messages; left out, paths stand alone. */
  readonly root?: string;
}

/** How many sibling directories are asked for before their turn. */
const READ_AHEAD = 16;
const LIST = STEPS.indexOf("list"), READ_METADATA = STEPS.indexOf("read metadata of");

/** A listing that has begun: its first block is on its way. */
interface Listing {
  readonly rest: AsyncIterator<EntryBlock>;
  readonly first: Promise<IteratorResult<EntryBlock>>;
}

/**
 * Walks a tree below a directory. Memory is bounded by the widest directory's subdirectories and the depth.
 *
 * @param directory where it begins, `""` for the root
 */
export async function* walk(
  tree: Tree,
  directory: RelPath,
  options: WalkOptions,
): AsyncGenerator<Step, void, undefined> {
  const walk = options.recursive ? new Walk(directory) : undefined;
  yield* walkListing(tree, directory, begin(tree, directory, walk), options, walk);
}

async function* walkListing(
  tree: Tree,
  directory: RelPath,
  listing: Listing,
  options: WalkOptions,
  walk: Walk | undefined,
): AsyncGenerator<Step, void, undefined> {
  const below: RelPath[] = [];
  for await (const block of blocks(listing)) {
    if (block.listStatus !== 0) {
      yield failed(directory, block.listStatus, block.listOs, LIST, options);
      continue;
    }
    yield { type: "entries", directory, block };
    for (let i = 0; i < block.count; i++) {
      const path = joinRel(directory, block.name(i));
      if (block.status(i) !== 0) {
        yield failed(path, block.status(i), block.os(i), READ_METADATA, options);
      } else if (options.recursive && entersDirectory(block, i, options)) below.push(path);
    }
  }
  const ahead: Listing[] = [];
  try {
    for (let next = 0, done = 0; done < below.length; done++) {
      while (next < below.length && ahead.length < READ_AHEAD) {
        ahead.push(begin(tree, below[next++], walk));
      }
      yield* walkListing(tree, below[done], ahead.shift()!, options, walk);
    }
  } finally {
    for (const listing of ahead) await end(listing);
  }
  yield { type: "left", directory };
}

/** Whether an entry is a directory that a walk goes into. */
export function entersDirectory(block: EntryBlock, i: number, options: WalkOptions): boolean {
  return block.kind(i) === Kind.directory &&
    (options.device === undefined || block.device(i) === options.device);
}

function begin(tree: Tree, directory: RelPath, walk: Walk | undefined): Listing {
  // Whoever looks, or deletes, means staged entries too.
  const options = { sorted: true, staged: true, walk };
  const rest = tree.list(directory, options)[Symbol.asyncIterator]();
  const first = rest.next();
  // It may fail before its turn comes; then is when it is reported.
  first.catch(() => {});
  return { rest, first };
}

async function* blocks({ first, rest }: Listing): AsyncGenerator<EntryBlock> {
  try {
    for (let step = await first; !step.done; step = await rest.next()) yield step.value;
  } finally {
    await rest.return?.();
  }
}

async function end({ first, rest }: Listing): Promise<void> {
  await first.catch(() => {});
  await rest.return?.();
}

function failed(
  path: RelPath,
  status: number,
  os: number,
  step: number,
  { root }: WalkOptions,
): Step {
  const advice = adviceOn(status);
  const error = describeFailure({ status, os, step, path, root, target: "source", advice });
  return { type: "failed", path, error };
}

/** What whoever looks can do about it: to leave out there is nothing. */
export function adviceOn(status: number): string | undefined {
  return kindOfStatus(status) === "permission" ? "Run as its owner." : undefined;
}
